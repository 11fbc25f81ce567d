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

mod audit;
mod batch;
mod documents;
mod filing;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{self, Bson, Document, doc};
use serde::Deserialize;
use uuid::Uuid;

use self::batch::{Batcher, Change};
use self::documents::{Account, After, Cut, Entry, Filed, Once, OpenHold, between};
use super::{
    AuditReport, CreditStore, Hold, HoldEnd, HoldId, HoldOutcome, Idempotency, NewHold, NewPosting, PostingOutcome,
    SpendingKey, StaleHold, WorkKind,
};
use crate::credits::{Balance, EntryKind, EntryReason, LedgerEntry, Page, ReleaseReason};
use crate::platform::db::mongo::{Durability, Mongo, from_bson, is_duplicate, run, to_bson};
use crate::platform::db::{StoreError, StoreResult};

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
    batcher: Batcher,
    free_credits: i64,
    /// The accounts whose entries this server is filing now.
    filing: Arc<Mutex<HashSet<Uuid>>>,
}

impl MongoCreditStore {
    /// New accounts are opened with `free_credits`. Needs a running Tokio.
    #[must_use]
    pub fn new(mongo: Mongo, free_credits: i64) -> Self {
        Self {
            batcher: Batcher::new(&mongo),
            accounts: mongo.collection("accounts", Durability::Durable),
            ledger: mongo.collection("ledger", Durability::Durable),
            mongo,
            free_credits,
            filing: Arc::default(),
        }
    }

    /// One guarded update of an account. `None` where the guard does not hold, or (never with [`Change::alone`]) where
    /// the entry has been filed before anybody could see it.
    async fn update(&self, user: Uuid, change: Change) -> StoreResult<Option<After>> {
        let after = self.batcher.run(user, change).await?;
        if after.as_ref().is_some_and(After::is_full) {
            self.file_soon(user);
        }
        Ok(after)
    }

    async fn find_account(&self, user: Uuid) -> StoreResult<Option<Account>> {
        let accounts = self.accounts.clone();
        run(async move { accounts.find_one(doc! { "_id": to_bson(user) }).await }).await
    }

    async fn find_balance(&self, user: Uuid) -> StoreResult<Option<Balance>> {
        let accounts = self.accounts.clone_with_type::<Balance>();
        run(async move {
            let fields = doc! { "_id": 0, "available": 1, "held": 1, "debt": 1 };
            accounts.find_one(doc! { "_id": to_bson(user) }).projection(fields).await
        })
        .await
    }

