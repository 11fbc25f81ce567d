//! Traces in MongoDB, a document each. A TTL index forgets them too, should no server run.

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{self, Document, doc};
use serde::{Deserialize, Serialize};

use super::{MOST_FOUND, TraceStore};
use crate::platform::db::StoreResult;
use crate::platform::db::mongo::{Durability, Mongo, delete_all, from_bson, is_duplicate, run, to_bson};
use crate::platform::ids::UserId;
use crate::platform::trace::{Step, TraceRecord};

/// A trace as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredTrace {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    request_id: String,
    what: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<bson::Uuid>,
    at: bson::DateTime,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<i32>,
    took: i64,
    steps: Vec<Step>,
    cut: i64,
}

impl From<TraceRecord> for StoredTrace {
    fn from(trace: TraceRecord) -> Self {
        Self {
            id: to_bson(trace.id),
            request_id: trace.request_id,
            what: trace.what,
            user: trace.user.map(to_bson),
            at: bson::DateTime::from_millis(trace.at),
            status: trace.status.map(i32::from),
            took: trace.took.into(),
            steps: trace.steps,
            cut: trace.cut.into(),
        }
    }
}

impl From<StoredTrace> for TraceRecord {
    fn from(stored: StoredTrace) -> Self {
        let number = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            id: from_bson(stored.id),
            request_id: stored.request_id,
            what: stored.what,
            user: stored.user.map(from_bson),
            at: stored.at.timestamp_millis(),
            status: stored.status.and_then(|status| u16::try_from(status).ok()),
            took: number(stored.took),
            steps: stored.steps,
            cut: number(stored.cut),
            parent: None,
            is_kept: true,
        }
    }
}

/// Where what is too old begins.
#[derive(Debug, Deserialize)]
struct Bound {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    at: bson::DateTime,
}

/// [`TraceStore`] over MongoDB.
pub struct MongoTraceStore {
    traces: Collection<StoredTrace>,
    durable: Collection<StoredTrace>,
}

impl MongoTraceStore {
    #[must_use]
    pub fn new(mongo: &Mongo) -> Self {
        Self {
            traces: mongo.collection("traces", Durability::Relaxed),
            durable: mongo.collection("traces", Durability::Durable),
        }
    }

    /// The first after so many.
    async fn bound(&self, which: Document, order: Document, most: u32) -> StoreResult<Option<Bound>> {
        let traces = self.traces.clone_with_type::<Bound>();
        let fields = doc! { "at": 1 };
        run(async move { traces.find_one(which).sort(order).skip(most.into()).projection(fields).await }).await
    }
}

#[async_trait]
impl TraceStore for MongoTraceStore {
    async fn record(&self, traces: Vec<TraceRecord>) -> StoreResult<()> {
        if traces.is_empty() {
            return Ok(());
        }
        let new: Vec<StoredTrace> = traces.into_iter().map(Into::into).collect();
        let collection = self.traces.clone();
        // Unordered: one that is there already does not keep the others out.
        match run(async move { collection.insert_many(new).ordered(false).await }).await {
            Err(error) if !is_duplicate(&error) => Err(error),
            _ => Ok(()),
        }
    }

    async fn find(&self, request_id: &str) -> StoreResult<Vec<TraceRecord>> {
        let (traces, of_request) = (self.traces.clone(), doc! { "requestId": request_id });
        let limit = i64::try_from(MOST_FOUND).unwrap_or(i64::MAX);
        let found: Vec<StoredTrace> = run(async move {
            traces.find(of_request).sort(doc! { "at": -1, "_id": -1 }).limit(limit).await?.try_collect().await
        })
        .await?;
        Ok(found.into_iter().rev().map(Into::into).collect())
    }

    async fn forget_before(&self, millis: i64) -> StoreResult<()> {
        delete_all(&self.traces, doc! { "at": { "$lt": bson::DateTime::from_millis(millis) } }).await
    }

    async fn keep_newest_of(&self, user: UserId, most: u32) -> StoreResult<()> {
        let Some(bound) = self.bound(doc! { "user": to_bson(user) }, doc! { "_id": -1 }, most).await? else {
            return Ok(());
        };
        delete_all(&self.traces, doc! { "user": to_bson(user), "_id": { "$lte": bound.id } }).await
    }

    async fn keep_newest(&self, most: u32) -> StoreResult<()> {
        let Some(bound) = self.bound(doc! {}, doc! { "at": -1 }, most).await? else { return Ok(()) };
        delete_all(&self.traces, doc! { "at": { "$lte": bound.at } }).await
    }

    async fn forget_user(&self, user: UserId) -> StoreResult<()> {
        delete_all(&self.durable, doc! { "user": to_bson(user) }).await
    }
}
