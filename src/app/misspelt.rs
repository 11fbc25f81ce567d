//! Variables whose names are almost those of settings, such as `MONGODB_URL` or `CHAT_CREDIT`. Nothing reads them, so the operator is
//! told.

use super::init::setting_names;
use crate::platform::redact::names_a_secret;

/// Most letters that may be different.
const CLOSE: usize = 2;
/// Fewest letters of a name that is compared: shorter ones are close to too many others.
const LEAST: usize = 8;

/// A line for each name that is no setting, but close to one.
pub(super) fn misspelt<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let settings: Vec<&str> = setting_names().collect();
    // `providers.toml` names keys of any names.
    let unknown = names.filter(|name| name.len() >= LEAST && !settings.contains(name) && !names_a_secret(name));
    let near = |name: &&'a str| settings.iter().map(|setting| (distance(name, setting), *setting)).min();
    let meant = unknown.filter_map(|name| Some((name, near(&name).filter(|(distance, _)| *distance <= CLOSE)?.1)));
    meant.map(|(name, setting)| format!("{name} is no setting: is {setting} meant?")).collect()
}

/// How many letters have to be added, dropped or changed to turn one name into the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(b.bytes()) {
            let best = (diagonal + usize::from(from != to)).min(left + 1).min(*cell + 1);
            diagonal = std::mem::replace(cell, best);
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_almost_settings_are_told_with_the_one_that_is_meant() {
        for (name, setting) in [
            ("MONGODB_URL", "MONGODB_URI"),
            ("REDIS_URI", "REDIS_URL"),
            ("CHAT_CREDIT", "CHAT_CREDITS"),
            ("TRUSTED_PROXY_S", "TRUSTED_PROXIES"),
            ("PUBLIC_URI", "PUBLIC_URL"),
        ] {
            assert_eq!(misspelt([name].into_iter()), [format!("{name} is no setting: is {setting} meant?")]);
        }
    }

    #[test]
    fn settings_keys_of_providers_and_variables_of_others_are_let_be() {
        assert_eq!(misspelt(setting_names()), [""; 0]);
        let others = [
            "OIDC_GOOGLE_ISSUER",
            "OPENAI2_API_KEY",
            "SSL_CERT_FILE",
            "HOSTNAME",
            "RUST_BACKTRACE",
            "REDIS_PORT",
            "TZ",
        ];
        assert_eq!(misspelt(others.into_iter()), [""; 0]);
    }

    #[test]
    fn a_distance_counts_letters() {
        for (a, b, letters) in
            [("", "abc", 3), ("abc", "abc", 0), ("abc", "abd", 1), ("kitten", "sitting", 3), ("ab", "ba", 2)]
        {
            assert_eq!((distance(a, b), distance(b, a)), (letters, letters), "{a} {b}");
        }
    }
}