    /// Makes the account with its free credits, unless somebody was faster.
    async fn open_account(&self, user: Uuid, request_id: &str) -> StoreResult<()> {
        let mut recent = Vec::new();
        if self.free_credits > 0 {
            let key = format!("grant:welcome:{user}");
            let mut grant = Entry::new(EntryKind::Grant, self.free_credits, 0, key, request_id);
            grant.reason = Some(EntryReason::Welcome.as_str().to_owned());
            recent.push(grant);
        }
        let account = Account {
            user: to_bson(user),
            available: self.free_credits,
            held: 0,
            debt: 0,
            posted: i64::from(self.free_credits > 0),
            cut: Cut::default(),
            open: Vec::new(),
            busy: false,
            recent,
            spending: HashMap::new(),
        };
        let accounts = self.accounts.clone();
        match run(async move { accounts.insert_one(account).await }).await {
            Err(error) if !is_duplicate(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// The account, opened if need be.
    async fn account(&self, user: Uuid, request_id: &str) -> StoreResult<Account> {
        if let Some(account) = self.find_account(user).await? {
            return Ok(account);
        }
        self.open_account(user, request_id).await?;
        self.find_account(user).await?.ok_or_else(|| StoreError::Corrupt(format!("account {user} went away")))
    }

    /// What became of a key: in the account, or in what was filed before the account was read.
    async fn find_once(&self, account: &Account, idempotency: &Idempotency) -> StoreResult<Option<HoldOutcome>> {
        let outcome = |once: &Once| idempotency.compare(&once.fingerprint.bytes, from_bson(once.hold));
        let mut recent = account.recent.iter().filter_map(|entry| entry.once.as_ref());
        if let Some(found) = recent.find(|once| once.key == idempotency.key) {
            return Ok(Some(outcome(found)));
        }
        let (ledger, user, key) = (self.ledger.clone(), account.user, idempotency.key.clone());
        let filed = run(async move { ledger.find_one(doc! { "_id.user": user, "once.key": key }).await }).await?;
        Ok(filed.and_then(|filed| filed.entry.once).as_ref().map(outcome))
    }

    /// A filed entry with one of these keys.
    async fn find_filed(&self, keys: Vec<String>) -> StoreResult<Option<Filed>> {
        let ledger = self.ledger.clone();
        run(async move { ledger.find_one(doc! { "key": { "$in": keys } }).await }).await
    }

    /// How a hold ended that is no longer open.
    async fn find_end(&self, account: &Account, id: Uuid) -> StoreResult<Option<HoldEnd>> {
        let ends = [HoldEnd::Settle, HoldEnd::Release];
        let ended_in = |key: &str| ends.into_iter().find(|end| end_key(*end, id) == key);
        if let Some(end) = account.recent.iter().find_map(|entry| ended_in(&entry.key)) {
            return Ok(Some(end));
        }
        let filed = self.find_filed(ends.map(|end| end_key(end, id)).to_vec()).await?;
        Ok(filed.filter(|filed| filed.place.user == account.user).and_then(|filed| ended_in(&filed.entry.key)))
    }

    /// Says of entries from before they said it themselves what their holds were for: that of an image has its id.
    async fn complete_work(&self, entries: &mut [Filed]) -> StoreResult<()> {
        #[derive(Deserialize)]
        struct Image {
            #[serde(rename = "_id")]
            id: bson::Uuid,
        }
        let mut unknown: HashMap<Uuid, Vec<&mut Entry>> = HashMap::new();
        for Filed { entry, .. } in entries.iter_mut().filter(|filed| filed.entry.work.is_none()) {
            if let Some(hold) = entry.hold_id() {
                unknown.entry(hold).or_default().push(entry);
            }
        }
        if unknown.is_empty() {
            return Ok(());
        }
        let images = self.mongo.collection::<Image>("images", Durability::Durable);
        let of = doc! { "_id": { "$in": unknown.keys().copied().map(to_bson).collect::<Vec<_>>() } };
        let images: Vec<Image> =
            run(async move { images.find(of).projection(doc! { "_id": 1 }).await?.try_collect().await }).await?;
        let images: HashSet<_> = images.into_iter().map(|image| from_bson(image.id)).collect();
        for (hold, entries) in unknown {
            let work = if images.contains(&hold) { WorkKind::Image } else { WorkKind::Chat };
            for entry in entries {
                entry.work = Some(work.as_str().to_owned());
            }
        }
        Ok(())
    }

    /// The cause of a hold that was refused, or what it expects to find next time.
    async fn look_before_hold(&self, hold: &NewHold) -> StoreResult<Result<HoldOutcome, Document>> {
        let account = self.account(hold.user, &hold.request_id).await?;
        if account.open.iter().any(|open| open.id == to_bson(hold.id)) {
            return Ok(Ok(HoldOutcome::Held(account.balance())));
        }
        let mut guard = guard_of(hold);
        if let Some(idempotency) = &hold.idempotency {
            if let Some(outcome) = self.find_once(&account, idempotency).await? {
                return Ok(Ok(outcome));
            }
            guard.insert("cut.seq", account.cut.seq);
            guard.insert("recent.once.key", doc! { "$ne": &idempotency.key });
        }
        if account.available < hold.amount {
            return Ok(Ok(HoldOutcome::Insufficient { available: account.available }));
        }
        if let Some(SpendingKey { id, budget: Some(budget) }) = hold.key {
            let left = budget - account.spending.get(&id.to_string()).copied().unwrap_or(0);
            if left < hold.amount {
                return Ok(Ok(HoldOutcome::OverBudget { left: left.max(0) }));
            }
        }
        Ok(Err(guard))
    }
}

/// What an account must be like for this hold.
fn guard_of(hold: &NewHold) -> Document {
    let mut guard = doc! { "available": { "$gte": hold.amount } };
    if let Some(SpendingKey { id, budget: Some(budget) }) = hold.key {
        // Of a key that has spent nothing there is no field, which is not greater than 0 either.
        let most = (budget - hold.amount).max(0);
        guard.insert(spending_field(id), doc! { "$not": { "$gt": most } });
    }
    guard
}

fn spending_field(key: Uuid) -> String {
    format!("spending.{key}")
}

fn hold_key(id: Uuid) -> String {
    format!("{}:{id}", EntryKind::Hold.as_str())
}

fn end_key(end: HoldEnd, id: Uuid) -> String {
    let kind = match end {
        HoldEnd::Settle => EntryKind::Settle,
        HoldEnd::Release => EntryKind::Release,
    };
    format!("{}:{id}", kind.as_str())
}

fn busy(user: Uuid) -> StoreError {
    StoreError::Corrupt(format!("account {user} did not hold still"))
}

#[async_trait]
impl CreditStore for MongoCreditStore {
    async fn balance(&self, user: Uuid, request_id: &str) -> StoreResult<Balance> {
        if let Some(balance) = self.find_balance(user).await? {
            return Ok(balance);
        }
        Ok(self.account(user, request_id).await?.balance())
    }

    async fn hold(&self, hold: NewHold) -> StoreResult<HoldOutcome> {
        let at = bson::DateTime::now();
        let open = OpenHold {
            id: to_bson(hold.id),
            kind: hold.kind.as_str().to_owned(),
            amount: hold.amount,
            request_id: hold.request_id.clone(),
            key: hold.key.map(|key| to_bson(key.id)),
            at,
            lease_until: hold.lease_until,
        };
        let mut entry = Entry::new(EntryKind::Hold, 0, hold.amount, hold_key(hold.id), &hold.request_id);
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

    async fn find_key(&self, user: Uuid, idempotency: &Idempotency) -> StoreResult<Option<HoldOutcome>> {
        let Some(account) = self.find_account(user).await? else { return Ok(None) };
        self.find_once(&account, idempotency).await
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
        let mut entry = Entry::new(kind, amount, -hold.amount, end_key(end, hold.id), &hold.request_id);
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
        Ok(self.find_end(&account, hold.id).await?.map(|end| (end, account.balance())))
    }

    async fn key_spending(&self, user: Uuid) -> StoreResult<HashMap<Uuid, i64>> {
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
            let mut entry = Entry::new(kind, posting.amount, 0, key.clone(), &posting.request_id);
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
            open: Vec<OpenHold>,
        }
        let accounts = self.accounts.clone_with_type::<Holds>();
        let found: Vec<Holds> = run(async move {
            let kinds = WorkKind::ALL.map(WorkKind::as_str).to_vec();
            let hold = doc! { "leaseUntil": { "$lt": now }, "kind": { "$in": kinds } };
            let stale = doc! { "busy": true, "open": { "$elemMatch": hold } };
            let holds = accounts.find(stale).projection(doc! { "open": 1 });
            holds.limit(i64::try_from(limit).unwrap_or(i64::MAX)).await?.try_collect().await
        })
        .await?;
        let mut stale: Vec<(i64, StaleHold)> = Vec::new();
        for Holds { user, open } in found {
            for hold in open.into_iter().filter(|hold| hold.lease_until < now) {
                let Some(kind) = WorkKind::parse(&hold.kind) else { continue };
                let held = Hold {
                    id: from_bson(hold.id),
                    user: from_bson(user),
                    kind,
                    amount: hold.amount,
                    request_id: hold.request_id,
                    key: hold.key.map(from_bson),
                };
                stale.push((hold.lease_until, StaleHold { hold: held, kind }));
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

    async fn ledger(&self, user: Uuid, cursor: Option<&str>, limit: usize) -> StoreResult<Option<Page<LedgerEntry>>> {
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
