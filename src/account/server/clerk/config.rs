//! What can be set of Clerk. It signs people in once its two keys are set.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE};
use jsonwebtoken::DecodingKey;
use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::pki_types::pem::PemObject;
use secrecy::SecretString;
use url::Url;

use crate::platform::config::Reader;

const PUBLISHABLE_KEY: &str = "CLERK_PUBLISHABLE_KEY";
const SECRET_KEY: &str = "CLERK_SECRET_KEY";
const JWT_KEY: &str = "CLERK_JWT_KEY";
const WEBHOOK_SECRET: &str = "CLERK_WEBHOOK_SIGNING_SECRET";
const API_URL: &str = "CLERK_API_URL";
const FRONTEND_URL: &str = "CLERK_FRONTEND_URL";
const ACCOUNTS_URL: &str = "CLERK_ACCOUNTS_URL";

/// Sign-in with Clerk.
#[derive(Clone)]
pub struct ClerkConfig {
    /// `CLERK_PUBLISHABLE_KEY`: `pk_test_…` or `pk_live_…`. Pages show it.
    pub publishable_key: String,
    /// `CLERK_SECRET_KEY`: `sk_test_…` or `sk_live_…`.
    pub secret_key: SecretString,
    /// `CLERK_JWT_KEY` (asked for): the public key of the instance as PEM.
    pub jwt_key: Option<DecodingKey>,
    /// `CLERK_WEBHOOK_SIGNING_SECRET` (none: there is no webhook): `whsec_…`.
    pub webhook_secret: Option<SecretString>,
    /// `CLERK_API_URL` (<https://api.clerk.com>).
    pub api_url: Url,
    /// `CLERK_FRONTEND_URL` (what the publishable key says).
    pub frontend_url: Url,
    /// `CLERK_ACCOUNTS_URL` (that of the instance): the pages on which people sign in.
    pub accounts_url: Url,
    /// An instance for development, whose cookies are on other domains.
    pub is_development: bool,
    /// What the names of this instance's cookies end with.
    pub suffix: String,
}

impl std::fmt::Debug for ClerkConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClerkConfig")
            .field("publishable_key", &self.publishable_key)
            .field("frontend_url", &self.frontend_url.as_str())
            .finish_non_exhaustive()
    }
}

impl ClerkConfig {
    /// What its tokens name as their issuer: the frontend, without a slash.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.frontend_url.as_str().trim_end_matches('/')
    }

    pub(crate) fn read(reader: &mut Reader) -> Option<Self> {
        let others = [SECRET_KEY, JWT_KEY, WEBHOOK_SECRET, API_URL, FRONTEND_URL, ACCOUNTS_URL];
        let Some(key) = reader.text(PUBLISHABLE_KEY) else {
            if others.iter().any(|name| reader.text(name).is_some()) {
                reader.problem(PUBLISHABLE_KEY, "is needed when another CLERK_ variable is set");
            }
            return None;
        };
        let Some((host, is_development)) = read_publishable_key(key) else {
            reader.problem(PUBLISHABLE_KEY, "is no publishable key: it begins with pk_test_ or pk_live_");
            return None;
        };
        let kind = if is_development { "sk_test_" } else { "sk_live_" };
        match reader.text(SECRET_KEY) {
            None => reader.problem(SECRET_KEY, format!("is needed with {PUBLISHABLE_KEY}")),
            Some(secret) if !secret.starts_with(kind) => {
                reader.problem(
                    SECRET_KEY,
                    format!("does not begin with {kind}, as it has to beside that {PUBLISHABLE_KEY}"),
                );
            }
            Some(_) => {}
        }
        let jwt_key = reader.text(JWT_KEY).and_then(|text| {
            let key = read_pem(text);
            if key.is_none() {
                reader.problem(JWT_KEY, "is no public RSA key (-----BEGIN PUBLIC KEY-----)");
            }
            key
        });
        if reader.text(WEBHOOK_SECRET).is_some_and(|secret| !is_webhook_secret(secret)) {
            reader.problem(WEBHOOK_SECRET, "does not begin with whsec_, followed by Base64");
        }
        let mut url = |name: &str, default: &str| {
            let url = reader.url(name, default);
            if !url.path().trim_end_matches('/').trim_end_matches("/v1").is_empty() || url.query().is_some() {
                reader.problem(name, "has a path or a query");
            }
            // As it is in the documentation of some of its clients.
            url.join("/").unwrap_or(url)
        };
        let api_url = url(API_URL, "https://api.clerk.com");
        let frontend_url = url(FRONTEND_URL, &format!("https://{host}"));
        let accounts_url = url(ACCOUNTS_URL, &format!("https://{}", accounts_host(&host)));
        Some(Self {
            suffix: suffix_of(key),
            publishable_key: key.to_owned(),
            secret_key: reader.text(SECRET_KEY)?.into(),
            jwt_key,
            webhook_secret: reader.text(WEBHOOK_SECRET).map(SecretString::from),
            api_url,
            frontend_url,
            accounts_url,
            is_development,
        })
    }
}

/// The host of the frontend that a publishable key names, and whether that is for development.
fn read_publishable_key(key: &str) -> Option<(String, bool)> {
    let (kind, encoded) = [("pk_test_", true), ("pk_live_", false)]
        .into_iter()
        .find_map(|(start, is_development)| Some((is_development, key.strip_prefix(start)?)))?;
    let decoded = BASE64_STANDARD_NO_PAD.decode(encoded.trim_end_matches('=')).ok()?;
    let host = String::from_utf8(decoded).ok()?.strip_suffix('$')?.to_owned();
    let is_host =
        host.contains('.') && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':'));
    is_host.then_some((host, kind))
}

