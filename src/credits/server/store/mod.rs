//! The port to the ledger. Every operation is one atomic step; all of them may be repeated.

mod mongo;
mod sqlite;

use std::collections::HashMap;

use async_trait::async_trait;
pub use mongo::MongoCreditStore;
pub use sqlite::SqliteCreditStore;

pub use crate::credits::WorkKind;
use crate::credits::{Balance, EntryKind, EntryReason, LedgerEntry, Page, ReleaseReason};
use crate::platform::db::StoreResult;
use crate::platform::ids::{ApiKeyId, UserId, WorkId};

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
    fn compare(&self, fingerprint: &[u8], id: WorkId, failed: bool) -> HoldOutcome {
        match self.fingerprint == fingerprint {
            true if failed => HoldOutcome::Failed(id),
            true => HoldOutcome::Repeated(id),
            false => HoldOutcome::Mismatch,
        }
    }
}

/// Whether a hold that was released for this reason, as it is stored, leaves its key to whoever tries again.
fn is_failure(stored: Option<&str>) -> bool {
    let reason = stored.and_then(|stored| ReleaseReason::parse(&read_reason(EntryKind::Release, stored)));
    reason.is_some_and(ReleaseReason::is_failure)
}

/// The API key that a hold is made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpendingKey {
    pub id: ApiKeyId,
    /// Most credits that it may ever spend.
    pub budget: Option<i64>,
}

/// Credits to put aside before work begins.
#[derive(Debug, Clone)]
pub struct NewHold {
    /// Also the id of the work.
    pub id: WorkId,
    pub user: UserId,
    pub kind: WorkKind,
    /// At least 1.
    pub amount: i64,
    pub request_id: String,
    pub idempotency: Option<Idempotency>,
    /// What it holds counts as spent by this key, until it is released.
    pub key: Option<SpendingKey>,
    /// Until when the work is taken for alive, in milliseconds since 1970.
    pub lease_until: i64,
}

impl NewHold {
    /// What is needed to end it.
    #[must_use]
    pub fn held(&self) -> Hold {
        Hold {
            id: self.id,
            user: self.user,
            kind: self.kind,
            amount: self.amount,
            request_id: self.request_id.clone(),
            key: self.key.map(|key| key.id),
        }
    }
}

/// Credits that were put aside, as whoever holds them knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    pub id: WorkId,
    pub user: UserId,
    pub kind: WorkKind,
    pub amount: i64,
    pub request_id: String,
    /// The API key that it was made with.
    pub key: Option<ApiKeyId>,
}

/// Which hold: its own id, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldId {
    pub id: WorkId,
    pub user: UserId,
}

/// What came of asking for a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldOutcome {
    Held(Balance),
    /// The same request came before; the work has this id.
    Repeated(WorkId),
    /// The same request came before and failed, free; the work had this id. Only told by [`CreditStore::find_key`]: a new
    /// hold takes the key over.
    Failed(WorkId),
    /// The key came before with another body.
    Mismatch,
    Insufficient {
        available: i64,
    },
    /// The key may not spend so much any more.
    OverBudget {
        left: i64,
    },
}

/// How a hold ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldEnd {
    /// The result can be shown: charged.
    Settle,
    /// No result: given back.
    Release,
}

impl HoldEnd {
    #[must_use]
    pub const fn entry_kind(self) -> EntryKind {
        match self {
            Self::Settle => EntryKind::Settle,
            Self::Release => EntryKind::Release,
        }
    }

    /// The key of the entry by which the hold `id` ended so.
    fn entry_key(self, id: WorkId) -> String {
        format!("{}:{id}", self.entry_kind().as_str())
    }
}

/// A hold whose work has not been heard of in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaleHold {
    pub hold: Hold,
    pub kind: WorkKind,
}

/// Why credits come or go without work: everything but holds and how they end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostingKind {
    Grant,
    Purchase,
    Refund,
    Adjust,
}

