//! How often somebody is asked a second time: for a tenth of the requests, and some more, so that little traffic always may.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// What a retry takes. A millisecond gives 1, so time alone gives a retry in two seconds.
const RETRY: u64 = 2000;
/// What a request gives.
const REQUEST: u64 = RETRY / 10;
/// What can be saved up: thirty retries.
const MOST: u64 = 30 * RETRY;

/// Earned by requests and by time, spent by retries.
pub struct RetryBudget(Mutex<Savings>);

struct Savings {
    amount: u64,
    /// Time has given until then.
    until: Instant,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self(Mutex::new(Savings { amount: MOST, until: Instant::now() }))
    }
}

impl RetryBudget {
    /// A request begins.
    pub fn earn(&self) {
        self.change(Instant::now(), |amount| Some(amount + REQUEST));
    }

    /// Whether one more retry is within the budget; then it is spent.
    #[must_use]
    pub fn spend(&self) -> bool {
        self.change(Instant::now(), |amount| amount.checked_sub(RETRY))
    }

    /// What was spent was well spent.
    pub fn give_back(&self) {
        self.change(Instant::now(), |amount| Some(amount + RETRY));
    }

    /// Whether one more retry would be within the budget. For what takes nothing from it: a request that was refused says nothing
    /// about the provider, and must not take the retries of others.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.change(Instant::now(), |amount| (amount >= RETRY).then_some(amount))
    }

    fn change(&self, now: Instant, change: impl FnOnce(u64) -> Option<u64>) -> bool {
        // Two numbers: nothing in them can be half done.
        let mut savings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = u64::try_from(now.saturating_duration_since(savings.until).as_millis()).unwrap_or(MOST);
        if passed > 0 {
            savings.until = now;
        }
        let amount = (savings.amount + passed.min(MOST)).min(MOST);
        let changed = change(amount);
        savings.amount = changed.unwrap_or(amount).min(MOST);
        changed.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn retries_are_a_tenth_of_the_requests_and_little_traffic_has_enough() {
        let budget = RetryBudget::default();
        let start = Instant::now();
        let spend = |now| budget.change(now, |amount| amount.checked_sub(RETRY));
        assert_eq!((0..100).filter(|_| spend(start)).count(), 30);
        let mut retries = 0;
        for _ in 0..1000 {
            budget.change(start, |amount| Some(amount + REQUEST));
            retries += usize::from(spend(start));
        }
        assert_eq!(retries, 100);
        assert!(!spend(start + Duration::from_millis(1900)));
        assert!(spend(start + Duration::from_secs(2)), "one in two seconds, whatever the traffic");
        assert_eq!((0..100).filter(|_| spend(start + Duration::from_hours(1))).count(), 30, "not saved up for ever");
    }
}
