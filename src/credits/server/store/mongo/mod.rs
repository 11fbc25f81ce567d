//! The ledger in MongoDB, without transactions: an account is one document, and one guarded update of it decides.
//!
//! The document carries the balance, the open holds, and the newest entries of the ledger, so a hold and its entry, or
//! a settlement and its entry, are one write that happens or does not. When [`PAGE`] entries have gathered they are
//! copied into `ledger` and then cut from the account. Both steps may be repeated by anybody at any time: an entry's
//! place in `ledger` is its owner and its number, so a copy is there once, and an account is cut only where it was
//! copied from (`cutAt.seq` is what the cut expects to find).
//!
//! Nothing is read before credits are put aside, or given back. What is used is taken from the first lot in the same way,
//! as long as that has enough; whatever concerns several lots reads the account, and expects it unchanged.
//!
//! Updates of different accounts that come at the same time go to the database in one command (`batch.rs`).
//!
//! What has to be looked for (a key that was used before) is looked for in the account first and in `ledger` then;
//! the update that follows expects the account uncut since, so nothing slips through between the two.

mod accounts;
mod audit;
mod batch;
mod budgets;
mod documents;
mod entries;
mod filing;
mod guards;
mod holds;
mod lots;
mod postings;
mod published;
mod reading;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{self, Bson, Document, doc};
use serde::Deserialize;

use self::batch::{Batcher, Change};
use self::budgets::Plans;
pub use self::budgets::StoredPlan;
use self::documents::{Account, After, Filed, OpenHold};
use self::guards::hold_key;
use self::lots::FirstLots;
use self::published::PublishedWork;
use super::{
    AuditReport, CreditStore, ExtendOutcome, Hold, HoldEnd, HoldId, HoldOutcome, Idempotency, LONGEST_LEASE, NewHold,
    NewPosting, PostingKind, PostingOutcome, StaleHold, Statement, WorkKind, posting_key,
};
use crate::credits::server::budgets::BudgetPlan;
use crate::credits::server::lots::AccountState;
use crate::credits::{Balance, LedgerEntry, Page, ReleaseReason};
use crate::platform::amount::Amount;
use crate::platform::db::mongo::{Durability, Mongo, from_bson, run, to_bson};
use crate::platform::db::{StoreError, StoreResult, to_i64};
use crate::platform::ids::{LotId, OwnerId, UserId};

/// How many entries gather in an account before they are moved to the ledger's own collection.
const PAGE: i64 = 32;
/// How often an update whose guard did not hold is tried anew. Each time somebody else got on.
const TRIES: usize = 200;

/// [`CreditStore`] over MongoDB.
#[derive(Clone)]
pub struct MongoCreditStore {
    mongo: Mongo,
    accounts: Collection<Account>,
    ledger: Collection<Filed>,
    published: PublishedWork,
    batcher: Batcher,
    /// Of what is found again if it is lost.
    relaxed: Batcher,
    plans: Plans,
    first_lots: FirstLots,
    free_credits: Amount,
    /// The accounts whose entries this server is filing now.
    filing: Arc<Mutex<HashSet<OwnerId>>>,
}

impl MongoCreditStore {
    /// New accounts are opened with `free_credits`. Needs a running Tokio.
    #[must_use]
    pub fn new(mongo: Mongo, free_credits: Amount) -> Self {
        Self {
            batcher: Batcher::new(&mongo, Durability::Durable),
            relaxed: Batcher::new(&mongo, Durability::Relaxed),
            accounts: mongo.collection("accounts", Durability::Durable),
            ledger: mongo.collection("ledger", Durability::Durable),
            published: PublishedWork::new(&mongo),
            plans: Plans::new(&mongo),
            first_lots: FirstLots::new(),
            mongo,
            free_credits,
            filing: Arc::default(),
        }
    }