impl PostingKind {
    #[must_use]
    pub const fn entry_kind(self) -> EntryKind {
        match self {
            Self::Grant => EntryKind::Grant,
            Self::Purchase => EntryKind::Purchase,
            Self::Refund => EntryKind::Refund,
            Self::Adjust => EntryKind::Adjust,
        }
    }
}

/// Credits that come to an account or leave it.
#[derive(Debug, Clone)]
pub struct NewPosting {
    pub user: UserId,
    pub kind: PostingKind,
    /// Not 0. What comes pays debt first. A refund takes what is available and the rest becomes debt; an adjustment
    /// takes no more than what is available.
    pub amount: i64,
    /// Names the reason once and for all, per user and kind: the same again changes nothing.
    pub key: String,
    pub request_id: String,
    pub reason: Option<String>,
}

impl NewPosting {
    /// The key as the ledger has it.
    fn entry_key(&self) -> String {
        format!("{}:{}:{}", self.kind.entry_kind().as_str(), self.key, self.user)
    }

    /// The account after this posting; `None` where it would take more than there is.
    fn apply(&self, before: Balance) -> Option<Balance> {
        let Balance { available, held, debt } = before;
        if self.amount >= 0 {
            let paid = debt.min(self.amount);
            return Some(Balance { available: available + self.amount - paid, held, debt: debt - paid });
        }
        let taken = available.min(-self.amount);
        let missing = -self.amount - taken;
        let allowed = missing == 0 || self.kind == PostingKind::Refund;
        allowed.then_some(Balance { available: available - taken, held, debt: debt + missing })
    }
}

/// What came of a posting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostingOutcome {
    Posted(Balance),
    /// It was posted before.
    Repeated(Balance),
    Insufficient {
        available: i64,
    },
}

/// The reason of an entry as it is told, by what is stored: once it was a sentence, or the name of a Rust variant.
fn read_reason(kind: EntryKind, stored: &str) -> String {
    let released = match stored {
        _ if kind != EntryKind::Release => None,
        "Stopped" => Some(ReleaseReason::Stopped),
        "Failed" => Some(ReleaseReason::Failed),
        "Incomplete" => Some(ReleaseReason::Incomplete),
        "The server was interrupted" => Some(ReleaseReason::Interrupted),
        "Nothing was asked" | "Nothing was ordered" => Some(ReleaseReason::NeverStarted),
        "The reply was gone" | "The image was gone" | "The image was deleted" => Some(ReleaseReason::Deleted),
        _ => None,
    };
    let reason = match (kind, stored, released) {
        (_, _, Some(released)) => EntryReason::Released(released),
        (EntryKind::Grant, "Welcome credits", _) => EntryReason::Welcome,
        _ => EntryReason::Other(stored.to_owned()),
    };
    reason.as_str().to_owned()
}

/// An account whose books do not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    pub user: UserId,
    /// What is wrong, with the numbers.
    pub problem: String,
}

impl Drift {
    /// Work of which something was published, and whose price was given back for the reason that is stored; `None` where
    /// that is as it should be.
    fn unpaid(user: UserId, hold: WorkId, reason: Option<&str>) -> Option<Self> {
        let is_excused = reason.and_then(ReleaseReason::parse).is_some_and(ReleaseReason::excuses_published);
        let reason = reason.unwrap_or("no reason");
        let problem = format!("{hold} was published and not charged ({reason})");
        (!is_excused).then_some(Self { user, problem })
    }
}

/// What an audit looked at and found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditReport {
    pub accounts: u64,
    pub entries: u64,
    pub open_holds: u64,
    /// When the oldest open hold was made, in milliseconds since 1970.
    pub oldest_hold: Option<i64>,
    pub drifts: Vec<Drift>,
}

/// Accounts, holds and the append-only ledger.
///
/// An account is opened, with its free credits, in the same step as whatever first needs it.
#[async_trait]
pub trait CreditStore: Send + Sync {
    /// The account of `user` as it is now.
    async fn balance(&self, user: UserId, request_id: &str) -> StoreResult<Balance>;

