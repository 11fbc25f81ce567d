//! Bookkeeping in MongoDB. Only the chain of hashes shows that somebody has changed a close.

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{self, Document, doc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{BookStore, ClosedAccount, StoredRun};
use crate::bookkeeping::server::close::StoredClose;
use crate::platform::db::mongo::{Durability, Mongo, from_bson, is_duplicate, run, to_bson};
use crate::platform::db::{StoreError, StoreResult, to_i64};
use crate::platform::ids::OwnerId;

/// Closed accounts that are forgotten in one operation.
const AT_A_TIME: usize = 500;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct MongoClose {
    #[serde(rename = "_id")]
    number: i64,
    day: String,
    attempt: bson::Uuid,
    hash: String,
    body: String,
}

impl From<MongoClose> for StoredClose {
    fn from(MongoClose { number, day, attempt, hash, body }: MongoClose) -> Self {
        Self { number, day, attempt: from_bson(attempt), hash, body }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct MongoAccount {
    #[serde(rename = "_id")]
    place: AccountPlace,
    close: i64,
    number: i64,
    /// JSON.
    books: String,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct AccountPlace {
    owner: bson::Uuid,
    attempt: bson::Uuid,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct MongoRun {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    body: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct MongoLease {
    #[serde(rename = "_id")]
    name: String,
    holder: bson::Uuid,
    until: i64,
}

/// [`BookStore`] over MongoDB.
pub struct MongoBookStore {
    closes: Collection<MongoClose>,
    accounts: Collection<MongoAccount>,
    runs: Collection<MongoRun>,
    leases: Collection<MongoLease>,
}

impl MongoBookStore {
    #[must_use]
    pub fn new(mongo: &Mongo) -> Self {
        Self {
            closes: mongo.collection("closes", Durability::Durable),
            accounts: mongo.collection("closedAccounts", Durability::Durable),
            runs: mongo.collection("reconciliations", Durability::Durable),
            leases: mongo.collection("leases", Durability::Relaxed),
        }
    }
}

fn unreadable(error: &serde_json::Error) -> StoreError {
    StoreError::Corrupt(format!("a closed account: {error}"))
}

#[async_trait]
impl BookStore for MongoBookStore {
    async fn add_close(&self, close: StoredClose) -> StoreResult<bool> {
        let StoredClose { number, day, attempt, hash, body } = close;
        let new = MongoClose { number, day, attempt: to_bson(attempt), hash, body };
        let closes = self.closes.clone();
        match run(async move { closes.insert_one(new).await }).await {
            Ok(_) => Ok(true),
            Err(error) if is_duplicate(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn find_close(&self, number: i64) -> StoreResult<Option<StoredClose>> {
        let closes = self.closes.clone();
        Ok(run(async move { closes.find_one(doc! { "_id": number }).await }).await?.map(Into::into))
    }

    async fn list_closes(&self, before: i64, limit: usize) -> StoreResult<Vec<StoredClose>> {
        let closes = self.closes.clone();
        let found: Vec<MongoClose> = run(async move {
            let older = closes.find(doc! { "_id": { "$lt": before } }).sort(doc! { "_id": -1 });
            older.limit(to_i64(limit)).await?.try_collect().await
        })
        .await?;
        Ok(found.into_iter().map(Into::into).collect())
    }

    async fn keep_accounts(&self, accounts: Vec<ClosedAccount>) -> StoreResult<()> {
        if accounts.is_empty() {
            return Ok(());
        }
        let stored = |account: ClosedAccount| {
            Ok(MongoAccount {
                place: AccountPlace { owner: to_bson(account.owner), attempt: to_bson(account.attempt) },
                close: account.close,
                number: account.number,
                books: serde_json::to_string(&account.books).map_err(|error| unreadable(&error))?,
            })
        };
        let new = accounts.into_iter().map(stored).collect::<StoreResult<Vec<_>>>()?;
        let collection = self.accounts.clone();
        run(async move { collection.insert_many(new).await }).await.map(drop)
    }

    async fn closed_accounts(&self, after: OwnerId, until: OwnerId) -> StoreResult<Vec<ClosedAccount>> {
        let accounts = self.accounts.clone();
        let range = doc! { "_id.owner": { "$gt": to_bson(after), "$lte": to_bson(until) } };
        let found: Vec<MongoAccount> = run(async move { accounts.find(range).await?.try_collect().await }).await?;
        let read = |account: MongoAccount| {
            Ok(ClosedAccount {
                owner: from_bson(account.place.owner),
                attempt: from_bson(account.place.attempt),
                close: account.close,
                number: account.number,
                books: serde_json::from_str(&account.books).map_err(|error| unreadable(&error))?,
            })
        };
        found.into_iter().map(read).collect()
    }

    async fn forget_accounts(&self, accounts: Vec<(OwnerId, Uuid)>) -> StoreResult<()> {
        for some in accounts.chunks(AT_A_TIME) {
            let place =
                |(owner, attempt): &(OwnerId, Uuid)| doc! { "owner": to_bson(*owner), "attempt": to_bson(*attempt) };
            let places: Vec<Document> = some.iter().map(place).collect();
            let accounts = self.accounts.clone();
            run(async move { accounts.delete_many(doc! { "_id": { "$in": places } }).await }).await?;
        }
        Ok(())
    }

    async fn add_run(&self, new: StoredRun, keep: usize) -> StoreResult<()> {
        let (runs, new) = (self.runs.clone(), MongoRun { id: to_bson(new.id), body: new.body });
        run(async move { runs.insert_one(new).await }).await?;
        let runs = self.runs.clone();
        let skip = u64::try_from(keep).unwrap_or(u64::MAX);
        let oldest: Option<MongoRun> =
            run(async move { runs.find_one(doc! {}).sort(doc! { "_id": -1 }).skip(skip).await }).await?;
        if let Some(MongoRun { id, .. }) = oldest {
            let runs = self.runs.clone();
            run(async move { runs.delete_many(doc! { "_id": { "$lte": id } }).await }).await?;
        }
        Ok(())
    }

    async fn list_runs(&self, before: Uuid, limit: usize) -> StoreResult<Vec<StoredRun>> {
        let runs = self.runs.clone();
        let found: Vec<MongoRun> = run(async move {
            let older = runs.find(doc! { "_id": { "$lt": to_bson(before) } }).sort(doc! { "_id": -1 });
            older.limit(to_i64(limit)).await?.try_collect().await
        })
        .await?;
        Ok(found.into_iter().map(|run| StoredRun { id: from_bson(run.id), body: run.body }).collect())
    }

    async fn take_lease(&self, name: &'static str, holder: Uuid, now: i64, until: i64) -> StoreResult<bool> {
        let holder = to_bson(holder);
        let free = doc! { "_id": name, "$or": [{ "holder": holder }, { "until": { "$lte": now } }] };
        let leases = self.leases.clone();
        let update = doc! { "$set": { "holder": holder, "until": until } };
        match run(async move { leases.update_one(free, update).upsert(true).await }).await {
            Ok(_) => Ok(true),
            Err(error) if is_duplicate(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn lease_until(&self, name: &'static str) -> StoreResult<i64> {
        let leases = self.leases.clone();
        let found = run(async move { leases.find_one(doc! { "_id": name }).await }).await?;
        Ok(found.map_or(0, |lease| lease.until))
    }
}
