//! Session tokens: JWTs of a minute, signed with RS256, by which a request says whose it is.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// How far apart two clocks may be, in seconds.
const SKEW: i64 = 5;
/// The longest token that is looked at.
const MAX_TOKEN: usize = 16 * 1024;
/// Kinds of tokens that may stand for a session: the token of one, and those without a kind.
const KINDS: [&str; 2] = ["cl_B7d4PD111AAA", "cl_I7d4PD111III"];

/// Why a token is not taken. The texts are for logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("expired")]
    Expired,
    #[error("not valid yet")]
    NotYet,
    #[error("issued in the future")]
    FromTheFuture,
    #[error("wrong: {0}")]
    Wrong(&'static str),
}

/// What a session token says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Claims {
    /// The user of Clerk, `user_…`.
    pub sub: String,
    /// The session, `sess_…`.
    pub sid: Option<String>,
    iss: String,
    exp: i64,
    /// Seconds since 1970.
    pub iat: i64,
    nbf: Option<i64>,
    /// The origin that asked for the token.
    azp: Option<String>,
    sts: Option<String>,
    /// Minutes since the first factor was proved, and since the second; -1: never.
    fva: Option<Vec<i64>>,
}

/// What is asked of a token.
pub struct Expected<'a> {
    pub issuer: &'a str,
    /// The origin of this site.
    pub origin: &'a str,
    /// Seconds since 1970.
    pub now: i64,
}

impl Claims {
    /// How many minutes ago its user proved who they are, if that is told. The token itself may be a minute old.
    #[must_use]
    pub fn proved_minutes_ago(&self) -> Option<i64> {
        self.fva.as_ref()?.first().copied().filter(|minutes| *minutes >= 0)
    }

    /// # Errors
    /// What is wrong with them; with the times, only if nothing else is.
    pub fn check(&self, expected: &Expected<'_>) -> Result<(), TokenError> {
        if self.iss != expected.issuer {
            return Err(TokenError::Wrong("iss"));
        }
        // With a list of origins, Clerk's own library refuses a token without one, too.
        if self.azp.as_deref() != Some(expected.origin) {
            return Err(TokenError::Wrong("azp"));
        }
        if self.sub.is_empty() || self.sub.len() > 255 || !self.sub.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(TokenError::Wrong("sub"));
        }
        if self.sts.as_deref().is_some_and(|status| status != "active") {
            return Err(TokenError::Wrong("sts"));
        }
        if self.exp <= expected.now - SKEW {
            return Err(TokenError::Expired);
        }
        if self.nbf.is_some_and(|nbf| nbf > expected.now + SKEW) {
            return Err(TokenError::NotYet);
        }
        if self.iat > expected.now + SKEW {
            return Err(TokenError::FromTheFuture);
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    typ: Option<String>,
    kid: Option<String>,
    cat: Option<String>,
}

/// A token of which only the header was read.
pub struct Signed<'a> {
    token: &'a str,
    /// By which the key is found.
    pub kid: Option<String>,
}

impl<'a> Signed<'a> {
    /// # Errors
    /// [`TokenError::Wrong`] for what is no token, or none of a session.
    pub fn read(token: &'a str) -> Result<Self, TokenError> {
        let Some((header, _)) = token.split_once('.').filter(|_| token.len() <= MAX_TOKEN) else {
            return Err(TokenError::Wrong("form"));
        };
        let header = BASE64_URL_SAFE_NO_PAD.decode(header).map_err(|_| TokenError::Wrong("header"))?;
        let header: Header = serde_json::from_slice(&header).map_err(|_| TokenError::Wrong("header"))?;
        if header.alg != "RS256" {
            return Err(TokenError::Wrong("alg"));
        }
        if header.typ.is_some_and(|kind| kind != "JWT") {
            return Err(TokenError::Wrong("typ"));
        }
        if header.cat.is_some_and(|kind| !KINDS.contains(&&*kind)) {
            return Err(TokenError::Wrong("cat"));
        }
        Ok(Self { token, kid: header.kid })
    }

    /// What the token says, if it was signed with this key. Nothing of it is looked at.
    ///
    /// # Errors
    /// [`TokenError::Wrong`].
    pub fn verify<T: DeserializeOwned>(&self, key: &DecodingKey) -> Result<T, TokenError> {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        match decode(self.token, key, &validation) {
            Ok(data) => Ok(data.claims),
            Err(error) => Err(TokenError::Wrong(match error.kind() {
                jsonwebtoken::errors::ErrorKind::InvalidSignature => "signature",
                _ => "claims",
            })),
        }
    }
}

