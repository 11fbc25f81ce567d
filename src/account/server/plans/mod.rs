//! Plans of users: the times that are paid for. What they bring is worked out when somebody asks, so it begins and ends by
//! itself on every server, also where none was running then.

pub(in crate::account::server) mod mongo;
pub(in crate::account::server) mod sqlite;

use async_trait::async_trait;

pub use self::mongo::MongoPlanStore;
pub use self::sqlite::SqlitePlanStore;
use super::Account;
use super::store::User;
use crate::account::{Profile, Role};
use crate::platform::db::{StoreResult, now_millis};
use crate::platform::error::AppResult;
use crate::platform::ids::UserId;

/// A time of a plan that a user has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    /// What it is for, once and for all: a payment's, or the use of a code.
    pub id: String,
    /// What the plan is called.
    pub name: String,
    /// Requests a minute.
    pub per_minute: u32,
    /// In milliseconds since 1970.
    pub from: i64,
    pub until: i64,
    /// It begins where others of this kind before it end: days that were given, one after the other.
    pub is_prepaid: bool,
}

/// The plan that a user has at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub name: String,
    pub per_minute: u32,
    pub until: i64,
    pub is_prepaid: bool,
}

/// The port to the times of plans.
#[async_trait]
pub trait PlanStore: Send + Sync {
    /// Stores a time, instead of the one with its id.
    async fn set_period(&self, user: UserId, period: Period) -> StoreResult<()>;

    /// All times of a user, in the order in which they begin.
    async fn periods(&self, user: UserId) -> StoreResult<Vec<Period>>;

    async fn delete_of_user(&self, user: UserId) -> StoreResult<()>;
}

/// The times as they are: what is prepaid begins when what is prepaid before it is over.
#[must_use]
pub fn in_order(mut periods: Vec<Period>) -> Vec<Period> {
    periods.sort_by(|a, b| (a.from, &a.id).cmp(&(b.from, &b.id)));
    let mut end = i64::MIN;
    for period in periods.iter_mut().filter(|period| period.is_prepaid) {
        let from = period.from.max(end);
        period.until = from.saturating_add(period.until.saturating_sub(period.from));
        period.from = from;
        end = period.until;
    }
    periods
}

/// What a user has now: the fastest of the plans whose time it is, for as long as any of them.
#[must_use]
pub fn standing(periods: Vec<Period>, now: i64) -> Option<Standing> {
    let running: Vec<_> =
        in_order(periods).into_iter().filter(|period| period.from <= now && now < period.until).collect();
    let best = running.iter().max_by_key(|period| (period.per_minute, period.until))?;
    Some(Standing {
        name: best.name.clone(),
        per_minute: best.per_minute,
        until: best.until,
        is_prepaid: best.is_prepaid,
    })
}

impl Account {
    /// The plan that a user has now.
    ///
    /// # Errors
    /// [`crate::platform::error::AppError::Unavailable`].
    pub async fn plan_of(&self, user: UserId) -> AppResult<Option<Standing>> {
        Ok(standing(self.plans.periods(user).await?, now_millis()))
    }

    /// A user as they are now, with the role that their plan brings.
    ///
    /// # Errors
    /// As [`Account::plan_of`].
    pub async fn profile_of(&self, user: &User) -> AppResult<Profile> {
        Ok(with_plan(user.profile(), self.plan_of(user.id).await?.as_ref()))
    }
}

/// Who has a plan is a subscriber; an admin stays one.
#[must_use]
pub fn with_plan(profile: Profile, plan: Option<&Standing>) -> Profile {
    let is_subscriber = profile.role == Role::User && plan.is_some();
    Profile { role: if is_subscriber { Role::Subscriber } else { profile.role }, ..profile }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(id: &str, from: i64, until: i64, per_minute: u32, is_prepaid: bool) -> Period {
        Period { id: id.to_owned(), name: id.to_owned(), per_minute, from, until, is_prepaid }
    }

    #[test]
    fn what_is_prepaid_comes_one_after_the_other_and_the_fastest_counts() {
        let all =
            || vec![period("b", 5, 15, 10, true), period("a", 0, 10, 20, true), period("sale", 12, 30, 60, false)];
        let at = |now| standing(all(), now).map(|plan| (plan.name, plan.until));
        assert_eq!(at(-1), None);
        assert_eq!(at(0), Some(("a".to_owned(), 10)));
        assert_eq!(at(10), Some(("b".to_owned(), 20)));
        assert_eq!(at(12), Some(("sale".to_owned(), 30)));
        assert_eq!(at(29), Some(("sale".to_owned(), 30)));
        assert_eq!(at(30), None);
    }

    #[test]
    fn a_plan_makes_a_subscriber_of_a_user_and_never_touches_an_admin() {
        let plan = standing(vec![period("a", 0, 10, 20, true)], 1);
        for (role, becomes) in [(Role::User, Role::Subscriber), (Role::Admin, Role::Admin)] {
            let profile = Profile { role, ..Profile::default() };
            assert_eq!(with_plan(profile.clone(), plan.as_ref()).role, becomes);
            assert_eq!(with_plan(profile, None).role, role);
        }
    }
}
