//! What goes on in the background: leases of running work, and what became of work whose lease ran out.
//!
//! A lease is renewed every `RENEW_EVERY`; work that was not heard of for `LEASE` is dead, whichever process it
//! ran in. So every hold of a killed server is ended within `LEASE + SWEEP_EVERY`, by itself after its restart or by
//! any other.

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};
use uuid::Uuid;

use crate::app::state::AppState;
use crate::credits::ReleaseReason;
use crate::credits::server::store::{Hold, HoldEnd, HoldId, StaleHold, WorkKind};
use crate::platform::db::{StoreResult, now_millis};
use crate::platform::error::AppResult;
use crate::platform::jobs::StopReason;
use crate::{chat, images, usage};

const LEASE: Duration = Duration::from_secs(30);
const RENEW_EVERY: Duration = Duration::from_secs(8);
const SWEEP_EVERY: Duration = Duration::from_secs(5);
const HEED_STOPS_EVERY: Duration = Duration::from_millis(500);
const HOUSEKEEPING_EVERY: Duration = Duration::from_mins(10);
/// How long an `Idempotency-Key` is remembered.
pub const KEYS_LIVE: Duration = Duration::from_hours(24);
/// How long the others have after an outage of the store to renew what they have running.
const GRACE: Duration = Duration::from_secs(15);
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

/// Renews and sweeps until the server has ended: each timer is a task of its own, so that none waits for another.
pub async fn run(state: AppState) {
    let sweeper = Arc::new(Mutex::new(Sweeper::default()));
    let mut timers = JoinSet::new();
    let shared = state.clone();
    timers.spawn(every("sweep", SWEEP_EVERY, move || {
        let (state, sweeper) = (shared.clone(), sweeper.clone());
        async move { sweeper.lock().await.sweep(&state).await }
    }));
    let shared = state.clone();
    timers.spawn(every("renewal of leases", RENEW_EVERY, move || {
        let state = shared.clone();
        async move { renew_leases(&state).await }
    }));
    let shared = state.clone();
    timers.spawn(every("stops", HEED_STOPS_EVERY, move || {
        let state = shared.clone();
        async move { heed_stops(&state).await }
    }));
    timers.spawn(every("housekeeping", HOUSEKEEPING_EVERY, move || {
        let state = state.clone();
        async move { keep_house(&state).await }
    }));
    // They end with this task, which ends with the server.
    while timers.join_next().await.is_some() {}
}

/// Does some work again and again, whatever becomes of it.
async fn every<F, Fut>(work: &'static str, period: Duration, mut run: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = AppResult<()>>,
{
    let mut timer = interval(period);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        timer.tick().await;
        // Whatever it panicked over, the next time begins anew.
        match AssertUnwindSafe(run()).catch_unwind().await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(work, %error, "background work will be tried again"),
            Err(_) => tracing::error!(work, "background work panicked and will be tried again"),
        }
    }
}

/// Ends the holds of dead work.
#[derive(Default)]
struct Sweeper {
    /// Holds that could not be ended. They come after all others, so that they keep none from its end.
    failed: HashSet<Uuid>,
    /// The store did not answer the last time.
    is_away: bool,
    /// Nothing is swept until then.
    waits_until: Option<Instant>,
}

impl Sweeper {
    /// Ends the holds of dead work: settled if there is a result to show, released if not.
    async fn sweep(&mut self, state: &AppState) -> AppResult<()> {
        let begun = Instant::now();
        let dead = self.find_dead(state).await.inspect_err(|_| self.is_away = true)?;
        if std::mem::take(&mut self.is_away) {
            self.waits_until = Some(begun + GRACE);
        }
        if self.waits_until.is_some_and(|until| begun < until) {
            return Ok(());
        }
        let (again, new): (Vec<_>, Vec<_>) = dead.into_iter().partition(|dead| self.failed.contains(&dead.hold.id));
        self.failed = again.iter().map(|dead| dead.hold.id).collect();
        for StaleHold { hold, kind } in new.into_iter().chain(again) {
            // Whether its server is dead is known as of the look; the next sweep looks anew.
            if begun.elapsed() > SWEEP_EVERY {
                break;
            }
            if state.jobs.get(hold.id).is_some() {
                continue;
            }
            // Also where it panics: the next sweep begins with the others.
            let is_new = self.failed.insert(hold.id);
            match recover(state, &hold, kind).await {
                Ok(()) => _ = self.failed.remove(&hold.id),
                Err(error) => {
                    state.metrics.recovery_failed();
                    if is_new {
                        tracing::error!(hold = %hold.id, %error, "a hold of dead work cannot be ended");
                    }
                }
            }
        }
        Ok(())
    }

    /// Holds that nobody renews. What runs here is renewed before, and if that cannot be, nothing is taken for dead.
    async fn find_dead(&self, state: &AppState) -> AppResult<Vec<StaleHold>> {
        renew_leases(state).await?;
        Ok(state.credits.stale_holds(now_millis(), SWEEP_BATCH + self.failed.len()).await?)
    }
}

/// Ends the hold of dead work, unless somebody goes on with it.
async fn recover(state: &AppState, hold: &Hold, kind: WorkKind) -> AppResult<()> {
    let has_result = match kind {
        WorkKind::Chat => chat::server::service::recover_reply(state, hold.id).await?,
        WorkKind::Image => match images::server::recovery::recover_image(state, hold).await? {
            Some(has_result) => has_result,
            None => return Ok(()),
        },
    };
    let (end, reason) =
        if has_result { (HoldEnd::Settle, None) } else { (HoldEnd::Release, Some(ReleaseReason::Interrupted)) };
    if let Some((end, _)) = state.credits.end_hold(hold, end, reason).await? {
        state.metrics.hold_ended(end);
    }
    tracing::info!(hold = %hold.id, ?end, "ended the hold of work that was cut off");
    Ok(())
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
    let before = now_millis() - millis(KEYS_LIVE);
    // One that fails keeps no other from its turn.
    let kept = [
        state.accounts.delete_expired_sessions(now_millis()).await,
        state.attempts.forget_before(now_millis() - millis(usage::server::service::KEPT)).await,
        state.chats.forget_hidden(before).await,
        state.credits.forget_keys(before).await,
    ];
    Ok(kept.into_iter().collect::<StoreResult<()>>()?)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::platform::error::AppError;

    /// Runs a timer until its work has begun four times.
    async fn begins_again(run: impl Fn(u32) -> AppResult<()>) {
        let begun = AtomicU32::new(0);
        let timer = every("test", Duration::from_millis(5), || {
            let (n, run) = (begun.fetch_add(1, Ordering::SeqCst), &run);
            async move { run(n) }
        });
        let seen = async {
            while begun.load(Ordering::SeqCst) < 4 {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let seen = async {
            tokio::select! { () = timer => {}, () = seen => {} }
        };
        // A backtrace takes its time.
        timeout(Duration::from_secs(30), seen).await.unwrap();
    }

    #[tokio::test]
    async fn work_that_fails_or_panics_has_its_next_turn() {
        begins_again(|_| Err(AppError::Unavailable)).await;
        begins_again(|n| if n == 0 { panic!("on purpose") } else { Ok(()) }).await;
    }

    #[tokio::test]
    async fn slow_work_delays_no_other() {
        let mut timers = JoinSet::new();
        timers.spawn(every("slow", Duration::from_millis(5), || async {
            sleep(Duration::from_mins(1)).await;
            Ok(())
        }));
        begins_again(|_| Ok(())).await;
    }
}
