//! Flags in MongoDB, a document each; and a document for each count of a server.

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{Document, doc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{FlagStore, StoredSetting, corrupt, read_count};
use crate::audit::Actor;
use crate::flags::counts::{Counted, Sum};
use crate::platform::db::StoreResult;
use crate::platform::db::mongo::{Durability, Mongo, is_duplicate, run};

/// A setting as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SettingDocument {
    #[serde(rename = "_id")]
    name: String,
    version: i64,
    value: String,
    changed_at: i64,
    changed_by: String,
}

/// A count as it is stored. Its `_id` names span, time, provider and server.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CountDocument {
    span: String,
    at: i64,
    kind: String,
    provider: String,
    asked: i64,
    failed: i64,
    cost_micros: i64,
}

/// [`FlagStore`] over MongoDB.
pub struct MongoFlagStore {
    settings: Collection<SettingDocument>,
    counts: Collection<Document>,
}

impl MongoFlagStore {
    #[must_use]
    pub fn new(mongo: &Mongo) -> Self {
        Self {
            settings: mongo.collection("flags", Durability::Durable),
            // What the last seconds cost may be lost.
            counts: mongo.collection("providerCounts", Durability::Relaxed),
        }
    }
}

#[async_trait]
impl FlagStore for MongoFlagStore {
    async fn list(&self) -> StoreResult<Vec<StoredSetting>> {
        let settings = self.settings.clone();
        let found: Vec<SettingDocument> = run(async move { settings.find(doc! {}).await?.try_collect().await }).await?;
        let read = |found: SettingDocument| {
            Ok(StoredSetting {
                changed_by: Actor::parse(&found.changed_by).ok_or_else(|| corrupt(&found.changed_by))?,
                name: found.name,
                version: found.version,
                value: found.value,
                changed_at: found.changed_at,
            })
        };
        found.into_iter().map(read).collect()
    }

    async fn put(&self, setting: StoredSetting) -> StoreResult<bool> {
        let settings = self.settings.clone();
        let StoredSetting { name, version, value, changed_at, changed_by } = setting;
        let changed_by = changed_by.to_string();
        if version == 1 {
            let new = SettingDocument { name, version, value, changed_at, changed_by };
            return match run(async move { settings.insert_one(new).await }).await {
                Ok(_) => Ok(true),
                Err(error) if is_duplicate(&error) => Ok(false),
                Err(error) => Err(error),
            };
        }
        let before = doc! { "_id": name, "version": version - 1 };
        let set = doc! { "version": version, "value": value, "changedAt": changed_at, "changedBy": changed_by };
        let updated = run(async move { settings.update_one(before, doc! { "$set": set }).await }).await?;
        Ok(updated.matched_count == 1)
    }

    async fn keep_counts(&self, server: Uuid, counts: Vec<Counted>) -> StoreResult<()> {
        for Counted { span, at, kind, provider, sum } in counts {
            let id = format!("{}:{at}:{}:{provider}:{server}", span.as_str(), kind.as_str());
            let Sum { asked, failed, cost_micros } = sum;
            let set = doc! {
                "span": span.as_str(), "at": at, "kind": kind.as_str(), "provider": provider,
                "asked": asked, "failed": failed, "costMicros": cost_micros,
            };
            let counts = self.counts.clone();
            run(async move { counts.update_one(doc! { "_id": id }, doc! { "$set": set }).upsert(true).await }).await?;
        }
        Ok(())
    }

    async fn counts(&self, day: i64, since: i64) -> StoreResult<Vec<Counted>> {
        let counts = self.counts.clone_with_type::<CountDocument>();
        let which = doc! { "$or": [{ "span": "day", "at": day }, { "span": "minute", "at": { "$gte": since } }] };
        let found: Vec<CountDocument> = run(async move { counts.find(which).await?.try_collect().await }).await?;
        let read = |found: CountDocument| {
            let sum = Sum { asked: found.asked, failed: found.failed, cost_micros: found.cost_micros };
            read_count(&found.span, found.at, &found.kind, found.provider, sum)
        };
        found.into_iter().map(read).collect()
    }

    async fn forget_counts(&self, before: i64) -> StoreResult<()> {
        let counts = self.counts.clone();
        let old = doc! { "span": { "$in": ["minute", "day"] }, "at": { "$lt": before } };
        run(async move { counts.delete_many(old).await }).await?;
        Ok(())
    }
}
