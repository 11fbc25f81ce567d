//! Making an image: one job from the first provider asked to the settled or released hold. How providers are asked is in
//! `paint`.
//!
//! Everything that a crash could lose is written down before it matters: the provider's id before it is asked again, and
//! the hold, which stays open until it is known whether there are files. The sweeper that finds a hold that nobody renews knows
//! where its files would be.

mod paint;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{sleep, timeout};

use super::Images;
use super::events::error_event;
use super::picture::Picture;
use super::providers::{GuardedImageProvider, ImageProvider};
use super::storage::{ObjectKey, Rendition};
use super::store::{FinishedImage, MadeImage};
use crate::credits::server::store::WorkKind;
use crate::generation::{Delivery, PATIENCE, PendingAttempt, ProviderError, ReleaseReason, Reserved, Route, encode};
use crate::images::{AspectRatio, ImageDoneEvent, ImageEvent, ImageStartEvent, ImageStatus};
use crate::platform::db::keep_trying;
use crate::platform::error::AppError;
use crate::platform::http::request_id::in_request;
use crate::platform::ids::{ConversationId, ImageId, MessageId, RunId};
use crate::platform::jobs::{Job, StopReason};
use crate::usage::Outcome;

/// How long storage may take, all its retries together.
const STORE_PATIENCE: Duration = Duration::from_secs(30);
/// How long an image that a killed server had ordered may still take: its hold is to be ended within a minute.
pub const RESUME_PATIENCE: Duration = Duration::from_secs(20);

/// An image to make.
pub struct ImageJob {
    /// Only this run may write to the stored image.
    pub run: RunId,
    /// Its price.
    pub hold: Reserved,
    pub shown_in: Option<(ConversationId, MessageId)>,
    /// The connection that it is made for, if it is for one.
    pub delivery: Option<Delivery<MadePicture>>,
    pub prompt: String,
    pub aspect_ratio: AspectRatio,
    pub seed: u32,
    /// The id under which the first provider works on it already.
    pub resumes: Option<String>,
}

/// A picture as a connection takes it.
#[derive(Clone)]
pub struct MadePicture {
    pub png: Bytes,
    pub width: u32,
    pub height: u32,
}

impl ImageJob {
    /// The image has the id of its hold.
    pub fn id(&self) -> ImageId {
        self.hold.id().into()
    }
}

/// Why there is no image.
enum Failure {
    Stopped,
    /// The connection that it was made for is gone.
    Undelivered,
    /// It was deleted, or somebody else goes on with it.
    NotOurs,
    Broken(AppError),
}

impl From<ProviderError> for Failure {
    fn from(error: ProviderError) -> Self {
        Self::Broken(error.shown_for_image())
    }
}

/// An image on its way.
struct Easel<'a> {
    images: &'a Images,
    job: &'a Job,
    work: &'a ImageJob,
    /// Events so far.
    told: u64,
    route: Route<dyn ImageProvider>,
    /// A provider is being asked.
    attempt: Option<PendingAttempt>,
    /// The id under which the provider works on it.
    remote_id: Option<String>,
    /// There may be files.
    has_stored: bool,
}

/// Starts the job. Whatever happens in it, the hold is ended by it or, if the process dies, by the sweeper.
pub fn start(images: &Images, work: ImageJob, route: Route<dyn ImageProvider>) {
    let images = images.clone();
    images.clone().generation.jobs.spawn(work.id(), work.hold.user(), WorkKind::Image, |job| {
        let request_id = work.hold.request_id().to_owned();
        in_request(request_id, async move {
            let mut easel = Easel {
                images: &images,
                job: &job,
                work: &work,
                told: 0,
                route,
                attempt: None,
                remote_id: work.resumes.clone(),
                has_stored: false,
            };
            easel.tell(&ImageEvent::Start(ImageStartEvent {
                id: work.id().to_string(),
                provider: easel.provider().name().to_owned(),
                model: easel.provider().model(),
                credits: work.hold.ceiling(),
            }));
            let painted = tokio::select! {
                reason = job.stopped() => Err(match reason {
                    StopReason::User => Failure::Stopped,
                    StopReason::Shutdown => Failure::Broken(AppError::Unavailable),
                }),
                painted = easel.paint() => painted,
            };
            // Stopped, shut down or taken over while a provider was being asked.
            easel.record(Outcome::Stopped);
            // Not to be stopped from here on: what is half stored cannot be told from what is about to be.
            let made = match painted {
                Ok(picture) => easel.keep(picture).await,
                Err(failure) => Err(failure),
            };
            easel.finish(made).await;
        })
    });
}

