//! [`RateLimiter`] in this process.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::{DefaultKeyedRateLimiter, RateLimiter as Governor};

use super::{Limit, Quota, RateLimiter, refuse};
use crate::platform::error::AppResult;

type Keyed = DefaultKeyedRateLimiter<String, StateInformationMiddleware>;

fn keyed(per_minute: u32) -> Keyed {
    let count = NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN);
    Governor::keyed(governor::Quota::per_minute(count)).with_middleware()
}

/// Counts in memory: per server, and forgotten at its end.
pub struct LocalRateLimiter {
    register: Keyed,
    login_address: Keyed,
    login_email: Keyed,
    spend: Keyed,
    /// One for each limit that has a number of its own, by its name and that number.
    own: Mutex<HashMap<(&'static str, u32), Arc<Keyed>>>,
    per_minute: u32,
    clock: DefaultClock,
}

impl LocalRateLimiter {
    /// With `per_minute` of `RATE_LIMIT_PER_MINUTE`; see `Limit::per_minute`.
    #[must_use]
    pub fn new(per_minute: u32) -> Self {
        let keyed = |limit: Limit| keyed(limit.per_minute(per_minute));
        Self {
            register: keyed(Limit::Register),
            login_address: keyed(Limit::LoginAddress),
            login_email: keyed(Limit::LoginEmail),
            spend: keyed(Limit::Spend),
            own: Mutex::default(),
            per_minute,
            clock: DefaultClock::default(),
        }
    }

    fn of_its_own(&self, limit: Limit, per_minute: u32) -> Arc<Keyed> {
        let mut limiters = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        limiters.entry((limit.name(), per_minute)).or_insert_with(|| Arc::new(keyed(per_minute))).clone()
    }

    /// [`RateLimiter::check`], which needs to wait for nothing here.
    pub(super) fn count(&self, limit: Limit, key: &str) -> AppResult<Quota> {
        let count = limit.per_minute(self.per_minute);
        let key = key.to_owned();
        let checked = match limit {
            Limit::Register => self.register.check_key(&key),
            Limit::LoginAddress => self.login_address.check_key(&key),
            Limit::LoginEmail => self.login_email.check_key(&key),
            Limit::Spend => self.spend.check_key(&key),
            Limit::ApiKey(_) | Limit::Read(_) => self.of_its_own(limit, count).check_key(&key),
        };
        match checked {
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
        self.own.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, limiter| {
            limiter.retain_recent();
            !limiter.is_empty()
        });
    }
}
