//! Identity providers, as they are configured: `OIDC_<NAME>_…`, a group of variables for each.

use std::collections::BTreeSet;

use secrecy::SecretString;
use url::{Host, Url};

use crate::platform::config::Reader;

/// What every variable of a group begins with, before a `_`.
const FIRST: &str = "OIDC";
/// What the variables of a group end with.
const ISSUER: &str = "_ISSUER";
const CLIENT_ID: &str = "_CLIENT_ID";
const CLIENT_SECRET: &str = "_CLIENT_SECRET";
const LABEL: &str = "_LABEL";
const SCOPES: &str = "_SCOPES";
const TRUST_EMAIL: &str = "_TRUST_EMAIL";
const ENDINGS: [&str; 6] = [ISSUER, CLIENT_ID, CLIENT_SECRET, LABEL, SCOPES, TRUST_EMAIL];

/// Most characters of a name, which is a part of addresses.
const MAX_NAME: usize = 32;
const MAX_LABEL: usize = 40;
/// Names that would be addresses of other pages, as they are in addresses: `/sign-in/link`.
const TAKEN: [&str; 3] = ["link", "passkey", "second-step"];

/// Which addresses of a provider are taken for the person's own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TrustEmail {
    /// `verified`: those that the provider says are verified.
    #[default]
    Verified,
    /// `absent`: those as well of which it says nothing.
    Absent,
    /// `always`: those as well that it says are not verified.
    Always,
}

impl TrustEmail {
    /// Whether an address is trusted of which the provider says this.
    #[must_use]
    pub const fn trusts(self, verified: Option<bool>) -> bool {
        match verified {
            Some(true) => true,
            None => matches!(self, Self::Absent | Self::Always),
            Some(false) => matches!(self, Self::Always),
        }
    }
}

/// An identity provider.
#[derive(Debug, Clone)]
pub struct ProviderConfig {
    /// As it is in addresses: `<NAME>` in small letters, with `-` for `_`.
    pub name: String,
    /// What every variable of it begins with: `OIDC_<NAME>`.
    pub variables: String,
    /// `OIDC_<NAME>_ISSUER`: to the letter what the provider calls itself.
    pub issuer: String,
    /// `OIDC_<NAME>_CLIENT_ID`.
    pub client_id: String,
    /// `OIDC_<NAME>_CLIENT_SECRET` (none: a public client).
    pub client_secret: Option<SecretString>,
    /// `OIDC_<NAME>_LABEL` (the name): what people call it.
    pub label: String,
    /// `OIDC_<NAME>_SCOPES` (`openid email profile`).
    pub scopes: String,
    /// `OIDC_<NAME>_TRUST_EMAIL` (`verified`).
    pub trust_email: TrustEmail,
}