    /// Puts credits aside if there are enough. A key whose hold was released because the work failed makes a new one.
    async fn hold(&self, hold: NewHold) -> StoreResult<HoldOutcome>;

    /// What became of this key: [`HoldOutcome::Repeated`], [`HoldOutcome::Failed`], [`HoldOutcome::Mismatch`], or nothing.
    async fn find_key(&self, user: UserId, idempotency: &Idempotency) -> StoreResult<Option<HoldOutcome>>;

    /// Whether a hold is open: its work goes on, or has not been ended yet.
    async fn is_open(&self, hold: HoldId) -> StoreResult<bool>;

    /// For how much a hold was made, also after it has ended; `None` where there is no such hold.
    async fn hold_amount(&self, hold: HoldId) -> StoreResult<Option<i64>>;

    /// Ends a hold, once: a hold that has ended stays as it ended. Returns how it ended and the balance now;
    /// `None` where there is no such hold.
    async fn end_hold(
        &self,
        hold: &Hold,
        end: HoldEnd,
        reason: Option<ReleaseReason>,
    ) -> StoreResult<Option<(HoldEnd, Balance)>>;

    /// What each API key of a user has spent or holds; those that have not are not there.
    async fn key_spending(&self, user: UserId) -> StoreResult<HashMap<ApiKeyId, i64>>;

    /// Moves credits without a hold, once per key.
    async fn post(&self, posting: NewPosting) -> StoreResult<PostingOutcome>;

    /// Says that something of the work is about to leave for its user: written down before it does, and known for as long
    /// as the ledger, whatever becomes of the work's own row. Not waited for: what is durable and comes later is only there
    /// with it.
    async fn mark_published(&self, hold: HoldId) -> StoreResult<()>;

    /// Whether [`CreditStore::mark_published`] was said of it.
    async fn is_published(&self, hold: HoldId) -> StoreResult<bool>;

    /// The open holds of a user.
    async fn open_holds(&self, user: UserId) -> StoreResult<Vec<Hold>>;

    /// Says that the work of these open holds is alive until `lease_until`.
    async fn renew_holds(&self, holds: Vec<HoldId>, lease_until: i64) -> StoreResult<()>;

    /// At most `limit` open holds whose lease ended before `now`, or ends later than any does that is given now
    /// ([`LONGEST_LEASE`]): some clock was wrong. Of the kinds that this version knows, and that it can read: what another
    /// version has stored keeps no other from its end.
    async fn stale_holds(&self, now: i64, limit: usize) -> StoreResult<Vec<StaleHold>>;

    /// Forgets the idempotency keys that were first seen before `before`. The holds stay.
    async fn forget_keys(&self, before: i64) -> StoreResult<()>;

    /// A page of the ledger, newest first; `cursor` from the page before. `None` for a cursor that is none of ours.
    async fn ledger(&self, user: UserId, cursor: Option<&str>, limit: usize) -> StoreResult<Option<Page<LedgerEntry>>>;

    /// Checks every account against its ledger and its holds, and what was given back against what was published, in
    /// constant memory but for the drifts; under load too.
    async fn audit(&self) -> StoreResult<AuditReport>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_before_there_were_codes_is_read_as_one() {
        let released = |stored| read_reason(EntryKind::Release, stored);
        for (stored, code) in [
            ("Stopped", "stopped"),
            ("Failed", "failed"),
            ("Incomplete", "incomplete"),
            ("The server was interrupted", "interrupted"),
            ("Nothing was asked", "never_started"),
            ("Nothing was ordered", "never_started"),
            ("The reply was gone", "deleted"),
            ("The image was gone", "deleted"),
            ("The image was deleted", "deleted"),
            ("Something else", "Something else"),
        ] {
            assert_eq!(released(stored), code);
            assert_eq!(released(code), code);
        }
        assert_eq!(read_reason(EntryKind::Grant, "Welcome credits"), "welcome");
        assert_eq!(read_reason(EntryKind::Adjust, "Failed"), "Failed");
    }
}
