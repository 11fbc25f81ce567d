//! [`RateLimiter`] in this process.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::{Attempt, Quota, Rate, RateLimiter, Rates};
use crate::platform::error::AppResult;

/// Counts in memory: per server, and forgotten at its end.
pub struct LocalRateLimiter {
    rates: Rates,
    started: Instant,
    /// By limit and subject: when all of it is there again, in microseconds since the start. As `gcra.lua` keeps it.
    full_at: Mutex<HashMap<(&'static str, String), u64>>,
}

impl LocalRateLimiter {
    #[must_use]
    pub fn new(rates: Rates) -> Self {
        Self { rates, started: Instant::now(), full_at: Mutex::default() }
    }

    /// [`RateLimiter::check_all`], which needs to wait for nothing here.
    pub(super) fn count(&self, attempts: &[Attempt]) -> AppResult<Vec<Quota>> {
        let mut all = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        // After the wait for the lock, so that time never goes back.
        let now = self.now();
        let count_one = |attempt: &Attempt| {
            let Attempt { limit, subject, counts } = attempt;
            let rate = self.rates.rate(*limit);
            let entry = all.entry((limit.name(), subject.clone()));
            let before = match &entry {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(_) => now,
            };
            let (full_at, remaining) =
                take(rate, now, before).map_err(|wait| limit.refuse(rate, Duration::from_micros(wait)))?;
            if *counts {
                entry.insert_entry(full_at);
                return Ok(rate.quota(remaining));
            }
            Ok(rate.quota(remaining + 1))
        };
        attempts.iter().map(count_one).collect()
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// When all of the limit is there again after one more, and how many are left then; or how long to wait.
fn take(rate: Rate, now: u64, full_at: u64) -> Result<(u64, u32), u64> {
    let count = u64::from(rate.count.max(1));
    let interval = (rate.period_micros() / count).max(1);
    let burst = interval * count;
    // Never further away than a whole burst, should the limit be changed (an API key's may be).
    let full_at = full_at.clamp(now, now + burst) + interval;
    let used = full_at - now;
    if used > burst {
        return Err(used - burst);
    }
    Ok((full_at, u32::try_from((burst - used) / interval).unwrap_or(u32::MAX)))
}

#[async_trait]
impl RateLimiter for LocalRateLimiter {
    async fn check_all(&self, attempts: &[Attempt]) -> AppResult<Vec<Quota>> {
        self.count(attempts)
    }

    fn forget_idle(&self) {
        let now = self.now();
        let mut all = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, full_at| *full_at > now);
        all.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::super::Limit;
    use super::*;

    #[test]
    fn who_was_quiet_long_enough_is_forgotten() {
        let limiter = LocalRateLimiter::new(Rates::of(1_000_000));
        limiter.count(&[Attempt::of(Limit::Spend, "a"), Attempt::of(Limit::FreeStop, "a")]).unwrap();
        // A thousandth of a second brings the first back; nothing is kept for who only looks.
        std::thread::sleep(Duration::from_millis(1));
        limiter.count(&[Attempt::look(Limit::Spend, "b")]).unwrap();
        limiter.forget_idle();
        let kept: Vec<_> = limiter.full_at.lock().unwrap().keys().map(|(limit, _)| *limit).collect();
        assert_eq!(kept, ["free-stop"]);
    }
}