/// A name as it is in addresses.
fn in_addresses(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

/// Every provider, in the order of their names.
pub(crate) fn read_providers(reader: &mut Reader) -> Vec<ProviderConfig> {
    let mut groups = BTreeSet::new();
    let names: Vec<String> = reader.names().map(str::to_owned).collect();
    for variable in names {
        let Some(rest) = variable.strip_prefix(FIRST).filter(|rest| rest.starts_with('_')) else { continue };
        if reader.text(&variable).is_none() {
            continue;
        }
        match ENDINGS.iter().find_map(|ending| rest.strip_suffix(*ending)) {
            Some(name) if TAKEN.contains(&&*in_addresses(name.trim_start_matches('_'))) => {
                reader.problem(&variable, "has a name that is the address of another page: choose another one");
            }
            Some(name) if name.strip_prefix('_').is_some_and(is_name) => {
                groups.insert(name[1..].to_owned());
            }
            Some(_) => {
                reader.problem(&variable, format!("has no name between {FIRST}_ and the rest: letters and digits"));
            }
            None => {
                reader.problem(&variable, format!("is no setting of a provider: these end in {}", ENDINGS.join(", ")));
            }
        }
    }
    groups.iter().map(|name| read_provider(reader, name)).collect()
}

/// Capital letters and digits, in words that `_` separates.
fn is_name(name: &str) -> bool {
    let is_word =
        |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    name.len() <= MAX_NAME && name.split('_').all(is_word)
}

fn read_provider(reader: &mut Reader, name: &str) -> ProviderConfig {
    let variables = format!("{FIRST}_{name}");
    let variable = |ending: &str| format!("{variables}{ending}");
    for needed in [ISSUER, CLIENT_ID] {
        if reader.text(&variable(needed)).is_none() {
            reader.problem(&variable(needed), format!("is not set, but others of {variables}_… are"));
        }
    }
    let issuer = reader.text(&variable(ISSUER)).unwrap_or_default().to_owned();
    if let Some(problem) = problem_of_issuer(&issuer).filter(|_| !issuer.is_empty()) {
        reader.problem(&variable(ISSUER), problem);
    }
    let path_name = in_addresses(name);
    let label = reader.text(&variable(LABEL)).map_or_else(|| titled(&path_name), str::to_owned);
    if label.chars().count() > MAX_LABEL || label.chars().any(char::is_control) {
        reader.problem(&variable(LABEL), format!("has more than {MAX_LABEL} characters, or some that cannot be shown"));
    }
    let trust_email = match reader.text(&variable(TRUST_EMAIL)) {
        None | Some("verified") => TrustEmail::Verified,
        Some("absent") => TrustEmail::Absent,
        Some("always") => TrustEmail::Always,
        Some(other) => {
            reader.problem(&variable(TRUST_EMAIL), format!("{other:?} is not verified, absent or always"));
            TrustEmail::Verified
        }
    };
    ProviderConfig {
        name: path_name,
        issuer,
        client_id: reader.text(&variable(CLIENT_ID)).unwrap_or_default().to_owned(),
        client_secret: reader.text(&variable(CLIENT_SECRET)).map(SecretString::from),
        label,
        scopes: read_scopes(reader, &variable(SCOPES)),
        trust_email,
        variables,
    }
}

/// The scopes, with `openid`, without which it is not this protocol.
fn read_scopes(reader: &mut Reader, variable: &str) -> String {
    let text = reader.text(variable).unwrap_or("openid email profile");
    // RFC 6749, section 3.3.
    let is_scope = |c: char| c.is_ascii_graphic() && c != '"' && c != '\\';
    if !text.chars().all(|c| is_scope(c) || c == ' ') {
        reader.problem(variable, "is no list of scopes, separated by spaces");
    }
    let scopes = text.split([' ', ',']).filter(|scope| !scope.is_empty() && *scope != "openid");
    ["openid"].into_iter().chain(scopes).collect::<Vec<_>>().join(" ")
}

/// What is wrong with an issuer. Who stands on the way to one without TLS could sign anybody in.
fn problem_of_issuer(issuer: &str) -> Option<&'static str> {
    let Ok(url) = Url::parse(issuer) else { return Some("is no URL") };
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Some("has a name, a query or a fragment");
    }
    match (url.scheme(), url.host()) {
        ("https", Some(_)) => None,
        ("http", Some(host)) if is_this_machine(&host) => None,
        _ => Some("is not an https URL (http only for this machine)"),
    }
}

