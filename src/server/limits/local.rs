//! [`RateLimiter`] in this process.

use std::num::NonZeroU32;

use async_trait::async_trait;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::{DefaultKeyedRateLimiter, RateLimiter as Governor};

use super::{Limit, Quota, RateLimiter, refuse};
use crate::error::AppResult;

type Keyed = DefaultKeyedRateLimiter<String, StateInformationMiddleware>;

/// Counts in memory: per server, and forgotten at its end.
pub struct LocalRateLimiter {
    register: Keyed,
    login_address: Keyed,
    login_email: Keyed,
    spend: Keyed,
    per_minute: u32,
    clock: DefaultClock,
}

impl LocalRateLimiter {
    /// With `per_minute` of `RATE_LIMIT_PER_MINUTE`; see [`Limit::per_minute`].
    #[must_use]
    pub fn new(per_minute: u32) -> Self {
        let keyed = |limit: Limit| {
            let count = NonZeroU32::new(limit.per_minute(per_minute)).unwrap_or(NonZeroU32::MIN);
            Governor::keyed(governor::Quota::per_minute(count)).with_middleware()
        };
        Self {
            register: keyed(Limit::Register),
            login_address: keyed(Limit::LoginAddress),
            login_email: keyed(Limit::LoginEmail),
            spend: keyed(Limit::Spend),
            per_minute,
            clock: DefaultClock::default(),
        }
    }

    const fn limiter(&self, limit: Limit) -> &Keyed {
        match limit {
            Limit::Register => &self.register,
            Limit::LoginAddress => &self.login_address,
            Limit::LoginEmail => &self.login_email,
            Limit::Spend => &self.spend,
        }
    }

    /// [`RateLimiter::check`], which needs to wait for nothing here.
    pub(super) fn count(&self, limit: Limit, key: &str) -> AppResult<Quota> {
        let count = limit.per_minute(self.per_minute);
        match self.limiter(limit).check_key(&key.to_owned()) {
            Ok(state) => Ok(Quota::new(count, state.remaining_burst_capacity())),
            Err(refused) => Err(refuse(count, refused.wait_time_from(self.clock.now()).as_millis())),
        }
    }
}

#[async_trait]
impl RateLimiter for LocalRateLimiter {
    async fn check(&self, limit: Limit, key: &str) -> AppResult<Quota> {
        self.count(limit, key)
    }

    fn forget_idle(&self) {
        for limiter in [&self.register, &self.login_address, &self.login_email, &self.spend] {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}
