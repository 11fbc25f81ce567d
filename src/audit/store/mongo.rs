//! The audit log in MongoDB, a document each.

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{self, doc};
use serde::{Deserialize, Serialize};

use super::{AuditFilter, AuditStore, Row, bounds};
use crate::audit::{Action, AuditEntry};
use crate::platform::db::mongo::{Durability, Mongo, from_bson, is_duplicate, run, to_bson};
use crate::platform::db::{StoreResult, to_i64};
use crate::platform::ids::{AuditId, UserId};

/// An entry as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredEntry {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    actor: String,
    action: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target: Option<bson::Uuid>,
    /// JSON, as is `after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    request_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    once: Option<String>,
}

/// [`AuditStore`] over MongoDB.
pub struct MongoAuditStore {
    entries: Collection<StoredEntry>,
    /// A power cut may take sign-ins of the last moment, and nothing else.
    sign_ins: Collection<StoredEntry>,
}

impl MongoAuditStore {
    #[must_use]
    pub fn new(mongo: &Mongo) -> Self {
        Self {
            entries: mongo.collection("auditLog", Durability::Durable),
            sign_ins: mongo.collection("auditLog", Durability::Relaxed),
        }
    }
}

#[async_trait]
impl AuditStore for MongoAuditStore {
    async fn append(&self, entry: AuditEntry) -> StoreResult<()> {
        let entries = if entry.action.is_sign_in() { self.sign_ins.clone() } else { self.entries.clone() };
        let stored = StoredEntry {
            id: to_bson(entry.id),
            actor: entry.actor.to_string(),
            action: entry.action.as_str().to_owned(),
            target: entry.target.map(to_bson),
            before: entry.before.map(|json| json.to_string()),
            after: entry.after.map(|json| json.to_string()),
            request_id: entry.request_id,
            once: entry.once,
        };
        match run(async move { entries.insert_one(stored).await }).await {
            Err(error) if !is_duplicate(&error) => Err(error),
            _ => Ok(()),
        }
    }

    async fn list(&self, filter: AuditFilter, before: AuditId, limit: usize) -> StoreResult<Vec<AuditEntry>> {
        let (from, until) = bounds(&filter, before);
        let mut which = doc! { "_id": { "$gte": to_bson(from), "$lt": to_bson(until) } };
        if let Some(actor) = filter.actor {
            which.insert("actor", actor.to_string());
        }
        if let Some(target) = filter.target {
            which.insert("target", to_bson(target));
        }
        if let Some(action) = filter.action {
            which.insert("action", action.as_str());
        }
        let (entries, limit) = (self.entries.clone(), to_i64(limit));
        let found: Vec<StoredEntry> =
            run(async move { entries.find(which).sort(doc! { "_id": -1 }).limit(limit).await?.try_collect().await })
                .await?;
        let row = |entry: StoredEntry| Row {
            id: from_bson(entry.id),
            actor: entry.actor,
            action: entry.action,
            target: entry.target.map(from_bson),
            before: entry.before,
            after: entry.after,
            request_id: entry.request_id,
        };
        found.into_iter().map(|entry| row(entry).read()).collect()
    }

    async fn forget_sign_ins(&self, before: i64) -> StoreResult<()> {
        let sign_ins = Action::ALL.into_iter().filter(|action| action.is_sign_in()).map(Action::as_str);
        let old = doc! {
            "action": { "$in": sign_ins.collect::<Vec<_>>() },
            "_id": { "$lt": to_bson(AuditId::first_of(before)) },
        };
        let entries = self.sign_ins.clone();
        run(async move { entries.delete_many(old).await }).await?;
        Ok(())
    }

    async fn forget_sign_ins_of(&self, user: UserId) -> StoreResult<()> {
        let sign_ins = Action::ALL.into_iter().filter(|action| action.is_sign_in()).map(Action::as_str);
        let own = doc! { "action": { "$in": sign_ins.collect::<Vec<_>>() }, "target": to_bson(user) };
        let entries = self.entries.clone();
        run(async move { entries.delete_many(own).await }).await.map(drop)
    }
}
