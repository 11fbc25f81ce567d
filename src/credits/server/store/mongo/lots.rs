//! Lots as they are stored, and the moves of an account that have to know all of them.

use std::collections::HashMap;
use std::sync::Arc;

use futures::TryStreamExt;
use moka::future::Cache;
use mongodb::bson::{self, Document, doc};
use serde::{Deserialize, Serialize};

use super::documents::{Account, After, Entry, Filed, StoredBalance};
use super::{MongoCreditStore, TRIES, busy};
use crate::credits::server::lots::{AccountState, Expired, Lot, LotShare, Lots, Paid};
use crate::credits::{EntryKind, Origin};
use crate::platform::amount::{Amount, micros};
use crate::platform::db::mongo::{from_bson, run, to_bson};
use crate::platform::db::{StoreResult, to_i64};
use crate::platform::ids::{LotId, OwnerId};
use crate::platform::time::HOUR;

/// Accounts whose first lot a server remembers.
const REMEMBERED: u64 = 50_000;
/// When an account is looked at again whose counts could not be forgotten, in milliseconds.
const AGAIN: i64 = HOUR;

/// [`Lot`], with ids as MongoDB has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredLot {
    pub id: bson::Uuid,
    pub origin: Origin,
    #[serde(with = "micros")]
    pub amount: Amount,
    #[serde(with = "micros")]
    pub left: Amount,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paid: Option<Paid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    pub at: i64,
}

/// [`LotShare`], with its id as MongoDB has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredShare {
    pub id: bson::Uuid,
    pub origin: Origin,
    #[serde(with = "micros")]
    pub amount: Amount,
}

impl From<Lot> for StoredLot {
    fn from(Lot { id, origin, amount, left, paid, expires_at, at }: Lot) -> Self {
        Self { id: to_bson(id), origin, amount, left, paid, expires_at, at }
    }
}

impl From<StoredLot> for Lot {
    fn from(StoredLot { id, origin, amount, left, paid, expires_at, at }: StoredLot) -> Self {
        Self { id: from_bson(id), origin, amount, left, paid, expires_at, at }
    }
}

impl From<LotShare> for StoredShare {
    fn from(LotShare { id, origin, amount }: LotShare) -> Self {
        Self { id: to_bson(id), origin, amount }
    }
}

impl From<StoredShare> for LotShare {
    fn from(StoredShare { id, origin, amount }: StoredShare) -> Self {
        Self { id: from_bson(id), origin, amount }
    }
}

impl StoredLot {
    /// So many credits of it, where it has them.
    pub fn part(&self, amount: Amount) -> Option<StoredShare> {
        (self.left >= amount).then_some(StoredShare { id: self.id, origin: self.origin, amount })
    }
}

/// The first lot of each account as it was seen last: what was used is taken from it without looking, if it still is the first.
/// Wrong is not worse than nothing.
#[derive(Clone)]
pub(super) struct FirstLots(Arc<Cache<OwnerId, StoredLot>>);

impl FirstLots {
    pub(super) fn new() -> Self {
        Self(Arc::new(Cache::new(REMEMBERED)))
    }

    pub(super) async fn learn(&self, owner: OwnerId, after: &After) {
        match after.lots.first() {
            Some(first) => self.0.insert(owner, first.clone()).await,
            None => self.0.invalidate(&owner).await,
        }
    }

    pub(super) async fn find(&self, owner: OwnerId) -> Option<StoredLot> {
        self.0.get(&owner).await
    }
}

/// What an account must be like for a change that was made of all that it was: `posted` counts whatever happens to it, but for
/// lots that have a new expiry and lost nothing.
pub(super) fn unchanged(account: &Account) -> Document {
    doc! { "posted": account.posted, "nextExpiry": account.next_expiry }
}