/// Where people sign in: `clerk.` in the host of the frontend is `accounts.` there.
fn accounts_host(frontend: &str) -> String {
    if frontend.contains("clerk.accounts.") {
        frontend.replacen("clerk.accounts.", "accounts.", 1)
    } else {
        frontend.replacen("clerk.", "accounts.", 1)
    }
}

/// The first characters of a digest of the key.
fn suffix_of(key: &str) -> String {
    let mut encoded = BASE64_URL_SAFE.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes()));
    encoded.truncate(8);
    encoded
}

/// What an RSA key as `SubjectPublicKeyInfo` (RFC 5280) has before the key itself, but for lengths: rsaEncryption, no parameters.
const RSA_ENCRYPTION: [u8; 15] =
    [0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00];

/// A key as PEM. In files of settings its lines are often written with `\n` between them.
fn read_pem(text: &str) -> Option<DecodingKey> {
    let text = text.replace("\\n", "\n");
    let key = SubjectPublicKeyInfoDer::from_pem_slice(text.as_bytes()).ok()?;
    let at = key.windows(RSA_ENCRYPTION.len()).position(|bytes| bytes == RSA_ENCRYPTION)? + RSA_ENCRYPTION.len();
    // A bit string of two bytes of length, without unused bits.
    let key = match key.get(at..)? {
        [0x03, 0x82, _, _, 0x00, key @ ..] if key.first() == Some(&0x30) => key,
        _ => return None,
    };
    Some(DecodingKey::from_rsa_der(key))
}

fn is_webhook_secret(secret: &str) -> bool {
    let key = secret.strip_prefix("whsec_").and_then(|key| BASE64_STANDARD.decode(key).ok());
    key.is_some_and(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: &str = "pk_test_aGFwcHktaGlwcG8tMS5jbGVyay5hY2NvdW50cy5kZXYk";
    const LIVE: &str = "pk_live_Y2xlcmsuZXhhbXBsZS5jb20k";

    fn read(vars: &[(&str, &str)]) -> Result<Option<ClerkConfig>, Vec<String>> {
        let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut reader = Reader::new(&vars);
        let config = ClerkConfig::read(&mut reader);
        reader.finish(config)
    }

    #[test]
    fn the_publishable_key_says_where_the_instance_is() {
        assert!(read(&[]).unwrap().is_none());
        let test = read(&[(PUBLISHABLE_KEY, TEST), (SECRET_KEY, "sk_test_hunter2")]).unwrap().unwrap();
        assert_eq!(test.issuer(), "https://happy-hippo-1.clerk.accounts.dev");
        assert_eq!(test.accounts_url.as_str(), "https://happy-hippo-1.accounts.dev/");
        assert_eq!((test.is_development, test.suffix.as_str()), (true, "MWTw9P_R"));
        let live = read(&[(PUBLISHABLE_KEY, LIVE), (SECRET_KEY, "sk_live_hunter2")]).unwrap().unwrap();
        assert_eq!(
            (live.issuer(), live.accounts_url.as_str()),
            ("https://clerk.example.com", "https://accounts.example.com/")
        );
        assert_eq!((live.is_development, live.suffix.as_str()), (false, "naoXFJnI"));
        assert_eq!(live.api_url.as_str(), "https://api.clerk.com/");
        assert!(!format!("{live:?}").contains("hunter2"));
        let fake = [
            (PUBLISHABLE_KEY, TEST),
            (SECRET_KEY, "sk_test_x"),
            (API_URL, "http://127.0.0.1:1/v1"),
            (FRONTEND_URL, "http://127.0.0.1:2"),
        ];
        let fake = read(&fake).unwrap().unwrap();
        assert_eq!((fake.api_url.as_str(), fake.issuer()), ("http://127.0.0.1:1/", "http://127.0.0.1:2"));
    }

    #[test]
    fn what_is_wrong_or_missing_is_named() {
        let whole = [(PUBLISHABLE_KEY, TEST), (SECRET_KEY, "sk_test_x")];
        for (vars, named) in [
            (vec![(SECRET_KEY, "sk_test_x")], PUBLISHABLE_KEY),
            (vec![(WEBHOOK_SECRET, "whsec_AAAA")], PUBLISHABLE_KEY),
            (vec![(PUBLISHABLE_KEY, "pk_test_abc"), (SECRET_KEY, "sk_test_x")], PUBLISHABLE_KEY),
            (vec![(PUBLISHABLE_KEY, "sk_test_hunter2"), (SECRET_KEY, "sk_test_x")], PUBLISHABLE_KEY),
            (vec![(PUBLISHABLE_KEY, TEST)], SECRET_KEY),
            (vec![(PUBLISHABLE_KEY, TEST), (SECRET_KEY, "sk_live_hunter2")], SECRET_KEY),
            ([&whole[..], &[(JWT_KEY, "hunter2")]].concat(), JWT_KEY),
            ([&whole[..], &[(WEBHOOK_SECRET, "hunter2")]].concat(), WEBHOOK_SECRET),
            ([&whole[..], &[(API_URL, "https://api.clerk.com/v2")]].concat(), API_URL),
        ] {
            let problems = read(&vars).unwrap_err();
            assert!(problems.len() == 1 && problems[0].starts_with(&format!("{named}: ")), "{vars:?}: {problems:?}");
            assert!(!problems[0].contains("hunter2"), "{problems:?}");
        }
    }
}