fn is_this_machine(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// `my-idp` as people would write it: `My Idp`.
fn titled(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
    };
    name.split('-').map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(vars: &[(&str, &str)]) -> Result<Vec<ProviderConfig>, Vec<String>> {
        let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut reader = Reader::new(&vars);
        let providers = read_providers(&mut reader);
        reader.finish(providers)
    }

    #[test]
    fn each_group_of_variables_is_a_provider() {
        assert!(read(&[]).unwrap().is_empty());
        let providers = read(&[
            ("OIDC_MY_IDP_ISSUER", "https://id.example.org/realms/one"),
            ("OIDC_MY_IDP_CLIENT_ID", "tessera"),
            ("OIDC_GOOGLE_ISSUER", "https://accounts.google.com"),
            ("OIDC_GOOGLE_CLIENT_ID", "123"),
            ("OIDC_GOOGLE_CLIENT_SECRET", "hunter2"),
            ("OIDC_GOOGLE_LABEL", "Google Workspace"),
            ("OIDC_GOOGLE_SCOPES", "email groups"),
            ("OIDC_GOOGLE_TRUST_EMAIL", "absent"),
            // As many tools leave it.
            ("OIDC_NOBODY_ISSUER", ""),
        ])
        .unwrap();
        let [google, other] = &providers[..] else { panic!("{providers:?}") };
        assert_eq!((google.name.as_str(), google.label.as_str()), ("google", "Google Workspace"));
        assert_eq!((google.scopes.as_str(), google.trust_email), ("openid email groups", TrustEmail::Absent));
        assert!(!format!("{providers:?}").contains("hunter2"));
        assert_eq!((other.name.as_str(), other.label.as_str()), ("my-idp", "My Idp"));
        assert_eq!((other.scopes.as_str(), other.trust_email), ("openid email profile", TrustEmail::Verified));
        assert!(other.client_secret.is_none());
    }

    #[test]
    fn what_is_wrong_is_said_by_its_name() {
        let whole = [("OIDC_A_ISSUER", "https://id.example.org"), ("OIDC_A_CLIENT_ID", "tessera")];
        let one = |name, value| read(&[&whole[..], &[(name, value)]].concat()).unwrap_err();
        for (name, value) in [
            ("OIDC_A_TRUST_EMAIL", "yes"),
            ("OIDC_A_LABEL", "an endless label, which no button of this world is wide enough for"),
            ("OIDC_A_SCOPES", "open\"id"),
            ("OIDC_A_SECRET", "hunter2"),
            ("OIDC_ISSUER", "https://id.example.org"),
            ("OIDC_a_ISSUER", "https://id.example.org"),
            ("OIDC_LINK_ISSUER", "https://id.example.org"),
        ] {
            let problems = one(name, value);
            assert!(problems.len() == 1 && problems[0].starts_with(&format!("{name}: ")), "{problems:?}");
            assert!(!problems[0].contains("hunter2"), "{problems:?}");
        }
        for issuer in
            ["id.example.org", "http://id.example.org", "https://id.example.org?a=b", "https://a:b@id.example.org"]
        {
            let problems = read(&[("OIDC_A_ISSUER", issuer), ("OIDC_A_CLIENT_ID", "tessera")]).unwrap_err();
            assert!(problems.len() == 1 && problems[0].starts_with("OIDC_A_ISSUER: "), "{issuer}: {problems:?}");
        }
        for issuer in
            ["http://localhost:8080/realm", "http://127.0.0.1:1", "http://[::1]:1/", "https://id.example.org/"]
        {
            assert!(read(&[("OIDC_A_ISSUER", issuer), ("OIDC_A_CLIENT_ID", "tessera")]).is_ok(), "{issuer}");
        }
        let half = read(&[("OIDC_A_CLIENT_SECRET", "hunter2")]).unwrap_err();
        assert_eq!(half.len(), 2, "{half:?}");
        assert!(half[0].starts_with("OIDC_A_ISSUER: ") && half[1].starts_with("OIDC_A_CLIENT_ID: "), "{half:?}");
    }

    #[test]
    fn an_address_is_trusted_as_far_as_the_setting_says() {
        use TrustEmail::{Absent, Always, Verified};
        for (trust, expected) in
            [(Verified, [true, false, false]), (Absent, [true, true, false]), (Always, [true, true, true])]
        {
            assert_eq!([Some(true), None, Some(false)].map(|verified| trust.trusts(verified)), expected, "{trust:?}");
        }
    }
}
