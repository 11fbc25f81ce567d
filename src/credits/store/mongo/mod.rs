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

mod batch;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{self, Bson, Document, doc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::batch::{Batcher, Change};
use super::{
    AuditReport, CreditStore, Drift, Hold, HoldEnd, HoldId, HoldOutcome, Idempotency, NewHold, NewPosting,
    PostingOutcome, StaleHold, WorkKind,
};
use crate::credits::{Balance, EntryKind, LedgerEntry, Page};
use crate::server::db::mongo::{Durability, Mongo, from_bson, is_duplicate, run, to_bson};
use crate::server::db::{StoreError, StoreResult, rfc3339};

/// How many entries gather in an account before they are moved to the ledger's own collection.
const PAGE: i64 = 32;
/// How often an update whose guard did not hold is tried anew. Each time somebody else got on.
const TRIES: usize = 200;

/// An account, with its newest entries.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    #[serde(rename = "_id")]
    user: bson::Uuid,
    available: i64,
    held: i64,
    debt: i64,
    /// Entries ever posted.
    posted: i64,
    /// Up to where the entries are in `ledger`.
    cut: Cut,
    open: Vec<OpenHold>,
    /// Whether there may be open holds. Indexed, so it changes rarely: the sweeper takes it back.
    busy: bool,
    /// The entries after the cut, oldest first.
    recent: Vec<Entry>,
}

/// Where the entries of an account were cut off.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Cut {
    /// Number of the last entry in `ledger`; the first ever is 1.
    seq: i64,
    /// What was available after it.
    available: i64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OpenHold {
    id: bson::Uuid,
    kind: String,
    amount: i64,
    request_id: String,
    at: bson::DateTime,
    lease_until: i64,
}

/// An entry of the ledger as it is stored, in an account or on its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    id: bson::Uuid,
    kind: String,
    amount: i64,
    held_change: i64,
    #[serde(default, skip_serializing_if = "is_zero")]
    debt_change: i64,
    key: String,
    request_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    once: Option<Once>,
    at: bson::DateTime,
}

/// The `Idempotency-Key` that a hold came with.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Once {
    key: String,
    fingerprint: bson::Binary,
    hold: bson::Uuid,
}

/// An entry in `ledger`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filed {
    #[serde(rename = "_id")]
    place: Place,
    available_after: i64,
    #[serde(flatten)]
    entry: Entry,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Place {
    user: bson::Uuid,
    seq: i64,
}

/// What an update of an account leaves.
#[derive(Debug, Clone, Copy, Deserialize)]
struct After {
    available: i64,
    held: i64,
    debt: i64,
    posted: i64,
    cut: Cut,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls it with")]
const fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl Entry {
    fn new(kind: EntryKind, amount: i64, held_change: i64, key: String, request_id: &str) -> Self {
        Self {
            id: to_bson(Uuid::now_v7()),
            kind: kind.as_str().to_owned(),
            amount,
            held_change,
            debt_change: 0,
            key,
            request_id: request_id.to_owned(),
            reason: None,
            once: None,
            at: bson::DateTime::now(),
        }
    }

    const fn available_change(&self) -> i64 {
        self.amount - self.held_change + self.debt_change
    }

    fn to_ledger_entry(&self, available_after: i64) -> StoreResult<LedgerEntry> {
        Ok(LedgerEntry {
            id: from_bson(self.id).to_string(),
            kind: EntryKind::parse(&self.kind)
                .ok_or_else(|| StoreError::Corrupt(format!("ledger kind {:?}", self.kind)))?,
            amount: self.amount,
            held_change: self.held_change,
            available_after,
            request_id: self.request_id.clone(),
            reason: self.reason.clone(),
            created_at: rfc3339(self.at.timestamp_millis())?,
        })
    }
}

impl Account {
    const fn balance(&self) -> Balance {
        Balance { available: self.available, held: self.held, debt: self.debt }
    }

    /// The entries after the cut, as they are filed.
    fn filed(&self) -> impl Iterator<Item = Filed> {
        let Cut { mut seq, mut available } = self.cut;
        self.recent.iter().map(move |entry| {
            seq += 1;
            available += entry.available_change();
            Filed { place: Place { user: self.user, seq }, available_after: available, entry: entry.clone() }
        })
    }
}

impl After {
    const fn balance(&self) -> Balance {
        Balance { available: self.available, held: self.held, debt: self.debt }
    }

