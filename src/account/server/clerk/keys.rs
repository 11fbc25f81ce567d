//! The keys that an instance signs with: the one that is configured, or those that it publishes.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use tokio::sync::Mutex;

use super::backend::Backend;

/// So long keys are taken without asking whether they are still published.
const FRESH: Duration = Duration::from_mins(5);
/// Whoever makes up names of keys makes us ask no more often.
const PAUSE: Duration = Duration::from_mins(1);
/// While there is none at all, it is asked more often.
const PAUSE_WITHOUT: Duration = Duration::from_secs(5);
const MOST_KEYS: usize = 16;

/// The keys of an instance.
pub struct Keys {
    configured: Option<Arc<DecodingKey>>,
    published: RwLock<Published>,
    /// Held by who asks what is published.
    asking: Mutex<()>,
}

/// What was published when it was asked for last.
#[derive(Default)]
struct Published {
    keys: HashMap<String, Arc<DecodingKey>>,
    fetched: Option<Instant>,
    tried: Option<Instant>,
}

/// Why there is no key.
#[derive(Debug)]
pub enum NoKey {
    /// Nobody signs with it.
    Unknown,
    /// Whether it exists cannot be said now.
    Unavailable,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<PublishedKey>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PublishedKey {
    kty: String,
    kid: String,
    alg: Option<String>,
    r#use: Option<String>,
    n: String,
    e: String,
}

impl Keys {
    #[must_use]
    pub fn new(configured: Option<DecodingKey>) -> Self {
        Self { configured: configured.map(Arc::new), published: RwLock::default(), asking: Mutex::default() }
    }

    /// The key of a token.
    ///
    /// # Errors
    /// [`NoKey`].
    pub async fn find(&self, kid: Option<&str>, backend: &Backend) -> Result<Arc<DecodingKey>, NoKey> {
        if let Some(key) = &self.configured {
            return Ok(key.clone());
        }
        let kid = kid.ok_or(NoKey::Unknown)?;
        if self.read(|known| known.should_ask(kid, Instant::now())) {
            // Who has a key needs not wait for the answer that another waits for.
            let turn = match self.read(|known| known.keys.get(kid).cloned()) {
                Some(key) => match self.asking.try_lock() {
                    Ok(turn) => turn,
                    Err(_) => return Ok(key),
                },
                None => self.asking.lock().await,
            };
            self.ask(kid, backend).await;
            drop(turn);
        }
        self.read(|known| match known.keys.get(kid) {
            Some(key) => Ok(key.clone()),
            None if known.keys.is_empty() => Err(NoKey::Unavailable),
            None => Err(NoKey::Unknown),
        })
    }

    /// Asks what is published, unless somebody did while this one waited.
    async fn ask(&self, kid: &str, backend: &Backend) {
        let now = Instant::now();
        if !self.read(|known| known.should_ask(kid, now)) {
            return;
        }
        let fetched = backend.fetch_keys().await;
        // Only now: until then, whoever has no key waits.
        self.change(|known| known.tried = Some(now));
        match fetched {
            Ok(body) => self.change(|known| known.take(&body, now)),
            Err(failure) => tracing::warn!(%failure, "the keys of Clerk cannot be read"),
        }
    }

    fn read<T>(&self, read: impl FnOnce(&Published) -> T) -> T {
        read(&self.published.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, change: impl FnOnce(&mut Published)) {
        change(&mut self.published.write().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Published {
    fn should_ask(&self, kid: &str, now: Instant) -> bool {
        let since = |then: Option<Instant>| then.map(|then| now.saturating_duration_since(then));
        let has_paused = |pause| since(self.tried).is_none_or(|passed| passed >= pause);
        if self.keys.is_empty() {
            return has_paused(PAUSE_WITHOUT);
        }
        let is_old = since(self.fetched).is_none_or(|passed| passed >= FRESH);
        (is_old || !self.keys.contains_key(kid)) && has_paused(PAUSE)
    }

    /// What cannot be read leaves the keys as they were.
    fn take(&mut self, body: &[u8], now: Instant) {
        let Ok(set) = serde_json::from_slice::<KeySet>(body) else {
            tracing::warn!("the keys of Clerk cannot be read");
            return;
        };
        let keys = set.keys.into_iter().take(MOST_KEYS).filter_map(PublishedKey::read).collect();
        (self.keys, self.fetched) = (keys, Some(now));
    }
}

impl PublishedKey {
    fn read(self) -> Option<(String, Arc<DecodingKey>)> {
        let is_ours = self.kty == "RSA"
            && self.alg.is_none_or(|alg| alg == "RS256")
            && self.r#use.is_none_or(|purpose| purpose == "sig");
        let key = DecodingKey::from_rsa_components(&self.n, &self.e).ok().filter(|_| is_ours)?;
        Some((self.kid, Arc::new(key)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn published(kids: &[&str]) -> Vec<u8> {
        let keys: Vec<_> = kids
            .iter()
            .map(|kid| json!({ "kty": "RSA", "kid": kid, "alg": "RS256", "use": "sig", "n": "u1SU1LfVLPHCozMxH2Mo", "e": "AQAB" }))
            .collect();
        json!({ "keys": keys }).to_string().into_bytes()
    }

    #[test]
    fn made_up_names_of_keys_cause_one_question_a_minute_and_new_keys_are_found_within_that() {
        let mut known = Published::default();
        let begin = Instant::now();
        let at = |seconds| begin + Duration::from_secs(seconds);
        assert!(known.should_ask("a", at(0)));
        known.tried = Some(at(0));
        // It was not reached.
        assert!(!known.should_ask("a", at(4)) && known.should_ask("a", at(5)));
        known.tried = Some(at(5));
        known.take(&published(&["a"]), at(5));
        assert!(!known.should_ask("a", at(60)) && !known.should_ask("made up", at(60)));
        assert!(known.should_ask("new", at(65)));
        known.tried = Some(at(65));
        known.take(&published(&["a", "new"]), at(65));
        assert!(known.keys.contains_key("new") && !known.should_ask("new", at(300)));
        // A key that is no longer published is found out.
        assert!(known.should_ask("a", at(365)));
        known.tried = Some(at(365));
        known.take(b"<html>", at(365));
        assert!(known.keys.contains_key("a"));
        known.take(&published(&["new"]), at(365));
        assert!(!known.keys.contains_key("a"));
    }

    #[test]
    fn keys_for_anything_else_are_left_out() {
        let key = |change: serde_json::Value| {
            let mut key = json!({ "kty": "RSA", "kid": "a", "n": "u1SU1LfVLPHCozMxH2Mo", "e": "AQAB" });
            for (name, value) in change.as_object().unwrap() {
                key[name] = value.clone();
            }
            serde_json::from_value::<PublishedKey>(key).unwrap().read().is_some()
        };
        assert!(key(json!({})) && key(json!({ "use": "sig" })));
        assert!(!key(json!({ "use": "enc" })) && !key(json!({ "kty": "oct" })) && !key(json!({ "alg": "HS256" })));
        assert!(!key(json!({ "n": "%" })));
    }
}
