//! What is set for PayPal.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::platform::config::Reader;

/// Buying credits with PayPal. There when `PAYPAL_CLIENT_ID` and `PAYPAL_CLIENT_SECRET` are set.
#[derive(Debug, Clone)]
pub struct PayPalConfig {
    /// `PAYPAL_CLIENT_ID`.
    pub client_id: String,
    /// `PAYPAL_CLIENT_SECRET`.
    pub client_secret: SecretString,
    /// `PAYPAL_BASE_URL` (<https://api-m.sandbox.paypal.com>).
    pub base_url: Url,
    /// `PAYPAL_MERCHANT_ID`: whose account the money must come to.
    pub merchant_id: Option<String>,
    /// `PAYPAL_WEBHOOK_ID`. Without it there is no webhook.
    pub webhook_id: Option<String>,
    /// `PAYPAL_WEBHOOK_CHECK` (offline).
    pub webhook_check: WebhookCheck,
    /// For one request. It cannot be set.
    pub timeout: Duration,
}

/// PayPal asks banks while we wait.
const TIMEOUT: Duration = Duration::from_secs(20);

/// How reports are told from forgeries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookCheck {
    /// By their signatures.
    Offline,
    /// By asking PayPal about each.
    Postback,
}

impl PayPalConfig {
    pub(crate) fn read(reader: &mut Reader) -> Option<Self> {
        let base_url = reader.url("PAYPAL_BASE_URL", "https://api-m.sandbox.paypal.com");
        let webhook_check = match reader.text("PAYPAL_WEBHOOK_CHECK") {
            None | Some("offline") => WebhookCheck::Offline,
            Some("postback") => WebhookCheck::Postback,
            Some(other) => {
                reader.problem("PAYPAL_WEBHOOK_CHECK", format!("{other:?} is not offline or postback"));
                WebhookCheck::Offline
            }
        };
        let merchant_id = id(reader, "PAYPAL_MERCHANT_ID", "");
        // The simulator's is WEBHOOK_ID.
        let webhook_id = id(reader, "PAYPAL_WEBHOOK_ID", "_-");
        let client_id = id(reader, "PAYPAL_CLIENT_ID", "_-.");
        let client_secret = reader.text("PAYPAL_CLIENT_SECRET").map(SecretString::from);
        let others = ["PAYPAL_BASE_URL", "PAYPAL_MERCHANT_ID", "PAYPAL_WEBHOOK_CHECK", "PAYPAL_WEBHOOK_ID"];
        let is_wanted = others.into_iter().any(|name| reader.text(name).is_some());
        if reader.text("PAYPAL_CLIENT_ID").is_none() && (is_wanted || client_secret.is_some()) {
            reader.problem("PAYPAL_CLIENT_ID", "is needed when another PAYPAL_ variable is set");
        }
        if client_secret.is_none() && (is_wanted || client_id.is_some()) {
            reader.problem("PAYPAL_CLIENT_SECRET", "is needed when another PAYPAL_ variable is set");
        }
        Some(Self {
            client_id: client_id?,
            client_secret: client_secret?,
            base_url,
            merchant_id,
            webhook_id,
            webhook_check,
            timeout: TIMEOUT,
        })
    }
}

/// Letters, digits and some signs.
fn id(reader: &mut Reader, name: &str, signs: &str) -> Option<String> {
    let text = reader.text(name)?;
    if text.chars().all(|c| c.is_ascii_alphanumeric() || signs.contains(c)) {
        return Some(text.to_owned());
    }
    // It may be the secret, in the wrong place.
    reader.problem(name, "has other characters than an id");
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read(vars: &[(&str, &str)]) -> Result<Option<PayPalConfig>, Vec<String>> {
        let vars: BTreeMap<_, _> = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut reader = Reader::new(&vars);
        let config = PayPalConfig::read(&mut reader);
        reader.finish(config)
    }

    #[test]
    fn nothing_is_needed_and_the_sandbox_is_the_default() {
        assert!(read(&[]).unwrap().is_none());
        let config = read(&[("PAYPAL_CLIENT_ID", "AbC-1_2"), ("PAYPAL_CLIENT_SECRET", "hush-hush")]).unwrap().unwrap();
        assert_eq!(config.base_url.as_str(), "https://api-m.sandbox.paypal.com/");
        assert_eq!((config.webhook_id.as_deref(), config.webhook_check), (None, WebhookCheck::Offline));
        assert!(!format!("{config:?}").contains("hush"));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (vars, named) in [
            (&[("PAYPAL_CLIENT_ID", "a")][..], &["PAYPAL_CLIENT_SECRET"][..]),
            (&[("PAYPAL_CLIENT_SECRET", "s")], &["PAYPAL_CLIENT_ID"]),
            (&[("PAYPAL_WEBHOOK_ID", "1AB")], &["PAYPAL_CLIENT_ID", "PAYPAL_CLIENT_SECRET"]),
            (&[("PAYPAL_CLIENT_ID", "a:b"), ("PAYPAL_CLIENT_SECRET", "s")], &["PAYPAL_CLIENT_ID"]),
            (
                &[
                    ("PAYPAL_CLIENT_ID", "a"),
                    ("PAYPAL_CLIENT_SECRET", "s"),
                    ("PAYPAL_BASE_URL", "api-m.paypal.com"),
                    ("PAYPAL_WEBHOOK_ID", "1AB|2"),
                    ("PAYPAL_WEBHOOK_CHECK", "never"),
                    ("PAYPAL_MERCHANT_ID", "me@example.org"),
                ],
                &["PAYPAL_BASE_URL", "PAYPAL_WEBHOOK_CHECK", "PAYPAL_MERCHANT_ID", "PAYPAL_WEBHOOK_ID"],
            ),
        ] {
            let problems = read(vars).unwrap_err();
            let names: Vec<_> = problems.iter().map(|problem| problem.split(':').next().unwrap()).collect();
            assert_eq!(names, named, "{problems:?}");
        }
    }
}
