//! Files that are to be deleted: images whose row says so, and ids that have none.

use futures::TryStreamExt;
use mongodb::bson::{self, doc};
use serde::Deserialize;

use super::documents::DELETED;
use super::{MongoImageStore, bson_ids};
use crate::images::ImageStatus;
use crate::images::server::store::Stray;
use crate::platform::db::mongo::{from_bson, is_duplicate, run, to_bson};
use crate::platform::db::{StoreResult, now_millis, to_i64};
use crate::platform::ids::ImageId;

impl MongoImageStore {
    pub(super) async fn queue(&self, ids: Vec<ImageId>) -> StoreResult<()> {
        for id in ids {
            let images = self.durable.clone();
            let now = now_millis();
            // One that can be shown or runs does not fit, and then the insert is refused for its id.
            let of = doc! { "_id": to_bson(id), "state": { "$nin": [
                ImageStatus::Running.as_str(), ImageStatus::Complete.as_str(),
            ] } };
            let change = doc! {
                "$set": { "cleanupAt": now, "cleanupTries": 0_i32 },
                "$setOnInsert": { "state": DELETED, "createdAt": now },
            };
            match run(async move { images.update_one(of, change).upsert(true).await }).await {
                Ok(_) => {}
                Err(error) if is_duplicate(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub(super) async fn due_strays(&self, now: i64, limit: usize) -> StoreResult<Vec<Stray>> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Queued {
            #[serde(rename = "_id")]
            id: bson::Uuid,
            cleanup_tries: u32,
        }
        let images = self.images.clone_with_type::<Queued>();
        let most = to_i64(limit);
        let queued: Vec<Queued> = run(async move {
            let due = images.find(doc! { "cleanupAt": { "$lte": now } }).sort(doc! { "cleanupAt": 1 });
            due.projection(doc! { "cleanupTries": 1 }).limit(most).await?.try_collect().await
        })
        .await?;
        Ok(queued.into_iter().map(|queued| Stray { id: from_bson(queued.id), tries: queued.cleanup_tries }).collect())
    }

    pub(super) async fn forget(&self, ids: Vec<ImageId>) -> StoreResult<()> {
        let (images, ids) = (self.images.clone(), bson_ids(&ids));
        run(async move {
            images.delete_many(doc! { "_id": { "$in": &ids }, "state": DELETED }).await?;
            let kept = doc! { "_id": { "$in": &ids }, "state": { "$ne": DELETED } };
            images.update_many(kept, doc! { "$unset": { "cleanupAt": "" } }).await
        })
        .await?;
        Ok(())
    }

    pub(super) async fn postpone(&self, id: ImageId, next_try: i64) -> StoreResult<()> {
        let of = doc! { "_id": to_bson(id), "cleanupAt": { "$exists": true } };
        let change = doc! { "$set": { "cleanupAt": next_try }, "$inc": { "cleanupTries": 1_i32 } };
        self.change(of, change).await.map(drop)
    }
}
