//! What a user is told of their plan.

use super::port::SubscriptionStatus;
use super::record::Subscription;
use crate::account::server::plans::{Period, standing};
use crate::credits::{PlanState, PlanStatus};
use crate::platform::db::{StoreResult, rfc3339};

/// The plan of a user: what is paid, and whether it goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionView {
    pub name: String,
    pub status: PlanStatus,
    /// In milliseconds since 1970; `None`: nothing is paid yet.
    pub until: Option<i64>,
    pub renews: bool,
    /// What the plan is called that begins with the next payment, where it is another.
    pub next: Option<String>,
    /// The id of the plan in the file, where it is of a subscription that runs.
    pub plan: Option<String>,
}

impl SubscriptionView {
    /// What counts of all that a user has; `None`: they have no plan.
    #[must_use]
    pub fn of(subscriptions: &[Subscription], periods: Vec<Period>, now: i64) -> Option<Self> {
        let running = subscriptions.iter().find(|known| known.status.is_running());
        let is_paid = |known: &&Subscription| known.paid_until().is_some_and(|until| until > now);
        if let Some(known) = running.or_else(|| subscriptions.iter().find(is_paid)) {
            let terms = known.now()?;
            let status = match known.status {
                SubscriptionStatus::Suspended => PlanStatus::Suspended,
                SubscriptionStatus::Active if known.is_failing => PlanStatus::PastDue,
                SubscriptionStatus::Active => PlanStatus::Active,
                _ => PlanStatus::Cancelled,
            };
            let last = known.sales.values().max_by_key(|sale| sale.until).filter(|_| known.changes());
            return Some(Self {
                name: last.map_or(&terms.name, |last| &last.name).clone(),
                status,
                until: known.paid_until(),
                renews: known.renews(),
                next: (known.renews() && known.changes()).then(|| terms.name.clone()),
                plan: known.status.is_running().then(|| terms.plan.clone()),
            });
        }
        let prepaid = standing(periods.into_iter().filter(|period| period.is_prepaid).collect(), now)?;
        Some(Self {
            name: prepaid.name,
            status: PlanStatus::Prepaid,
            until: Some(prepaid.until),
            renews: false,
            next: None,
            plan: None,
        })
    }

    /// As clients see it.
    ///
    /// # Errors
    /// As [`rfc3339`].
    pub fn state(&self) -> StoreResult<PlanState> {
        Ok(PlanState {
            name: self.name.clone(),
            status: self.status,
            until: self.until.map(rfc3339).transpose()?,
            renews: self.renews,
        })
    }
}
