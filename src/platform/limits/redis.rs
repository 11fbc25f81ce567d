//! [`RateLimiter`] in Redis, so that all servers count together.

use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use redis::Script;
use sha2::{Digest, Sha256};

use super::{Limit, LocalRateLimiter, Quota, RateLimiter, refuse};
use crate::platform::error::AppResult;
use crate::platform::redis::Redis;

/// Counts in Redis; in this process while Redis is away.
pub struct RedisRateLimiter {
    redis: Redis,
    script: Script,
    per_minute: u32,
    /// Counts along all the time: who has used up a limit here does not get a new one because Redis went away.
    local: LocalRateLimiter,
}

impl RedisRateLimiter {
    /// As [`LocalRateLimiter::new`].
    #[must_use]
    pub fn new(redis: Redis, per_minute: u32) -> Self {
        let script = Script::new(include_str!("gcra.lua"));
        Self { redis, script, per_minute, local: LocalRateLimiter::new(per_minute) }
    }
}

#[async_trait]
impl RateLimiter for RedisRateLimiter {
    async fn check(&self, limit: Limit, key: &str) -> AppResult<Quota> {
        let counted_here = self.local.count(limit, key);
        let count = limit.per_minute(self.per_minute);
        let mut attempt = self.script.key(redis_key(limit, key));
        attempt.arg(count);
        let answer = self.redis.run(async |mut connection| attempt.invoke_async(&mut connection).await).await;
        match answer {
            Some((1, remaining, _)) => Ok(Quota::new(count, remaining)),
            Some((_, _, wait_millis)) => Err(refuse(count, wait_millis)),
            None => counted_here,
        }
    }

    fn forget_idle(&self) {
        // Keys in Redis expire by themselves.
        self.local.forget_idle();
    }
}

/// Subjects are email addresses and the like: nobody who looks into Redis should read them.
fn redis_key(limit: Limit, subject: &str) -> String {
    let digest = Sha256::digest(subject.as_bytes());
    // 128 bits are plenty to tell subjects apart.
    let hash = BASE64_URL_SAFE_NO_PAD.encode(&digest[..16]);
    format!("tessera:limit:{}:{hash}", limit.name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_do_not_tell_whom_they_are_about() {
        let key = redis_key(Limit::LoginEmail, "ada@example.org");
        assert!(key.starts_with("tessera:limit:login-email:") && !key.contains("ada"), "{key}");
        assert_eq!(key.len(), "tessera:limit:login-email:".len() + 22);
        assert_ne!(key, redis_key(Limit::LoginEmail, "eda@example.org"));
    }
}
