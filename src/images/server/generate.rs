//! Making an image: one job from the first provider asked to the settled or released hold.
//!
//! Everything that a crash could lose is written down before it matters: the provider's id before it is asked again, and
//! the hold, which stays open until it is known whether there are files. The sweeper that finds a hold that nobody renews knows
//! where its files would be.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::Images;
use super::events::error_event;
use super::picture::{Picture, Provenance, develop};
use super::providers::{GuardedImageProvider, ImageOrder, ImageProvider, Source, Step, may_pass};
use super::storage::{ObjectKey, Rendition};
use super::store::{Assignment, FinishedImage, MadeImage};
use crate::credits::server::store::WorkKind;
use crate::generation::{
    Delivery, Fallback, PATIENCE, PendingAttempt, ProviderError, ReleaseReason, Reserved, Route, encode, timeout_awake,
};
use crate::images::{
    AspectRatio, ImageDoneEvent, ImageEvent, ImageFallbackEvent, ImageProgressEvent, ImageStage, ImageStartEvent,
    ImageStatus,
};
use crate::platform::db::keep_trying;
use crate::platform::error::AppError;
use crate::platform::http::request_id::in_request;
use crate::platform::jobs::{Job, StopReason};
use crate::usage::Outcome;

/// How often a provider is asked how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long storage may take, all its retries together.
const STORE_PATIENCE: Duration = Duration::from_secs(30);
/// How long an image that a killed server had ordered may still take: its hold is to be ended within a minute.
pub const RESUME_PATIENCE: Duration = Duration::from_secs(20);

/// Images that are decoded and encoded at the same time: the largest take 250 MB each.
static DARKROOM: Semaphore = Semaphore::const_new(2);

/// An image to make.
pub struct ImageJob {
    /// Only this run may write to the stored image.
    pub run: Uuid,
    /// Its price.
    pub hold: Reserved,
    pub shown_in: Option<(Uuid, Uuid)>,
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
    images.clone().generation.jobs.spawn(work.hold.id(), work.hold.user(), WorkKind::Image, |job| {
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
                id: work.hold.id().to_string(),
                provider: easel.provider().name().to_owned(),
                model: easel.provider().model(),
                credits: work.hold.price(),
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
            credits: self.work.hold.price(),
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

    /// Asks one provider after the other.
    async fn paint(&mut self) -> Result<Picture, Failure> {
        let whole = if self.work.resumes.is_some() { RESUME_PATIENCE } else { self.images.config.timeout };
        self.route.begin(whole);
        loop {
            let provider = self.provider().clone();
            let share = self.route.share();
            self.attempt = Some(PendingAttempt::begin());
            let error = match timeout_awake(share, self.paint_with(&provider, share)).await {
                Some(Ok(picture)) => {
                    self.route.answered();
                    self.record(Outcome::Ok);
                    return Ok(picture);
                }
                Some(Err(Painting::NotOurs)) => return Err(Failure::NotOurs),
                Some(Err(Painting::Failed(error))) => error,
                None => ProviderError::Timeout,
            };
            tracing::warn!(provider = provider.name(), %error, "a provider made no image");
            self.route.failed(&error);
            self.record(error.outcome());
            self.give_up_remote().await;
            // Who refuses a prompt has understood it: another one is not asked to do it all the same.
            if matches!(error, ProviderError::Blocked(_)) || !self.fall_back(&error) {
                return Err(error.into());
            }
        }
    }

    /// Goes on to the next provider, if there is one that may be asked.
    fn fall_back(&mut self, error: &ProviderError) -> bool {
        let Some(Fallback { from, to }) = self.route.next(error) else { return false };
        self.tell(&ImageEvent::Fallback(ImageFallbackEvent { from: from.to_owned(), to: to.to_owned() }));
        self.remote_id = None;
        true
    }

    async fn paint_with(&mut self, provider: &GuardedImageProvider, share: Duration) -> Result<Picture, Painting> {
        let remote_id = self.remote_id.clone();
        self.assign(remote_id.clone()).await?;
        self.tell(&ImageEvent::Progress(ImageProgressEvent { stage: ImageStage::Painting }));
        let mut step = match remote_id {
            Some(remote_id) => Step::Working { remote_id },
            None => provider.start(&self.order(share)).await?,
        };
        let source = loop {
            match step {
                Step::Made { remote_id, source } => {
                    if remote_id.is_some() && remote_id != self.remote_id {
                        self.assign(remote_id).await?;
                    }
                    break source;
                }
                Step::Working { remote_id } => {
                    if self.remote_id.as_ref() != Some(&remote_id) {
                        self.assign(Some(remote_id.clone())).await?;
                    }
                    tokio::select! {
                        () = sleep(LOOK_EVERY) => {}
                        () = self.job.nudged() => {}
                    }
                    step = match provider.look(&remote_id).await {
                        // What it does not say now it says later; the time is limited.
                        Err(error) if may_pass(&error) => Step::Working { remote_id },
                        step => step?,
                    };
                }
            }
        };
        self.tell(&ImageEvent::Progress(ImageProgressEvent { stage: ImageStage::Storing }));
        let bytes = self.fetch(provider, source).await?;
        let provenance = Provenance {
            provider: provider.name().to_owned(),
            model: provider.model(),
            is_ai: provider.is_ai(),
            created_at: jiff::Timestamp::now(),
            prompt: self.images.config.keeps_prompt.then(|| self.work.prompt.clone()),
        };
        // Decoding and encoding is work for a core, not for the async threads, and takes some memory.
        let _permit = DARKROOM.acquire().await.map_err(|_| ProviderError::Unavailable("no place".to_owned()))?;
        let developed = tokio::task::spawn_blocking(move || develop(&bytes, &provenance)).await;
        let developed = developed.map_err(|_| ProviderError::Malformed("a picture that cannot be read".to_owned()))?;
        developed.map_err(|error| ProviderError::Malformed(error.to_string()).into())
    }

    fn order(&self, time_left: Duration) -> ImageOrder {
        ImageOrder {
            id: self.work.hold.id(),
            prompt: self.work.prompt.clone(),
            aspect_ratio: self.work.aspect_ratio,
            seed: self.work.seed,
            time_left,
        }
    }

    /// A picture that was made should not be lost to one broken download.
    async fn fetch(&self, provider: &GuardedImageProvider, source: Source) -> Result<Bytes, ProviderError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match provider.fetch(source.clone()).await {
                Err(error) if may_pass(&error) && tries < 4 => {
                    tracing::warn!(%error, tries, "an image could not be fetched yet");
                    sleep(LOOK_EVERY * tries).await;
                }
                fetched => return fetched,
            }
        }
    }

