//! Images in MongoDB, a document each.

mod documents;
mod places;
mod strays;

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{self, Document, doc};
use serde::{Deserialize, Serialize};

use self::documents::{DELETED, IdOnly, Prompted, StoredImage};
use super::{Assignment, FinishedImage, Found, ImageCounts, ImageFilter, ImageStore, MadeImage, NewImage, Stray};
use crate::credits::Page;
use crate::images::{Image, ImageStatus};
use crate::platform::amount::Amount;
use crate::platform::db::mongo::{Durability, Mongo, containing, from_bson, is_duplicate, run, to_bson};
use crate::platform::db::{StoreResult, now_millis, to_i64};
use crate::platform::ids::{ConversationId, ImageId, MessageId, RunId, UserId};

/// [`ImageStore`] over MongoDB.
pub struct MongoImageStore {
    images: Collection<StoredImage>,
    /// For what a charge or a file depends on.
    durable: Collection<StoredImage>,
    avatars: Collection<StoredAvatar>,
}

/// Which picture a user shows of themselves.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct StoredAvatar {
    #[serde(rename = "_id")]
    user: bson::Uuid,
    image: bson::Uuid,
}

impl MongoImageStore {
    #[must_use]
    pub fn new(mongo: &Mongo) -> Self {
        Self {
            images: mongo.collection("images", Durability::Relaxed),
            durable: mongo.collection("images", Durability::Durable),
            avatars: mongo.collection("avatars", Durability::Durable),
        }
    }

    /// Changes the one that a condition selects; `false` where there is none.
    async fn change(&self, of: Document, change: Document) -> StoreResult<bool> {
        let images = self.images.clone();
        let changed = run(async move { images.update_one(of, change).await }).await?;
        Ok(changed.matched_count == 1)
    }

    async fn ids(&self, of: Document) -> StoreResult<Vec<ImageId>> {
        let images = self.images.clone_with_type::<IdOnly>();
        let found: Vec<IdOnly> =
            run(async move { images.find(of).projection(doc! { "_id": 1 }).await?.try_collect().await }).await?;
        Ok(found.into_iter().map(|found| from_bson(found.id)).collect())
    }

    /// Turns the images that a condition selects into entries of the queue.
    async fn delete_where(&self, mut of: Document) -> StoreResult<Vec<ImageId>> {
        of.insert("state", doc! { "$ne": DELETED });
        let deleted = self.ids(of).await?;
        if deleted.is_empty() {
            return Ok(deleted);
        }
        let tombstone = vec![doc! { "$replaceWith": {
            "_id": "$_id",
            "state": DELETED,
            "cleanupAt": now_millis(),
            "cleanupTries": 0_i32,
            "createdAt": "$createdAt",
        } }];
        let of = doc! { "_id": { "$in": bson_ids(&deleted) }, "state": { "$ne": DELETED } };
        let images = self.durable.clone();
        run(async move { images.update_many(of, tombstone).await }).await?;
        Ok(deleted)
    }
}

fn bson_ids(ids: &[ImageId]) -> Vec<bson::Uuid> {
    ids.iter().copied().map(to_bson).collect()
}

fn running(id: ImageId) -> Document {
    doc! { "_id": to_bson(id), "state": ImageStatus::Running.as_str() }
}