/// What an account must be like for a change that was made of all its lots, whatever else happens to it.
pub(super) fn with_same_lots(account: &Account) -> Document {
    let count = i64::try_from(account.lots.len()).unwrap_or(i64::MAX);
    let mut guard = doc! {
        "lots": { "$size": count },
        "overdrawn": account.overdrawn.micros(),
        "nextExpiry": account.next_expiry,
    };
    for (at, lot) in account.lots.iter().enumerate() {
        guard.insert(format!("lots.{at}.id"), lot.id);
        guard.insert(format!("lots.{at}.left"), lot.left.micros());
    }
    guard
}

/// The fields of an account that is moved to this.
pub(super) fn moved_to(state: &AccountState) -> StoreResult<Document> {
    let mut fields = with_lots(&state.lots)?;
    fields.insert("balance", bson::serialize_to_bson(&StoredBalance::from(state.balance))?);
    Ok(fields)
}

/// The fields of an account that has these lots.
pub(super) fn with_lots(lots: &Lots) -> StoreResult<Document> {
    let stored: Vec<StoredLot> = lots.as_slice().iter().cloned().map(StoredLot::from).collect();
    Ok(doc! {
        "lots": bson::serialize_to_bson(&stored)?,
        "overdrawn": lots.overdrawn().micros(),
        "nextExpiry": lots.next_expiry(),
    })
}

impl MongoCreditStore {
    /// The account as it is now: what has expired is gone. `None` where there is none.
    pub(super) async fn find_live(&self, owner: OwnerId) -> StoreResult<Option<Account>> {
        for _ in 0..TRIES {
            let Some(account) = self.find_account(owner).await? else { return Ok(None) };
            let now = self.mongo.now();
            if account.next_expiry > now {
                return Ok(Some(account));
            }
            self.expire(&account, now).await?;
        }
        Err(busy(owner))
    }

    /// How much of a lot has expired. The account is read first: an entry may be moved from it meanwhile, and then be in both.
    pub(super) async fn expired_in(&self, owner: OwnerId, lot: LotId) -> StoreResult<Amount> {
        let Some(account) = self.find_account(owner).await? else { return Ok(Amount::ZERO) };
        let beginning = format!("{}:{lot}:", EntryKind::Expire.as_str());
        let end = format!("{}:{lot};", EntryKind::Expire.as_str());
        let ledger = self.ledger.clone();
        let which = doc! { "key": { "$gte": &beginning, "$lt": end } };
        let filed: Vec<Filed> = run(async move { ledger.find(which).await?.try_collect().await }).await?;
        let mut seen = HashMap::new();
        for filed in account.filed().chain(filed) {
            if filed.entry.key.starts_with(&beginning) && filed.place.owner == account.owner {
                seen.insert(filed.entry.key.clone(), -filed.entry.amount);
            }
        }
        Ok(seen.into_values().sum())
    }

    /// Ends what has expired of an account; whether it was still as it was read.
    async fn expire(&self, account: &Account, now: i64) -> StoreResult<bool> {
        let mut state = account.state();
        let entries: Vec<Entry> = state.expire(now).into_iter().map(|expired| expiry_entry(expired, now)).collect();
        let update = doc! {
            "$set": moved_to(&state)?,
            "$inc": { "posted": i64::try_from(entries.len()).unwrap_or(i64::MAX) },
            "$push": { "recent": { "$each": bson::serialize_to_bson(&entries)? } },
        };
        let mut guard = unchanged(account);
        guard.insert("_id", account.owner);
        let accounts = self.accounts.clone();
        Ok(run(async move { accounts.update_one(guard, update).await }).await?.matched_count == 1)
    }

    /// Ends the lots that expired by `now` of at most so many accounts, and returns of how many.
    pub(super) async fn expire_all(&self, now: i64, limit: usize) -> StoreResult<usize> {
        let due = self.find_due(doc! { "nextExpiry": { "$lte": now } }, limit).await?;
        for owner in &due {
            for _ in 0..TRIES {
                let account = self.find_account(*owner).await?.filter(|account| account.next_expiry <= now);
                match account {
                    Some(account) if !self.expire(&account, now).await? => {}
                    _ => break,
                }
            }
        }
        Ok(due.len())
    }

