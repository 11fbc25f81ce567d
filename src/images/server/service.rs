//! What one sees of images and does with them: the gallery, one image and its files, changing, stopping, deleting.
//!
//! Ordering is `order.rs`, generating `generate/`, following `subscribe.rs`, deleting files `garbage.rs`.

use bytes::Bytes;
use futures::future::try_join_all;

use super::Images;
use super::storage::{ObjectKey, Rendition};
use super::store::{Found, ImageFilter};
use crate::credits::Page;
use crate::credits::server::store::WorkKind;
use crate::flags::Who;
use crate::images::{
    AspectRatio, Gallery, Image, ImageChange, ImageDetail, ImageProviderInfo, ImageStatus, MOST_IN_BULK, MOST_RUNNING,
    Studio,
};
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::{ConversationId, ImageId, MessageId, UserId};

/// Images of a page of the gallery where nothing else is asked for.
pub const IMAGES_PAGE: usize = 24;

/// Which part of the gallery is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GalleryQuery {
    pub q: String,
    pub favorites: bool,
    pub cursor: Option<String>,
}

impl Images {
    /// What somebody can ask for.
    #[must_use]
    pub fn load_studio(&self, who: impl Into<Who>) -> Studio {
        let who = who.into();
        let open = self.generation.open(WorkKind::Image, &self.providers, who);
        let providers = open.iter().map(|provider| ImageProviderInfo {
            name: provider.name().to_owned(),
            model: provider.model(),
            is_ai: provider.is_ai(),
            problem: provider.trouble(),
            credits: AspectRatio::ALL.map(|ratio| self.quote(provider, ratio).ceiling).to_vec(),
        });
        let credits = open.first().map(|first| self.quote(first, AspectRatio::default()).ceiling);
        Studio {
            problem: self.generation.why_closed(WorkKind::Image, &self.providers, who),
            providers: providers.collect(),
            aspect_ratios: AspectRatio::ALL.to_vec(),
            credits: credits.unwrap_or_default(),
            max_prompt_chars: self.max_prompt_chars,
            max_running: MOST_RUNNING,
        }
    }

    /// What `/images` shows first.
    ///
    /// # Errors
    /// As [`Self::list_images`].
    pub async fn load_gallery(&self, who: impl Into<Who>, query: &GalleryQuery) -> AppResult<Gallery> {
        let who = who.into();
        let filter = ImageFilter { query: query.q.clone(), favorites_only: query.favorites };
        let images = self.list_images(who.user, filter, query.cursor.as_deref(), IMAGES_PAGE).await?;
        Ok(Gallery { studio: self.load_studio(who), images })
    }

    /// A page of the user's images, newest first.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `cursor` or `q`.
    pub async fn list_images(
        &self,
        user: UserId,
        mut filter: ImageFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> AppResult<Page<Image>> {
        filter.query = filter.query.trim().to_owned();
        if filter.query.chars().count() > 200 {
            return Err(AppError::invalid("q", "A search has at most 200 characters."));
        }
        let page = self.store.list(user, &filter, cursor, limit).await?;
        page.ok_or_else(|| AppError::invalid("cursor", "This cursor is not valid."))
    }

    /// An image, with what is beside it.
    ///
    /// # Errors
    /// [`AppError::NotFound`] also for somebody else's.
    pub async fn load_image(&self, user: UserId, id: &str) -> AppResult<ImageDetail> {
        let id = id.parse().map_err(|_| AppError::NotFound)?;
        let (image, (newer, older)) =
            tokio::try_join!(self.find_image(user, id), async { Ok(self.store.neighbors(user, id).await?) })?;
        Ok(ImageDetail { image, newer: newer.map(|id| id.to_string()), older: older.map(|id| id.to_string()) })
    }

    /// An image.
    ///
    /// # Errors
    /// [`AppError::NotFound`] also for somebody else's.
    pub async fn find_image(&self, user: UserId, id: ImageId) -> AppResult<Image> {
        self.store.find(user, id).await?.ok_or(AppError::NotFound)
    }

    /// The bytes of an image, for whoever may see it: that has to be known before.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; [`AppError::Unavailable`] when storage does not answer.
    pub async fn load_bytes(&self, id: ImageId, rendition: Rendition) -> AppResult<Bytes> {
        let found = self.objects.get(ObjectKey::new(id, rendition)).await.map_err(|error| {
            tracing::error!(%error, "an image could not be read");
            AppError::Unavailable
        })?;
        found.ok_or_else(|| {
            tracing::error!(image = %id, ?rendition, "the file of an image is gone");
            AppError::NotFound
        })
    }

    /// The bytes of an image that is there.
    ///
    /// # Errors
    /// [`AppError::NotFound`], also while it is being made; [`AppError::Unavailable`] when storage does not answer.
    pub async fn load_file(&self, user: UserId, id: ImageId, rendition: Rendition) -> AppResult<(Image, Bytes)> {
        let image = self.find_image(user, id).await?;
        if image.status != ImageStatus::Complete {
            return Err(AppError::NotFound);
        }
        let bytes = self.load_bytes(id, rendition).await?;
        Ok((image, bytes))
    }

    /// Changes what a change names.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] for a change that names nothing, [`AppError::NotFound`].
    pub async fn change_image(&self, user: UserId, id: ImageId, change: ImageChange) -> AppResult<Image> {
        let Some(favorite) = change.favorite else {
            return Err(AppError::invalid("body", "Say what to change: favorite."));
        };
        if !self.store.set_favorite(user, id, favorite).await? {
            return Err(AppError::NotFound);
        }
        self.find_image(user, id).await
    }

    /// Ends the making of an image, whichever server makes it: free. One that is there already stays.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn stop_image(&self, user: UserId, id: ImageId) -> AppResult<()> {
        self.find_image(user, id).await?;
        let request = async { Ok(self.store.request_stop(user, id).await?) };
        self.generation.stop(id, request, self.await_end(user, id)).await
    }