#[async_trait]
impl ImageStore for MongoImageStore {
    async fn begin(&self, image: NewImage) -> StoreResult<bool> {
        let (width, height) = image.aspect_ratio.size();
        // Each failure means that somebody else took one of the two in between.
        while let (Some(slot), place) = tokio::try_join!(self.free_slot(image.user), self.next_place(image.user))? {
            let stored = StoredImage {
                id: to_bson(image.id),
                user: to_bson(image.user),
                conversation: image.shown_in.map(|(conversation, _)| to_bson(conversation)),
                reply: image.shown_in.map(|(_, reply)| to_bson(reply)),
                prompt: image.prompt.clone(),
                aspect_ratio: image.aspect_ratio,
                seed: image.seed.into(),
                provider: image.provider.clone(),
                model: image.model.clone(),
                is_ai: image.is_ai,
                fallback_from: None,
                remote_id: None,
                state: ImageStatus::Running.as_str().to_owned(),
                run: Some(to_bson(image.run)),
                slot: Some(slot),
                width,
                height,
                placeholder: None,
                charged: Amount::ZERO,
                error_code: None,
                favorite: false,
                place,
                created_at: now_millis(),
            };
            let images = self.images.clone();
            match run(async move { images.insert_one(stored).await }).await {
                Ok(_) => return Ok(true),
                Err(error) if is_duplicate(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    async fn assign(&self, id: ImageId, run: RunId, assignment: Assignment) -> StoreResult<bool> {
        let mut of = running(id);
        of.insert("run", to_bson(run));
        let Assignment { provider, model, is_ai, remote_id } = assignment;
        let mut change = doc! { "$set": { "provider": provider, "model": model, "isAi": is_ai } };
        match remote_id {
            Some(remote_id) => change.get_document_mut("$set")?.insert("remoteId", remote_id),
            None => change.insert("$unset", doc! { "remoteId": "" }),
        };
        self.change(of, change).await
    }

    async fn learn_remote_id(&self, id: ImageId, remote_id: &str) -> StoreResult<bool> {
        let mut of = running(id);
        of.insert("remoteId", doc! { "$in": [bson::Bson::Null, bson::Bson::from(remote_id)] });
        self.change(of, doc! { "$set": { "remoteId": remote_id } }).await
    }

    async fn take_over(&self, id: ImageId, from: RunId, to: RunId) -> StoreResult<bool> {
        let mut of = running(id);
        of.insert("run", to_bson(from));
        self.change(of, doc! { "$set": { "run": to_bson(to) } }).await
    }

    async fn look_up(&self, id: ImageId) -> StoreResult<Found> {
        let images = self.images.clone();
        let of = doc! { "_id": to_bson(id), "state": { "$ne": DELETED } };
        match run(async move { images.find_one(of).await }).await? {
            Some(found) => found.found(),
            None => Ok(Found::Nothing),
        }
    }

    async fn finish(&self, image: FinishedImage) -> StoreResult<bool> {
        let mut of = running(image.id);
        if let Some(run) = image.run {
            of.insert("run", to_bson(run));
        }
        let charged = image.made.as_ref().map_or(Amount::ZERO, |made| made.credits).micros();
        let mut set = doc! { "state": image.status.as_str() };
        if let Some(made) = image.made {
            let MadeImage { provider, model, is_ai, fallback_from, width, height, placeholder, bytes, .. } = made;
            set.extend(doc! {
                "provider": provider,
                "model": model,
                "isAi": is_ai,
                "width": i64::from(width),
                "height": i64::from(height),
                "placeholder": placeholder,
                "charged": charged,
                "bytes": i64::try_from(bytes).unwrap_or(i64::MAX),
            });
            if let Some(from) = fallback_from {
                set.insert("fallbackFrom", from);
            }
        } else if image.has_stray_files {
            set.extend(doc! { "cleanupAt": now_millis(), "cleanupTries": 0_i32 });
        }
        if let Some(code) = image.error_code {
            set.insert("errorCode", code);
        }
        let images = self.durable.clone();
        let change = doc! { "$set": set, "$unset": { "slot": "" } };
        if run(async move { images.update_one(of, change).await }).await?.matched_count == 1 {
            return Ok(true);
        }
        let mut same = doc! { "_id": to_bson(image.id), "state": image.status.as_str(), "charged": charged };
        if let Some(run) = image.run {
            same.insert("run", to_bson(run));
        }
        Ok(!self.ids(same).await?.is_empty())
    }

    async fn request_stop(&self, user: UserId, id: ImageId) -> StoreResult<bool> {
        let mut of = running(id);
        of.insert("user", to_bson(user));
        self.change(of, doc! { "$set": { "stopRequested": true } }).await
    }

    async fn stop_requests(&self, images: Vec<ImageId>) -> StoreResult<Vec<ImageId>> {
        let go_on = doc! {
            "_id": { "$in": bson_ids(&images) },
            "stopRequested": { "$ne": true },
            "state": { "$ne": DELETED },
        };
        let go_on = self.ids(go_on).await?;
        Ok(images.into_iter().filter(|id| !go_on.contains(id)).collect())
    }

    async fn find_shown(&self, conversation: ConversationId, reply: MessageId) -> StoreResult<Option<ImageId>> {
        let images = self.images.clone_with_type::<IdOnly>();
        let of = doc! { "conversation": to_bson(conversation), "reply": to_bson(reply) };
        let found = run(async move { images.find_one(of).projection(doc! { "_id": 1 }).await }).await?;
        Ok(found.map(|found| from_bson(found.id)))
    }

    async fn find(&self, user: UserId, id: ImageId) -> StoreResult<Option<Image>> {
        let images = self.images.clone();
        let of = doc! { "_id": to_bson(id), "user": to_bson(user) };
        run(async move { images.find_one(of).await }).await?.map(StoredImage::read).transpose()
    }

    async fn find_prompts(&self, user: UserId, ids: Vec<ImageId>) -> StoreResult<Vec<(ImageId, String)>> {
        let images = self.images.clone_with_type::<Prompted>();
        let of = doc! { "_id": { "$in": bson_ids(&ids) }, "user": to_bson(user), "state": { "$ne": DELETED } };
        run(async move {
            let found = images.find(of).projection(doc! { "prompt": 1 }).await?;
            let found: Vec<Prompted> = found.try_collect().await?;
            Ok(found.into_iter().map(|found| (from_bson(found.id), found.prompt)).collect())
        })
        .await
    }

    async fn bytes(&self, user: UserId) -> StoreResult<u64> {
        self.add_up(user).await
    }

    async fn count_of(&self, user: UserId) -> StoreResult<u64> {
        let images = self.images.clone();
        run(async move { images.count_documents(doc! { "user": to_bson(user) }).await }).await
    }

    async fn neighbors(&self, user: UserId, id: ImageId) -> StoreResult<(Option<ImageId>, Option<ImageId>)> {
        let Some(place) = self.place_of(user, id).await? else { return Ok((None, None)) };
        Ok((self.next_to(user, place, "$gt", 1).await?, self.next_to(user, place, "$lt", -1).await?))
    }

    async fn list(
        &self,
        user: UserId,
        filter: &ImageFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> StoreResult<Option<Page<Image>>> {
        let Ok(before) = cursor.map_or(Ok(i64::MAX), str::parse) else { return Ok(None) };
        let mut of = doc! { "user": to_bson(user), "place": { "$lt": before } };
        if filter.favorites_only {
            of.insert("favorite", true);
        }
        if !filter.query.is_empty() {
            of.insert("prompt", containing(&filter.query));
        }
        let images = self.images.clone();
        let most = i64::try_from(limit + 1).unwrap_or(i64::MAX);
        let found: Vec<StoredImage> =
            run(async move { images.find(of).sort(doc! { "place": -1 }).limit(most).await?.try_collect().await })
                .await?;
        let has_more = found.len() > limit;
        let last = found.iter().take(limit).next_back().map(|last| last.place.to_string());
        let items = found.into_iter().take(limit).map(StoredImage::read).collect::<StoreResult<_>>()?;
        Ok(Some(Page { items, next_cursor: last.filter(|_| has_more) }))
    }

    async fn set_favorite(&self, user: UserId, id: ImageId, favorite: bool) -> StoreResult<bool> {
        let images = self.durable.clone();
        let of = doc! { "_id": to_bson(id), "user": to_bson(user) };
        let change = doc! { "$set": { "favorite": favorite } };
        Ok(run(async move { images.update_one(of, change).await }).await?.matched_count == 1)
    }

    async fn delete(&self, user: UserId, ids: Vec<ImageId>) -> StoreResult<Vec<ImageId>> {
        self.delete_where(doc! { "_id": { "$in": bson_ids(&ids) }, "user": to_bson(user) }).await
    }

    async fn delete_of_conversation(&self, user: UserId, conversation: ConversationId) -> StoreResult<Vec<ImageId>> {
        self.delete_where(doc! { "conversation": to_bson(conversation), "user": to_bson(user) }).await
    }

    async fn delete_of_user(&self, user: UserId) -> StoreResult<Vec<ImageId>> {
        self.delete_where(doc! { "user": to_bson(user) }).await
    }

    async fn queue_strays(&self, ids: Vec<ImageId>) -> StoreResult<()> {
        self.queue(ids).await
    }

    async fn strays(&self, now: i64, limit: usize) -> StoreResult<Vec<Stray>> {
        self.due_strays(now, limit).await
    }

    async fn forget_strays(&self, ids: Vec<ImageId>) -> StoreResult<()> {
        self.forget(ids).await
    }

    async fn postpone_stray(&self, id: ImageId, next_try: i64) -> StoreResult<()> {
        self.postpone(id, next_try).await
    }

    async fn known(&self, ids: Vec<ImageId>) -> StoreResult<Vec<ImageId>> {
        let states = [ImageStatus::Running.as_str(), ImageStatus::Complete.as_str()];
        let accounted = [doc! { "state": { "$in": states } }, doc! { "cleanupAt": { "$exists": true } }];
        let known = self.ids(doc! { "_id": { "$in": bson_ids(&ids) }, "$or": accounted }).await?;
        let (avatars, of) = (self.avatars.clone(), doc! { "image": { "$in": bson_ids(&ids) } });
        let shown: Vec<StoredAvatar> = run(async move { avatars.find(of).await?.try_collect().await }).await?;
        let shown: Vec<ImageId> = shown.into_iter().map(|avatar| from_bson(avatar.image)).collect();
        Ok(ids.into_iter().filter(|id| known.contains(id) || shown.contains(id)).collect())
    }

    async fn set_avatar(&self, user: UserId, id: Option<ImageId>) -> StoreResult<()> {
        let (avatars, of) = (self.avatars.clone(), doc! { "_id": to_bson(user) });
        let before = run(async move {
            match id {
                Some(id) => {
                    let set = doc! { "$set": { "image": to_bson(id) } };
                    avatars.find_one_and_update(of, set).upsert(true).await
                }
                None => avatars.find_one_and_delete(of).await,
            }
        })
        .await?;
        // Cut off here, the file of before is found by the sweeper.
        self.queue_strays(before.map(|avatar| from_bson(avatar.image)).into_iter().collect()).await
    }

    async fn find_avatar(&self, user: UserId) -> StoreResult<Option<ImageId>> {
        let (avatars, of) = (self.avatars.clone(), doc! { "_id": to_bson(user) });
        let found = run(async move { avatars.find_one(of).await }).await?;
        Ok(found.map(|avatar| from_bson(avatar.image)))
    }

    async fn list_complete(&self, after: ImageId, limit: usize) -> StoreResult<Vec<ImageId>> {
        let (images, limit) = (self.images.clone_with_type::<IdOnly>(), to_i64(limit));
        let later = doc! { "_id": { "$gt": to_bson(after) }, "state": ImageStatus::Complete.as_str() };
        let found: Vec<IdOnly> = run(async move {
            let ids = images.find(later).projection(doc! { "_id": 1 }).sort(doc! { "_id": 1 });
            ids.limit(limit).await?.try_collect().await
        })
        .await?;
        Ok(found.into_iter().map(|found| from_bson(found.id)).collect())
    }

    async fn count(&self) -> StoreResult<ImageCounts> {
        let images = self.images.clone();
        run(async move {
            let complete = images.count_documents(doc! { "state": ImageStatus::Complete.as_str() }).await?;
            let strays = images.count_documents(doc! { "cleanupAt": { "$exists": true } }).await?;
            Ok(ImageCounts { complete, strays })
        })
        .await
    }
}
