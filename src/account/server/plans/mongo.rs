//! Times of plans in MongoDB: a document each.

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{self, doc};
use serde::{Deserialize, Serialize};

use super::{Period, PlanStore};
use crate::platform::db::StoreResult;
use crate::platform::db::mongo::{Durability, Mongo, delete_all, is_duplicate, run, to_bson};
use crate::platform::ids::UserId;

#[derive(Debug, Serialize, Deserialize)]
struct Key {
    user: bson::Uuid,
    id: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::account::server) struct StoredPeriod {
    #[serde(rename = "_id")]
    key: Key,
    name: String,
    per_minute: i64,
    from: i64,
    until: i64,
    is_prepaid: bool,
}

impl StoredPeriod {
    pub(in crate::account::server) fn read(self) -> Period {
        let Self { key, name, per_minute, from, until, is_prepaid } = self;
        let per_minute = u32::try_from(per_minute).unwrap_or(1);
        Period { id: key.id, name, per_minute, from, until, is_prepaid }
    }
}

/// [`PlanStore`] over MongoDB.
pub struct MongoPlanStore {
    periods: Collection<StoredPeriod>,
}

impl MongoPlanStore {
    #[must_use]
    pub fn new(mongo: &Mongo) -> Self {
        Self { periods: mongo.collection("planPeriods", Durability::Durable) }
    }
}

#[async_trait]
impl PlanStore for MongoPlanStore {
    async fn set_period(&self, user: UserId, period: Period) -> StoreResult<()> {
        let Period { id, name, per_minute, from, until, is_prepaid } = period;
        let which = doc! { "_id": { "user": to_bson(user), "id": id } };
        let set = doc! { "$set": {
            "name": name, "perMinute": i64::from(per_minute), "from": from, "until": until, "isPrepaid": is_prepaid,
        } };
        loop {
            let (periods, which, set) = (self.periods.clone(), which.clone(), set.clone());
            match run(async move { periods.update_one(which, set).upsert(true).await }).await {
                Ok(_) => return Ok(()),
                // Somebody else made it at the same time: now it is there.
                Err(error) if is_duplicate(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn periods(&self, user: UserId) -> StoreResult<Vec<Period>> {
        let periods = self.periods.clone();
        let found: Vec<StoredPeriod> = run(async move {
            periods.find(doc! { "_id.user": to_bson(user) }).sort(doc! { "from": 1 }).await?.try_collect().await
        })
        .await?;
        Ok(found.into_iter().map(StoredPeriod::read).collect())
    }

    async fn delete_of_user(&self, user: UserId) -> StoreResult<()> {
        delete_all(&self.periods, doc! { "_id.user": to_bson(user) }).await
    }
}
