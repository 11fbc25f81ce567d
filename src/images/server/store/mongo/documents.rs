//! What is stored of an image, and what is read from it.

use mongodb::bson;
use serde::{Deserialize, Serialize};

use crate::images::server::store::{Found, RunningImage};
use crate::images::{AspectRatio, Image, ImageStatus};
use crate::platform::amount::{Amount, micros};
use crate::platform::db::mongo::from_bson;
use crate::platform::db::{StoreError, StoreResult, rfc3339};
use crate::platform::ids::ImageId;

/// What the state of an image is that was deleted.
pub(super) const DELETED: &str = "deleted";

/// An image as it is stored. One that was deleted keeps its id, its state and what the queue needs.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredImage {
    #[serde(rename = "_id")]
    pub id: bson::Uuid,
    pub user: bson::Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<bson::Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply: Option<bson::Uuid>,
    pub prompt: String,
    pub aspect_ratio: AspectRatio,
    pub seed: i64,
    pub provider: String,
    pub model: String,
    pub is_ai: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_from: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_id: Option<String>,
    pub state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<bson::Uuid>,
    /// Which of the user's [`crate::images::MOST_RUNNING`] places it takes while it is being made: an index lets each
    /// be taken once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<i32>,
    pub width: u32,
    pub height: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<String>,
    #[serde(default, with = "micros")]
    pub charged: Amount,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    #[serde(default)]
    pub favorite: bool,
    /// Its place among the images of its user: an index lets each be taken once.
    #[serde(default)]
    pub place: i64,
    pub created_at: i64,
}

/// The id of an image alone.
#[derive(Deserialize)]
pub(super) struct IdOnly {
    #[serde(rename = "_id")]
    pub id: bson::Uuid,
}

/// The prompt of an image alone.
#[derive(Deserialize)]
pub(super) struct Prompted {
    #[serde(rename = "_id")]
    pub id: bson::Uuid,
    pub prompt: String,
}

/// The place of an image alone.
#[derive(Deserialize)]
pub(super) struct Place {
    #[serde(default)]
    pub place: i64,
}

impl StoredImage {
    pub(super) fn read(self) -> StoreResult<Image> {
        let id: ImageId = from_bson(self.id);
        let status = ImageStatus::parse(&self.state);
        Ok(Image {
            id: id.to_string(),
            status: status.ok_or_else(|| StoreError::Corrupt(format!("image state {:?}", self.state)))?,
            prompt: self.prompt,
            aspect_ratio: self.aspect_ratio,
            seed: read_seed(self.seed)?,
            width: self.width,
            height: self.height,
            provider: self.provider,
            model: self.model,
            is_ai: self.is_ai,
            fallback_from: self.fallback_from,
            credits: self.charged,
            error_code: self.error_code,
            favorite: self.favorite,
            placeholder: self.placeholder,
            conversation_id: self.conversation.map(|id| id.to_string()),
            created_at: rfc3339(self.created_at)?,
            image_url: Image::file_path(id),
            thumbnail_url: Image::thumbnail_path(id),
        })
    }

    pub(super) fn found(self) -> StoreResult<Found> {
        let shown_in = self.conversation.map(from_bson).zip(self.reply.map(from_bson));
        if self.state != ImageStatus::Running.as_str() {
            return Ok(Found::Ended { credits: self.charged, shown_in });
        }
        let run = self.run.ok_or_else(|| StoreError::Corrupt("an image that nobody makes".to_owned()))?;
        Ok(Found::Running(RunningImage {
            id: from_bson(self.id),
            user: from_bson(self.user),
            shown_in,
            prompt: self.prompt,
            aspect_ratio: self.aspect_ratio,
            seed: read_seed(self.seed)?,
            provider: self.provider,
            remote_id: self.remote_id,
            run: from_bson(run),
        }))
    }
}

fn read_seed(seed: i64) -> StoreResult<u32> {
    u32::try_from(seed).map_err(|_| StoreError::Corrupt(format!("seed {seed}")))
}
