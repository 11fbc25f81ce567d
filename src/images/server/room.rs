//! The room that a user has for images: those that were made here, and those that were shown to models.

use std::sync::Arc;

use async_trait::async_trait;

use super::avatar::address_of;
use super::store::ImageStore;
use crate::account::server::StoredImages;
use crate::i18n::{Text, fill};
use crate::platform::db::StoreResult;
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::{ImageId, UserId};

/// The images that users show to models, which a feature above knows.
#[async_trait]
pub trait SentImages: Send + Sync {
    /// The bytes of all of a user's.
    async fn bytes(&self, user: UserId) -> StoreResult<u64>;
}

/// What images take, and how much they may. Cheap to clone.
#[derive(Clone)]
pub struct Room {
    pub made: Arc<dyn ImageStore>,
    pub sent: Arc<dyn SentImages>,
    /// Bytes of all images of one user.
    pub quota: u64,
}

impl Room {
    /// Whether so many bytes more of a user fit. Two requests at once may both find that they do, and how large an image
    /// becomes is known when it is made: the last ones may reach beyond.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `images`.
    pub async fn check(&self, user: UserId, more: u64) -> AppResult<()> {
        let taken = self.taken(user).await?;
        if taken.saturating_add(more) <= self.quota {
            return Ok(());
        }
        Err(AppError::invalid("images", self.tell(Text::NoRoomForImages, taken)))
    }

    async fn taken(&self, user: UserId) -> StoreResult<u64> {
        let (made, sent) = tokio::try_join!(self.made.bytes(user), self.sent.bytes(user))?;
        Ok(made.saturating_add(sent))
    }

    fn tell(&self, text: Text, taken: u64) -> String {
        fill(text, &[("used", &to_mebibytes(taken)), ("quota", &to_mebibytes(self.quota))])
    }
}

#[async_trait]
impl StoredImages for Room {
    async fn describe(&self, user: UserId) -> AppResult<String> {
        Ok(self.tell(Text::StoredImagesOf, self.taken(user).await?))
    }

    async fn avatar(&self, user: UserId) -> AppResult<Option<String>> {
        Ok(self.made.find_avatar(user).await?.map(address_of))
    }

    fn avatar_address(&self, id: ImageId) -> String {
        address_of(id)
    }
}

/// As people read it, without the unit.
fn to_mebibytes(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) / (1024 * 1024);
    format!("{}.{}", tenths / 10, tenths % 10)
}
