//! What a provider says of a person: the claims of its ID token (OIDC Core 1.0, 3.1.3.7) and of its userinfo.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::remote::Failure;

/// How far apart two clocks may be, in seconds.
const SKEW: f64 = 60.0;
/// Most characters of a subject (OIDC Core 1.0, 2).
const MAX_SUBJECT: usize = 255;

/// For whom a token is: one, or several.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn all(&self) -> &[String] {
        match self {
            Self::One(audience) => std::slice::from_ref(audience),
            Self::Several(audiences) => audiences,
        }
    }
}

/// The claims of an ID token. Times are numbers: what is written as a text is none.
#[derive(Debug, Deserialize)]
pub struct IdToken {
    iss: String,
    pub sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: f64,
    iat: f64,
    nbf: Option<f64>,
    nonce: Option<String>,
    #[serde(flatten)]
    pub about: About,
}

/// What is known of a person. What is of another type than it should be, is not known.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
pub struct About {
    #[serde(default, deserialize_with = "text")]
    pub email: Option<String>,
    /// `None`: the provider does not say.
    #[serde(default, deserialize_with = "flag")]
    pub email_verified: Option<bool>,
    #[serde(default, deserialize_with = "text")]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "text")]
    pub preferred_username: Option<String>,
}

impl About {
    /// With what else is known, where this says nothing. What is said of an address is only of that one.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let (email, email_verified) = match (self.email, other.email) {
            (Some(email), Some(same)) if email == same => (Some(email), self.email_verified.or(other.email_verified)),
            (Some(email), _) => (Some(email), self.email_verified),
            (None, email) => (email, other.email_verified),
        };
        Self {
            email,
            email_verified,
            name: self.name.or(other.name),
            preferred_username: self.preferred_username.or(other.preferred_username),
        }
    }
}

/// What a provider answers about the person who gave consent.
#[derive(Debug, Deserialize)]
pub struct UserInfo {
    pub sub: String,
    #[serde(flatten)]
    pub about: About,
}

/// What an ID token has to say.
pub struct Expected<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    pub nonce: &'a str,
    /// Seconds since 1970.
    pub now: f64,
}

impl IdToken {
    /// # Errors
    /// [`Failure::Wrong`] with the first claim that is not as it should be.
    pub fn check(&self, expected: &Expected<'_>) -> Result<(), Failure> {
        let wrong = |claim: &str| Err(Failure::Wrong(format!("an ID token whose {claim} is wrong")));
        let audiences = self.aud.all();
        let is_for_us = |party: &String| party == expected.client_id;
        if self.iss != expected.issuer {
            wrong("iss")
        } else if !audiences.iter().any(is_for_us) {
            wrong("aud")
        } else if !self.azp.as_ref().map_or(audiences.len() == 1, is_for_us) {
            wrong("azp")
        } else if self.exp <= expected.now - SKEW {
            wrong("exp")
        } else if self.iat > expected.now + SKEW {
            wrong("iat")
        } else if self.nbf.is_some_and(|nbf| nbf > expected.now + SKEW) {
            wrong("nbf")
        } else if self.nonce.as_deref() != Some(expected.nonce) {
            wrong("nonce")
        } else if self.sub.is_empty() || self.sub.len() > MAX_SUBJECT || self.sub.contains(char::is_control) {
            wrong("sub")
        } else {
            Ok(())
        }
    }
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) if !text.trim().is_empty() => Some(text),
        _ => None,
    })
}

/// Some providers write it as a text.
fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Bool(flag) => Some(flag),
        Value::String(text) => text.parse().ok(),
        _ => None,
    })
}

/// What a provider answers to a code.
#[derive(Deserialize)]
pub struct TokenAnswer {
    pub id_token: String,
    pub access_token: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: f64 = 1_800_000_000.0;

    fn claims(change: &Value) -> Value {
        let mut claims = json!({
            "iss": "https://id.example.org", "sub": "1", "aud": "tessera", "exp": NOW + 300.0, "iat": NOW, "nonce": "n",
        });
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    }

    fn check(change: &Value) -> Result<(), Failure> {
        let token: IdToken =
            serde_json::from_value(claims(change)).map_err(|error| Failure::Wrong(error.to_string()))?;
        let (issuer, client_id) = ("https://id.example.org", "tessera");
        token.check(&Expected { issuer, client_id, nonce: "n", now: NOW })
    }

    #[test]
    fn a_token_is_taken_only_if_everything_in_it_is_as_it_should_be() {
        for good in [
            json!({}),
            json!({ "aud": ["tessera"] }),
            json!({ "aud": ["other", "tessera"], "azp": "tessera" }),
            json!({ "exp": NOW - 59.0 }),
            json!({ "iat": NOW + 59.0, "nbf": NOW + 59.0 }),
            json!({ "exp": 1_800_000_300 }),
        ] {
            assert_eq!(check(&good), Ok(()), "{good}");
        }
        for bad in [
            json!({ "iss": "https://id.example.org/" }),
            json!({ "iss": ["https://id.example.org"] }),
            json!({ "aud": "other" }),
            json!({ "aud": [] }),
            json!({ "aud": ["other", "tessera"] }),
            json!({ "aud": ["other", "tessera"], "azp": "other" }),
            json!({ "azp": "other" }),
            json!({ "exp": NOW - 60.0 }),
            json!({ "exp": "1800000300" }),
            json!({ "exp": null }),
            json!({ "iat": NOW + 61.0 }),
            json!({ "iat": "1800000000" }),
            json!({ "nbf": NOW + 61.0 }),
            json!({ "nonce": "other" }),
            json!({ "nonce": null }),
            json!({ "sub": "" }),
            json!({ "sub": 7 }),
            json!({ "sub": "a\u{0}" }),
            json!({ "sub": "x".repeat(256) }),
        ] {
            assert!(check(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn whether_an_address_is_verified_has_three_states() {
        let about = |change: Value| serde_json::from_value::<IdToken>(claims(&change)).unwrap().about;
        for (said, known) in [
            (json!(true), Some(true)),
            (json!(false), Some(false)),
            (json!("true"), Some(true)),
            (json!("false"), Some(false)),
            (json!("yes"), None),
            (json!(1), None),
            (json!(null), None),
        ] {
            assert_eq!(about(json!({ "email": "a@b.org", "email_verified": said })).email_verified, known, "{said}");
        }
        assert_eq!(about(json!({})), About::default());
        assert_eq!(about(json!({ "email": 7, "name": ["Ada"] })), About::default());
    }

    #[test]
    fn what_is_said_of_one_address_is_not_said_of_another() {
        let about = |email: Option<&str>, email_verified| About {
            email: email.map(str::to_owned),
            email_verified,
            ..About::default()
        };
        let merged = about(Some("a@b.org"), None).or(about(Some("c@d.org"), Some(true)));
        assert_eq!(merged, about(Some("a@b.org"), None));
        assert_eq!(about(Some("a@b.org"), None).or(about(Some("a@b.org"), Some(true))).email_verified, Some(true));
        assert_eq!(about(None, Some(true)).or(about(Some("c@d.org"), None)), about(Some("c@d.org"), None));
    }
}
