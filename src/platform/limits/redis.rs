//! [`RateLimiter`] in Redis, so that all servers count together.

use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use redis::Script;
use sha2::{Digest, Sha256};

use super::{Attempt, Limit, LocalRateLimiter, Quota, RateLimiter, Rates};
use crate::platform::error::AppResult;
use crate::platform::redis::Redis;

/// Counts in Redis; in this process while Redis is away.
pub struct RedisRateLimiter {
    redis: Redis,
    script: Script,
    rates: Rates,
    /// Counts along all the time: who has used up a limit here does not get a new one because Redis went away.
    local: LocalRateLimiter,
}

impl RedisRateLimiter {
    /// As [`LocalRateLimiter::new`].
    #[must_use]
    pub fn new(redis: Redis, rates: Rates) -> Self {
        let script = Script::new(include_str!("gcra.lua"));
        Self { redis, script, rates, local: LocalRateLimiter::new(rates) }
    }
}

#[async_trait]
impl RateLimiter for RedisRateLimiter {
    async fn check_all(&self, attempts: &[Attempt]) -> AppResult<Vec<Quota>> {
        let counted_here = self.local.count(attempts);
        let mut asked = self.script.prepare_invoke();
        for Attempt { limit, subject, counts } in attempts {
            let rate = self.rates.rate(*limit);
            asked.key(redis_key(*limit, subject)).arg(rate.count).arg(rate.period_micros()).arg(u32::from(*counts));
        }
        let answer = self.redis.run(async |mut connection| asked.invoke_async(&mut connection).await).await;
        let Some((refused, wait_micros, left)): Option<(usize, u64, Vec<u32>)> = answer else { return counted_here };
        if let Some(Attempt { limit, .. }) = refused.checked_sub(1).and_then(|number| attempts.get(number)) {
            return Err(limit.refuse(self.rates.rate(*limit), Duration::from_micros(wait_micros)));
        }
        let quotas = attempts.iter().zip(left).map(|(attempt, left)| self.rates.rate(attempt.limit).quota(left));
        Ok(quotas.collect())
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
