//! Watching an image come to be, from the start or from where one was cut off, while it runs and after it has ended.
//!
//! One that is made here is watched through its job. One that another server makes is followed through the feed of jobs,
//! which may lose events or be gone, and the store, which decides when it is over.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::ready;
use futures::stream::{self, BoxStream, StreamExt};

use super::Images;
use super::events::error_event;
use crate::generation::{Look, encode};
use crate::images::{Image, ImageDoneEvent, ImageEvent, ImageStartEvent, ImageStatus};
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::request_id::current_request_id;
use crate::platform::ids::{ImageId, UserId};
use crate::platform::jobs::{JobEvent, Position};

impl Images {
    /// The events of an image after `from`; `None` when the watcher has seen them all.
    ///
    /// # Errors
    /// [`AppError::NotFound`] also for somebody else's image.
    pub async fn subscribe(
        &self,
        user: UserId,
        id: ImageId,
        from: Option<Position>,
    ) -> AppResult<Option<BoxStream<'static, Arc<JobEvent>>>> {
        // Before the look into the store: the job may end between the two.
        if let Some(events) = self.generation.own_events(user, id, from) {
            return Ok(Some(events));
        }
        let image = self.find_image(user, id).await?;
        if from == Some(Position::End) {
            return Ok(None);
        }
        let start = if from.is_none() { Some(Arc::new(start_event(self, user, id, &image).await?)) } else { None };
        let feed = if image.status == ImageStatus::Running { self.generation.jobs.read_elsewhere(id) } else { None };
        // What the feed says on the way; how it ends, the store says.
        let told = feed.unwrap_or_else(|| stream::empty().boxed()).filter(move |event| {
            let is_new = event.position != Position::End && from.is_none_or(|from| event.position > from);
            ready(is_new && event.name != ImageEvent::START)
        });
        let told = told.chain(stream::pending()).boxed();
        let images = self.clone();
        let end = async move { end_event(&images, user, id).await }.boxed();
        let events = stream::unfold(Some((told, end)), |following| async move {
            let (mut told, mut end) = following?;
            tokio::select! {
                Some(event) = told.next() => Some((Arc::new(event), Some((told, end)))),
                event = &mut end => Some((Arc::new(event), None)),
            }
        });
        Ok(Some(stream::iter(start).chain(events).boxed()))
    }

    /// Waits until an image has ended, wherever it is made.
    ///
    /// # Errors
    /// [`AppError::NotFound`], also when it is deleted meanwhile.
    pub async fn await_end(&self, user: UserId, id: ImageId) -> AppResult<Image> {
        let look = || async {
            let image = self.find_image(user, id).await?;
            Ok(if image.status == ImageStatus::Running { Look::Running } else { Look::Ended(image) })
        };
        self.generation.await_end(id, look).await
    }
}

/// The first event, made from what is stored.
async fn start_event(images: &Images, user: UserId, id: ImageId, image: &Image) -> AppResult<JobEvent> {
    let start = ImageEvent::Start(ImageStartEvent {
        id: image.id.clone(),
        provider: image.provider.clone(),
        model: image.model.clone(),
        credits: images.generation.held_ceiling(user, id).await?.ok_or(AppError::NotFound)?,
    });
    Ok(encode(&start, 0))
}

/// The last event, once it has ended, made from what is stored.
async fn end_event(images: &Images, user: UserId, id: ImageId) -> JobEvent {
    let end = match images.await_end(user, id).await {
        Ok(image) => match error_of(&image) {
            Some(error) => error_event(&error),
            None => match images.generation.credits.balance(user.into(), &current_request_id()).await {
                Ok(balance) => ImageEvent::Done(Box::new(ImageDoneEvent {
                    remaining_credits: balance.available,
                    credits: image.credits,
                    image,
                })),
                Err(error) => error_event(&error.into()),
            },
        },
        Err(error) => error_event(&error),
    };
    encode(&end, 0)
}

/// Why an image that has ended cannot be shown.
pub fn error_of(image: &Image) -> Option<AppError> {
    match image.status {
        ImageStatus::Complete => None,
        ImageStatus::Stopped => Some(AppError::Stopped),
        ImageStatus::Running => Some(AppError::Unavailable),
        ImageStatus::Failed => Some(AppError::from_code(image.error_code.as_deref().unwrap_or_default())),
    }
}