/// What a token says of itself. It is not verified: only for choosing between two.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Unverified {
    pub iss: String,
    pub iat: i64,
}

impl Unverified {
    #[must_use]
    pub fn read(token: &str) -> Self {
        let claims = token.split('.').nth(1).and_then(|part| BASE64_URL_SAFE_NO_PAD.decode(part).ok());
        claims.and_then(|claims| serde_json::from_slice(&claims).ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: i64 = 1_800_000_000;
    const EXPECTED: Expected<'_> =
        Expected { issuer: "https://clerk.example.com", origin: "https://chat.example.com", now: NOW };

    fn check(change: &Value) -> Result<(), TokenError> {
        let mut claims = json!({
            "sub": "user_1", "sid": "sess_1", "iss": "https://clerk.example.com", "azp": "https://chat.example.com",
            "exp": NOW + 60, "iat": NOW, "nbf": NOW - 10, "sts": "active", "v": 2, "fva": [0, -1],
        });
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let claims: Claims = serde_json::from_value(claims).map_err(|_| TokenError::Wrong("claims"))?;
        claims.check(&EXPECTED)
    }

    #[test]
    fn a_token_is_taken_only_if_everything_in_it_is_as_it_should_be() {
        for good in [
            json!({}),
            json!({ "exp": NOW - 4 }),
            json!({ "iat": NOW + 5, "nbf": NOW + 5 }),
            json!({ "nbf": null, "sts": null, "sid": null }),
        ] {
            assert_eq!(check(&good), Ok(()), "{good}");
        }
        for (bad, why) in [
            (json!({ "exp": NOW - 5 }), TokenError::Expired),
            (json!({ "nbf": NOW + 6 }), TokenError::NotYet),
            (json!({ "iat": NOW + 6 }), TokenError::FromTheFuture),
            (json!({ "exp": (NOW + 60).to_string() }), TokenError::Wrong("claims")),
            (json!({ "iat": NOW.to_string() }), TokenError::Wrong("claims")),
            (json!({ "exp": null }), TokenError::Wrong("claims")),
            (json!({ "sub": 7 }), TokenError::Wrong("claims")),
            (json!({ "sub": "" }), TokenError::Wrong("sub")),
            (json!({ "iss": "https://clerk.example.com/" }), TokenError::Wrong("iss")),
            (json!({ "azp": "https://evil.example" }), TokenError::Wrong("azp")),
            (json!({ "azp": null }), TokenError::Wrong("azp")),
            (json!({ "sts": "pending" }), TokenError::Wrong("sts")),
            // Whoever signs may lie about the time; that it is another's counts first.
            (json!({ "exp": 1, "azp": "https://evil.example" }), TokenError::Wrong("azp")),
        ] {
            assert_eq!(check(&bad), Err(why), "{bad}");
        }
    }

    #[test]
    fn what_is_no_token_of_a_session_is_told_by_its_header() {
        let token = |header: &Value| format!("{}.e30.AA", BASE64_URL_SAFE_NO_PAD.encode(header.to_string()));
        let read = |header: &Value| Signed::read(&token(header)).map(|signed| signed.kid);
        let good = json!({ "alg": "RS256", "typ": "JWT", "kid": "ins_1", "oiat": 1 });
        assert_eq!(read(&good), Ok(Some("ins_1".to_owned())));
        for kind in KINDS {
            assert!(read(&json!({ "alg": "RS256", "typ": "JWT", "cat": kind })).is_ok());
        }
        for (bad, why) in [
            (json!({ "alg": "none" }), "alg"),
            (json!({ "alg": "HS256", "typ": "JWT", "kid": "ins_1" }), "alg"),
            (json!({ "alg": "RS256", "typ": "at+jwt" }), "typ"),
            (json!({ "alg": "RS256", "typ": "JWT", "cat": "cl_B7d4PD222AAA" }), "cat"),
            (json!({ "typ": "JWT" }), "header"),
        ] {
            assert_eq!(read(&bad), Err(TokenError::Wrong(why)), "{bad}");
        }
        assert_eq!(Signed::read("abc").err(), Some(TokenError::Wrong("form")));
        assert_eq!(Signed::read(&"a.".repeat(10_000)).err(), Some(TokenError::Wrong("form")));
        assert_eq!(Unverified::read("a.%.c"), Unverified::default());
    }
}
