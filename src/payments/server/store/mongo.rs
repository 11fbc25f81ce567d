//! Payments in MongoDB: one document each, and a guarded replacement of it decides.

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{self, Document, doc};
use serde::{Deserialize, Serialize};

use super::{PaymentStore, Saved};
use crate::payments::server::payment::Payment;
use crate::platform::amount::{Amount, micros};
use crate::platform::db::mongo::{Durability, Mongo, from_bson, is_duplicate, run, to_bson};
use crate::platform::db::{StoreError, StoreResult, to_i64};
use crate::platform::ids::{PaymentId, UserId};

/// A payment: what is asked for by, and what is counted, beside the whole as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredPayment {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    user: bson::Uuid,
    version: i64,
    state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    order_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    capture_id: Option<String>,
    /// The `Idempotency-Key` of the purchase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    once_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    look_at: Option<i64>,
    created_at: i64,
    #[serde(with = "micros")]
    credits: Amount,
    price: i64,
    refunded: i64,
    currency: String,
    body: String,
}

impl StoredPayment {
    fn of(payment: &Payment, once_key: Option<String>) -> StoreResult<Self> {
        Ok(Self {
            id: to_bson(payment.id),
            user: to_bson(payment.user),
            version: payment.version,
            state: payment.state.as_str().to_owned(),
            order_id: payment.order_id.clone(),
            capture_id: payment.capture_id.clone(),
            once_key,
            look_at: payment.look_at,
            created_at: payment.created_at,
            credits: payment.credits,
            price: payment.price.minor,
            refunded: payment.refunded.minor,
            currency: payment.price.currency.code().to_owned(),
            body: serde_json::to_string(payment).map_err(unreadable)?,
        })
    }

    fn read(self) -> StoreResult<Payment> {
        let payment: Payment = serde_json::from_str(&self.body).map_err(unreadable)?;
        Ok(Payment { version: self.version, ..payment })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err calls it with")]
fn unreadable(error: serde_json::Error) -> StoreError {
    StoreError::Corrupt(format!("a payment: {error}"))
}

/// An event that was heard.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeardEvent {
    #[serde(rename = "_id")]
    id: String,
    heard_at: i64,
}

/// [`PaymentStore`] over MongoDB.
pub struct MongoPaymentStore {
    payments: Collection<StoredPayment>,
    events: Collection<HeardEvent>,
}

impl MongoPaymentStore {
    #[must_use]
    pub fn new(mongo: &Mongo) -> Self {
        Self {
            payments: mongo.collection("payments", Durability::Durable),
            events: mongo.collection("paymentEvents", Durability::Durable),
        }
    }

    async fn find_where(&self, which: Document) -> StoreResult<Option<Payment>> {
        let payments = self.payments.clone();
        run(async move { payments.find_one(which).await }).await?.map(StoredPayment::read).transpose()
    }
}

#[async_trait]
impl PaymentStore for MongoPaymentStore {
    async fn create(&self, payment: &Payment, key: Option<String>) -> StoreResult<Option<Payment>> {
        let (new, payments) = (StoredPayment::of(payment, key.clone())?, self.payments.clone());
        match run(async move { payments.insert_one(new).await }).await {
            Ok(_) => Ok(None),
            Err(error) if is_duplicate(&error) && key.is_some() => {
                let before = doc! { "user": to_bson(payment.user), "onceKey": key };
                let missing = || StoreError::Corrupt("a payment is there twice".to_owned());
                Ok(Some(self.find_where(before).await?.ok_or_else(missing)?))
            }
            Err(error) => Err(error),
        }
    }

    async fn create_paid(&self, payment: &Payment) -> StoreResult<Payment> {
        let (new, payments) = (StoredPayment::of(payment, None)?, self.payments.clone());
        match run(async move { payments.insert_one(new).await }).await {
            Ok(_) => Ok(payment.clone()),
            Err(error) if is_duplicate(&error) => {
                let missing = || StoreError::Corrupt("a payment is there twice".to_owned());
                let before = doc! { "captureId": payment.capture_id.clone() };
                Ok(self.find_where(before).await?.ok_or_else(missing)?)
            }
            Err(error) => Err(error),
        }
    }

    async fn find(&self, id: PaymentId) -> StoreResult<Option<Payment>> {
        self.find_where(doc! { "_id": to_bson(id) }).await
    }

    async fn find_by_order(&self, order_id: &str) -> StoreResult<Option<Payment>> {
        self.find_where(doc! { "orderId": order_id }).await
    }