    const fn is_full(&self) -> bool {
        self.posted - self.cut.seq >= PAGE
    }
}

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
            grant.reason = Some("Welcome credits".to_owned());
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
    async fn find_key(&self, account: &Account, key: &str) -> StoreResult<Option<Once>> {
        let of_entry = |entry: &Entry| entry.once.clone().filter(|once| once.key == key);
        if let Some(found) = account.recent.iter().find_map(of_entry) {
            return Ok(Some(found));
        }
        let (ledger, user, key) = (self.ledger.clone(), account.user, key.to_owned());
        let filed = run(async move { ledger.find_one(doc! { "_id.user": user, "once.key": key }).await }).await?;
        Ok(filed.and_then(|filed| filed.entry.once))
    }

    /// A filed entry with one of these keys.
    async fn find_filed(&self, keys: Vec<String>) -> StoreResult<Option<Filed>> {
        let ledger = self.ledger.clone();
        run(async move { ledger.find_one(doc! { "key": { "$in": keys } }).await }).await
    }

    /// Moves the entries of an account into the ledger, in the background.
    fn file_soon(&self, user: Uuid) {
        if !self.filing.lock().unwrap_or_else(PoisonError::into_inner).insert(user) {
            return;
        }
        let store = self.clone();
        tokio::spawn(async move {
            if let Err(error) = store.file(user).await {
                tracing::warn!(%error, %user, "entries stay in the account for now");
            }
            store.filing.lock().unwrap_or_else(PoisonError::into_inner).remove(&user);
        });
    }

    async fn file(&self, user: Uuid) -> StoreResult<()> {
        let Some(account) = self.find_account(user).await? else { return Ok(()) };
        let filed: Vec<Filed> = account.filed().collect();
        let Some(last) = filed.last() else { return Ok(()) };
        let (count, cut) = (filed.len(), Cut { seq: last.place.seq, available: last.available_after });
        let ledger = self.ledger.clone();
        match run(async move { ledger.insert_many(filed).ordered(false).await }).await {
            Err(error) if is_duplicate(&error) => self.check_filed(&account, cut.seq, count).await?,
            other => {
                other?;
            }
        }
        // Only what was copied is cut: entries that came meanwhile stay.
        let copied = i64::try_from(count).unwrap_or(i64::MAX);
        let rest = doc! { "$slice": ["$recent", copied, i64::from(i32::MAX)] };
        let update = vec![doc! { "$set": { "recent": rest, "cut": bson::serialize_to_bson(&cut)? } }];
        let guard = doc! { "_id": account.user, "cut.seq": account.cut.seq };
        let accounts = self.accounts.clone();
        run(async move { accounts.update_one(guard, update).await }).await?;
        Ok(())
    }