    /// One guarded update of an account. `None` where the guard does not hold, or (never with [`Change::alone`]) where
    /// the entry has been filed before anybody could see it.
    async fn update(&self, owner: OwnerId, change: Change) -> StoreResult<Option<After>> {
        let after = self.batcher.run(owner, change).await?;
        self.learn(owner, after.as_ref()).await;
        Ok(after)
    }

    /// The same, which is not waited for: it is with the primary.
    async fn update_relaxed(&self, owner: OwnerId, change: Change) -> StoreResult<Option<After>> {
        let after = self.relaxed.run(owner, change).await?;
        self.learn(owner, after.as_ref()).await;
        Ok(after)
    }

    async fn learn(&self, owner: OwnerId, after: Option<&After>) {
        if let Some(after) = after {
            self.first_lots.learn(owner, after).await;
            if after.is_full() {
                self.file_soon(owner);
            }
        }
    }
}

fn busy(owner: OwnerId) -> StoreError {
    StoreError::Corrupt(format!("account {owner} did not hold still"))
}

#[async_trait]
impl CreditStore for MongoCreditStore {
    async fn balance(&self, owner: OwnerId, request_id: &str) -> StoreResult<Balance> {
        if let Some(balance) = self.find_balance(owner).await? {
            return Ok(balance);
        }
        Ok(self.open_or_find(owner, request_id).await?.balance())
    }

    async fn account(&self, owner: OwnerId, request_id: &str) -> StoreResult<AccountState> {
        if let Some(state) = self.find_state(owner).await? {
            return Ok(state);
        }
        Ok(self.open_or_find(owner, request_id).await?.state())
    }

    async fn hold(&self, hold: NewHold) -> StoreResult<HoldOutcome> {
        self.make_hold(hold).await
    }

    async fn extend_hold(&self, hold: &Hold, to: Amount) -> StoreResult<ExtendOutcome> {
        self.extend(hold, to).await
    }

    async fn find_key(
        &self,
        owner: OwnerId,
        user: UserId,
        idempotency: &Idempotency,
    ) -> StoreResult<Option<HoldOutcome>> {
        let Some(account) = self.find_account(owner).await? else { return Ok(None) };
        self.find_once(&account, user, idempotency).await
    }

    async fn is_open(&self, HoldId { id, owner }: HoldId) -> StoreResult<bool> {
        Ok(self.find_account(owner).await?.is_some_and(|account| account.find_open(id).is_some()))
    }

    async fn hold_ceiling(&self, HoldId { id, owner }: HoldId) -> StoreResult<Option<Amount>> {
        let Some(account) = self.find_account(owner).await? else { return Ok(None) };
        if let Some(open) = account.find_open(id) {
            return Ok(Some(open.ceiling));
        }
        let made = self.find_entry(&account, hold_key(id)).await?;
        Ok(made.map(|made| made.entry.ceiling.map_or(made.entry.held_change, Amount::from_micros)))
    }

    async fn end_hold(
        &self,
        hold: &Hold,
        end: HoldEnd,
        reason: Option<ReleaseReason>,
    ) -> StoreResult<Option<(HoldEnd, Balance)>> {
        self.end(hold, end, reason).await
    }

    async fn settle_stored(&self, hold: &Hold, used: Amount) -> StoreResult<Option<(HoldEnd, Balance)>> {
        if let Some(settled) = self.settle_by_sums(hold, used).await? {
            return Ok(Some(settled));
        }
        self.end(hold, HoldEnd::Settle(used), None).await
    }

    async fn find_settlement(&self, HoldId { id, owner }: HoldId) -> StoreResult<Option<LedgerEntry>> {
        let Some(account) = self.find_account(owner).await? else { return Ok(None) };
        let settled = self.find_entry(&account, HoldEnd::Settle(Amount::ZERO).entry_key(id)).await?;
        settled.map(|filed| filed.entry.to_ledger_entry(filed.available)).transpose()
    }

