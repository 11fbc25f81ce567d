//! What goes on in the background: a task for each timer, so that none waits for another.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::state::AppState;
use crate::chat::server::recovery::ReplyRecovery;
use crate::generation::KEYS_LIVE;
use crate::generation::recovery::{
    HEED_STOPS_EVERY, RENEW_EVERY, Recoverers, SWEEP_EVERY, Sweeper, heed_stops, renew_leases,
};
use crate::images::server::recovery::ImageRecovery;
use crate::platform::db::{StoreResult, now_millis};
use crate::platform::error::AppResult;
use crate::usage;

const HOUSEKEEPING_EVERY: Duration = Duration::from_mins(10);

/// Renews and sweeps until the server has ended.
pub async fn run(state: AppState) {
    let recoverers: Recoverers = Arc::new([
        Arc::new(ReplyRecovery::new(state.stores.chats.clone())),
        Arc::new(ImageRecovery::new(state.images.clone())),
    ]);
    let mut timers = JoinSet::new();
    let (generation, features) = (state.generation.clone(), recoverers.clone());
    let sweeper = Arc::new(Mutex::new(Sweeper::default()));
    timers.spawn(every("sweep", SWEEP_EVERY, move || {
        let (generation, features, sweeper) = (generation.clone(), features.clone(), sweeper.clone());
        async move { sweeper.lock().await.sweep(&generation, &features).await }
    }));
    let generation = state.generation.clone();
    timers.spawn(every("renewal of leases", RENEW_EVERY, move || {
        let generation = generation.clone();
        async move { renew_leases(&generation).await }
    }));
    let generation = state.generation.clone();
    timers.spawn(every("stops", HEED_STOPS_EVERY, move || {
        let (generation, features) = (generation.clone(), recoverers.clone());
        async move { heed_stops(&generation, &features).await }
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

async fn keep_house(state: &AppState) -> AppResult<()> {
    state.generation.limiter.forget_idle();
    let before = now_millis() - millis(KEYS_LIVE);
    // One that fails keeps no other from its turn.
    let kept = [
        state.stores.accounts.delete_expired_sessions(now_millis()).await,
        state.stores.attempts.forget_before(now_millis() - millis(usage::server::store::KEPT)).await,
        state.stores.chats.forget_hidden(before).await,
        state.stores.credits.forget_keys(before).await,
    ];
    Ok(kept.into_iter().collect::<StoreResult<()>>()?)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
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
