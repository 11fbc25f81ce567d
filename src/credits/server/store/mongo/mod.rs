//! The ledger in MongoDB, without transactions: an account is one document, and one guarded update of it decides.
//!
//! The document carries the balance, the open holds, and the newest entries of the ledger, so a hold and its entry, or
//! a settlement and its entry, are one write that happens or does not. When [`PAGE`] entries have gathered they are
//! copied into `ledger` and then cut from the account. Both steps may be repeated by anybody at any time: an entry's
//! place in `ledger` is its user and its number, so a copy is there once, and an account is cut only where it was
//! copied from (`cut.seq` is what the cut expects to find).
//!
//! Updates of different accounts that come at the same time go to the database in one command (`batch.rs`).
//!
//! What has to be looked for (a key that was used before) is looked for in the account first and in `ledger` then;
//! the update that follows expects the account uncut since, so nothing slips through between the two.

mod accounts;
mod audit;
mod batch;
mod documents;
mod filing;
mod guards;
mod published;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{self, Bson, Document, doc};
use serde::Deserialize;

use self::batch::{Batcher, Change};
use self::documents::{Account, After, Entry, Filed, Once, OpenHold, between};
use self::guards::{guard_of, hold_key, spending_field};
use self::published::PublishedWork;
use super::{
    AuditReport, CreditStore, Hold, HoldEnd, HoldId, HoldOutcome, Idempotency, LONGEST_LEASE, NewHold, NewPosting,
    PostingOutcome, StaleHold, WorkKind,
};
use crate::credits::{Balance, EntryKind, LedgerEntry, Page, ReleaseReason};
use crate::platform::db::mongo::{Durability, Mongo, from_bson, run, to_bson};
use crate::platform::db::{StoreError, StoreResult};
use crate::platform::ids::{ApiKeyId, UserId};

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
    free_credits: i64,
    /// The accounts whose entries this server is filing now.
    filing: Arc<Mutex<HashSet<UserId>>>,
}

impl MongoCreditStore {
    /// New accounts are opened with `free_credits`. Needs a running Tokio.
    #[must_use]
    pub fn new(mongo: Mongo, free_credits: i64) -> Self {
        Self {
            batcher: Batcher::new(&mongo),
            accounts: mongo.collection("accounts", Durability::Durable),
            ledger: mongo.collection("ledger", Durability::Durable),
            published: PublishedWork::new(&mongo),
            mongo,
            free_credits,
            filing: Arc::default(),
        }
    }

    /// One guarded update of an account. `None` where the guard does not hold, or (never with [`Change::alone`]) where
    /// the entry has been filed before anybody could see it.
    async fn update(&self, user: UserId, change: Change) -> StoreResult<Option<After>> {
        let after = self.batcher.run(user, change).await?;
        if after.as_ref().is_some_and(After::is_full) {
            self.file_soon(user);
        }
        Ok(after)
    }
}

fn busy(user: UserId) -> StoreError {
    StoreError::Corrupt(format!("account {user} did not hold still"))
}

#[async_trait]
impl CreditStore for MongoCreditStore {
    async fn balance(&self, user: UserId, request_id: &str) -> StoreResult<Balance> {
        if let Some(balance) = self.find_balance(user).await? {
            return Ok(balance);
        }
        Ok(self.account(user, request_id).await?.balance())
    }