    /// Puts down who works on it, and under which id.
    async fn assign(&mut self, remote_id: Option<String>) -> Result<(), Painting> {
        self.remote_id.clone_from(&remote_id);
        let assignment = Assignment {
            provider: self.provider().name().to_owned(),
            model: self.provider().model(),
            is_ai: self.provider().is_ai(),
            remote_id,
        };
        let (id, run) = (self.work.hold.id(), self.work.run);
        let assigned = keep_trying(|| self.images.store.assign(id, run, assignment.clone())).await;
        let assigned = assigned.map_err(|error| ProviderError::Unavailable(error.to_string()))?;
        if assigned { Ok(()) } else { Err(Painting::NotOurs) }
    }

    /// Nobody waits for it any more: the provider need not go on.
    async fn give_up_remote(&mut self) {
        if let Some(remote_id) = self.remote_id.take() {
            let provider = self.provider().clone();
            // Not for long: the user waits.
            let cancelled = timeout(Duration::from_secs(5), provider.cancel(&remote_id)).await;
            if !matches!(cancelled, Ok(Ok(()))) {
                tracing::warn!(provider = provider.name(), "an image could not be cancelled there");
            }
        }
    }

    async fn store(&self, rendition: Rendition, bytes: Bytes) -> Result<(), Failure> {
        let key = ObjectKey::new(self.work.hold.id(), rendition);
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

    /// Puts down what came of asking a provider, if one was being asked.
    fn record(&mut self, outcome: Outcome) {
        if let Some(attempt) = self.attempt.take() {
            self.images.generation.record_image(&attempt, &self.work.hold, self.provider().provider(), outcome);
        }
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
            id: self.work.hold.id(),
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
            self.images.listener.image_ended(self.work.hold.user(), self.work.hold.id(), reply).await;
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
        let closed = hold.settle().await?;
        let image = images.store.find(hold.user(), hold.id()).await?.ok_or(AppError::NotFound)?;
        Ok(Some(ImageDoneEvent { image, remaining_credits: closed.available, credits: closed.charged }))
    }

    /// It was deleted, or another run goes on with it; then its hold is that one's too.
    async fn leave(&mut self) {
        if matches!(self.images.store.look_up(self.work.hold.id()).await, Ok(super::store::Found::Nothing)) {
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
            let queued = keep_trying(|| self.images.store.queue_strays(vec![self.work.hold.id()])).await;
            if let Err(error) = queued {
                tracing::error!(%error, "files of an image that is gone are left to the sweeper");
            }
            self.images.cleaner.notify_one();
        }
    }
}

/// Why one provider made nothing.
enum Painting {
    /// It was deleted, or another run goes on with it.
    NotOurs,
    Failed(ProviderError),
}

impl From<ProviderError> for Painting {
    fn from(error: ProviderError) -> Self {
        Self::Failed(error)
    }
}
