//! Whom one piece of work may ask, one provider after the other.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::breaker::Permit;
use super::{BreakerState, Guarded, Provider, ProviderError, RetryBudget};
use crate::platform::error::{AppError, AppResult};

/// The providers of one piece of work, and the one that is asked now. What has rested is tried out only when it is asked.
pub struct Route<P: ?Sized> {
    /// The first is the one that is wanted.
    order: Vec<Arc<Guarded<P>>>,
    /// Index of the one that is asked.
    at: usize,
    permit: Permit<P>,
    /// None may be asked. Then asking is as good as giving up, so all of them are.
    is_last_resort: bool,
}

/// Who is asked after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Another provider, from now on.
    Fallback { from: &'static str, to: &'static str },
    /// There is another one, but too many were asked again already.
    OverBudget,
    /// There is no other that may be asked.
    Nobody,
}

impl<P: Provider + ?Sized> Route<P> {
    /// A route over these providers that begins with the first that may be asked.
    ///
    /// # Errors
    /// [`AppError::Unavailable`] without providers.
    pub fn plan(order: Vec<Arc<Guarded<P>>>) -> AppResult<Self> {
        let awake = order.iter().enumerate().find_map(|(at, provider)| Some((at, provider.claim()?)));
        let is_last_resort = awake.is_none();
        let (at, permit) = match awake {
            Some(awake) => awake,
            None => (0, order.first().ok_or(AppError::Unavailable)?.claim_anyway()),
        };
        Ok(Self { order, at, permit, is_last_resort })
    }

    /// Whom [`Route::plan`] is going to begin with, as far as one can know before.
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

    /// Its share of the time until `deadline`: the others that may be asked get as much.
    #[must_use]
    pub fn share(&self, deadline: Instant) -> Duration {
        let may_be_asked =
            |provider: &&Arc<Guarded<P>>| self.is_last_resort || provider.breaker_state() != BreakerState::Open;
        let others = self.order[self.at + 1..].iter().filter(may_be_asked).count();
        deadline.saturating_duration_since(Instant::now()) / u32::try_from(1 + others).unwrap_or(1)
    }

    /// The provider gave something.
    pub fn answered(&mut self) {
        self.permit.answered();
    }

    /// The provider did not answer, or not to the end.
    pub fn failed(&mut self, error: &ProviderError) {
        self.permit.failed(error);
    }

    /// Goes on to the next provider after this one failed. Over the budget, whoever fails rests at once: those who come
    /// ask the next one first, and only those who are here already are taken further, to one that is well.
    pub fn advance(&mut self, error: &ProviderError, budget: &RetryBudget) -> Next {
        let from = self.provider().name();
        let Some((at, permit, is_well)) = self.claim_next() else { return Next::Nobody };
        let may = budget.spend() || (self.permit.rest_after(error) && is_well);
        if !may {
            return Next::OverBudget;
        }
        self.at = at;
        self.permit = permit;
        Next::Fallback { from, to: self.provider().name() }
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
    use super::*;

    fn gone() -> ProviderError {
        ProviderError::Unavailable("gone".to_owned())
    }

    #[test]
    fn a_fallback_that_has_rested_is_tried_when_it_is_asked_and_not_before() {
        let (first, second) = (well("a"), rested("b"));
        let budget = RetryBudget::default();
        for _ in 0..3 {
            let mut route = Route::plan(vec![first.clone(), second.clone()]).unwrap();
            route.answered();
        }
        assert_eq!(second.breaker_state(), BreakerState::HalfOpen, "nobody has asked it");
        let mut route = Route::plan(vec![first, second.clone()]).unwrap();
        route.failed(&gone());
        assert_eq!(route.advance(&gone(), &budget), Next::Fallback { from: "a", to: "b" });
        assert_eq!(route.fallback_from(), Some("a"));
        route.answered();
        assert_eq!(second.breaker_state(), BreakerState::Closed, "it is well again");
    }

    #[test]
    fn who_rests_is_left_out_unless_all_of_them_do() {
        let (first, second) = (resting("a"), well("b"));
        let mut route = Route::plan(vec![first.clone(), second.clone(), resting("c")]).unwrap();
        assert_eq!((route.provider().name(), route.fallback_from()), ("b", Some("a")));
        route.failed(&gone());
        assert_eq!(route.advance(&gone(), &RetryBudget::default()), Next::Nobody);

        let mut route = Route::plan(vec![first, resting("b")]).unwrap();
        assert_eq!((route.provider().name(), route.fallback_from()), ("a", None));
        assert_eq!(route.advance(&gone(), &RetryBudget::default()), Next::Fallback { from: "a", to: "b" });
        assert_eq!(route.advance(&gone(), &RetryBudget::default()), Next::Nobody);
        assert!(Route::<dyn Provider>::plan(Vec::new()).is_err());
    }

    #[test]
    fn work_that_is_dropped_lets_the_next_try() {
        let provider = rested("a");
        let route = Route::plan(vec![provider.clone(), well("b")]).unwrap();
        let beside = Route::plan(vec![provider.clone(), well("b")]).unwrap();
        assert_eq!((route.provider().name(), beside.provider().name()), ("a", "b"));
        drop(route);
        assert_eq!(provider.breaker_state(), BreakerState::HalfOpen);
    }

    #[test]
    fn who_has_nobody_else_joins_the_one_that_tries() {
        let (first, second, budget) = (well("a"), rested("b"), RetryBudget::default());
        let plan = || Route::plan(vec![first.clone(), second.clone()]).unwrap();
        let (mut one, mut two) = (plan(), plan());
        assert_eq!(one.advance(&gone(), &budget), Next::Fallback { from: "a", to: "b" });
        assert_eq!(two.advance(&gone(), &budget), Next::Fallback { from: "a", to: "b" });
        two.failed(&gone());
        one.answered();
        assert_eq!(second.breaker_state(), BreakerState::Closed, "the one that tries says how it is");
    }

    #[test]
    fn over_the_budget_only_one_that_is_well_is_asked() {
        let budget = RetryBudget::default();
        while budget.spend() {}
        let (first, second) = (well("a"), rested("b"));
        let mut route = Route::plan(vec![first.clone(), second.clone()]).unwrap();
        assert_eq!(route.advance(&gone(), &budget), Next::OverBudget);
        assert_eq!(first.breaker_state(), BreakerState::Open);
        assert_eq!(second.breaker_state(), BreakerState::HalfOpen, "it was not asked");
        let mut route = Route::plan(vec![well("a"), well("b")]).unwrap();
        assert_eq!(route.advance(&ProviderError::Blocked("no".to_owned()), &budget), Next::OverBudget);
        assert_eq!(route.advance(&gone(), &budget), Next::Fallback { from: "a", to: "b" });
    }
}
