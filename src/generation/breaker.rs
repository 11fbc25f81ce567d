//! A provider that keeps failing rests for a while, so that nobody waits for it while another could answer.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::ProviderError;
use crate::i18n::{Text, fill};

/// Somebody outside, or a part of this program, that makes what users pay for.
pub trait Provider: Send + Sync {
    /// `openai`, `local`, `replicate` …
    fn name(&self) -> &'static str;
    /// The model that works where the request names none.
    fn model(&self) -> String;
    /// Whether asking it costs the operator nothing.
    fn is_free(&self) -> bool {
        false
    }
    /// Why it cannot work now, for people; `None` when it can, as far as it knows.
    fn problem(&self) -> Option<String> {
        None
    }
}

/// So many failures in a row, and it rests.
const FAILURES: u32 = 5;
/// So many requests in a row that it does not take, and operators are told. It does not rest: what somebody asks may be the reason.
const REFUSALS: u32 = 5;
/// So long it rests; then one request tries it again.
const REST: Duration = Duration::from_secs(30);
/// So long it rests after it has broken off once: nobody can go on with what is lost, so the next is not risked at once.
const PAUSE: Duration = Duration::from_secs(10);

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
    /// Shared by all models of a provider.
    breaker: Arc<Breaker>,
}

impl<P: Provider + ?Sized> Guarded<P> {
    #[must_use]
    pub fn new(provider: Arc<P>) -> Self {
        Self { provider, breaker: Arc::default() }
    }

    /// Another model of the same provider, which is as well as this one.
    #[must_use]
    pub fn beside(&self, provider: Arc<P>) -> Self {
        Self { provider, breaker: self.breaker.clone() }
    }

    #[must_use]
    pub fn provider(&self) -> &P {
        &self.provider
    }

    /// The right to ask it now, unless it rests or somebody else tries it out.
    #[must_use]
    pub fn claim(self: &Arc<Self>) -> Option<Permit<P>> {
        let probe = match self.breaker.claim(Instant::now())? {
            Claim::Closed => None,
            Claim::Probe(until) => Some(until),
        };
        Some(Permit { provider: self.clone(), probe })
    }

    /// The right to ask it while somebody else tries it out: for who has nobody else to ask.
    #[must_use]
    pub fn claim_beside(self: &Arc<Self>) -> Option<Permit<P>> {
        self.breaker.is_tried(Instant::now()).then(|| Permit { provider: self.clone(), probe: None })
    }

