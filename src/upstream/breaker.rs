//! A provider that keeps failing rests for a while, so that nobody waits for it while another could answer.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Provider, ProviderError};
use crate::error::{AppError, AppResult};
use crate::i18n::{Text, fill};

/// So many failures in a row, and it rests.
const FAILURES: u32 = 5;
/// So long it rests; then one request tries it again.
const REST: Duration = Duration::from_secs(30);

/// Whether a provider is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    Closed = 0,
    /// It has rested: the next request tries it.
    HalfOpen = 1,
    /// It rests.
    Open = 2,
}

impl BreakerState {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half-open",
            Self::Open => "open",
        }
    }
}

/// A provider with its breaker.
pub struct Guarded<P: ?Sized> {
    provider: Arc<P>,
    breaker: Breaker,
}

impl<P: Provider + ?Sized> Guarded<P> {
    #[must_use]
    pub fn new(provider: Arc<P>) -> Self {
        Self { provider, breaker: Breaker::default() }
    }

    /// Whether it may be asked now. While it rests, that is one request in a while.
    #[must_use]
    pub fn may_be_asked(&self) -> bool {
        self.breaker.lets_through(Instant::now())
    }

    /// It gave something.
    pub fn answered(&self) {
        self.breaker.succeeded();
    }

    /// It did not answer, or not to the end. That it does not like one request says nothing about the next.
    pub fn failed(&self, error: &ProviderError) {
        if is_failure(error) {
            self.breaker.failed(Instant::now());
        }
    }

    /// Lets it rest at once after this error; `false` where that says nothing about the next request.
    pub fn rest_after(&self, error: &ProviderError) -> bool {
        if is_failure(error) {
            self.breaker.open(Instant::now());
        }
        is_failure(error)
    }

    /// Whether it is asked.
    #[must_use]
    pub fn breaker_state(&self) -> BreakerState {
        match self.breaker.rest(Instant::now()) {
            None => BreakerState::Closed,
            Some(Duration::ZERO) => BreakerState::HalfOpen,
            Some(_) => BreakerState::Open,
        }
    }

    /// Why it will not answer now, for people; `None` when it will, as far as it knows.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        let rest = || {
            let seconds = self.breaker.rest(Instant::now())?.as_secs() + 1;
            Some(fill(Text::ProviderResting, &[("name", self.provider.name()), ("seconds", &seconds.to_string())]))
        };
        self.provider.problem().or_else(rest)
    }
}

/// Those that may be asked now; all of them if nobody may: then asking is as good as giving up.
#[must_use]
pub fn leave_out_resting<P: Provider + ?Sized>(order: Vec<Arc<Guarded<P>>>) -> Vec<Arc<Guarded<P>>> {
    let awake: Vec<_> = order.iter().filter(|provider| provider.may_be_asked()).cloned().collect();
    if awake.is_empty() { order } else { awake }
}

/// The picked provider first, then the others in their order: whoever can answers.
///
/// # Errors
/// [`AppError::InvalidInput`] naming `provider`.
pub fn choose_order<P: Provider + ?Sized>(
    all: &[Arc<Guarded<P>>],
    picked: Option<&str>,
) -> AppResult<Vec<Arc<Guarded<P>>>> {
    let mut order = all.to_vec();
    if let Some(name) = picked {
        let position = order
            .iter()
            .position(|provider| provider.name() == name)
            .ok_or_else(|| AppError::invalid("provider", format!("There is no provider {name:?} here.")))?;
        let first = order.remove(position);
        order.insert(0, first);
    }
    Ok(order)
}

const fn is_failure(error: &ProviderError) -> bool {
    !matches!(error, ProviderError::Rejected(_) | ProviderError::Blocked(_))
}

impl<P: ?Sized> Deref for Guarded<P> {
    type Target = P;

    fn deref(&self) -> &P {
        self.provider.as_ref()
    }
}

#[derive(Default)]
struct Breaker(Mutex<Health>);

#[derive(Default)]
struct Health {
    /// In a row.
    failures: u32,
    /// It rests until then.
    next_try: Option<Instant>,
}

impl Breaker {
    fn lock(&self) -> MutexGuard<'_, Health> {
        // Two numbers: nothing in them can be half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lets_through(&self, now: Instant) -> bool {
        let mut health = self.lock();
        match health.next_try {
            None => true,
            Some(at) if at > now => false,
            Some(_) => {
                // The others wait for what comes of this one.
                health.next_try = Some(now + REST);
                true
            }
        }
    }

    fn succeeded(&self) {
        *self.lock() = Health::default();
    }

    fn failed(&self, now: Instant) {
        let mut health = self.lock();
        health.failures += 1;
        if health.failures >= FAILURES {
            health.next_try = Some(now + REST);
        }
    }

    fn open(&self, now: Instant) {
        self.lock().next_try = Some(now + REST);
    }

    fn rest(&self, now: Instant) -> Option<Duration> {
        self.lock().next_try.map(|at| at.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rests_after_failures_in_a_row_and_is_tried_by_one() {
        let breaker = Breaker::default();
        let start = Instant::now();
        for _ in 1..FAILURES {
            breaker.failed(start);
        }
        assert!(breaker.lets_through(start));
        breaker.failed(start);
        assert!(!breaker.lets_through(start + REST / 2));
        let later = start + REST;
        assert!(breaker.lets_through(later), "one tries");
        assert!(!breaker.lets_through(later), "the others wait");
        breaker.failed(later);
        assert!(!breaker.lets_through(later + REST / 2), "it failed again");
        breaker.succeeded();
        assert!(breaker.lets_through(later));
        assert_eq!(breaker.rest(later), None);
    }
}