    async fn spending(&self, owner: OwnerId) -> StoreResult<HashMap<String, Amount>> {
        #[derive(Deserialize)]
        struct Spending {
            #[serde(default)]
            spending: HashMap<String, i64>,
        }
        let accounts = self.accounts.clone_with_type::<Spending>();
        let own = doc! { "_id": to_bson(owner) };
        let found = run(async move { accounts.find_one(own).projection(doc! { "spending": 1 }).await }).await?;
        let spending = found.map(|found| found.spending).unwrap_or_default();
        Ok(spending.into_iter().map(|(counter, spent)| (counter, Amount::from_micros(spent))).collect())
    }

    async fn budgets(&self, owner: OwnerId, user: UserId) -> StoreResult<BudgetPlan> {
        self.plans.find(owner, user).await
    }

    async fn set_budgets(&self, owner: OwnerId, user: UserId, plan: BudgetPlan) -> StoreResult<()> {
        self.plans.set(owner, user, plan).await
    }

    async fn post(&self, posting: NewPosting) -> StoreResult<PostingOutcome> {
        self.post_once(&posting).await
    }

    async fn find_posting(&self, owner: OwnerId, kind: PostingKind, key: &str) -> StoreResult<Option<LedgerEntry>> {
        let Some(account) = self.find_account(owner).await? else { return Ok(None) };
        let posted = self.find_entry(&account, posting_key(kind, key, owner)).await?;
        posted.map(|filed| filed.entry.to_ledger_entry(filed.available)).transpose()
    }

    async fn expired_of(&self, owner: OwnerId, lot: LotId) -> StoreResult<Amount> {
        self.expired_in(owner, lot).await
    }

    async fn expire_lots(&self, now: i64, limit: usize) -> StoreResult<usize> {
        let expired = self.expire_all(now, limit).await?;
        Ok(expired + self.forget_counts(now, limit.saturating_sub(expired)).await?)
    }

    async fn expiring_accounts(
        &self,
        now: i64,
        until: i64,
        after: Option<(i64, OwnerId)>,
        limit: usize,
    ) -> StoreResult<Vec<(i64, OwnerId)>> {
        self.find_expiring(now, until, after, limit).await
    }

    async fn mark_published(&self, hold: HoldId) -> StoreResult<()> {
        self.published.mark(hold).await
    }

    async fn is_published(&self, hold: HoldId) -> StoreResult<bool> {
        self.published.contains(hold).await
    }

    async fn open_holds(&self, owner: OwnerId) -> StoreResult<Vec<Hold>> {
        #[derive(Deserialize)]
        struct Holds {
            open: Vec<OpenHold>,
        }
        let accounts = self.accounts.clone_with_type::<Holds>();
        let own = doc! { "_id": to_bson(owner) };
        let found = run(async move { accounts.find_one(own).projection(doc! { "open": 1 }).await }).await?;
        let open = found.map(|found| found.open).unwrap_or_default();
        Ok(open.into_iter().filter_map(|hold| hold.read(owner)).collect())
    }

    async fn renew_holds(&self, holds: Vec<HoldId>, lease_until: i64) -> StoreResult<()> {
        let updates: Vec<Bson> = holds
            .iter()
            .map(|HoldId { id, owner }| {
                let update = doc! { "$set": { "open.$.leaseUntil": lease_until } };
                doc! { "q": { "_id": to_bson(*owner), "open.id": to_bson(*id) }, "u": update }.into()
            })
            .collect();
        for batch in updates.chunks(500) {
            let command = doc! { "update": "accounts", "updates": batch.to_vec(), "ordered": false };
            self.mongo.command(command).await?;
        }
        Ok(())
    }

