//! What becomes of images whose server was killed: the provider is asked on where it can be, the rest is free.

use uuid::Uuid;

use super::generate::{self, Making, RESUME_PATIENCE};
use super::store::{FinishedImage, Found, RunningImage};
use crate::app::state::AppState;
use crate::chat::server::image_messages;
use crate::credits::server::store::{Hold, HoldId};
use crate::generation::recovery::lease_from_now;
use crate::images::ImageStatus;
use crate::platform::db::now_millis;
use crate::platform::error::{AppError, AppResult};
use crate::upstream::{Route, choose_order};

/// Whether the work of a hold that nobody renews has a result to charge for; `None` where somebody goes on with it.
///
/// # Errors
/// [`AppError::Unavailable`].
pub async fn recover_image(state: &AppState, hold: &Hold) -> AppResult<Option<bool>> {
    let (has_result, shown_in) = match state.images.look_up(hold.id).await? {
        Found::Ended { credits, shown_in } => (credits > 0, shown_in),
        Found::Nothing => {
            // It was deleted while it was being stored, or never begun: files can be there, but nothing that knows them.
            state.images.queue_strays(vec![hold.id]).await?;
            (false, None)
        }
        Found::Running(image) => {
            if state.jobs.get(hold.id).is_some() || resume(state, hold, &image).await? {
                return Ok(None);
            }
            let failed = FinishedImage {
                id: image.id,
                run: Some(image.run),
                status: ImageStatus::Failed,
                made: None,
                error_code: Some(AppError::Unavailable.code()),
                has_stray_files: true,
            };
            if !state.images.finish(failed).await? {
                // It went on in between: the next sweep sees how.
                return Ok(None);
            }
            (false, image.shown_in)
        }
    };
    if let Some((_, reply)) = shown_in {
        image_messages::end_reply(state, hold.user, hold.id, reply).await;
    }
    Ok(Some(has_result))
}

/// Asks on where a provider knows the work by an id. Not for ever: what is older than an image may take is given up.
async fn resume(state: &AppState, hold: &Hold, image: &RunningImage) -> AppResult<bool> {
    let Some(remote_id) = &image.remote_id else { return Ok(false) };
    if state.is_shutting_down() || age_millis(image.id) > (state.config.images.timeout + RESUME_PATIENCE).as_millis() {
        return Ok(false);
    }
    // It is not configured any more: nobody to ask.
    let Ok(mut order) = choose_order(&state.image_providers, Some(&image.provider)) else { return Ok(false) };
    order.truncate(1);
    let route = Route::plan(order)?;
    let run = Uuid::now_v7();
    if !state.images.take_over(image.id, image.run, run).await? {
        return Ok(true);
    }
    state.credits.renew_holds(vec![HoldId { id: hold.id, user: hold.user }], lease_from_now()).await?;
    tracing::info!(image = %image.id, provider = image.provider, "going on with an image of a server that is gone");
    generate::start(
        state,
        Making {
            id: image.id,
            run,
            hold: hold.clone(),
            shown_in: image.shown_in,
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
fn age_millis(id: Uuid) -> u128 {
    let made = id.get_timestamp().map_or(0, |at| u128::from(at.to_unix().0) * 1000);
    u128::try_from(now_millis()).unwrap_or(0).saturating_sub(made)
}
