//! The picture that a user shows of themselves: written anew as a square of 256 pixels, and kept where images are kept. Each has an
//! id of its own, so that one that is replaced is deleted as images are.

pub mod api;
mod forms;

use bytes::Bytes;

pub use self::forms::AVATAR;
use super::Images;
use super::garbage::delete_files;
use super::picture::portrait;
use super::storage::{ObjectKey, Rendition};
use crate::account::MAX_AVATAR_BYTES;
use crate::i18n::{Text, t};
use crate::platform::archive::{Archive, Packing};
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::uploads::off_the_runtime;
use crate::platform::ids::{ImageId, UserId};
use crate::platform::limits::Limit;

/// Where an avatar is, for its owner.
#[must_use]
pub fn address_of(id: ImageId) -> String {
    format!("/api/account/avatar/{id}")
}

impl Images {
    /// Takes a picture as the avatar of a user, in the place of the one before.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `image`, [`AppError::RateLimited`], [`AppError::Unavailable`] when storage does not answer.
    pub async fn set_avatar(&self, user: UserId, bytes: Bytes) -> AppResult<ImageId> {
        let refused = || AppError::invalid("image", t(Text::AvatarRefused));
        if bytes.is_empty() || bytes.len() > MAX_AVATAR_BYTES {
            return Err(refused());
        }
        self.generation.limiter.check(Limit::Upload, &user.to_string()).await?;
        // However few bytes there are, there may be many pixels in them.
        let drawn = off_the_runtime(move || portrait(&bytes)).await?;
        let drawn = drawn.map_err(|problem| {
            tracing::info!(%problem, "an avatar was refused");
            refused()
        })?;
        let id = ImageId::now_v7();
        // A file that is not noted then is found and deleted as that of any image.
        self.objects.put(avatar_key(id), drawn.into()).await.map_err(|error| {
            tracing::error!(%error, "an avatar could not be kept");
            AppError::Unavailable
        })?;
        self.store.set_avatar(user, Some(id)).await?;
        self.cleaner.notify_one();
        Ok(id)
    }

    /// Takes the avatar of a user away. There may be none.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn remove_avatar(&self, user: UserId) -> AppResult<()> {
        self.store.set_avatar(user, None).await?;
        self.cleaner.notify_one();
        Ok(())
    }

    /// The file of an avatar, for its owner.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for any other than the user's own.
    pub async fn load_avatar(&self, user: UserId, id: ImageId) -> AppResult<Bytes> {
        if self.store.find_avatar(user).await? != Some(id) {
            return Err(AppError::NotFound);
        }
        self.load_bytes(id, avatar_key(id).rendition()).await
    }

    /// Writes the avatar, if there is one.
    pub(super) async fn export_avatar(&self, user: UserId, archive: &mut Archive) -> AppResult<()> {
        let Some(id) = self.store.find_avatar(user).await? else { return Ok(()) };
        match self.load_bytes(id, avatar_key(id).rendition()).await {
            Ok(bytes) => archive.add("account/avatar.webp", Packing::Stored, bytes).await,
            Err(AppError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Deletes the avatar, its file first.
    pub(super) async fn erase_avatar(&self, user: UserId) -> AppResult<()> {
        if let Some(id) = self.store.find_avatar(user).await? {
            delete_files(self.objects.as_ref(), id).await.map_err(|error| {
                tracing::error!(%user, %error, "the avatar of a user who leaves could not be deleted yet");
                AppError::Unavailable
            })?;
        }
        self.remove_avatar(user).await
    }
}

/// It is as small as a thumbnail, and a WebP as well.
const fn avatar_key(id: ImageId) -> ObjectKey {
    ObjectKey::new(id, Rendition::Thumbnail)
}
