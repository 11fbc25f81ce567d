//! Asking providers for an image, one after the other, until one has made it.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::super::picture::{Picture, Provenance, develop};
use super::super::providers::{GuardedImageProvider, ImageOrder, Source, Step, may_pass};
use super::super::store::Assignment;
use super::{Easel, Failure, RESUME_PATIENCE};
use crate::generation::{Fallback, PendingAttempt, ProviderError, timeout_awake};
use crate::images::{ImageEvent, ImageFallbackEvent, ImageProgressEvent, ImageStage};
use crate::platform::db::keep_trying;
use crate::usage::Outcome;

/// How often a provider is asked how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Images that are decoded and encoded at the same time: the largest take 250 MB each.
static DARKROOM: Semaphore = Semaphore::const_new(2);

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

impl Easel<'_> {
    /// Asks one provider after the other.
    pub(super) async fn paint(&mut self) -> Result<Picture, Failure> {
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
        let permit = DARKROOM.acquire().await.map_err(|_| ProviderError::Unavailable("no place".to_owned()))?;
        let developed = tokio::task::spawn_blocking(move || {
            // It goes with the work, which goes on when it is stopped.
            let _permit = permit;
            develop(&bytes, &provenance)
        })
        .await;
        let developed = developed.map_err(|_| ProviderError::Malformed("a picture that cannot be read".to_owned()))?;
        developed.map_err(|error| ProviderError::Malformed(error.to_string()).into())
    }

    fn order(&self, time_left: Duration) -> ImageOrder {
        ImageOrder {
            id: self.work.id(),
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
        let (id, run) = (self.work.id(), self.work.run);
        let assigned = keep_trying(|| self.images.store.assign(id, run, assignment.clone())).await;
        let assigned = assigned.map_err(|error| ProviderError::Unavailable(error.to_string()))?;
        if assigned { Ok(()) } else { Err(Painting::NotOurs) }
    }

    /// Nobody waits for it any more: the provider need not go on.
    pub(super) async fn give_up_remote(&mut self) {
        if let Some(remote_id) = self.remote_id.take() {
            let provider = self.provider().clone();
            // Not for long: the user waits.
            let cancelled = timeout(Duration::from_secs(5), provider.cancel(&remote_id)).await;
            if !matches!(cancelled, Ok(Ok(()))) {
                tracing::warn!(provider = provider.name(), "an image could not be cancelled there");
            }
        }
    }

    /// Puts down what came of asking a provider, if one was being asked.
    pub(super) fn record(&mut self, outcome: Outcome) {
        if let Some(attempt) = self.attempt.take() {
            self.images.generation.record_image(&attempt, &self.work.hold, self.provider().provider(), outcome);
        }
    }
}
