//! The secrets that are configured, kept out of what others say: a service may repeat a key in its error, a driver an
//! address with its password.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, OnceLock};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::form_urlencoded::byte_serialize;

/// What stands in the place of a secret.
const REDACTED: &str = "[redacted]";
/// What is shorter is no secret, and would be found in any text.
const SHORTEST: usize = 6;
/// How the names of variables end that are secrets as a whole.
const SECRET_ENDINGS: [&str; 5] = ["_KEY", "_TOKEN", "_SECRET", "_SECRET_OLD", "_PASSWORD"];

/// Whether the whole value of a variable of this name is a secret.
#[must_use]
pub fn names_a_secret(name: &str) -> bool {
    SECRET_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// How a secret may stand in a request: as it is, in a form, in an address.
const ENCODINGS: [fn(&str) -> String; 3] = [
    str::to_owned,
    |text| byte_serialize(text.as_bytes()).collect(),
    |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string(),
];

/// Texts that must not be told.
#[derive(Clone, Default)]
pub struct Secrets(Arc<[String]>);

static CONFIGURED: OnceLock<Secrets> = OnceLock::new();

impl Secrets {
    /// Those of the configuration: by the names of variables, and the passwords in addresses.
    #[must_use]
    pub fn of(vars: &BTreeMap<String, String>) -> Self {
        let mut secrets = Vec::new();
        for (name, value) in vars {
            let value = value.trim();
            if names_a_secret(name) {
                let client = name.strip_suffix("_SECRET").and_then(|stem| vars.get(&format!("{stem}_ID")));
                for encode in ENCODINGS {
                    let secret = encode(value);
                    // With the name of its client, as HTTP carries both (RFC 7617; RFC 6749, 2.3.1).
                    secrets.extend(client.map(|id| BASE64_STANDARD.encode(format!("{}:{secret}", encode(id.trim())))));
                    secrets.push(secret);
                }
            }
            if let Some(password) = password_in(value) {
                secrets.push(percent_decode_str(password).decode_utf8_lossy().into_owned());
                secrets.push(password.to_owned());
            }
        }
        secrets.retain(|secret| secret.len() >= SHORTEST);
        // One may be the beginning of another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Self(secrets.into())
    }

    /// The text without them.
    #[must_use]
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut text = Cow::Borrowed(text);
        for secret in self.0.iter() {
            if text.contains(secret.as_str()) {
                text = Cow::Owned(text.replace(secret.as_str(), REDACTED));
            }
        }
        text
    }

    /// Makes these the ones of the whole process. Only once.
    pub fn keep_out_everywhere(&self) {
        _ = CONFIGURED.set(self.clone());
    }
}

/// The password of an address. Not every address of a database is one of the web: it may name several hosts.
fn password_in(address: &str) -> Option<&str> {
    let authority = address.split_once("://")?.1.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    user.split_once(':').map(|(_, password)| password)
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

/// The text without the secrets of this process.
#[must_use]
pub fn redacted(text: &str) -> Cow<'_, str> {
    CONFIGURED.get().map_or(Cow::Borrowed(text), |secrets| secrets.redact(text))
}

/// Writes whole lines, without the secrets of this process.
pub struct RedactingWriter<W>(pub W);

impl<W: Write> Write for RedactingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match std::str::from_utf8(bytes).map(redacted) {
            Ok(Cow::Owned(line)) => self.0.write_all(line.as_bytes()).map(|()| bytes.len()),
            _ => self.0.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        let vars = [
            ("OPENAI_API_KEY", "sk-first-secret"),
            ("GEMINI_API_KEY", "sk-first-secret-and-more"),
            ("METRICS_TOKEN", "abc"),
            ("PAYPAL_CLIENT_ID", "client"),
            ("PAYPAL_CLIENT_SECRET", "hush: 100%"),
            ("OPENAI_MODEL", "a-model-of-somebody"),
            ("MONGODB_URI", "mongodb://ada:hunter%2F2-x@db1.example:1,db2.example:2/tessera?ssl=true"),
        ];
        Secrets::of(&vars.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
    }

    #[test]
    fn no_secret_is_left_and_everything_else_is() {
        let secrets = secrets();
        let told = secrets.redact("Incorrect API key: sk-first-secret-and-more or sk-first-secret.");
        assert_eq!(told, "Incorrect API key: [redacted] or [redacted].");
        assert_eq!(secrets.redact("hunter/2-x and hunter%2F2-x"), "[redacted] and [redacted]");
        let basic = "Basic Y2xpZW50Omh1c2g6IDEwMCU= or Basic Y2xpZW50Omh1c2glM0ErMTAwJTI1 or hush%3A+100%25 or hush%3A%20100%25";
        let told = "Basic [redacted] or Basic [redacted] or [redacted] or [redacted]";
        assert_eq!(secrets.redact(basic), told);
        let harmless = "abc is too short, a-model-of-somebody is no secret";
        assert!(matches!(secrets.redact(harmless), Cow::Borrowed(same) if same == harmless));
        assert!(!format!("{secrets:?}").contains("secret-and"));
    }

    #[test]
    fn a_line_is_written_without_them() {
        secrets().keep_out_everywhere();
        let mut log = Vec::new();
        let line = "{\"error\":\"rejected: sk-first-secret\"}\n";
        assert_eq!(RedactingWriter(&mut log).write(line.as_bytes()).unwrap(), line.len());
        RedactingWriter(&mut log).write_all(b"plain \xFF\n").unwrap();
        assert_eq!(log, b"{\"error\":\"rejected: [redacted]\"}\nplain \xFF\n");
    }
}