    async fn hold(&self, hold: NewHold) -> StoreResult<HoldOutcome> {
        let at = self.mongo.now();
        let open = OpenHold {
            id: to_bson(hold.id),
            kind: hold.kind.as_str().to_owned(),
            amount: hold.amount,
            request_id: hold.request_id.clone(),
            key: hold.key.map(|key| to_bson(key.id)),
            at: bson::DateTime::from_millis(at),
            lease_until: hold.lease_until,
        };
        let mut entry = Entry::new(EntryKind::Hold, 0, hold.amount, hold_key(hold.id), &hold.request_id, at);
        entry.work = Some(hold.kind.as_str().to_owned());
        entry.once = hold.idempotency.as_ref().map(|Idempotency { key, fingerprint }| Once {
            key: key.clone(),
            fingerprint: bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: fingerprint.to_vec() },
            hold: open.id,
        });
        let mut sums = doc! { "available": -hold.amount, "held": hold.amount, "posted": 1_i64 };
        sums.extend(hold.key.map(|key| (spending_field(key.id), Bson::from(hold.amount))));
        let update = doc! {
            "$inc": sums,
            "$set": { "busy": true },
            "$push": { "open": bson::serialize_to_bson(&open)?, "recent": bson::serialize_to_bson(&entry)? },
        };
        // The balance and the budget are looked at by the update itself.
        let hopeless = hold.key.and_then(|key| key.budget).is_some_and(|budget| budget < hold.amount);
        let mut guard = match hold.idempotency {
            None if !hopeless => guard_of(&hold),
            _ => match self.look_before_hold(&hold).await? {
                Ok(outcome) => return Ok(outcome),
                Err(guard) => guard,
            },
        };
        for _ in 0..TRIES {
            let change = Change { guard, update: update.clone(), entry: entry.id, alone: false };
            if let Some(after) = self.update(hold.user, change).await? {
                return Ok(HoldOutcome::Held(after.balance()));
            }
            guard = match self.look_before_hold(&hold).await? {
                Ok(outcome) => return Ok(outcome),
                Err(guard) => guard,
            };
        }
        Err(busy(hold.user))
    }

    async fn find_key(&self, user: UserId, idempotency: &Idempotency) -> StoreResult<Option<HoldOutcome>> {
        let Some(account) = self.find_account(user).await? else { return Ok(None) };
        self.find_once(&account, idempotency).await
    }

    async fn is_open(&self, HoldId { id, user }: HoldId) -> StoreResult<bool> {
        Ok(self.find_account(user).await?.is_some_and(|account| account.is_open(id)))
    }

    async fn hold_amount(&self, HoldId { id, user }: HoldId) -> StoreResult<Option<i64>> {
        let Some(account) = self.find_account(user).await? else { return Ok(None) };
        let key = hold_key(id);
        if let Some(entry) = account.recent.iter().find(|entry| entry.key == key) {
            return Ok(Some(entry.held_change));
        }
        let filed = self.find_filed(vec![key]).await?;
        Ok(filed.filter(|filed| filed.place.user == account.user).map(|filed| filed.entry.held_change))
    }

    async fn end_hold(
        &self,
        hold: &Hold,
        end: HoldEnd,
        reason: Option<ReleaseReason>,
    ) -> StoreResult<Option<(HoldEnd, Balance)>> {
        let (kind, amount, given_back) = match end {
            HoldEnd::Settle => (EntryKind::Settle, -hold.amount, 0),
            HoldEnd::Release => (EntryKind::Release, 0, hold.amount),
        };
        let at = self.mongo.now();
        let mut entry = Entry::new(kind, amount, -hold.amount, end.entry_key(hold.id), &hold.request_id, at);
        entry.work = Some(hold.kind.as_str().to_owned());
        entry.reason = reason.map(|reason| reason.as_str().to_owned());
        let guard = doc! { "open": { "$elemMatch": { "id": to_bson(hold.id), "amount": hold.amount } } };
        let mut sums = doc! { "available": given_back, "held": -hold.amount, "posted": 1_i64 };
        if let (HoldEnd::Release, Some(key)) = (end, hold.key) {
            sums.insert(spending_field(key), -hold.amount);
        }
        let update = doc! {
            "$inc": sums,
            "$pull": { "open": { "id": to_bson(hold.id) } },
            "$push": { "recent": bson::serialize_to_bson(&entry)? },
        };
        let change = Change { guard, update, entry: entry.id, alone: false };
        if let Some(after) = self.update(hold.user, change).await? {
            return Ok(Some((end, after.balance())));
        }
        let Some(account) = self.find_account(hold.user).await? else { return Ok(None) };
        Ok(self.find_end(&account, hold.id).await?.map(|(end, _)| (end, account.balance())))
    }

    async fn key_spending(&self, user: UserId) -> StoreResult<HashMap<ApiKeyId, i64>> {
        #[derive(Deserialize)]
        struct Spending {
            #[serde(default)]
            spending: HashMap<String, i64>,
        }
        let accounts = self.accounts.clone_with_type::<Spending>();
        let found = run(async move {
            accounts.find_one(doc! { "_id": to_bson(user) }).projection(doc! { "spending": 1 }).await
        })
        .await?;
        let spending = found.map(|found| found.spending).unwrap_or_default();
        let read = |(key, spent): (String, i64)| {
            let key = key.parse().map_err(|_| StoreError::Corrupt(format!("spending of key {key:?}")))?;
            Ok((key, spent))
        };
        spending.into_iter().map(read).collect()
    }

    async fn post(&self, posting: NewPosting) -> StoreResult<PostingOutcome> {
        let key = posting.entry_key();
        for _ in 0..TRIES {
            let account = self.account(posting.user, &posting.request_id).await?;
            let before = account.balance();
            let repeated = account.recent.iter().any(|entry| entry.key == key);
            if repeated || self.find_filed(vec![key.clone()]).await?.is_some() {
                return Ok(PostingOutcome::Repeated(before));
            }
            let Some(after) = posting.apply(before) else {
                return Ok(PostingOutcome::Insufficient { available: before.available });
            };
            let kind = posting.kind.entry_kind();
            let at = self.mongo.now();
            let mut entry = Entry::new(kind, posting.amount, 0, key.clone(), &posting.request_id, at);
            entry.debt_change = after.debt - before.debt;
            entry.reason.clone_from(&posting.reason);
            // As it was when it was looked at: `posted` counts whatever happens to an account.
            let guard = doc! { "posted": account.posted };
            let update = doc! {
                "$set": { "available": after.available, "debt": after.debt },
                "$inc": { "posted": 1_i64 },
                "$push": { "recent": bson::serialize_to_bson(&entry)? },
            };
            let change = Change { guard, update, entry: entry.id, alone: true };
            if let Some(after) = self.update(posting.user, change).await? {
                return Ok(PostingOutcome::Posted(after.balance()));
            }
        }
        Err(busy(posting.user))
    }

    async fn mark_published(&self, hold: HoldId) -> StoreResult<()> {
        self.published.mark(hold).await
    }

    async fn is_published(&self, hold: HoldId) -> StoreResult<bool> {
        self.published.contains(hold).await
    }

    async fn open_holds(&self, user: UserId) -> StoreResult<Vec<Hold>> {
        #[derive(Deserialize)]
        struct Holds {
            open: Vec<OpenHold>,
        }
        let accounts = self.accounts.clone_with_type::<Holds>();
        let own = doc! { "_id": to_bson(user) };
        let found = run(async move { accounts.find_one(own).projection(doc! { "open": 1 }).await }).await?;
        let open = found.map(|found| found.open).unwrap_or_default();
        Ok(open.into_iter().filter_map(|hold| hold.read(user)).collect())
    }

    async fn renew_holds(&self, holds: Vec<HoldId>, lease_until: i64) -> StoreResult<()> {
        let updates: Vec<Bson> = holds
            .iter()
            .map(|HoldId { id, user }| {
                let update = doc! { "$set": { "open.$.leaseUntil": lease_until } };
                doc! { "q": { "_id": to_bson(*user), "open.id": to_bson(*id) }, "u": update }.into()
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
            user: bson::Uuid,
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
            holds.limit(i64::try_from(limit).unwrap_or(i64::MAX)).await?.try_collect().await
        })
        .await?;
        let mut stale: Vec<(i64, StaleHold)> = Vec::new();
        for Holds { user, open } in found {
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
                let Some(hold) = open.read(from_bson(user)) else { continue };
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

    async fn ledger(&self, user: UserId, cursor: Option<&str>, limit: usize) -> StoreResult<Option<Page<LedgerEntry>>> {
        let before = match cursor.map(str::parse::<i64>) {
            None => i64::MAX,
            Some(Ok(seq)) if seq > 0 => seq,
            Some(_) => return Ok(None),
        };
        let Some(account) = self.find_account(user).await? else {
            return Ok(Some(Page { items: Vec::new(), next_cursor: None }));
        };
        let mut filed: Vec<Filed> = account.filed().filter(|filed| filed.place.seq < before).collect();
        filed.reverse();
        filed.truncate(limit + 1);
        let missing = limit + 1 - filed.len();
        if missing > 0 {
            let range = between(account.user, 0, account.cut.seq.min(before - 1));
            let ledger = self.ledger.clone();
            let older: Vec<Filed> = run(async move {
                let entries = ledger.find(range).sort(doc! { "_id": -1 });
                entries.limit(i64::try_from(missing).unwrap_or(i64::MAX)).await?.try_collect().await
            })
            .await?;
            filed.extend(older);
        }
        let more = filed.len() > limit;
        filed.truncate(limit);
        let next_cursor = filed.last().filter(|_| more).map(|last| last.place.seq.to_string());
        self.complete_work(&mut filed).await?;
        let items =
            filed.iter().map(|filed| filed.entry.to_ledger_entry(filed.available_after)).collect::<StoreResult<_>>()?;
        Ok(Some(Page { items, next_cursor }))
    }

    async fn audit(&self) -> StoreResult<AuditReport> {
        self.walk_books().await
    }
}
