//! Tasks that must live: begun anew when they panic, and known to be down until they work again.
//!
//! A process has one set of them, so that no part has to be handed a register to be watched over. What is down makes the
//! server not ready (`app/health.rs`).

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use futures::FutureExt;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::error::AppResult;

/// How long a task that ended rests before it is begun anew.
const REST: Duration = Duration::from_secs(1);
/// A task that was begun anew is well once it has lived so long.
const STEADY: Duration = Duration::from_secs(5);
/// How long one turn of a timer may take; a timer with a longer period has that.
const LONGEST_TURN: Duration = Duration::from_mins(1);

struct Vitals {
    name: &'static str,
    is_down: AtomicBool,
}

static WATCHED: Mutex<Vec<Weak<Vitals>>> = Mutex::new(Vec::new());

/// The tasks that are down now.
#[must_use]
pub fn down() -> Vec<&'static str> {
    let mut watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    watched.retain(|vitals| vitals.strong_count() > 0);
    let mut down: Vec<_> = watched.iter().filter_map(Weak::upgrade).filter(|vitals| vitals.is_down()).collect();
    down.sort_by_key(|vitals| vitals.name);
    down.dedup_by_key(|vitals| vitals.name);
    down.into_iter().map(|vitals| vitals.name).collect()
}

impl Vitals {
    /// Watched for as long as somebody has it.
    fn watch(name: &'static str) -> Arc<Self> {
        let vitals = Arc::new(Self { name, is_down: AtomicBool::new(false) });
        WATCHED.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&vitals));
        vitals
    }

    fn is_down(&self) -> bool {
        self.is_down.load(Ordering::SeqCst)
    }

    fn set_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::SeqCst);
    }
}

/// Runs a task until it ends by itself; one that panics is begun anew.
pub async fn keep<F, Fut>(name: &'static str, run: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = ()>,
{
    keep_with(name, REST, STEADY, run).await;
}

async fn keep_with<F, Fut>(name: &'static str, rest: Duration, steady: Duration, mut run: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = ()>,
{
    let vitals = Vitals::watch(name);
    loop {
        let mut running = pin!(AssertUnwindSafe(run()).catch_unwind());
        let ended = if let Ok(ended) = timeout(steady, &mut running).await {
            ended
        } else {
            vitals.set_down(false);
            running.await
        };
        if ended.is_ok() {
            return;
        }
        vitals.set_down(true);
        tracing::error!(task = name, "a task panicked and is begun anew");
        sleep(rest).await;
    }
}

/// Does some work again and again, whatever becomes of it.
pub async fn every<F, Fut>(name: &'static str, period: Duration, run: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = AppResult<()>>,
{
    every_with(name, period, LONGEST_TURN.max(period), run).await;
}

async fn every_with<F, Fut>(name: &'static str, period: Duration, longest: Duration, mut run: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = AppResult<()>>,
{
    let vitals = Vitals::watch(name);
    let mut timer = interval(period);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        timer.tick().await;
        // Whatever it panicked over or waits for, the next time begins anew.
        let turn = timeout(longest, AssertUnwindSafe(run()).catch_unwind()).await;
        vitals.set_down(!matches!(turn, Ok(Ok(_))));
        match turn {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => tracing::warn!(work = name, %error, "background work will be tried again"),
            Ok(Err(_)) => tracing::error!(work = name, "background work panicked and will be tried again"),
            Err(_) => tracing::error!(work = name, "background work did not end and will be tried again"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use tokio::task::JoinSet;

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

    async fn until(is_so: impl Fn() -> bool) {
        let so = async {
            while !is_so() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_mins(2), so).await.unwrap();
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

    const MOMENT: Duration = Duration::from_millis(100);

    #[tokio::test]
    async fn a_timer_is_down_until_a_turn_of_it_ends() {
        let (turns, goes_on) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
        let (counted, gate) = (turns.clone(), goes_on.clone());
        let timer = tokio::spawn(every_with("timer", MOMENT, MOMENT, move || {
            let (turn, gate) = (counted.fetch_add(1, Ordering::SeqCst), gate.clone());
            async move {
                assert!(turn > 0, "on purpose");
                while !gate.load(Ordering::SeqCst) {
                    sleep(MOMENT / 10).await;
                }
                // A database that is gone is said elsewhere.
                Err(AppError::Unavailable)
            }
        }));
        until(|| down().contains(&"timer")).await;
        until(|| turns.load(Ordering::SeqCst) >= 3).await;
        assert!(down().contains(&"timer"), "it hangs now");
        goes_on.store(true, Ordering::SeqCst);
        until(|| !down().contains(&"timer")).await;
        timer.abort();
    }

    #[tokio::test]
    async fn a_task_that_panics_is_begun_anew_and_down_until_it_is_steady() {
        let (begun, goes_on) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
        let (counted, gate) = (begun.clone(), goes_on.clone());
        let task = tokio::spawn(keep_with("task", MOMENT, MOMENT * 5, move || {
            counted.fetch_add(1, Ordering::SeqCst);
            let gate = gate.clone();
            async move {
                sleep(MOMENT / 10).await;
                assert!(gate.load(Ordering::SeqCst), "on purpose");
                std::future::pending::<()>().await;
            }
        }));
        until(|| begun.load(Ordering::SeqCst) >= 3).await;
        assert!(down().contains(&"task"));
        goes_on.store(true, Ordering::SeqCst);
        until(|| !down().contains(&"task")).await;
        // What has ended is not missed.
        task.abort();
        assert!(task.await.is_err());
        let watched = WATCHED.lock().unwrap();
        assert!(!watched.iter().filter_map(Weak::upgrade).any(|vitals| vitals.name == "task"));
    }
}
