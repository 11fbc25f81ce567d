//! Responses in MongoDB. No step needs a transaction: each is one document.

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{self, doc};
use serde::{Deserialize, Serialize};

use super::{Growth, ResponseStore, StoredResponse};
use crate::platform::db::mongo::{Durability, Mongo, delete_all, from_bson, is_duplicate, run, to_bson};
use crate::platform::db::{StoreResult, to_i64};
use crate::platform::ids::{MessageId, UserId};

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    user: bson::Uuid,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    previous: Option<bson::Uuid>,
    input: String,
    response: String,
    created_at: i64,
    bytes: i64,
}

impl Stored {
    fn of(response: StoredResponse) -> Self {
        let bytes = to_i64(response.bytes());
        let StoredResponse { id, user, previous, input, response, created_at } = response;
        Self {
            id: to_bson(id),
            user: to_bson(user),
            previous: previous.map(to_bson),
            input,
            response,
            created_at,
            bytes,
        }
    }

    fn read(self) -> StoredResponse {
        let Self { id, user, previous, input, response, created_at, .. } = self;
        let (id, user, previous) = (from_bson(id), from_bson(user), previous.map(from_bson));
        StoredResponse { id, user, previous, input, response, created_at }
    }
}

/// [`ResponseStore`] over MongoDB.
pub struct MongoResponseStore {
    responses: Collection<Stored>,
    growth: Growth,
}

impl MongoResponseStore {
    #[must_use]
    pub fn new(mongo: &Mongo) -> Self {
        Self { responses: mongo.collection("responses", Durability::Durable), growth: Growth::default() }
    }
}

impl MongoResponseStore {
    /// Deletes the oldest of a user's that are beyond so many bytes.
    async fn make_room(&self, user: UserId, most: u64) -> StoreResult<()> {
        #[derive(Deserialize)]
        struct Size {
            #[serde(rename = "_id")]
            id: bson::Uuid,
            bytes: i64,
        }
        let sizes = self.responses.clone_with_type::<Size>();
        let found: Vec<Size> = run(async move {
            let own = sizes.find(doc! { "user": to_bson(user) }).sort(doc! { "_id": -1 });
            own.projection(doc! { "bytes": 1 }).await?.try_collect().await
        })
        .await?;
        let mut room = i64::try_from(most).unwrap_or(i64::MAX);
        let beyond = found.into_iter().find(|size| {
            room = room.saturating_sub(size.bytes);
            room < 0
        });
        match beyond {
            Some(Size { id, .. }) => {
                delete_all(&self.responses, doc! { "user": to_bson(user), "_id": { "$lte": id } }).await
            }
            None => Ok(()),
        }
    }
}

#[async_trait]
impl ResponseStore for MongoResponseStore {
    async fn add(&self, response: StoredResponse, most: u64) -> StoreResult<()> {
        let user = response.user;
        let is_due = self.growth.is_due(user, response.bytes(), most);
        let (responses, response) = (self.responses.clone(), Stored::of(response));
        match run(async move { responses.insert_one(response).await }).await {
            Ok(_) => {}
            Err(error) if is_duplicate(&error) => {}
            Err(error) => return Err(error),
        }
        if is_due { self.make_room(user, most).await } else { Ok(()) }
    }

    async fn find(&self, user: UserId, id: MessageId, since: i64) -> StoreResult<Option<StoredResponse>> {
        let filter = doc! { "_id": to_bson(id), "user": to_bson(user), "createdAt": { "$gt": since } };
        let responses = self.responses.clone();
        Ok(run(async move { responses.find_one(filter).await }).await?.map(Stored::read))
    }

    async fn delete(&self, user: UserId, id: MessageId) -> StoreResult<bool> {
        let filter = doc! { "_id": to_bson(id), "user": to_bson(user) };
        let responses = self.responses.clone();
        Ok(run(async move { responses.delete_one(filter).await }).await?.deleted_count == 1)
    }

    async fn list(&self, user: UserId, after: MessageId, limit: usize) -> StoreResult<Vec<StoredResponse>> {
        let own = doc! { "user": to_bson(user), "_id": { "$gt": to_bson(after) } };
        let responses = self.responses.clone();
        let found: Vec<Stored> = run(async move {
            responses.find(own).sort(doc! { "_id": 1 }).limit(to_i64(limit)).await?.try_collect().await
        })
        .await?;
        Ok(found.into_iter().map(Stored::read).collect())
    }

    async fn delete_of_user(&self, user: UserId) -> StoreResult<()> {
        delete_all(&self.responses, doc! { "user": to_bson(user) }).await
    }

    async fn forget_before(&self, since: i64) -> StoreResult<()> {
        let responses = self.responses.clone();
        run(async move { responses.delete_many(doc! { "createdAt": { "$lte": since } }).await }).await?;
        Ok(())
    }
}
