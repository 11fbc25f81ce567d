//! The bytes of images, apart from where they are shown: branches show the same. How many show them is counted with them;
//! they go with the last.

use futures::TryStreamExt;
use mongodb::bson::{self, Document, doc};
use serde::{Deserialize, Serialize};

use super::MongoChatStore;
use super::documents::StoredAttachment;
use crate::chat::ImageRef;
use crate::chat::server::attachments::Image;
use crate::chat::server::store::{NewBranch, parse_image_id};
use crate::platform::db::StoreResult;
use crate::platform::db::mongo::{run, to_bson};
use crate::platform::ids::{AttachmentId, ConversationId, MessageId, UserId};

/// Files that are looked after at a time.
const SWEEP: i64 = 1000;

/// The bytes of an image.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredFile {
    #[serde(rename = "_id")]
    pub id: bson::Uuid,
    pub user: bson::Uuid,
    pub size: i64,
    /// How many messages show it.
    pub shown: i64,
    pub bytes: bson::Binary,
    /// When one more or one less began to show it. None: it was looked since whether any does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub touched_at: Option<i64>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    /// None: its bytes are its own.
    file: Option<bson::Uuid>,
}

impl MongoChatStore {
    /// Stores images of a message: the bytes first, so that none is shown without.
    pub(super) async fn insert_images(
        &self,
        images: &[Image],
        user: UserId,
        conversation: ConversationId,
        message: MessageId,
    ) -> StoreResult<()> {
        let mut new = Vec::with_capacity(images.len());
        for image in images {
            if !self.show_again(image, user, conversation, message).await? {
                new.push(image);
            }
        }
        if new.is_empty() {
            return Ok(());
        }
        let now = self.mongo.now();
        let new_file = |image: &Image| StoredFile {
            id: to_bson(image.id),
            user: to_bson(user),
            size: i64::try_from(image.bytes.len()).unwrap_or(i64::MAX),
            shown: 1,
            bytes: bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: image.bytes.to_vec() },
            touched_at: Some(now),
        };
        let new_reference = |image: &Image| StoredAttachment {
            id: to_bson(image.id),
            message: to_bson(message),
            conversation: to_bson(conversation),
            user: to_bson(user),
            media_type: image.media_type.clone(),
            file: Some(to_bson(image.id)),
            bytes: None,
        };
        let new_files: Vec<_> = new.iter().copied().map(new_file).collect();
        let new_references: Vec<_> = new.iter().copied().map(new_reference).collect();
        let (files, attachments) = (self.files.clone(), self.attachments.clone());
        run(async move {
            files.insert_many(new_files).await?;
            attachments.insert_many(new_references).await
        })
        .await?;
        Ok(())
    }

    pub(super) async fn find_image(&self, user: UserId, id: AttachmentId) -> StoreResult<Option<Image>> {
        let (files, attachments) = (self.files.clone(), self.attachments.clone());
        let own = doc! { "_id": to_bson(id), "user": to_bson(user) };
        let found = run(async move {
            let Some(found) = attachments.find_one(own).await? else { return Ok(None) };
            let bytes = match (found.bytes, found.file) {
                (None, Some(file)) => files.find_one(doc! { "_id": file }).await?.map(|file| file.bytes),
                (bytes, _) => bytes,
            };
            Ok(bytes.map(|bytes| (found.media_type, bytes.bytes)))
        });
        Ok(found.await?.map(|(media_type, bytes)| Image { id, media_type, bytes: bytes.into(), same_as: None }))
    }

    /// Lets a message of a branch show the images that another shows.
    pub(super) async fn share_images(
        &self,
        images: &mut [ImageRef],
        branch: NewBranch,
        to: MessageId,
    ) -> StoreResult<()> {
        for image in images {
            let attachments = self.attachments.clone();
            let own = doc! { "_id": to_bson(parse_image_id(image)?), "user": to_bson(branch.user) };
            let found = {
                let attachments = attachments.clone();
                run(async move { attachments.find_one(own).await }).await?
            };
            let Some(found) = found else { continue };
            let id = AttachmentId::now_v7();
            if found.file.is_none() {
                // From before: its bytes are its own.
                let Some(bytes) = found.bytes else { continue };
                let copy = Image { id, media_type: found.media_type, bytes: bytes.bytes.into(), same_as: None };
                self.insert_images(std::slice::from_ref(&copy), branch.user, branch.id, to).await?;
                *image = copy.reference();
                continue;
            }
            let reference =
                StoredAttachment { id: to_bson(id), message: to_bson(to), conversation: to_bson(branch.id), ..found };
            if self.share_file(reference).await? {
                image.id = id.to_string();
            }
        }
        Ok(())
    }

    /// Lets a message show an image that was sent before; `false` for one that was not, or whose bytes are gone or its own.
    async fn show_again(
        &self,
        image: &Image,
        user: UserId,
        conversation: ConversationId,
        message: MessageId,
    ) -> StoreResult<bool> {
        let Some(before) = image.same_as else { return Ok(false) };
        let attachments = self.attachments.clone();
        let own = doc! { "_id": to_bson(before), "user": to_bson(user) };
        let Some(found) = run(async move { attachments.find_one(own).await }).await? else { return Ok(false) };
        let reference = StoredAttachment {
            id: to_bson(image.id),
            message: to_bson(message),
            conversation: to_bson(conversation),
            ..found
        };
        self.share_file(reference).await
    }

    /// Stores one more that shows a file; `false` where that is gone.
    async fn share_file(&self, reference: StoredAttachment) -> StoreResult<bool> {
        let Some(file) = reference.file else { return Ok(false) };
        let (files, attachments, now) = (self.files.clone(), self.attachments.clone(), self.mongo.now());
        run(async move {
            // Before it is shown; cut off in between, the sweep counts anew.
            let one_more = doc! { "$inc": { "shown": 1_i64 }, "$set": { "touchedAt": now } };
            let shown = doc! { "_id": file, "shown": { "$gt": 0_i64 } };
            if files.update_one(shown, one_more).await?.matched_count == 0 {
                return Ok(false);
            }
            attachments.insert_one(reference).await?;
            Ok(true)
        })
        .await
    }

    /// Deletes what is shown of images, and their bytes with the last that shows them.
    pub(super) async fn delete_images(&self, of: Document) -> StoreResult<()> {
        let references: Vec<Reference> = {
            let attachments = self.attachments.clone_with_type::<Reference>();
            run(async move { attachments.find(of).projection(doc! { "file": 1 }).await?.try_collect().await }).await?
        };
        for Reference { id, file } in references {
            let (files, attachments, now) = (self.files.clone(), self.attachments.clone(), self.mongo.now());
            run(async move {
                if let Some(file) = file {
                    // Before: cut off below, the sweep finds what is left.
                    files.update_one(doc! { "_id": file }, doc! { "$set": { "touchedAt": now } }).await?;
                }
                let is_gone = attachments.delete_one(doc! { "_id": id }).await?.deleted_count == 1;
                // Whoever deleted it counts down, nobody else.
                if let (true, Some(file)) = (is_gone, file) {
                    files.update_one(doc! { "_id": file }, doc! { "$inc": { "shown": -1_i64 } }).await?;
                    files.delete_one(doc! { "_id": file, "shown": { "$lte": 0_i64 } }).await?;
                }
                Ok(())
            })
            .await?;
        }
        Ok(())
    }

    /// Bytes of all images of a user.
    pub(super) async fn count_image_bytes(&self, user: UserId) -> StoreResult<u64> {
        #[derive(Deserialize)]
        struct Sum {
            size: i64,
        }
        let files = self.files.clone();
        let sums: Vec<Sum> = run(async move {
            let steps = [
                doc! { "$match": { "user": to_bson(user) } },
                doc! { "$group": { "_id": null, "size": { "$sum": "$size" } } },
            ];
            files.aggregate(steps).with_type::<Sum>().await?.try_collect().await
        })
        .await?;
        Ok(sums.first().map_or(0, |sum| u64::try_from(sum.size).unwrap_or(0)))
    }

    /// Deletes bytes that nothing shows, among those that were touched before `before`: a server was killed between two steps.
    pub(super) async fn sweep_files(&self, before: i64) -> StoreResult<()> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Touched {
            #[serde(rename = "_id")]
            id: bson::Uuid,
            touched_at: i64,
        }
        let touched: Vec<Touched> = {
            let files = self.files.clone_with_type::<Touched>();
            let old = doc! { "touchedAt": { "$lt": before } };
            let fields = doc! { "touchedAt": 1 };
            run(async move { files.find(old).projection(fields).limit(SWEEP).await?.try_collect().await }).await?
        };
        for Touched { id, touched_at } in touched {
            let (files, attachments) = (self.files.clone(), self.attachments.clone());
            run(async move {
                // Touched again in between, it is left for the next time.
                let same = doc! { "_id": id, "touchedAt": touched_at };
                if attachments.count_documents(doc! { "file": id }).limit(1).await? == 0 {
                    files.delete_one(same).await?;
                } else {
                    files.update_one(same, doc! { "$unset": { "touchedAt": "" } }).await?;
                }
                Ok(())
            })
            .await?;
        }
        Ok(())
    }
}