    async fn stale_holds(&self, now: i64, limit: usize) -> StoreResult<Vec<StaleHold>> {
        #[derive(Deserialize)]
        struct Holds {
            #[serde(rename = "_id")]
            owner: bson::Uuid,
            open: Vec<Document>,
        }
        let latest = now.saturating_add(LONGEST_LEASE);
        let accounts = self.accounts.clone_with_type::<Holds>();
        let found: Vec<Holds> = run(async move {
            let kinds = WorkKind::ALL.map(WorkKind::as_str).to_vec();
            let is_stale = vec![doc! { "leaseUntil": { "$lt": now } }, doc! { "leaseUntil": { "$gt": latest } }];
            let hold = doc! { "$or": is_stale, "kind": { "$in": kinds } };
            let stale = doc! { "busy": true, "open": { "$elemMatch": hold } };
            let holds = accounts.find(stale).projection(doc! { "open": 1 });
            holds.limit(to_i64(limit)).await?.try_collect().await
        })
        .await?;
        let mut stale: Vec<(i64, StaleHold)> = Vec::new();
        for Holds { owner, open } in found {
            for hold in open {
                let open: OpenHold = match bson::deserialize_from_document(hold) {
                    Ok(open) => open,
                    // Of another version, perhaps.
                    Err(error) => {
                        tracing::error!(%error, "an open hold cannot be read");
                        continue;
                    }
                };
                let lease_until = open.lease_until;
                if (now..=latest).contains(&lease_until) {
                    continue;
                }
                let Some(hold) = open.read(from_bson(owner)) else { continue };
                stale.push((lease_until, StaleHold { kind: hold.kind, hold }));
            }
        }
        let accounts = self.accounts.clone();
        run(async move {
            let idle = doc! { "busy": true, "open": { "$size": 0 } };
            accounts.update_many(idle, doc! { "$set": { "busy": false } }).await
        })
        .await?;
        stale.sort_by_key(|(lease, _)| *lease);
        Ok(stale.into_iter().map(|(_, hold)| hold).take(limit).collect())
    }

    async fn forget_keys(&self, before: i64) -> StoreResult<()> {
        let before = bson::DateTime::from_millis(before);
        // Filed ones, and those in accounts that were not used since.
        let (ledger, accounts) = (self.ledger.clone(), self.accounts.clone());
        run(async move {
            let old = doc! { "once.key": { "$exists": true }, "at": { "$lt": before } };
            ledger.update_many(old, doc! { "$unset": { "once": "" } }).await
        })
        .await?;
        run(async move {
            let old = doc! { "recent": { "$elemMatch": { "once.key": { "$exists": true }, "at": { "$lt": before } } } };
            let forget = doc! { "$unset": { "recent.$[old].once": "" } };
            let which = doc! { "old.once.key": { "$exists": true }, "old.at": { "$lt": before } };
            accounts.update_many(old, forget).array_filters(vec![which]).await
        })
        .await?;
        Ok(())
    }

    async fn ledger(
        &self,
        owner: OwnerId,
        cursor: Option<&str>,
        limit: usize,
    ) -> StoreResult<Option<Page<LedgerEntry>>> {
        self.find_page(owner, cursor, limit).await
    }

    async fn statement(
        &self,
        owner: OwnerId,
        request_id: &str,
        cursor: Option<&str>,
        limit: usize,
    ) -> StoreResult<Option<Statement>> {
        let account = self.open_or_find(owner, request_id).await?;
        let (state, open) = (account.state(), account.open.iter().map(|open| from_bson(open.id)).collect());
        let page = self.page_of(account, cursor, limit).await?;
        Ok(page.map(|entries| Statement { state, open, entries }))
    }

    async fn entries_of_request(
        &self,
        owner: OwnerId,
        request_id: &str,
        limit: usize,
    ) -> StoreResult<Vec<LedgerEntry>> {
        self.find_of_request(owner, request_id, limit).await
    }

    async fn audit(&self) -> StoreResult<AuditReport> {
        self.walk_books().await
    }

    async fn open_empty(&self, owner: OwnerId, request_id: &str) -> StoreResult<()> {
        self.open_account(owner, Amount::ZERO, request_id).await
    }

    async fn forget_owner(&self, owner: OwnerId, user: UserId) -> StoreResult<()> {
        self.forget_words(owner).await?;
        self.plans.delete(owner, user).await
    }
}
