//! The port to the ledger. Every operation is one atomic step; all of them may be repeated.

mod holds;
mod mongo;
mod postings;
pub mod reading;
mod sqlite;

use std::collections::HashMap;

use async_trait::async_trait;
pub use holds::{
    ExtendOutcome, Hold, HoldEnd, HoldId, HoldOutcome, Idempotency, LONGEST_LEASE, NewHold, SpendLimit, SpendingKey,
    StaleHold,
};
use holds::{extension_key, is_failure};
pub use mongo::MongoCreditStore;
pub(crate) use mongo::StoredPlan;
pub use postings::{LotTerms, NewPosting, PostingKind, PostingOutcome};
use postings::{posting_key, welcome_lot};
pub use sqlite::SqliteCreditStore;

use super::budgets::BudgetPlan;
use super::lots::AccountState;
pub use crate::credits::WorkKind;
use crate::credits::{Balance, EntryKind, EntryReason, LedgerEntry, Page, ReleaseReason};
use crate::platform::amount::Amount;
use crate::platform::db::StoreResult;
use crate::platform::ids::{LotId, OwnerId, UserId, WorkId};

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
    pub owner: OwnerId,
    /// What is wrong, with the numbers.
    pub problem: String,
}

impl Drift {
    /// Work of which something was published, and whose price was given back for the reason that is stored; `None` where
    /// that is as it should be.
    fn unpaid(owner: OwnerId, hold: WorkId, reason: Option<&str>) -> Option<Self> {
        let is_excused = reason.and_then(ReleaseReason::parse).is_some_and(ReleaseReason::excuses_published);
        let reason = reason.unwrap_or("no reason");
        let problem = format!("{hold} was published and not charged ({reason})");
        (!is_excused).then_some(Self { owner, problem })
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

/// An account with the newest of what happened to it.
#[derive(Debug, Clone)]
pub struct Statement {
    pub state: AccountState,
    /// The open holds.
    pub open: Vec<WorkId>,
    pub entries: Page<LedgerEntry>,
}

/// Accounts, holds and the append-only ledger.
///
/// An account is opened, with its free credits, in the same step as whatever first needs it.
#[async_trait]
pub trait CreditStore: Send + Sync {
    /// The account of `owner` as it is now.
    async fn balance(&self, owner: OwnerId, request_id: &str) -> StoreResult<Balance>;

    /// The account of `owner` as it is now, with its lots.
    async fn account(&self, owner: OwnerId, request_id: &str) -> StoreResult<AccountState>;

    /// Puts credits aside if there are enough. A key whose hold was released because the work failed makes a new one.
    async fn hold(&self, hold: NewHold) -> StoreResult<HoldOutcome>;

    /// Puts more aside for a hold that is open: `to` in all, which is more than before and no more than its ceiling. Where it
    /// holds as much already, that is fine. `hold` is as its holder knows it, with its limits.
    async fn extend_hold(&self, hold: &Hold, to: Amount) -> StoreResult<ExtendOutcome>;

    /// What became of this key: [`HoldOutcome::Repeated`], [`HoldOutcome::Failed`], [`HoldOutcome::Mismatch`], or nothing.
    async fn find_key(
        &self,
        owner: OwnerId,
        user: UserId,
        idempotency: &Idempotency,
    ) -> StoreResult<Option<HoldOutcome>>;

    /// Whether a hold is open: its work goes on, or has not been ended yet.
    async fn is_open(&self, hold: HoldId) -> StoreResult<bool>;

    /// Most that the work of a hold may cost, also after it has ended; `None` where there is no such hold.
    async fn hold_ceiling(&self, hold: HoldId) -> StoreResult<Option<Amount>>;

    /// Ends a hold, once: a hold that has ended stays as it ended. Returns how it ended, with what was charged, and the
    /// balance now; `None` where there is no such hold. What is held is what the store knows, whatever `hold` says.
    async fn end_hold(
        &self,
        hold: &Hold,
        end: HoldEnd,
        reason: Option<ReleaseReason>,
    ) -> StoreResult<Option<(HoldEnd, Balance)>>;

    /// As [`CreditStore::end_hold`], for a charge that is durably stored with its work, where the sweeper finds it: a settlement that
    /// is lost with a server of the database is made again. So it need not be waited for.
    async fn settle_stored(&self, hold: &Hold, used: Amount) -> StoreResult<Option<(HoldEnd, Balance)>> {
        self.end_hold(hold, HoldEnd::Settle(used), None).await
    }

    /// The settlement of a hold: what was charged, by which price and from which lots. `None`: there is none (yet).
    async fn find_settlement(&self, hold: HoldId) -> StoreResult<Option<LedgerEntry>>;

    /// What each count of an account has come to; those that were never used are not there. An API key's own count has its id
    /// for its name.
    async fn spending(&self, owner: OwnerId) -> StoreResult<HashMap<String, Amount>>;

    /// The budgets of a user.
    async fn budgets(&self, owner: OwnerId, user: UserId) -> StoreResult<BudgetPlan>;

    /// Sets the budgets of a user anew.
    async fn set_budgets(&self, owner: OwnerId, user: UserId, plan: BudgetPlan) -> StoreResult<()>;

    /// Moves credits without a hold, once per key.
    async fn post(&self, posting: NewPosting) -> StoreResult<PostingOutcome>;

    /// The entry of a posting with this key; `None`: there is none (yet).
    async fn find_posting(&self, owner: OwnerId, kind: PostingKind, key: &str) -> StoreResult<Option<LedgerEntry>>;

    /// How much of a lot has expired: nobody used it.
    async fn expired_of(&self, owner: OwnerId, lot: LotId) -> StoreResult<Amount>;

    /// Ends the lots that expired by `now`, of at most so many accounts, and forgets counts that nobody asks for any more.
    /// Returns of how many accounts. Whatever reads or moves an account does so for that one.
    async fn expire_lots(&self, now: i64, limit: usize) -> StoreResult<usize>;

    /// The accounts in which credits expire after `now` and by `until`, with when, in this order and behind `after`.
    async fn expiring_accounts(
        &self,
        now: i64,
        until: i64,
        after: Option<(i64, OwnerId)>,
        limit: usize,
    ) -> StoreResult<Vec<(i64, OwnerId)>>;

    /// Says that something of the work is about to leave for its user: written down before it does, and known for as long
    /// as the ledger, whatever becomes of the work's own row. Not waited for: what is durable and comes later is only there
    /// with it.
    async fn mark_published(&self, hold: HoldId) -> StoreResult<()>;

    /// Whether [`CreditStore::mark_published`] was said of it.
    async fn is_published(&self, hold: HoldId) -> StoreResult<bool>;

    /// The open holds of an account.
    async fn open_holds(&self, owner: OwnerId) -> StoreResult<Vec<Hold>>;

    /// Says that the work of these open holds is alive until `lease_until`.
    async fn renew_holds(&self, holds: Vec<HoldId>, lease_until: i64) -> StoreResult<()>;

    /// At most `limit` open holds whose lease ended before `now`, or ends later than any does that is given now
    /// ([`LONGEST_LEASE`]): some clock was wrong. Of the kinds that this version knows, and that it can read: what another
    /// version has stored keeps no other from its end.
    async fn stale_holds(&self, now: i64, limit: usize) -> StoreResult<Vec<StaleHold>>;

    /// Forgets the idempotency keys that were first seen before `before`. The holds stay.
    async fn forget_keys(&self, before: i64) -> StoreResult<()>;

    /// Opens the account of `owner` without the credits of new accounts, if there is none yet.
    async fn open_empty(&self, owner: OwnerId, request_id: &str) -> StoreResult<()>;

    /// Forgets what a user wrote and chose: the idempotency keys, the budgets and what is counted by them. The books stay as they
    /// are. Nothing of theirs may be open.
    async fn forget_owner(&self, owner: OwnerId, user: UserId) -> StoreResult<()>;

    /// A page of the ledger, newest first; `cursor` from the page before. `None` for a cursor that is none of ours.
    async fn ledger(
        &self,
        owner: OwnerId,
        cursor: Option<&str>,
        limit: usize,
    ) -> StoreResult<Option<Page<LedgerEntry>>>;

    /// The account as it is now, opened if need be, with its open holds and a page of its ledger. What has ended since the holds were
    /// read has its end among the entries. `None` as [`CreditStore::ledger`].
    async fn statement(
        &self,
        owner: OwnerId,
        request_id: &str,
        cursor: Option<&str>,
        limit: usize,
    ) -> StoreResult<Option<Statement>> {
        let open = self.open_holds(owner).await?.into_iter().map(|hold| hold.id).collect();
        let state = self.account(owner, request_id).await?;
        let entries = self.ledger(owner, cursor, limit).await?;
        Ok(entries.map(|entries| Statement { state, open, entries }))
    }

    /// The newest entries of an account that are of this request, at most `limit`, oldest first. Looks at all of the account: it is for
    /// admins. A request id may be that of several requests, as clients may choose it.
    async fn entries_of_request(&self, owner: OwnerId, request_id: &str, limit: usize)
    -> StoreResult<Vec<LedgerEntry>>;

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
