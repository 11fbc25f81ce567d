//! Which providers one piece of work may ask, one after the other.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::breaker::Permit;
use super::{BreakerState, Generation, Guarded, Provider, ProviderError};
use crate::credits::server::store::WorkKind;
use crate::platform::error::{AppError, AppResult};

/// The providers that one piece of work may ask, and the one that is asked now. What has rested is tried out only when it is asked.
pub struct Route<P: ?Sized> {
    generation: Generation,
    kind: WorkKind,
    /// The first is the one that is wanted.
    order: Vec<Arc<Guarded<P>>>,
    /// Index of the one that is asked.
    at: usize,
    permit: Permit<P>,
    /// None may be asked. Then asking is as good as giving up, so all of them are.
    is_last_resort: bool,
    /// Until when somebody has to have answered.
    deadline: Instant,
    /// It is not like the requests of others: how a provider fails at it says nothing of those.
    is_special: bool,
}

/// From whom to whom the work goes after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fallback {
    pub from: &'static str,
    pub to: &'static str,
}

/// The picked provider first, then the others in their order: the first that can answers.
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

impl Generation {
    /// A route over these providers that begins with the first that may be asked.
    ///
    /// # Errors
    /// [`AppError::Unavailable`] without providers.
    pub fn plan<P: Provider + ?Sized>(&self, kind: WorkKind, order: Vec<Arc<Guarded<P>>>) -> AppResult<Route<P>> {
        let awake = order.iter().enumerate().find_map(|(at, provider)| Some((at, provider.claim()?)));
        let is_last_resort = awake.is_none();
        let (at, permit) = match awake {
            Some(awake) => awake,
            None => (0, order.first().ok_or(AppError::Unavailable)?.claim_anyway()),
        };
        Ok(Route {
            generation: self.clone(),
            kind,
            order,
            at,
            permit,
            is_last_resort,
            deadline: Instant::now(),
            is_special: false,
        })
    }
}

impl<P: Provider + ?Sized> Route<P> {
    /// The work begins, and somebody has to answer within this time.
    pub fn begin(&mut self, time: Duration) {
        self.deadline = Instant::now() + time;
        self.generation.retries.earn();
    }

    /// The request has something that others do not have and that a provider may fail at: images, fields that are passed on.
    pub const fn mark_special(&mut self) {
        self.is_special = true;
    }

    /// Who is asked next has this time, though it is late: the one before was at work.
    pub fn prolong(&mut self, time: Duration) {
        self.deadline = Instant::now() + time;
    }

    /// The provider that [`Generation::plan`] is going to begin with, as far as one can know before.
    #[must_use]
    pub fn forecast(order: &[Arc<Guarded<P>>]) -> Option<&Arc<Guarded<P>>> {
        order.iter().find(|provider| provider.breaker_state() != BreakerState::Open).or_else(|| order.first())
    }

    /// Who is asked now.
    #[must_use]
    pub const fn provider(&self) -> &Arc<Guarded<P>> {
        self.permit.provider()
    }

    /// The provider that was wanted and is not the one that is asked.
    #[must_use]
    pub fn fallback_from(&self) -> Option<&'static str> {
        (self.at > 0).then(|| self.order[0].name())
    }

    /// Its share of the time that is left: the others that may be asked get as much.
    #[must_use]
    pub fn share(&self) -> Duration {
        let may_be_asked =
            |provider: &&Arc<Guarded<P>>| self.is_last_resort || provider.breaker_state() != BreakerState::Open;
        let others = self.order[self.at + 1..].iter().filter(may_be_asked).count();
        self.deadline.saturating_duration_since(Instant::now()) / u32::try_from(1 + others).unwrap_or(1)
    }

    /// The provider gave all that was asked for.
    pub fn answered(&mut self) {
        self.permit.answered();
    }

    /// The provider did not answer.
    pub fn failed(&mut self, error: &ProviderError) {
        if !self.is_special {
            self.permit.failed(error);
        }
    }

    /// The provider did not answer to the end.
    pub fn broke_off(&mut self, error: &ProviderError) {
        if !self.is_special {
            self.permit.broke_off(error);
        }
    }

    /// Goes on to the next provider after this one failed, if there is one that may be asked. Over the budget of retries,
    /// a provider that fails rests at once: those who come ask the next one first, and only those who are here already are taken
    /// further, to one that is well. What was refused takes nothing from the budget, and goes on only while there is some.
    pub fn next(&mut self, error: &ProviderError) -> Option<Fallback> {
        let from = self.provider().name();
        let (at, permit, is_well) = self.claim_next()?;
        let may = if self.is_special || !error.is_failure() {
            self.generation.retries.has_room()
        } else if self.generation.retries.spend() {
            true
        } else {
            self.permit.rest();
            is_well
        };
        self.generation.metrics.fell_back(self.kind, may);
        if !may {
            return None;
        }
        self.at = at;
        self.permit = permit;
        Some(Fallback { from, to: self.provider().name() })
    }

    /// The next that may be asked, and whether it is known to be well.
    fn claim_next(&self) -> Option<(usize, Permit<P>, bool)> {
        let rest = || (self.at + 1..self.order.len()).map(|at| (at, &self.order[at]));
        if self.is_last_resort {
            return rest().next().map(|(at, provider)| (at, provider.claim_anyway(), false));
        }
        let awake = |(at, provider): (usize, &Arc<Guarded<P>>)| {
            let is_well = provider.breaker_state() == BreakerState::Closed;
            Some((at, provider.claim()?, is_well))
        };
        // Without this, all who come while one tries it out would be lost.
        let tried = |(at, provider): (usize, &Arc<Guarded<P>>)| Some((at, provider.claim_beside()?, false));
        rest().find_map(awake).or_else(|| rest().find_map(tried))
    }
}

