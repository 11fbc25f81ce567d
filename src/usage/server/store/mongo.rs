//! Attempts in MongoDB, a document each.

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{self, doc};
use serde::{Deserialize, Serialize};

use super::UsageStore;
use crate::platform::db::mongo::{Durability, Mongo, from_bson, is_duplicate, run, to_bson};
use crate::platform::db::{StoreError, StoreResult, to_i64};
use crate::platform::ids::{AttemptId, UserId};
use crate::usage::{Attempt, Outcome, UserUsage};

/// An attempt as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredAttempt {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    request_id: String,
    reply: bson::Uuid,
    user: bson::Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<bson::Uuid>,
    provider: String,
    model: String,
    input_tokens: u32,
    output_tokens: u32,
    estimated: bool,
    cost_micros: Option<i64>,
    latency_ms: u32,
    first_token_ms: Option<u32>,
    outcome: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    price_version: Option<String>,
    at: i64,
}

impl From<Attempt> for StoredAttempt {
    fn from(attempt: Attempt) -> Self {
        Self {
            id: to_bson(attempt.id),
            request_id: attempt.request_id,
            reply: to_bson(attempt.reply),
            user: to_bson(attempt.user),
            key: attempt.key.map(to_bson),
            provider: attempt.provider,
            model: attempt.model,
            input_tokens: attempt.input_tokens,
            output_tokens: attempt.output_tokens,
            estimated: attempt.is_estimated,
            cost_micros: attempt.cost_micros,
            latency_ms: attempt.latency_ms,
            first_token_ms: attempt.first_token_ms,
            outcome: attempt.outcome.as_str().to_owned(),
            price_version: attempt.price_version,
            at: attempt.at,
        }
    }
}

impl StoredAttempt {
    /// The attempt.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    pub fn read(self) -> StoreResult<Attempt> {
        let outcome = Outcome::parse(&self.outcome);
        Ok(Attempt {
            id: from_bson(self.id),
            request_id: self.request_id,
            reply: from_bson(self.reply),
            user: from_bson(self.user),
            key: self.key.map(from_bson),
            provider: self.provider,
            model: self.model,
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            is_estimated: self.estimated,
            cost_micros: self.cost_micros,
            latency_ms: self.latency_ms,
            first_token_ms: self.first_token_ms,
            outcome: outcome.ok_or_else(|| StoreError::Corrupt(format!("outcome {:?}", self.outcome)))?,
            price_version: self.price_version,
            at: self.at,
        })
    }
}

/// [`UsageStore`] over MongoDB.
pub struct MongoUsageStore {
    attempts: Collection<StoredAttempt>,
}

impl MongoUsageStore {
    #[must_use]
    pub fn new(mongo: &Mongo) -> Self {
        Self { attempts: mongo.collection("attempts", Durability::Relaxed) }
    }
}

#[async_trait]
impl UsageStore for MongoUsageStore {
    async fn record(&self, attempts: Vec<Attempt>) -> StoreResult<()> {
        if attempts.is_empty() {
            return Ok(());
        }
        let new: Vec<StoredAttempt> = attempts.into_iter().map(Into::into).collect();
        let collection = self.attempts.clone();
        // Unordered: one that is there already does not keep the others out.
        match run(async move { collection.insert_many(new).ordered(false).await }).await {
            Err(error) if !is_duplicate(&error) => Err(error),
            _ => Ok(()),
        }
    }

    async fn find_by_request(&self, request_id: &str) -> StoreResult<Vec<Attempt>> {
        let attempts = self.attempts.clone();
        let of_request = doc! { "requestId": request_id };
        let found: Vec<StoredAttempt> =
            run(async move { attempts.find(of_request).sort(doc! { "_id": 1 }).await?.try_collect().await }).await?;
        found.into_iter().map(StoredAttempt::read).collect()
    }

    async fn sum_of_user(&self, user: UserId, since: i64) -> StoreResult<UserUsage> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Sum {
            attempts: i64,
            failed: i64,
            input_tokens: i64,
            output_tokens: i64,
            cost_micros: i64,
        }
        let attempts = self.attempts.clone();
        let is_fine = doc! { "$in": ["$outcome", ["ok", "stopped"]] };
        let steps = [
            doc! { "$match": { "user": to_bson(user), "_id": { "$gte": to_bson(AttemptId::first_of(since)) } } },
            doc! { "$group": {
                "_id": null,
                "attempts": { "$sum": 1_i64 },
                "failed": { "$sum": { "$cond": [is_fine, 0_i64, 1_i64] } },
                "inputTokens": { "$sum": { "$toLong": "$inputTokens" } },
                "outputTokens": { "$sum": { "$toLong": "$outputTokens" } },
                "costMicros": { "$sum": { "$toLong": { "$ifNull": ["$costMicros", 0_i64] } } },
            } },
        ];
        let found = run(async move { attempts.aggregate(steps).with_type::<Sum>().await?.try_next().await }).await?;
        let count = |number: i64| u64::try_from(number).unwrap_or_default();
        Ok(found.map_or_else(UserUsage::default, |sum| UserUsage {
            attempts: count(sum.attempts),
            failed: count(sum.failed),
            input_tokens: count(sum.input_tokens),
            output_tokens: count(sum.output_tokens),
            cost_micros: sum.cost_micros,
        }))
    }

    async fn cost_between(&self, from: i64, until: i64) -> StoreResult<i64> {
        #[derive(Deserialize)]
        struct Sum {
            cost: i64,
        }
        let attempts = self.attempts.clone();
        let steps = [
            doc! { "$match": { "_id": { "$gte": to_bson(AttemptId::first_of(from)), "$lt": to_bson(AttemptId::first_of(until)) } } },
            doc! { "$group": { "_id": null, "cost": { "$sum": { "$toLong": { "$ifNull": ["$costMicros", 0_i64] } } } } },
        ];
        let found = run(async move { attempts.aggregate(steps).with_type::<Sum>().await?.try_next().await }).await?;
        Ok(found.map_or(0, |sum| sum.cost))
    }

    async fn forget_before(&self, millis: i64) -> StoreResult<()> {
        let attempts = self.attempts.clone();
        let old = doc! { "_id": { "$lt": to_bson(AttemptId::first_of(millis)) } };
        run(async move { attempts.delete_many(old).await }).await?;
        Ok(())
    }

    async fn find_of_user(&self, user: UserId, after: AttemptId, limit: usize) -> StoreResult<Vec<Attempt>> {
        let attempts = self.attempts.clone();
        let of_user = doc! { "user": to_bson(user), "_id": { "$gt": to_bson(after) } };
        let limit = to_i64(limit);
        let found: Vec<StoredAttempt> =
            run(async move { attempts.find(of_user).sort(doc! { "_id": 1 }).limit(limit).await?.try_collect().await })
                .await?;
        found.into_iter().map(StoredAttempt::read).collect()
    }
}