    async fn find_by_capture(&self, capture_id: &str) -> StoreResult<Option<Payment>> {
        self.find_where(doc! { "captureId": capture_id }).await
    }

    async fn save(&self, payment: &Payment) -> StoreResult<Saved> {
        let StoredPayment { id, version, state, order_id, capture_id, look_at, refunded, body, .. } =
            StoredPayment::of(payment, None)?;
        let mut set = doc! { "version": version + 1, "state": state, "refunded": refunded, "body": body };
        let mut unset = Document::new();
        // What is not there is in no index.
        let mut put = |name: &str, value: Option<bson::Bson>| match value {
            Some(value) => drop(set.insert(name, value)),
            None => drop(unset.insert(name, "")),
        };
        put("orderId", order_id.map(Into::into));
        put("captureId", capture_id.map(Into::into));
        put("lookAt", look_at.map(Into::into));
        let mut update = doc! { "$set": set };
        if !unset.is_empty() {
            update.insert("$unset", unset);
        }
        let payments = self.payments.clone();
        let done = run(async move { payments.update_one(doc! { "_id": id, "version": version }, update).await }).await;
        match done {
            Ok(done) if done.matched_count == 1 => Ok(Saved::Yes),
            Ok(_) => Ok(Saved::Changed),
            Err(error) if is_duplicate(&error) => Ok(Saved::Taken),
            Err(error) => Err(error),
        }
    }

    async fn due(&self, until: i64, after: PaymentId, limit: usize) -> StoreResult<Vec<PaymentId>> {
        #[derive(Deserialize)]
        struct Due {
            #[serde(rename = "_id")]
            id: bson::Uuid,
        }
        let payments = self.payments.clone_with_type::<Due>();
        let found: Vec<Due> = run(async move {
            let due = doc! { "lookAt": { "$lte": until }, "_id": { "$gt": to_bson(after) } };
            let found = payments.find(due).projection(doc! { "_id": 1 }).sort(doc! { "_id": 1 });
            found.limit(to_i64(limit)).await?.try_collect().await
        })
        .await?;
        Ok(found.into_iter().map(|due| from_bson(due.id)).collect())
    }

    async fn list(&self, user: UserId, before: PaymentId, limit: usize) -> StoreResult<Vec<Payment>> {
        let payments = self.payments.clone();
        let found: Vec<StoredPayment> = run(async move {
            let own = doc! { "user": to_bson(user), "_id": { "$lt": to_bson(before) } };
            payments.find(own).sort(doc! { "_id": -1 }).limit(to_i64(limit)).await?.try_collect().await
        })
        .await?;
        found.into_iter().map(StoredPayment::read).collect()
    }

    async fn list_all(&self, after: PaymentId, limit: usize) -> StoreResult<Vec<Payment>> {
        let payments = self.payments.clone();
        let found: Vec<StoredPayment> = run(async move {
            let later = doc! { "_id": { "$gt": to_bson(after) } };
            payments.find(later).sort(doc! { "_id": 1 }).limit(to_i64(limit)).await?.try_collect().await
        })
        .await?;
        found.into_iter().map(StoredPayment::read).collect()
    }

    async fn has_heard(&self, event: &str) -> StoreResult<bool> {
        let (events, which) = (self.events.clone(), doc! { "_id": event });
        Ok(run(async move { events.find_one(which).await }).await?.is_some())
    }

    async fn heard(&self, event: &str, now: i64) -> StoreResult<()> {
        let (events, new) = (self.events.clone(), HeardEvent { id: event.to_owned(), heard_at: now });
        match run(async move { events.insert_one(new).await }).await {
            Err(error) if !is_duplicate(&error) => Err(error),
            _ => Ok(()),
        }
    }

    async fn forget(&self, keys: i64, events: i64) -> StoreResult<()> {
        let payments = self.payments.clone();
        run(async move {
            let old = doc! { "onceKey": { "$exists": true }, "createdAt": { "$lt": keys } };
            payments.update_many(old, doc! { "$unset": { "onceKey": "" } }).await
        })
        .await?;
        let heard = self.events.clone();
        run(async move { heard.delete_many(doc! { "heardAt": { "$lt": events } }).await }).await?;
        Ok(())
    }

    async fn forget_keys_of(&self, user: UserId) -> StoreResult<()> {
        let payments = self.payments.clone();
        run(async move {
            let keyed = doc! { "user": to_bson(user), "onceKey": { "$exists": true } };
            payments.update_many(keyed, doc! { "$unset": { "onceKey": "" } }).await
        })
        .await?;
        Ok(())
    }
}
