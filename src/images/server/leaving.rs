//! What is a user's of images, to take along and erased: the pictures, with what was asked for, wherever they are kept.

use super::Images;
use super::garbage::delete_files;
use super::storage::Rendition;
use super::store::ImageFilter;
use crate::images::ImageStatus;
use crate::platform::archive::{Archive, Packing};
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::{ImageId, UserId};

/// Images that are read, or deleted, at a time.
const AT_A_TIME: usize = 50;

impl Images {
    /// Writes each image as a file, with all that is known of it beside it. Of one whose file is gone there is that alone.
    ///
    /// # Errors
    /// [`AppError::Unavailable`], also where storage does not answer, and those of the archive.
    pub async fn export(&self, user: UserId, archive: &mut Archive) -> AppResult<()> {
        self.export_avatar(user, archive).await?;
        let mut cursor = None;
        loop {
            let page = self.list_images(user, ImageFilter::default(), cursor.as_deref(), AT_A_TIME).await?;
            for image in page.items {
                let id: ImageId = image.id.parse().map_err(|_| AppError::Internal)?;
                archive.add_json(&format!("images/{id}.json"), &image).await?;
                if image.status != ImageStatus::Complete {
                    continue;
                }
                match self.load_bytes(id, Rendition::Full).await {
                    Ok(bytes) => archive.add(&format!("images/{id}.png"), Packing::Stored, bytes).await?,
                    Err(AppError::NotFound) => {}
                    Err(error) => return Err(error),
                }
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    /// Deletes all images of a user, and before each its files: as long as there is a file, it is known whose it is.
    ///
    /// # Errors
    /// [`AppError::Unavailable`] where storage does not delete a file; what is left is found again.
    pub async fn erase(&self, user: UserId) -> AppResult<()> {
        loop {
            let page = self.list_images(user, ImageFilter::default(), None, AT_A_TIME).await?;
            let ids = page.items.iter().map(|image| image.id.parse()).collect::<Result<Vec<ImageId>, _>>();
            let ids = ids.map_err(|_| AppError::Internal)?;
            if ids.is_empty() {
                break;
            }
            for id in &ids {
                delete_files(self.objects.as_ref(), *id).await.map_err(|error| {
                    tracing::error!(%user, image = %id, %error, "the files of a user who leaves could not be deleted yet");
                    AppError::Unavailable
                })?;
            }
            // Once more by the queue, should one have been written meanwhile.
            self.store.delete(user, ids).await?;
            self.cleaner.notify_one();
        }
        self.erase_avatar(user).await?;
        // Those that no list shows.
        self.store.delete_of_user(user).await?;
        Ok(())
    }
}
