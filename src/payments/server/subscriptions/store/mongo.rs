//! Subscriptions in MongoDB: one document each, and a guarded replacement of it decides.

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{self, Document, doc};
use serde::{Deserialize, Serialize};

use super::SubscriptionStore;
use crate::payments::server::store::Saved;
use crate::payments::server::subscriptions::record::Subscription;
use crate::platform::db::mongo::{Durability, Mongo, from_bson, is_duplicate, run, to_bson};
use crate::platform::db::{StoreError, StoreResult, to_i64};
use crate::platform::ids::{SubscriptionId, UserId};

/// A subscription: what is asked for by, beside the whole as JSON. What is not there is in no index.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredSubscription {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    user: bson::Uuid,
    version: i64,
    is_open: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    look_at: Option<i64>,
    created_at: i64,
    body: String,
}

impl StoredSubscription {
    /// With this version.
    fn of(subscription: &Subscription, version: i64) -> StoreResult<Self> {
        Ok(Self {
            id: to_bson(subscription.id),
            user: to_bson(subscription.user),
            version,
            is_open: subscription.is_open(),
            provider_id: subscription.provider_id.clone(),
            look_at: subscription.look_at,
            created_at: subscription.created_at,
            body: serde_json::to_string(subscription).map_err(|error| unreadable(&error))?,
        })
    }

    fn read(self) -> StoreResult<Subscription> {
        let subscription: Subscription = serde_json::from_str(&self.body).map_err(|error| unreadable(&error))?;
        Ok(Subscription { version: self.version, ..subscription })
    }
}

fn unreadable(error: &serde_json::Error) -> StoreError {
    StoreError::Corrupt(format!("a subscription: {error}"))
}

/// A plan of the provider's.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredPlan {
    #[serde(rename = "_id")]
    stands_for: String,
    plan_id: String,
}

/// [`SubscriptionStore`] over MongoDB.
pub struct MongoSubscriptionStore {
    subscriptions: Collection<StoredSubscription>,
    plans: Collection<StoredPlan>,
}

impl MongoSubscriptionStore {
    #[must_use]
    pub fn new(mongo: &Mongo) -> Self {
        Self {
            subscriptions: mongo.collection("subscriptions", Durability::Durable),
            plans: mongo.collection("providerPlans", Durability::Durable),
        }
    }

    async fn find_where(&self, which: Document) -> StoreResult<Option<Subscription>> {
        let subscriptions = self.subscriptions.clone();
        run(async move { subscriptions.find_one(which).await }).await?.map(StoredSubscription::read).transpose()
    }
}

#[async_trait]
impl SubscriptionStore for MongoSubscriptionStore {
    async fn create(&self, subscription: &Subscription) -> StoreResult<bool> {
        let new = StoredSubscription::of(subscription, subscription.version)?;
        let subscriptions = self.subscriptions.clone();
        match run(async move { subscriptions.insert_one(new).await }).await {
            Ok(_) => Ok(true),
            Err(error) if is_duplicate(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn find(&self, id: SubscriptionId) -> StoreResult<Option<Subscription>> {
        self.find_where(doc! { "_id": to_bson(id) }).await
    }

    async fn find_by_provider(&self, provider_id: &str) -> StoreResult<Option<Subscription>> {
        self.find_where(doc! { "providerId": provider_id }).await
    }

    async fn save(&self, subscription: &Subscription) -> StoreResult<Saved> {
        let (new, version) = (StoredSubscription::of(subscription, subscription.version + 1)?, subscription.version);
        let subscriptions = self.subscriptions.clone();
        let which = doc! { "_id": new.id, "version": version };
        match run(async move { subscriptions.replace_one(which, new).await }).await {
            Ok(done) if done.matched_count == 1 => Ok(Saved::Yes),
            Ok(_) => Ok(Saved::Changed),
            Err(error) if is_duplicate(&error) => Ok(Saved::Taken),
            Err(error) => Err(error),
        }
    }

    async fn due(&self, until: i64, after: SubscriptionId, limit: usize) -> StoreResult<Vec<SubscriptionId>> {
        #[derive(Deserialize)]
        struct Due {
            #[serde(rename = "_id")]
            id: bson::Uuid,
        }
        let subscriptions = self.subscriptions.clone_with_type::<Due>();
        let found: Vec<Due> = run(async move {
            let due = doc! { "lookAt": { "$lte": until }, "_id": { "$gt": to_bson(after) } };
            let found = subscriptions.find(due).projection(doc! { "_id": 1 }).sort(doc! { "_id": 1 });
            found.limit(to_i64(limit)).await?.try_collect().await
        })
        .await?;
        Ok(found.into_iter().map(|due| from_bson(due.id)).collect())
    }

    async fn list(&self, user: UserId, limit: usize) -> StoreResult<Vec<Subscription>> {
        let subscriptions = self.subscriptions.clone();
        let found: Vec<StoredSubscription> = run(async move {
            let own = doc! { "user": to_bson(user) };
            subscriptions.find(own).sort(doc! { "_id": -1 }).limit(to_i64(limit)).await?.try_collect().await
        })
        .await?;
        found.into_iter().map(StoredSubscription::read).collect()
    }

    async fn provider_plan(&self, stands_for: &str) -> StoreResult<Option<String>> {
        let (plans, which) = (self.plans.clone(), doc! { "_id": stands_for });
        Ok(run(async move { plans.find_one(which).await }).await?.map(|plan| plan.plan_id))
    }

    async fn keep_provider_plan(&self, stands_for: &str, plan_id: &str) -> StoreResult<String> {
        let new = StoredPlan { stands_for: stands_for.to_owned(), plan_id: plan_id.to_owned() };
        let plans = self.plans.clone();
        match run(async move { plans.insert_one(new).await }).await {
            Ok(_) => return Ok(plan_id.to_owned()),
            Err(error) if is_duplicate(&error) => {}
            Err(error) => return Err(error),
        }
        let missing = || StoreError::Corrupt("a plan is there twice".to_owned());
        self.provider_plan(stands_for).await?.ok_or_else(missing)
    }
}
