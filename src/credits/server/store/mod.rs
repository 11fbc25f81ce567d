//! The port to the ledger. Every operation is one atomic step; all of them may be repeated.

mod mongo;
pub mod reading;
mod sqlite;

use std::collections::HashMap;

use async_trait::async_trait;
pub use mongo::MongoCreditStore;
pub(crate) use mongo::StoredPlan;
pub use sqlite::SqliteCreditStore;

use super::budgets::BudgetPlan;
use super::lots::{AccountState, Lot, LotShare, Paid};
pub use crate::credits::WorkKind;
use crate::credits::{Balance, EntryKind, EntryReason, LedgerEntry, Origin, Page, ReleaseReason};
use crate::platform::amount::Amount;
use crate::platform::db::StoreResult;
use crate::platform::ids::{ApiKeyId, BudgetId, EntryId, LotId, OwnerId, UserId, WorkId};
use uuid::Uuid;

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
    pub budget: Option<Amount>,
}

impl SpendingKey {
    /// Counts all that it ever spends.
    fn limit(self) -> SpendLimit {
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
    fn all_limits(&self) -> Vec<SpendLimit> {
        all_limits(self.key, &self.limits)
    }
}

fn all_limits(key: Option<SpendingKey>, limits: &[SpendLimit]) -> Vec<SpendLimit> {
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
    fn all_limits(&self) -> Vec<SpendLimit> {
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
    /// The same request came before and failed, free; the work had this id. Only told by [`CreditStore::find_key`]: a new
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
    fn entry_key(self, id: WorkId) -> String {
        format!("{}:{id}", self.entry_kind().as_str())
    }

    /// What is charged of a hold of `amount`: never more than that.
    fn charged(self, amount: Amount) -> Amount {
        match self {
            Self::Settle(used) => used.clamp(Amount::ZERO, amount),
            Self::Release => Amount::ZERO,
        }
    }
}

/// The key of the entry by which the hold `id` came to hold `to`. It only ever grows, so each extension has its own.
fn extension_key(id: WorkId, to: Amount) -> String {
    format!("{}:{id}:{}", EntryKind::Extend.as_str(), to.micros())
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
    pub owner: OwnerId,
    pub kind: PostingKind,
    /// Not 0. What comes pays debt first. A refund takes what is available and the rest becomes debt; an adjustment
    /// takes no more than what is available.
    pub amount: Amount,
    /// Names the reason once and for all, per owner and kind: the same again changes nothing.
    pub key: String,
    pub request_id: String,
    pub reason: Option<String>,
    pub terms: LotTerms,
}

/// What is known of credits besides their number.
#[derive(Debug, Clone, Default)]
pub struct LotTerms {
    /// Where they come from. `None`: what is usual for the kind of the posting.
    pub origin: Option<Origin>,
    pub paid: Option<Paid>,
    /// In milliseconds since 1970.
    pub expires_at: Option<i64>,
    /// Of a refund that takes: the lot that is given back. Of what comes: the lot that it is, or comes back to; `None`: a new
    /// one.
    pub lot: Option<LotId>,
    /// Of a refund that takes: only what is neither spent nor held of its lot, at most the amount, and perhaps nothing. It
    /// is posted all the same: the entry says how much it was.
    pub unspent_only: bool,
}

fn posting_key(kind: PostingKind, key: &str, owner: OwnerId) -> String {
    format!("{}:{key}:{owner}", kind.entry_kind().as_str())
}

impl NewPosting {
    /// The key as the ledger has it.
    fn entry_key(&self) -> String {
        posting_key(self.kind, &self.key, self.owner)
    }

    /// The id of its entry: that of the lot that comes with it.
    fn entry_id(&self) -> EntryId {
        let lot = self.terms.lot.filter(|_| matches!(self.kind, PostingKind::Purchase | PostingKind::Grant));
        lot.map_or_else(EntryId::now_v7, |lot| Uuid::from(lot).into())
    }

    /// Moves the account along, by an entry with this id; how much it was, and the lots that the credits come to or go from.
    /// `None` where it would take more than there is: then nothing has changed.
    fn apply(&self, account: &mut AccountState, entry: EntryId, at: i64) -> Option<(Amount, Vec<LotShare>)> {
        if self.amount.is_negative() {
            if let (PostingKind::Refund, Some(lot), true) = (self.kind, self.terms.lot, self.terms.unspent_only) {
                let shares = account.take_unspent(lot, -self.amount);
                return Some((-shares.iter().map(|share| share.amount).sum::<Amount>(), shares));
            }
            let refund_of = (self.kind == PostingKind::Refund).then_some(self.terms.lot);
            return Some((self.amount, account.remove(-self.amount, refund_of)?));
        }
        let LotTerms { origin, paid, expires_at, lot, .. } = self.terms.clone();
        let origin = origin.unwrap_or(match self.kind {
            PostingKind::Grant => Origin::Gift,
            PostingKind::Purchase | PostingKind::Refund => Origin::Bought,
            PostingKind::Adjust => Origin::Goodwill,
        });
        let id = lot.unwrap_or_else(|| entry.into());
        let lot = Lot { id, origin, amount: self.amount, left: self.amount, paid, expires_at, at };
        let share = lot.share();
        account.add(lot);
        Some((self.amount, vec![share]))
    }
}

/// The lot of the credits that every new account gets.
fn welcome_lot(entry: EntryId, amount: Amount, at: i64) -> Lot {
    Lot { id: entry.into(), origin: Origin::Promo, amount, left: amount, paid: None, expires_at: None, at }
}

/// What came of a posting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PostingOutcome {
    Posted(Balance),
    /// It was posted before.
    Repeated(Balance),
    Insufficient {
        available: Amount,
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