    /// Deletes an image with its files.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn delete_image(&self, user: UserId, id: ImageId) -> AppResult<()> {
        if self.delete_images(user, vec![id]).await? == 0 { Err(AppError::NotFound) } else { Ok(()) }
    }

    /// Deletes those of these that are there. Returns how many.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `ids`.
    pub async fn delete_images(&self, user: UserId, ids: Vec<ImageId>) -> AppResult<usize> {
        if !(1..=MOST_IN_BULK).contains(&ids.len()) {
            return Err(AppError::invalid("ids", format!("Name 1 to {MOST_IN_BULK} images.")));
        }
        self.end_unpaid(user, |id, _| ids.contains(&id)).await?;
        let deleted = self.store.delete(user, ids).await?;
        Ok(forget(self, &deleted))
    }

    /// Deletes the images that were made in a conversation.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn delete_of_conversation(&self, user: UserId, conversation: ConversationId) -> AppResult<usize> {
        self.end_unpaid(user, |_, shown_in| shown_in.is_some_and(|(shown_in, _)| shown_in == conversation)).await?;
        Ok(forget(self, &self.store.delete_of_conversation(user, conversation).await?))
    }

    /// Deletes all images of a user whose account goes.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn delete_of_user(&self, user: UserId) -> AppResult<usize> {
        self.end_unpaid(user, |_, _| true).await?;
        Ok(forget(self, &self.store.delete_of_user(user).await?))
    }

    /// Ends those of a user's images that are not paid for yet and that are meant (by their id, and where they are shown), before
    /// their rows go: what is being made is stopped, what can be seen is charged for.
    async fn end_unpaid(
        &self,
        user: UserId,
        is_meant: impl Fn(ImageId, Option<(ConversationId, MessageId)>) -> bool + Sync,
    ) -> AppResult<()> {
        let unpaid = self.generation.open_work(user, WorkKind::Image).await?;
        let is_meant = &is_meant;
        try_join_all(unpaid.into_iter().map(|hold| async move {
            let id = ImageId::from(hold.id());
            match self.store.look_up(id).await? {
                Found::Running(image) if is_meant(id, image.shown_in) => {
                    let request = async { Ok(self.store.request_stop(user, id).await?) };
                    self.generation.stop_before_deletion(id, request, self.await_end(user, id)).await?;
                }
                Found::Ended { shown_in, .. } if is_meant(id, shown_in) => {}
                _ => return Ok(()),
            }
            if let Found::Ended { credits, .. } = self.store.look_up(id).await?
                && credits.is_positive()
            {
                hold.try_settle(hold.ceiling()).await?;
            }
            Ok::<_, AppError>(())
        }))
        .await?;
        Ok(())
    }
}

/// Nobody need go on with what was deleted, and its files can go at once.
fn forget(images: &Images, deleted: &[ImageId]) -> usize {
    images.generation.stop_deleted(deleted.iter().copied());
    images.cleaner.notify_one();
    deleted.len()
}
