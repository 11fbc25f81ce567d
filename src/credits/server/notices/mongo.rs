//! What was told by mail, in MongoDB: a document for each.

use async_trait::async_trait;
use mongodb::Collection;
use mongodb::bson::{Document, doc};

use super::NoticeStore;
use crate::platform::db::StoreResult;
use crate::platform::db::mongo::{Durability, Mongo, is_duplicate, run, to_bson};
use crate::platform::ids::OwnerId;

/// [`NoticeStore`] over MongoDB.
pub struct MongoNoticeStore {
    notices: Collection<Document>,
}

impl MongoNoticeStore {
    #[must_use]
    pub fn new(mongo: &Mongo) -> Self {
        Self { notices: mongo.collection("mailedNotices", Durability::Durable) }
    }
}

#[async_trait]
impl NoticeStore for MongoNoticeStore {
    async fn claim(&self, owner: OwnerId, key: &str, now: i64, again: i64) -> StoreResult<bool> {
        let notices = self.notices.clone();
        let old = doc! { "_id": { "owner": to_bson(owner), "key": key }, "at": { "$lt": again } };
        // Where it was told since, nothing matches, and inserting it anew fails.
        match run(async move { notices.update_one(old, doc! { "$set": { "at": now } }).upsert(true).await }).await {
            Ok(_) => Ok(true),
            Err(error) if is_duplicate(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn forget_before(&self, at: i64) -> StoreResult<()> {
        let notices = self.notices.clone();
        run(async move { notices.delete_many(doc! { "at": { "$lt": at } }).await }).await.map(drop)
    }
}