    /// The right to ask it although it rests.
    #[must_use]
    pub fn claim_anyway(self: &Arc<Self>) -> Permit<P> {
        self.claim().unwrap_or_else(|| Permit { provider: self.clone(), probe: None })
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

    /// That it takes no request any more, for operators; `None` where it does.
    #[must_use]
    pub fn refuses(&self) -> Option<String> {
        let count = self.breaker.lock().refusals;
        let told = [("name", self.provider.name()), ("count", &count.to_string())];
        (count >= REFUSALS).then(|| fill(Text::ProviderRefusing, &told))
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

/// The right to ask a provider. Dropped before it is known how the provider is, the next request may try it out.
pub struct Permit<P: ?Sized> {
    provider: Arc<Guarded<P>>,
    /// It tries out a provider that has rested; until then, the others wait for what comes of it.
    probe: Option<Instant>,
}

impl<P: ?Sized> Permit<P> {
    #[must_use]
    pub const fn provider(&self) -> &Arc<Guarded<P>> {
        &self.provider
    }

    /// It gave all that was asked for.
    pub fn answered(&mut self) {
        self.probe = None;
        self.provider.breaker.succeeded();
    }

    /// It did not answer, or not to the end. That it does not like one request says nothing about the next.
    pub fn failed(&mut self, error: &ProviderError) {
        if error.is_failure() {
            let is_probe = self.probe.take().is_some();
            self.provider.breaker.failed(Instant::now(), is_probe);
        } else if matches!(error, ProviderError::Rejected(_)) {
            self.provider.breaker.refused();
        }
    }

    /// It broke off, which costs somebody an answer, as nobody else may go on with it. Who has given a whole one since it last rested
    /// only pauses.
    pub fn broke_off(&mut self, error: &ProviderError) {
        if error.is_failure() {
            let is_probe = self.probe.take().is_some();
            self.provider.breaker.broke_off(Instant::now(), is_probe);
        }
    }

    /// Lets it rest at once, after an error that says something about the next request.
    pub fn rest(&mut self) {
        self.probe = None;
        self.provider.breaker.open(Instant::now());
    }
}

impl<P: ?Sized> Drop for Permit<P> {
    fn drop(&mut self) {
        if let Some(until) = self.probe {
            self.provider.breaker.release(until, Instant::now());
        }
    }
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
    /// Requests in a row that it did not take.
    refusals: u32,
    /// It has given something whole since it last rested.
    is_proven: bool,
    /// It rests until then.
    next_try: Option<Instant>,
    /// Somebody tries it out, and says how it is before then.
    probe: Option<Instant>,
}

/// What a request that is let through is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// One of many.
    Closed,
    /// The one that tries it out, unless it says nothing until then.
    Probe(Instant),
}

impl Breaker {
    fn lock(&self) -> MutexGuard<'_, Health> {
        // Some numbers: nothing in them can be half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn claim(&self, now: Instant) -> Option<Claim> {
        let mut health = self.lock();
        match health.next_try {
            None => Some(Claim::Closed),
            Some(at) if at > now => None,
            Some(_) => {
                // The others wait for what comes of this one, but not for ever.
                health.next_try = Some(now + REST);
                health.probe = health.next_try;
                Some(Claim::Probe(now + REST))
            }
        }
    }

    /// Nothing came of the probe that was claimed until then.
    fn release(&self, until: Instant, now: Instant) {
        let mut health = self.lock();
        if health.probe == Some(until) {
            *health = Health { next_try: Some(now), probe: None, ..*health };
        }
    }

    fn is_tried(&self, now: Instant) -> bool {
        self.lock().probe.is_some_and(|until| until > now)
    }

    fn succeeded(&self) {
        *self.lock() = Health { is_proven: true, ..Health::default() };
    }

    fn refused(&self) {
        let mut health = self.lock();
        health.refusals = health.refusals.saturating_add(1);
    }

    fn failed(&self, now: Instant, is_probe: bool) {
        let mut health = self.lock();
        health.failures += 1;
        if health.failures >= FAILURES || is_probe {
            health.next_try = Some(now + REST);
            health.probe = None;
            health.is_proven = false;
        }
    }

    fn broke_off(&self, now: Instant, is_probe: bool) {
        let mut health = self.lock();
        health.failures += 1;
        let only_pauses = health.is_proven && !is_probe && health.failures < FAILURES;
        // Answers that broke off side by side say no more than one of them, and what rests already does not rest shorter for it.
        let until = now + if only_pauses { PAUSE } else { REST };
        health.next_try = health.next_try.max(Some(until));
        health.probe = None;
        health.is_proven &= only_pauses;
    }

    fn open(&self, now: Instant) {
        let mut health = self.lock();
        health.next_try = Some(now + REST);
        health.probe = None;
        health.is_proven = false;
    }

    fn rest(&self, now: Instant) -> Option<Duration> {
        self.lock().next_try.map(|at| at.saturating_duration_since(now))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    impl Breaker {
        fn lets_through(&self, now: Instant) -> bool {
            self.claim(now).is_some()
        }
    }

    /// A provider that does nothing.
    struct Idle(&'static str);

    impl Provider for Idle {
        fn name(&self) -> &'static str {
            self.0
        }

        fn model(&self) -> String {
            "m".to_owned()
        }
    }

    /// A provider that is well.
    pub fn well(name: &'static str) -> Arc<Guarded<dyn Provider>> {
        Arc::new(Guarded::new(Arc::new(Idle(name))))
    }

    /// A provider that has failed and may be tried again.
    pub fn rested(name: &'static str) -> Arc<Guarded<dyn Provider>> {
        let provider = well(name);
        provider.breaker.open(Instant::now().checked_sub(REST).unwrap());
        provider
    }

    /// A provider that rests.
    pub fn resting(name: &'static str) -> Arc<Guarded<dyn Provider>> {
        let provider = well(name);
        provider.breaker.open(Instant::now());
        provider
    }

    #[test]
    fn it_rests_after_failures_in_a_row_and_is_tried_by_one() {
        let breaker = Breaker::default();
        let start = Instant::now();
        for _ in 1..FAILURES {
            breaker.failed(start, false);
        }
        assert!(breaker.lets_through(start));
        breaker.failed(start, false);
        assert!(!breaker.lets_through(start + REST / 2));
        let later = start + REST;
        assert!(breaker.lets_through(later), "one tries");
        assert!(!breaker.lets_through(later), "the others wait");
        breaker.failed(later, true);
        assert!(!breaker.lets_through(later + REST / 2), "it failed again");
        breaker.succeeded();
        assert!(breaker.lets_through(later));
        assert_eq!(breaker.rest(later), None);
    }

    #[test]
    fn a_probe_that_says_nothing_holds_the_others_up_for_one_rest_at_most() {
        let breaker = Breaker::default();
        let start = Instant::now();
        breaker.open(start);
        let tried = start + REST;
        let Some(Claim::Probe(until)) = breaker.claim(tried) else { panic!("it has rested") };
        assert_eq!(breaker.claim(tried + REST / 2), None);
        assert!(matches!(breaker.claim(tried + REST), Some(Claim::Probe(_))), "it is taken for lost");
        breaker.release(until, tried + REST);
        assert_eq!(breaker.claim(tried + REST), None, "the second is not ended by the first");
    }

    #[test]
    fn a_probe_without_a_verdict_is_free_at_once_and_one_with_a_verdict_is_done() {
        let provider = rested("a");
        let mut permit = provider.claim().unwrap();
        assert!(provider.claim().is_none(), "one at a time");
        permit.failed(&ProviderError::Blocked("no".to_owned()));
        permit.failed(&ProviderError::Rejected("no".to_owned()));
        permit.failed(&ProviderError::Empty { by: None, is_spent: false });
        drop(permit);
        assert_eq!(provider.breaker_state(), BreakerState::HalfOpen, "it neither answered nor failed");
        provider.claim().unwrap().failed(&ProviderError::Timeout);
        assert_eq!(provider.breaker_state(), BreakerState::Open, "once is enough");
        let provider = rested("a");
        provider.claim().unwrap().answered();
        assert_eq!(provider.breaker_state(), BreakerState::Closed);
    }

    #[test]
    fn who_breaks_off_before_it_has_given_a_whole_answer_rests_at_once() {
        let cut = ProviderError::Malformed("cut".to_owned());
        let provider = well("a");
        provider.claim().unwrap().broke_off(&cut);
        assert_eq!(provider.breaker_state(), BreakerState::Open);
    }

    #[test]
    fn who_breaks_off_after_whole_answers_pauses_and_is_tried_again() {
        let breaker = Breaker::default();
        let start = Instant::now();
        breaker.succeeded();
        breaker.broke_off(start, false);
        assert_eq!(breaker.claim(start), None, "the next answer is not risked");
        let tried = start + PAUSE;
        assert!(matches!(breaker.claim(tried), Some(Claim::Probe(_))));
        breaker.broke_off(tried, true);
        assert!(!breaker.lets_through(tried + PAUSE), "twice is no accident");
        assert!(breaker.lets_through(tried + REST));
        breaker.succeeded();
        assert!(breaker.lets_through(tried + REST));
        for _ in 0..FAILURES {
            breaker.broke_off(start, false);
        }
        assert!(!breaker.lets_through(start + PAUSE), "as with any failures in a row");
    }

    #[test]
    fn who_takes_no_request_is_told_of_and_does_not_rest() {
        let provider = well("a");
        for count in 1..=REFUSALS {
            assert_eq!(provider.refuses(), None, "{count}");
            provider.claim().unwrap().failed(&ProviderError::Rejected("no".to_owned()));
        }
        assert!(provider.refuses().is_some_and(|told| told.contains('5')));
        assert_eq!((provider.breaker_state(), provider.trouble()), (BreakerState::Closed, None));
        provider.claim().unwrap().answered();
        assert_eq!(provider.refuses(), None);
    }
}
