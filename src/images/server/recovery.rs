//! What becomes of images whose server was killed: the provider is asked on where it can be, the rest is free.

use async_trait::async_trait;
use uuid::Uuid;

use super::Images;
use super::generate::{self, ImageJob, RESUME_PATIENCE};
use super::store::{FinishedImage, Found, RunningImage};
use crate::credits::server::store::WorkKind;
use crate::generation::recovery::{Recover, Recovered};
use crate::generation::{PendingAttempt, Reserved, choose_order};
use crate::images::ImageStatus;
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::{ImageId, RunId, WorkId};
use crate::usage::Outcome;

/// What the server knows of its images.
pub struct ImageRecovery {
    images: Images,
}

impl ImageRecovery {
    #[must_use]
    pub const fn new(images: Images) -> Self {
        Self { images }
    }
}

#[async_trait]
impl Recover for ImageRecovery {
    async fn recover(&self, hold: &Reserved) -> AppResult<Recovered> {
        recover(&self.images, hold).await
    }

    async fn stop_requests(&self, running: Vec<WorkId>) -> AppResult<Vec<WorkId>> {
        let stopped = self.images.store.stop_requests(running.into_iter().map(ImageId::from).collect()).await?;
        Ok(stopped.into_iter().map(WorkId::from).collect())
    }
}

async fn recover(images: &Images, hold: &Reserved) -> AppResult<Recovered> {
    let (recovered, shown_in) = match images.store.look_up(hold.id().into()).await? {
        Found::Ended { credits, shown_in } => {
            let used = credits.is_positive().then_some(credits);
            (used.map_or(Recovered::Release, |used| Recovered::Settle(Some(used))), shown_in)
        }
        Found::Nothing => {
            // It was deleted, or never begun: files can be there, but nothing that knows them.
            images.store.queue_strays(vec![hold.id().into()]).await?;
            (if hold.is_published().await? { Recovered::Settle(None) } else { Recovered::Release }, None)
        }
        Found::Running(image) => {
            if resume(images, hold, &image).await? {
                return Ok(Recovered::GoesOn);
            }
            let failed = FinishedImage {
                id: image.id,
                run: Some(image.run),
                status: ImageStatus::Failed,
                made: None,
                error_code: Some(AppError::Unavailable.code()),
                has_stray_files: true,
            };
            if !images.store.finish(failed).await? {
                // It went on in between: the next sweep sees how.
                return Ok(Recovered::GoesOn);
            }
            record(images, hold, &image);
            (Recovered::Release, image.shown_in)
        }
    };
    if let Some((_, reply)) = shown_in {
        images.listener.image_ended(hold.user(), hold.id().into(), reply).await;
    }
    Ok(recovered)
}

/// Puts down that a provider was asked, and that nobody heard the end of it: it may have cost something.
fn record(images: &Images, hold: &Reserved, image: &RunningImage) {
    if let Some(provider) = images.providers.iter().find(|provider| provider.name() == image.provider) {
        let now = images.generation.database.now();
        let age = i64::try_from(age_millis(image.id, now)).unwrap_or(0);
        let attempt = PendingAttempt::cut_off(hold, now - age, now);
        images.generation.record_image(&attempt, hold, provider.provider(), Outcome::Cut);
    }
}

/// Asks on where a provider knows the work by an id. Not for ever: what is older than an image may take is given up.
async fn resume(images: &Images, hold: &Reserved, image: &RunningImage) -> AppResult<bool> {
    let Some(remote_id) = &image.remote_id else { return Ok(false) };
    if images.generation.is_shutting_down()
        || age_millis(image.id, images.generation.database.now())
            > (images.config.timeout + RESUME_PATIENCE).as_millis()
    {
        return Ok(false);
    }
    // It is not configured any more: nobody to ask.
    let Ok(mut order) = choose_order(&images.providers, Some(&image.provider)) else { return Ok(false) };
    order.truncate(1);
    let route = images.generation.plan(WorkKind::Image, order)?;
    let run = RunId::now_v7();
    if !images.store.take_over(image.id, image.run, run).await? {
        return Ok(true);
    }
    hold.renew().await?;
    tracing::info!(image = %image.id, provider = image.provider, "going on with an image of a server that is gone");
    generate::start(
        images,
        ImageJob {
            run,
            hold: hold.clone(),
            shown_in: image.shown_in,
            delivery: None,
            prompt: image.prompt.clone(),
            aspect_ratio: image.aspect_ratio,
            seed: image.seed,
            resumes: Some(remote_id.clone()),
        },
        route,
    );
    Ok(true)
}

/// How long ago an id was made; its first 48 bits are milliseconds since 1970 (RFC 9562, 5.7).
fn age_millis(id: ImageId, now: i64) -> u128 {
    let made = Uuid::from(id).get_timestamp().map_or(0, |at| u128::from(at.to_unix().0) * 1000);
    u128::try_from(now).unwrap_or(0).saturating_sub(made)
}
