//! What goes on in the background: leases of running work, and what became of work whose lease ran out.
//!
//! A lease is renewed every [`RENEW_EVERY`]; work that was not heard of for [`LEASE`] is dead, whichever process it
//! ran in. So every hold of a killed server is ended within `LEASE + SWEEP_EVERY`, by itself after its restart or by
//! any other.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::db::now_millis;
use super::jobs::StopReason;
use super::state::AppState;
use crate::chat;
use crate::credits::ReleaseReason;
use crate::credits::store::{HoldEnd, HoldId, StaleHold, WorkKind};
use crate::error::AppResult;
use crate::images;
use crate::usage;

const LEASE: Duration = Duration::from_secs(30);
const RENEW_EVERY: Duration = Duration::from_secs(8);
const SWEEP_EVERY: Duration = Duration::from_secs(5);
const HEED_STOPS_EVERY: Duration = Duration::from_millis(500);
const HOUSEKEEPING_EVERY: Duration = Duration::from_mins(10);
/// How long an `Idempotency-Key` is remembered.
pub const KEYS_LIVE: Duration = Duration::from_hours(24);
/// Holds that one sweep ends at most; the next takes the rest.
const SWEEP_BATCH: usize = 500;

/// The lease of work that begins or is alive now, in milliseconds since 1970.
#[must_use]
pub fn lease_from_now() -> i64 {
    now_millis() + millis(LEASE)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Renews and sweeps until the server has ended.
pub async fn run(state: AppState) {
    let mut sweep = interval(SWEEP_EVERY);
    let mut renewal = interval(RENEW_EVERY);
    let mut stops = interval(HEED_STOPS_EVERY);
    let mut housekeeping = interval(HOUSEKEEPING_EVERY);
    for timer in [&mut sweep, &mut renewal, &mut stops, &mut housekeeping] {
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    loop {
        let done = tokio::select! {
            _ = sweep.tick() => sweep_holds(&state).await.map(|_| ()),
            _ = renewal.tick() => renew_leases(&state).await,
            _ = stops.tick() => heed_stops(&state).await,
            _ = housekeeping.tick() => keep_house(&state).await,
        };
        if let Err(error) = done {
            tracing::warn!(%error, "background work will be tried again");
        }
    }
}

/// Ends the holds of dead work: settled if there is a result to show, released if not. Returns how many.
///
/// # Errors
/// [`crate::error::AppError::Unavailable`]; what was not ended is found again.
pub async fn sweep_holds(state: &AppState) -> AppResult<usize> {
    let dead = state.credits.stale_holds(now_millis(), SWEEP_BATCH).await?;
    let count = dead.len();
    for StaleHold { hold, kind } in dead {
        let has_result = match kind {
            WorkKind::Chat => chat::service::recover_reply(state, hold.id).await?,
            WorkKind::Image => match images::recovery::recover_image(state, &hold).await? {
                Some(has_result) => has_result,
                // Somebody goes on with it.
                None => continue,
            },
        };
        let (end, reason) =
            if has_result { (HoldEnd::Settle, None) } else { (HoldEnd::Release, Some(ReleaseReason::Interrupted)) };
        if let Some((end, _)) = state.credits.end_hold(&hold, end, reason).await? {
            state.metrics.hold_ended(end);
        }
        tracing::info!(hold = %hold.id, ?end, "ended the hold of work that was cut off");
    }
    Ok(count)
}

async fn renew_leases(state: &AppState) -> AppResult<()> {
    let running: Vec<_> = state.jobs.owned().into_iter().map(|(user, id)| HoldId { id, user }).collect();
    if running.is_empty() {
        return Ok(());
    }
    Ok(state.credits.renew_holds(running, lease_from_now()).await?)
}

/// Stops what another server was asked to stop, or to delete.
async fn heed_stops(state: &AppState) -> AppResult<()> {
    let (replies, images) = (state.jobs.ids(WorkKind::Chat), state.jobs.ids(WorkKind::Image));
    let mut stop = Vec::new();
    if !replies.is_empty() {
        stop.extend(state.chats.stop_requests(replies).await?);
    }
    if !images.is_empty() {
        stop.extend(state.images.stop_requests(images).await?);
    }
    for job in stop.into_iter().filter_map(|id| state.jobs.get(id)) {
        job.stop(StopReason::User);
    }
    Ok(())
}

async fn keep_house(state: &AppState) -> AppResult<()> {
    state.limiter.forget_idle();
    state.accounts.delete_expired_sessions(now_millis()).await?;
    state.attempts.forget_before(now_millis() - millis(usage::service::KEPT)).await?;
    let before = now_millis() - millis(KEYS_LIVE);
    state.chats.forget_hidden(before).await?;
    Ok(state.credits.forget_keys(before).await?)
}
