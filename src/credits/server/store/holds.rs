//! Holds: credits that are put aside for work, what they are counted by, and how they end.

use super::read_reason;
use crate::credits::{Balance, EntryKind, ReleaseReason, WorkKind};
use crate::platform::amount::Amount;
use crate::platform::ids::{ApiKeyId, BudgetId, OwnerId, UserId, WorkId};

/// No lease is longer, in milliseconds.
pub const LONGEST_LEASE: i64 = 90_000;

/// A client's promise that this is the same request as before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// `Idempotency-Key`, unique per user.
    pub key: String,
    /// SHA-256 of the request's body.
    pub fingerprint: [u8; 32],
}

impl Idempotency {
    /// What to say to this request, where the key came before with the body of `fingerprint` and made the hold `id`, which
    /// `failed`, or did not.
    pub(super) fn compare(&self, fingerprint: &[u8], id: WorkId, failed: bool) -> HoldOutcome {
        match self.fingerprint == fingerprint {
            true if failed => HoldOutcome::Failed(id),
            true => HoldOutcome::Repeated(id),
            false => HoldOutcome::Mismatch,
        }
    }
}

/// Whether a hold that was released for this reason, as it is stored, leaves its key to whoever tries again.
pub(super) fn is_failure(stored: Option<&str>) -> bool {
    let reason = stored.and_then(|stored| ReleaseReason::parse(&read_reason(EntryKind::Release, stored)));
    reason.is_some_and(ReleaseReason::is_failure)
}

/// The API key that a hold is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpendingKey {
    pub id: ApiKeyId,
    /// Most credits that it may ever spend.
    pub budget: Option<Amount>,
}

impl SpendingKey {
    /// Counts all that it ever spends.
    pub(super) fn limit(self) -> SpendLimit {
        SpendLimit { counter: self.id.to_string(), most: self.budget, budget: None, until: None }
    }
}

/// A count of what is held or was spent, and how much that may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpendLimit {
    /// Names the count, in its account: what is counted and in which time. Letters, digits, `-`, `@` and `_`.
    pub counter: String,
    /// Most that it may come to. `None`: it is only counted.
    pub most: Option<Amount>,
    /// Whose limit it is; `None`: the API key's own.
    pub budget: Option<BudgetId>,
    /// When nobody asks for the count any more, in milliseconds since 1970.
    pub until: Option<i64>,
}

/// Credits to put aside before work begins.
#[derive(Debug, Clone)]
pub struct NewHold {
    /// Also the id of the work.
    pub id: WorkId,
    /// Who pays.
    pub owner: OwnerId,
    /// Who asks.
    pub user: UserId,
    pub kind: WorkKind,
    /// Positive.
    pub amount: Amount,
    /// Where there is less than `amount`, or a limit leaves less, that is held, if it is at least this. Positive.
    pub least: Amount,
    /// Most that the work may ever cost: what was shown before it began.
    pub ceiling: Amount,
    /// Which price it has.
    pub price_version: String,
    pub request_id: String,
    pub idempotency: Option<Idempotency>,
    /// What it holds counts as spent by this key, until it is released.
    pub key: Option<SpendingKey>,
    /// Counts besides, each with what it may come to.
    pub limits: Vec<SpendLimit>,
    /// Until when the work is taken for alive, in milliseconds since 1970.
    pub lease_until: i64,
}

impl NewHold {
    /// What is needed to end it, where all of its amount is held.
    #[must_use]
    pub fn held(&self) -> Hold {
        Hold {
            id: self.id,
            owner: self.owner,
            user: self.user,
            kind: self.kind,
            amount: self.amount,
            ceiling: self.ceiling,
            price_version: self.price_version.clone(),
            request_id: self.request_id.clone(),
            key: self.key,
            limits: self.limits.clone(),
        }
    }

    /// All that counts it: the key's own count first.
    pub(super) fn all_limits(&self) -> Vec<SpendLimit> {
        all_limits(self.key, &self.limits)
    }
}

pub(super) fn all_limits(key: Option<SpendingKey>, limits: &[SpendLimit]) -> Vec<SpendLimit> {
    key.map(SpendingKey::limit).into_iter().chain(limits.iter().cloned()).collect()
}

/// Credits that were put aside, as whoever holds them knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    pub id: WorkId,
    pub owner: OwnerId,
    pub user: UserId,
    pub kind: WorkKind,
    /// What is held now.
    pub amount: Amount,
    /// Most that it may be extended to.
    pub ceiling: Amount,
    pub price_version: String,
    pub request_id: String,
    /// The API key that it was made with. As it is read from a store, its budget is not known.
    pub key: Option<SpendingKey>,
    /// What counts it besides. As it is read from a store, what they may come to is not known.
    pub limits: Vec<SpendLimit>,
}

impl Hold {
    #[must_use]
    pub const fn hold_id(&self) -> HoldId {
        HoldId { id: self.id, owner: self.owner }
    }

    /// All that counts it: the key's own count first.
    pub(super) fn all_limits(&self) -> Vec<SpendLimit> {
        all_limits(self.key, &self.limits)
    }
}

/// Which hold: its own id, and whose account it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldId {
    pub id: WorkId,
    pub owner: OwnerId,
}

/// What came of asking for a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldOutcome {
    /// `amount` is what is held: all that was asked for, or what there is.
    Held {
        amount: Amount,
        balance: Balance,
    },
    /// The same request came before; the work has this id.
    Repeated(WorkId),
    /// The same request came before and failed, free; the work had this id. Only told by [`super::CreditStore::find_key`]: a new
    /// hold takes the key over.
    Failed(WorkId),
    /// The key came before with another body.
    Mismatch,
    Insufficient {
        available: Amount,
    },
    /// A limit leaves no more than this. `budget`: whose it is; `None`: the API key's own.
    OverBudget {
        left: Amount,
        budget: Option<BudgetId>,
    },
}

/// What came of asking for more, for work that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtendOutcome {
    /// So much is held now.
    Extended(Balance),
    /// Nothing has changed.
    Insufficient { available: Amount },
    /// Nothing has changed.
    OverBudget { left: Amount, budget: Option<BudgetId> },
    /// The hold has ended.
    Ended,
}

/// How a hold ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldEnd {
    /// The result can be shown: so much is charged, of what is held, and the rest given back.
    Settle(Amount),
    /// No result: given back.
    Release,
}

impl HoldEnd {
    #[must_use]
    pub const fn entry_kind(self) -> EntryKind {
        match self {
            Self::Settle(_) => EntryKind::Settle,
            Self::Release => EntryKind::Release,
        }
    }

    /// The key of the entry by which the hold `id` ended so.
    pub(super) fn entry_key(self, id: WorkId) -> String {
        format!("{}:{id}", self.entry_kind().as_str())
    }

    /// What is charged of a hold of `amount`: never more than that.
    pub(super) fn charged(self, amount: Amount) -> Amount {
        match self {
            Self::Settle(used) => used.clamp(Amount::ZERO, amount),
            Self::Release => Amount::ZERO,
        }
    }
}

/// The key of the entry by which the hold `id` came to hold `to`. It only ever grows, so each extension has its own.
pub(super) fn extension_key(id: WorkId, to: Amount) -> String {
    format!("{}:{id}:{}", EntryKind::Extend.as_str(), to.micros())
}

/// A hold whose work has not been heard of in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleHold {
    pub hold: Hold,
    pub kind: WorkKind,
}
