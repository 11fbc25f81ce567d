//! A sign-in under way: what the browser keeps of it while its user is at the provider.
//!
//! All of it is in a cookie of this browser, so that every server can go on with it. It need not be sealed: `state`, nonce and
//! the verifier of PKCE are digests of a secret in it that goes nowhere else, and whoever changes the rest changes what only
//! they themselves have asked for. A code counts once, as the provider sees to it.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::account::same_site_path;
use crate::platform::db::now_millis;
use crate::platform::ids::UserId;
use crate::platform::secret::{SECRET_CHARS, new_secret};

/// How long somebody may be at the provider.
pub const FLOW_SECS: i64 = 15 * 60;
/// Characters of `state` by which the cookie is found: several sign-ins may be under way.
const ID_CHARS: usize = 12;
/// The longest path that is come back to. A cookie has 4096 bytes.
const MAX_NEXT: usize = 1500;

/// What it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    SignIn,
    /// To add the provider to the ways in which this user signs in.
    Link(UserId),
}

/// A sign-in under way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Flow {
    secret: String,
    /// Of the provider.
    pub name: String,
    pub purpose: Purpose,
    next: String,
    /// Milliseconds since 1970.
    begun_at: i64,
}

impl Flow {
    #[must_use]
    pub fn begin(name: &str, purpose: Purpose, next: Option<&str>) -> Self {
        let next = same_site_path(next.filter(|next| next.len() <= MAX_NEXT), "/chat");
        Self { secret: new_secret(), name: name.to_owned(), purpose, next, begun_at: now_millis() }
    }

    /// What the cookie holds.
    #[must_use]
    pub fn cookie_value(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// The sign-in of a cookie, if it is the one that the provider answers to, and not too long ago.
    #[must_use]
    pub fn read(cookie: &str, name: &str, state: &str) -> Option<Self> {
        let flow: Self = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(cookie).ok()?).ok()?;
        let age = now_millis() - flow.begun_at;
        let is_it = flow.name == name && flow.secret.len() == SECRET_CHARS && flow.state() == state;
        (is_it && (0..=FLOW_SECS * 1000).contains(&age)).then_some(flow)
    }

    /// The end of the name of the cookie for this `state`.
    #[must_use]
    pub fn id_of(state: &str) -> Option<&str> {
        state.get(..ID_CHARS).filter(|id| id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'))
    }

    /// Where to go afterwards.
    #[must_use]
    pub fn next(&self) -> String {
        same_site_path(Some(&self.next), "/chat")
    }

    #[must_use]
    pub fn state(&self) -> String {
        self.digest("state")
    }

    #[must_use]
    pub fn nonce(&self) -> String {
        self.digest("nonce")
    }

    /// The `code_verifier` of PKCE.
    #[must_use]
    pub fn verifier(&self) -> String {
        self.digest("verifier")
    }

    /// The `code_challenge` of PKCE, for the method S256.
    #[must_use]
    pub fn challenge(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(self.verifier()))
    }

    fn digest(&self, what: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&key, format!("{what} {}", self.name).as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_is_known_again_by_its_cookie_and_state_only() {
        let flow = Flow::begin("google", Purpose::SignIn, Some("/images?q=1"));
        let (cookie, state) = (flow.cookie_value(), flow.state());
        let read = Flow::read(&cookie, "google", &state).unwrap();
        assert_eq!((read.next(), read.nonce(), read.verifier()), ("/images?q=1".into(), flow.nonce(), flow.verifier()));
        assert!(Flow::id_of(&state).is_some());
        let other = Flow::begin("google", Purpose::SignIn, None);
        assert_eq!(other.next(), "/chat");
        for (cookie, name, state) in [
            (&cookie, "other", &state),
            (&cookie, "google", &other.state()),
            (&other.cookie_value(), "google", &state),
            (&"%".to_owned(), "google", &state),
        ] {
            assert!(Flow::read(cookie, name, state).is_none(), "{name} {state}");
        }
        let old = Flow { begun_at: now_millis() - FLOW_SECS * 1000 - 1, ..flow };
        assert!(Flow::read(&old.cookie_value(), "google", &old.state()).is_none());
    }

    #[test]
    fn nothing_that_is_sent_tells_of_anything_else() {
        let flow = Flow::begin("google", Purpose::SignIn, None);
        let parts = [flow.state(), flow.nonce(), flow.verifier(), flow.challenge(), flow.secret.clone()];
        let different: std::collections::HashSet<_> = parts.iter().collect();
        assert_eq!(different.len(), parts.len());
        // RFC 7636, section 4.1.
        assert!((43..=128).contains(&flow.verifier().len()));
    }

    #[test]
    fn where_to_go_is_always_on_this_site() {
        for next in ["https://evil.example", "//evil.example", &format!("/{}", "x".repeat(4000))] {
            assert_eq!(Flow::begin("google", Purpose::SignIn, Some(next)).next(), "/chat");
        }
        let changed = Flow { next: "//evil.example".into(), ..Flow::begin("google", Purpose::SignIn, None) };
        assert_eq!(Flow::read(&changed.cookie_value(), "google", &changed.state()).unwrap().next(), "/chat");
    }
}
