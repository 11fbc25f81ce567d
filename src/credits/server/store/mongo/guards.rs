//! What an account must be like for credits to be put aside, and by which names its entries and its counts are found.

use mongodb::bson::{Document, doc};

use super::documents::Account;
use crate::credits::EntryKind;
use crate::credits::server::store::{ExtendOutcome, HoldOutcome, SpendLimit};
use crate::platform::amount::Amount;
use crate::platform::ids::{BudgetId, WorkId};

/// Why so much cannot be put aside.
pub(super) enum Refusal {
    Insufficient { available: Amount },
    OverBudget { left: Amount, budget: Option<BudgetId> },
}

impl From<Refusal> for HoldOutcome {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Insufficient { available } => Self::Insufficient { available },
            Refusal::OverBudget { left, budget } => Self::OverBudget { left, budget },
        }
    }
}

impl From<Refusal> for ExtendOutcome {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Insufficient { available } => Self::Insufficient { available },
            Refusal::OverBudget { left, budget } => Self::OverBudget { left, budget },
        }
    }
}

impl Account {
    /// How much of `amount` can be put aside: `least` or more of it.
    pub(super) fn afford(&self, amount: Amount, least: Amount, limits: &[SpendLimit]) -> Result<Amount, Refusal> {
        let available = self.balance().spendable();
        let left_by = |limit: &SpendLimit| {
            let spent = self.spending.get(&limit.counter).copied().map_or(Amount::ZERO, Amount::from_micros);
            limit.most.map(|most| ((most - spent).max(Amount::ZERO), limit.budget))
        };
        let tightest = limits.iter().filter_map(left_by).min_by_key(|(left, _)| *left);
        let most = amount.min(available).min(tightest.map_or(amount, |(left, _)| left));
        match tightest {
            _ if most >= least => Ok(most),
            Some((left, budget)) if available >= least => Err(Refusal::OverBudget { left, budget }),
            _ => Err(Refusal::Insufficient { available }),
        }
    }
}

/// Whether a limit would not even let a new count come to that.
pub(super) fn is_hopeless(amount: Amount, limits: &[SpendLimit]) -> bool {
    limits.iter().any(|limit| limit.most.is_some_and(|most| most < amount))
}

/// What an account that owes so much must be like for so much more to be put aside. No limit may be [hopeless](is_hopeless).
pub(super) fn guard_of(amount: Amount, debt: Amount, limits: &[SpendLimit], now: i64) -> Document {
    let mut guard = doc! {
        "balance.available": { "$gte": (amount + debt).micros() },
        "balance.debt": debt.micros(),
        "nextExpiry": { "$gt": now },
    };
    for limit in limits {
        if let Some(most) = limit.most {
            // Of what was never counted there is no field, which is not greater than 0 either.
            guard.insert(spending_field(&limit.counter), doc! { "$not": { "$gt": (most - amount).micros() } });
        }
    }
    guard
}

/// Moves credits from what is available to what is held, and counts them.
pub(super) fn put_aside(amount: Amount, counters: impl Iterator<Item = String>) -> Document {
    let mut sums = doc! { "balance.available": -amount.micros(), "balance.held": amount.micros(), "posted": 1_i64 };
    for counter in counters {
        sums.insert(spending_field(&counter), amount.micros());
    }
    sums
}

pub(super) fn spending_field(counter: &str) -> String {
    format!("spending.{counter}")
}

pub(super) fn hold_key(id: WorkId) -> String {
    format!("{}:{id}", EntryKind::Hold.as_str())
}