    /// Entries that were there already must be these very ones: another server, or one that died here, copied them.
    async fn check_filed(&self, account: &Account, last: i64, count: usize) -> StoreResult<()> {
        let (ledger, range) = (self.ledger.clone(), between(account.user, account.cut.seq + 1, last));
        let there = run(async move { ledger.count_documents(range).await }).await?;
        if usize::try_from(there).ok() == Some(count) {
            return Ok(());
        }
        Err(StoreError::Corrupt(format!("{there} of {count} entries of {} can be filed", account.user)))
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

    /// The cause of a hold that was refused, or what it expects to find next time.
    async fn look_before_hold(&self, hold: &NewHold) -> StoreResult<Result<HoldOutcome, Document>> {
        let account = self.account(hold.user, &hold.request_id).await?;
        if account.open.iter().any(|open| open.id == to_bson(hold.id)) {
            return Ok(Ok(HoldOutcome::Held(account.balance())));
        }
        let mut guard = doc! { "available": { "$gte": hold.amount } };
        if let Some(Idempotency { key, fingerprint }) = &hold.idempotency {
            if let Some(once) = self.find_key(&account, key).await? {
                let same = once.fingerprint.bytes == fingerprint;
                let id = from_bson(once.hold);
                return Ok(Ok(if same { HoldOutcome::Repeated(id) } else { HoldOutcome::Mismatch }));
            }
            guard.insert("cut.seq", account.cut.seq);
            guard.insert("recent.once.key", doc! { "$ne": key });
        }
        if account.available < hold.amount {
            return Ok(Ok(HoldOutcome::Insufficient { available: account.available }));
        }
        Ok(Err(guard))
    }
}

fn end_key(end: HoldEnd, id: Uuid) -> String {
    let kind = match end {
        HoldEnd::Settle => EntryKind::Settle,
        HoldEnd::Release => EntryKind::Release,
    };
    format!("{}:{id}", kind.as_str())
}

/// The filed entries of a user from one number to another.
fn between(user: bson::Uuid, first: i64, last: i64) -> Document {
    doc! { "_id": { "$gte": { "user": user, "seq": first }, "$lte": { "user": user, "seq": last } } }
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
            at,
            lease_until: hold.lease_until,
        };
        let mut entry = Entry::new(EntryKind::Hold, 0, hold.amount, format!("hold:{}", hold.id), &hold.request_id);
        entry.once = hold.idempotency.as_ref().map(|Idempotency { key, fingerprint }| Once {
            key: key.clone(),
            fingerprint: bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: fingerprint.to_vec() },
            hold: open.id,
        });
        let update = doc! {
            "$inc": { "available": -hold.amount, "held": hold.amount, "posted": 1_i64 },
            "$set": { "busy": true },
            "$push": { "open": bson::serialize_to_bson(&open)?, "recent": bson::serialize_to_bson(&entry)? },
        };
        // Without a key, the balance is all that has to be looked at, and the update itself does.
        let mut guard = match hold.idempotency {
            None => doc! { "available": { "$gte": hold.amount } },
            Some(_) => match self.look_before_hold(&hold).await? {
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

    async fn end_hold(
        &self,
        hold: &Hold,
        end: HoldEnd,
        reason: Option<String>,
    ) -> StoreResult<Option<(HoldEnd, Balance)>> {
        let (kind, amount, given_back) = match end {
            HoldEnd::Settle => (EntryKind::Settle, -hold.amount, 0),
            HoldEnd::Release => (EntryKind::Release, 0, hold.amount),
        };
        let mut entry = Entry::new(kind, amount, -hold.amount, end_key(end, hold.id), &hold.request_id);
        entry.reason = reason;
        let guard = doc! { "open": { "$elemMatch": { "id": to_bson(hold.id), "amount": hold.amount } } };
        let update = doc! {
            "$inc": { "available": given_back, "held": -hold.amount, "posted": 1_i64 },
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
            let stale = doc! { "busy": true, "open.leaseUntil": { "$lt": now } };
            let holds = accounts.find(stale).projection(doc! { "open": 1 });
            holds.limit(i64::try_from(limit).unwrap_or(i64::MAX)).await?.try_collect().await
        })
        .await?;
        let mut stale: Vec<(i64, StaleHold)> = Vec::new();
        for Holds { user, open } in found {
            for hold in open.into_iter().filter(|hold| hold.lease_until < now) {
                let kind = WorkKind::parse(&hold.kind)
                    .ok_or_else(|| StoreError::Corrupt(format!("hold {} is of kind {:?}", hold.id, hold.kind)))?;
                let held = Hold {
                    id: from_bson(hold.id),
                    user: from_bson(user),
                    amount: hold.amount,
                    request_id: hold.request_id,
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
        let items =
            filed.iter().map(|filed| filed.entry.to_ledger_entry(filed.available_after)).collect::<StoreResult<_>>()?;
        Ok(Some(Page { items, next_cursor }))
    }

    async fn audit(&self) -> StoreResult<AuditReport> {
        let (accounts, ledger) = (self.accounts.clone(), self.ledger.clone());
        // Two walks side by side in the order of users. Not bounded by a request's patience: this is for the command line.
        let mut accounts = accounts.find(doc! {}).sort(doc! { "_id": 1 }).await?;
        let mut ledger = ledger.find(doc! {}).sort(doc! { "_id": 1 }).await?;
        let mut report = AuditReport::default();
        let mut next = ledger.try_next().await?;
        while let Some(account) = accounts.try_next().await? {
            let mut books = Books::default();
            while let Some(filed) = next.take_if(|filed| filed.place.user <= account.user) {
                if filed.place.user < account.user {
                    report.entries += 1;
                    report.drifts.push(orphan(&filed));
                } else if filed.place.seq <= account.cut.seq {
                    books.add(&filed);
                }
                next = ledger.try_next().await?;
            }
            let mut problems = books.compare(&account);
            let mut account = account;
            if !problems.is_empty() {
                // The walks may have met an account that was being filed between them: look at it alone.
                (account, books) = self.read_books(from_bson(account.user)).await?;
                problems = books.compare(&account);
            }
            report.accounts += 1;
            report.entries += books.count + u64::try_from(account.recent.len()).unwrap_or_default();
            report.open_holds += u64::try_from(account.open.len()).unwrap_or_default();
            let oldest = account.open.iter().map(|hold| hold.at.timestamp_millis()).min();
            report.oldest_hold = report.oldest_hold.into_iter().chain(oldest).min();
            let user = from_bson(account.user);
            report.drifts.extend(problems.into_iter().map(|problem| Drift { user, problem }));
        }
        while let Some(filed) = next {
            report.entries += 1;
            report.drifts.push(orphan(&filed));
            next = ledger.try_next().await?;
        }
        Ok(report)
    }
}

fn orphan(filed: &Filed) -> Drift {
    Drift { user: from_bson(filed.place.user), problem: format!("entry {} has no account", filed.place.seq) }
}

/// What the filed entries of an account come to.
#[derive(Debug, Default)]
struct Books {
    count: u64,
    worth: i64,
    held: i64,
    available: i64,
    /// The first entry that does not follow from the one before.
    broken: Option<i64>,
}

impl Books {
    fn add(&mut self, filed: &Filed) {
        self.count += 1;
        self.worth += filed.entry.amount;
        self.held += filed.entry.held_change;
        self.available += filed.entry.available_change();
        let follows =
            u64::try_from(filed.place.seq).ok() == Some(self.count) && filed.available_after == self.available;
        if !follows && self.broken.is_none() {
            self.broken = Some(filed.place.seq);
        }
    }

    /// What is wrong with an account, whose entries up to the cut these are.
    fn compare(&self, account: &Account) -> Vec<String> {
        let mut problems = Vec::new();
        let Balance { available, held, debt } = account.balance();
        if let Some(seq) = self.broken {
            problems.push(format!("entry {seq} does not follow from the one before"));
        }
        if u64::try_from(account.cut.seq).ok() != Some(self.count) || account.cut.available != self.available {
            let Cut { seq, available } = account.cut;
            problems.push(format!(
                "{seq} entries are filed and {available} were available then, the ledger has {} and {}",
                self.count, self.available
            ));
        }
        let recent = |of: fn(&Entry) -> i64| account.recent.iter().map(of).sum::<i64>();
        let worth = self.worth + recent(|entry| entry.amount);
        if worth != available + held - debt {
            problems.push(format!("the ledger sums to {worth}, the account to {available} + {held} - {debt}"));
        }
        let (ledger_held, open) =
            (self.held + recent(|entry| entry.held_change), account.open.iter().map(|hold| hold.amount).sum::<i64>());
        if ledger_held != held || open != held {
            problems.push(format!("{held} are held, the ledger says {ledger_held} and the open holds {open}"));
        }
        let last = self.available + recent(Entry::available_change);
        if last != available {
            problems.push(format!("{available} are available, the last entry says {last}"));
        }
        if account.posted != account.cut.seq + i64::try_from(account.recent.len()).unwrap_or(i64::MAX) {
            problems.push(format!("{} entries were posted, {} are there", account.posted, account.recent.len()));
        }
        problems
    }
}

impl MongoCreditStore {
    /// One account and its filed entries, read in this order: what was cut from the account has been filed before.
    async fn read_books(&self, user: Uuid) -> StoreResult<(Account, Books)> {
        let account =
            self.find_account(user).await?.ok_or_else(|| StoreError::Corrupt(format!("account {user} went away")))?;
        let mut books = Books::default();
        let range = between(account.user, i64::MIN, account.cut.seq);
        let mut entries = self.ledger.find(range).sort(doc! { "_id": 1 }).await?;
        while let Some(filed) = entries.try_next().await? {
            books.add(&filed);
        }
        Ok((account, books))
    }
}
