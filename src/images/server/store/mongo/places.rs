//! Where images stand: among those of their user, and among those that are being made. And what room they take.

use futures::TryStreamExt;
use mongodb::bson::doc;
use serde::Deserialize;

use super::MongoImageStore;
use super::documents::{IdOnly, Place};
use crate::images::{ImageStatus, MOST_RUNNING};
use crate::platform::db::StoreResult;
use crate::platform::db::mongo::{from_bson, run, to_bson};
use crate::platform::ids::{ImageId, UserId};

impl MongoImageStore {
    /// The place behind all images of a user.
    pub(super) async fn next_place(&self, user: UserId) -> StoreResult<i64> {
        let images = self.images.clone_with_type::<Place>();
        let of = doc! { "user": to_bson(user), "place": { "$exists": true } };
        let last =
            run(async move { images.find_one(of).sort(doc! { "place": -1 }).projection(doc! { "place": 1 }).await });
        Ok(last.await?.map_or(0, |last| last.place) + 1)
    }

    /// A place that none of the user's running images takes.
    pub(super) async fn free_slot(&self, user: UserId) -> StoreResult<Option<i32>> {
        #[derive(Deserialize)]
        struct Slot {
            slot: i32,
        }
        let images = self.images.clone_with_type::<Slot>();
        let taken: Vec<Slot> = run(async move {
            let running = doc! { "user": to_bson(user), "slot": { "$exists": true } };
            images.find(running).projection(doc! { "_id": 0, "slot": 1 }).await?.try_collect().await
        })
        .await?;
        let mut slots = 0..i32::try_from(MOST_RUNNING).unwrap_or(i32::MAX);
        Ok(slots.find(|slot| taken.iter().all(|taken| taken.slot != *slot)))
    }

    /// The place of an image of a user.
    pub(super) async fn place_of(&self, user: UserId, id: ImageId) -> StoreResult<Option<i64>> {
        let images = self.images.clone_with_type::<Place>();
        let of = doc! { "_id": to_bson(id), "user": to_bson(user) };
        let found = run(async move { images.find_one(of).projection(doc! { "place": 1 }).await }).await?;
        Ok(found.map(|found| found.place))
    }

    /// The image of a user next to a place that can be shown.
    pub(super) async fn next_to(
        &self,
        user: UserId,
        place: i64,
        direction: &str,
        order: i32,
    ) -> StoreResult<Option<ImageId>> {
        let images = self.images.clone_with_type::<IdOnly>();
        let of = doc! {
            "user": to_bson(user),
            "place": { direction: place },
            "state": ImageStatus::Complete.as_str(),
        };
        let found =
            run(async move { images.find_one(of).sort(doc! { "place": order }).projection(doc! { "_id": 1 }).await });
        Ok(found.await?.map(|found| from_bson(found.id)))
    }

    /// Bytes of all files of a user's images.
    pub(super) async fn add_up(&self, user: UserId) -> StoreResult<u64> {
        #[derive(Deserialize)]
        struct Sum {
            bytes: i64,
        }
        let images = self.images.clone();
        let sums: Vec<Sum> = run(async move {
            let steps = [
                doc! { "$match": { "user": to_bson(user), "bytes": { "$gt": 0_i64 } } },
                doc! { "$group": { "_id": null, "bytes": { "$sum": "$bytes" } } },
            ];
            images.aggregate(steps).with_type::<Sum>().await?.try_collect().await
        })
        .await?;
        Ok(sums.first().map_or(0, |sum| u64::try_from(sum.bytes).unwrap_or(0)))
    }
}