impl Easel<'_> {
    fn tell(&mut self, event: &ImageEvent) {
        self.job.publish(encode(event, self.told));
        self.told += 1;
    }

    const fn provider(&self) -> &Arc<GuardedImageProvider> {
        self.route.provider()
    }

    /// Stores what was made.
    async fn keep(&mut self, picture: Picture) -> Result<MadeImage, Failure> {
        let made = MadeImage {
            provider: self.provider().name().to_owned(),
            model: self.provider().model(),
            is_ai: self.provider().is_ai(),
            fallback_from: self.route.fallback_from().map(str::to_owned),
            width: picture.width,
            height: picture.height,
            placeholder: picture.placeholder,
            credits: self.work.hold.ceiling(),
            bytes: u64::try_from(picture.png.len() + picture.thumbnail.len()).unwrap_or(u64::MAX),
        };
        self.has_stored = true;
        let png = Bytes::from(picture.png);
        let shown = MadePicture { png: png.clone(), width: picture.width, height: picture.height };
        let stored = async {
            self.store(Rendition::Full, png).await?;
            self.store(Rendition::Thumbnail, picture.thumbnail.into()).await
        };
        match timeout(STORE_PATIENCE, stored).await {
            Ok(Ok(())) => {
                if self.deliver(shown).await {
                    Ok(made)
                } else {
                    Err(Failure::Undelivered)
                }
            }
            Ok(Err(failure)) => Err(failure),
            Err(_) => {
                tracing::error!("an image could not be stored in time");
                Err(Failure::Broken(AppError::Unavailable))
            }
        }
    }

    /// Whether the connection that it was made for has taken it, if it was for one. Others that it waits for may still be made.
    async fn deliver(&self, picture: MadePicture) -> bool {
        let Some(delivery) = &self.work.delivery else { return true };
        delivery.deliver(picture, PATIENCE + self.images.config.timeout + STORE_PATIENCE).await
    }

    async fn store(&self, rendition: Rendition, bytes: Bytes) -> Result<(), Failure> {
        let key = ObjectKey::new(self.work.id(), rendition);
        let mut pause = Duration::from_millis(250);
        for _ in 0..4 {
            match self.images.objects.put(key, bytes.clone()).await {
                Ok(()) => return Ok(()),
                Err(error) => tracing::error!(%error, "an image could not be stored"),
            }
            sleep(pause).await;
            pause *= 2;
        }
        Err(Failure::Broken(AppError::Unavailable))
    }

    /// Stores how it ended, then settles or releases: what is charged for can be shown.
    async fn finish(mut self, made: Result<MadeImage, Failure>) {
        if matches!(made, Err(Failure::Stopped | Failure::Broken(_) | Failure::NotOurs)) {
            self.give_up_remote().await;
        }
        let reason = match made {
            Err(Failure::Stopped) => ReleaseReason::Stopped,
            Err(Failure::Undelivered) => ReleaseReason::Undelivered,
            _ => ReleaseReason::Failed,
        };
        let (status, made, error) = match made {
            Ok(made) => (ImageStatus::Complete, Some(made), None),
            Err(Failure::Stopped | Failure::Undelivered) => (ImageStatus::Stopped, None, None),
            Err(Failure::Broken(error)) => (ImageStatus::Failed, None, Some(error)),
            Err(Failure::NotOurs) => {
                self.leave().await;
                return;
            }
        };
        let finished = FinishedImage {
            id: self.work.id(),
            run: Some(self.work.run),
            status,
            has_stray_files: made.is_none() && self.has_stored,
            made,
            error_code: error.as_ref().map(AppError::code),
        };
        let end = match self.close_books(finished, reason).await {
            Ok(Some(done)) => ImageEvent::Done(Box::new(done)),
            Ok(None) => error_event(&error.unwrap_or(AppError::Stopped)),
            Err(error) => error_event(&error),
        };
        if let Some((_, reply)) = self.work.shown_in {
            self.images.listener.image_ended(self.work.hold.user(), self.work.id(), reply).await;
        }
        self.tell(&end);
    }

    /// Returns what there is to show, if there is something.
    async fn close_books(
        &self,
        finished: FinishedImage,
        reason: ReleaseReason,
    ) -> Result<Option<ImageDoneEvent>, AppError> {
        let (images, hold) = (self.images, &self.work.hold);
        if !keep_trying(|| images.store.finish(finished.clone())).await? {
            // Deleted meanwhile: free, and nothing to show.
            self.clear_away().await;
            hold.release(ReleaseReason::Deleted).await?;
            return Err(AppError::NotFound);
        }
        if finished.status != ImageStatus::Complete {
            hold.release(reason).await?;
            return Ok(None);
        }
        // It can be seen: whoever deletes it before it is charged for does not get it for nothing.
        hold.mark_published().await?;
        let closed = hold.settle(hold.ceiling()).await?;
        let image = images.store.find(hold.user(), hold.id().into()).await?.ok_or(AppError::NotFound)?;
        Ok(Some(ImageDoneEvent { image, remaining_credits: closed.available, credits: closed.charged }))
    }

    /// It was deleted, or another run goes on with it; then its hold is that one's too.
    async fn leave(&mut self) {
        if matches!(self.images.store.look_up(self.work.id()).await, Ok(super::store::Found::Nothing)) {
            self.clear_away().await;
            if let Err(error) = self.work.hold.release(ReleaseReason::Deleted).await {
                tracing::error!(%error, "a hold is left to the sweeper");
            }
        }
        self.tell(&error_event(&AppError::NotFound));
    }

    /// Queues the files that this run may have stored for nobody. Were this cut off, the sweeper of its hold does it.
    async fn clear_away(&self) {
        if self.has_stored {
            let queued = keep_trying(|| self.images.store.queue_strays(vec![self.work.id()])).await;
            if let Err(error) = queued {
                tracing::error!(%error, "files of an image that is gone are left to the sweeper");
            }
            self.images.cleaner.notify_one();
        }
    }
}