#[cfg(test)]
mod tests {
    use super::super::breaker::tests::{rested, resting, well};
    use super::super::tests::generation;
    use super::*;

    type Idle = Arc<Guarded<dyn Provider>>;

    fn gone() -> ProviderError {
        ProviderError::Unavailable("gone".to_owned())
    }

    fn plan(generation: &Generation, order: &[&Idle]) -> Route<dyn Provider> {
        generation.plan(WorkKind::Chat, order.iter().map(|provider| (*provider).clone()).collect()).unwrap()
    }

    const fn fallback(from: &'static str, to: &'static str) -> Option<Fallback> {
        Some(Fallback { from, to })
    }

    #[tokio::test]
    async fn a_fallback_that_has_rested_is_tried_when_it_is_asked_and_not_before() {
        let generation = generation();
        let (first, second) = (well("a"), rested("b"));
        for _ in 0..3 {
            plan(&generation, &[&first, &second]).answered();
        }
        assert_eq!(second.breaker_state(), BreakerState::HalfOpen, "nobody has asked it");
        let mut route = plan(&generation, &[&first, &second]);
        route.failed(&gone());
        assert_eq!(route.next(&gone()), fallback("a", "b"));
        assert_eq!(route.fallback_from(), Some("a"));
        route.answered();
        assert_eq!(second.breaker_state(), BreakerState::Closed, "it is well again");
    }

    #[tokio::test]
    async fn who_rests_is_left_out_unless_all_of_them_do() {
        let generation = generation();
        let (first, second, third) = (resting("a"), well("b"), resting("c"));
        let mut route = plan(&generation, &[&first, &second, &third]);
        assert_eq!((route.provider().name(), route.fallback_from()), ("b", Some("a")));
        route.failed(&gone());
        assert_eq!(route.next(&gone()), None);

        let mut route = plan(&generation, &[&first, &third]);
        assert_eq!((route.provider().name(), route.fallback_from()), ("a", None));
        assert_eq!(route.next(&gone()), fallback("a", "c"));
        assert_eq!(route.next(&gone()), None);
        assert!(generation.plan::<dyn Provider>(WorkKind::Chat, Vec::new()).is_err());
    }

    #[tokio::test]
    async fn work_that_is_dropped_lets_the_next_try() {
        let generation = generation();
        let (first, second) = (rested("a"), well("b"));
        let route = plan(&generation, &[&first, &second]);
        let beside = plan(&generation, &[&first, &second]);
        assert_eq!((route.provider().name(), beside.provider().name()), ("a", "b"));
        drop(route);
        assert_eq!(first.breaker_state(), BreakerState::HalfOpen);
    }

    #[tokio::test]
    async fn who_has_nobody_else_joins_the_one_that_tries() {
        let generation = generation();
        let (first, second) = (well("a"), rested("b"));
        let (mut one, mut two) = (plan(&generation, &[&first, &second]), plan(&generation, &[&first, &second]));
        assert_eq!(one.next(&gone()), fallback("a", "b"));
        assert_eq!(two.next(&gone()), fallback("a", "b"));
        two.failed(&gone());
        one.answered();
        assert_eq!(second.breaker_state(), BreakerState::Closed, "the one that tries says how it is");
    }

    #[tokio::test]
    async fn over_the_budget_only_one_that_is_well_is_asked() {
        let generation = generation();
        while generation.retries.spend() {}
        let (first, second) = (well("a"), rested("b"));
        let mut route = plan(&generation, &[&first, &second]);
        assert_eq!(route.next(&gone()), None);
        assert_eq!(first.breaker_state(), BreakerState::Open);
        assert_eq!(second.breaker_state(), BreakerState::HalfOpen, "it was not asked");
        let mut route = plan(&generation, &[&well("a"), &well("b")]);
        assert_eq!(route.next(&ProviderError::Blocked("no".to_owned())), None);
        assert_eq!(route.next(&gone()), fallback("a", "b"));
    }

    #[tokio::test]
    async fn what_was_refused_takes_nothing_from_the_budget() {
        let generation = generation();
        let refusals = [
            ProviderError::Blocked("no".to_owned()),
            ProviderError::Rejected("no".to_owned()),
            ProviderError::Empty { by: None, is_spent: false },
        ];
        for refused in refusals.iter().cycle().take(100) {
            let mut route = plan(&generation, &[&well("a"), &well("b")]);
            assert_eq!(route.next(refused), fallback("a", "b"));
        }
        let left = (0..100).filter(|_| generation.retries.spend()).count();
        assert!(left >= 30, "{left}");
    }

    #[tokio::test]
    async fn the_time_is_shared_among_those_that_may_be_asked() {
        let generation = generation();
        let mut route = plan(&generation, &[&well("a"), &resting("b"), &well("c")]);
        route.begin(Duration::from_secs(20));
        let share = route.share();
        assert!(share <= Duration::from_secs(10) && share > Duration::from_secs(9), "{share:?}");
    }

    #[tokio::test]
    async fn failures_at_what_is_special_neither_make_rest_nor_take_from_the_budget() {
        let generation = generation();
        let (first, second) = (well("a"), well("b"));
        for _ in 0..100 {
            let mut route = plan(&generation, &[&first, &second]);
            route.mark_special();
            route.failed(&gone());
            assert_eq!(route.next(&gone()), fallback("a", "b"));
        }
        assert_eq!(first.breaker_state(), BreakerState::Closed);
        assert!((0..100).filter(|_| generation.retries.spend()).count() >= 30);
    }
}