    /// See [`CreditStore::expiring_accounts`](crate::credits::server::store::CreditStore::expiring_accounts).
    pub(super) async fn find_expiring(
        &self,
        now: i64,
        until: i64,
        after: Option<(i64, OwnerId)>,
        limit: usize,
    ) -> StoreResult<Vec<(i64, OwnerId)>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Found {
            #[serde(rename = "_id")]
            owner: bson::Uuid,
            next_expiry: i64,
        }
        let mut which = doc! { "nextExpiry": { "$gt": now, "$lte": until } };
        if let Some((at, owner)) = after {
            let same = doc! { "nextExpiry": at, "_id": { "$gt": to_bson(owner) } };
            which.insert("$or", vec![doc! { "nextExpiry": { "$gt": at } }, same]);
        }
        let accounts = self.accounts.clone_with_type::<Found>();
        let limit = to_i64(limit);
        let found: Vec<Found> = run(async move {
            let fields = doc! { "nextExpiry": 1 };
            let sort = doc! { "nextExpiry": 1, "_id": 1 };
            accounts.find(which).projection(fields).sort(sort).limit(limit).await?.try_collect().await
        })
        .await?;
        Ok(found.into_iter().map(|found| (found.next_expiry, from_bson(found.owner))).collect())
    }

    /// Forgets the counts that nobody asks for any more, of at most so many accounts, and returns of how many.
    pub(super) async fn forget_counts(&self, now: i64, limit: usize) -> StoreResult<usize> {
        let due = self.find_due(doc! { "forgetAt": { "$lt": now } }, limit).await?;
        for owner in &due {
            let Some(account) = self.find_account(*owner).await? else { continue };
            let mut forget = Document::new();
            let mut next: Option<i64> = None;
            for (counter, until) in &account.spending_until {
                // What is held is counted until it is not any more, however late.
                let is_open = account.open.iter().any(|open| open.counters.contains(counter));
                if *until < now && !is_open {
                    forget.insert(format!("spending.{counter}"), "");
                    forget.insert(format!("spendingUntil.{counter}"), "");
                } else {
                    let then = (*until).max(now.saturating_add(AGAIN));
                    next = Some(next.map_or(then, |next| next.min(then)));
                }
            }
            let mut update = Document::new();
            match next {
                Some(next) => _ = update.insert("$set", doc! { "forgetAt": next }),
                None => _ = forget.insert("forgetAt", ""),
            }
            if !forget.is_empty() {
                update.insert("$unset", forget);
            }
            // Where it has not held still, it is looked at again next time.
            let guard = doc! { "_id": account.owner, "posted": account.posted };
            let accounts = self.accounts.clone();
            run(async move { accounts.update_one(guard, update).await }).await?;
        }
        Ok(due.len())
    }

    async fn find_due(&self, due: Document, limit: usize) -> StoreResult<Vec<OwnerId>> {
        #[derive(Deserialize)]
        struct Due {
            #[serde(rename = "_id")]
            owner: bson::Uuid,
        }
        let accounts = self.accounts.clone_with_type::<Due>();
        let limit = i64::try_from(limit.max(1)).unwrap_or(i64::MAX);
        let found: Vec<Due> =
            run(
                async move { accounts.find(due).projection(doc! { "_id": 1 }).limit(limit).await?.try_collect().await },
            )
            .await?;
        Ok(found.into_iter().map(|due| from_bson(due.owner)).collect())
    }
}

fn expiry_entry(Expired { share, expired_at }: Expired, now: i64) -> Entry {
    let key = format!("{}:{}:{expired_at}", EntryKind::Expire.as_str(), share.id);
    let mut entry = Entry::new(EntryKind::Expire, -share.amount, Amount::ZERO, key, "", now);
    entry.lots = vec![share.into()];
    entry
}
