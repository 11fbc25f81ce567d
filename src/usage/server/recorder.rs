//! Writes attempts down off the path of the answers: a job that records never waits.
//!
//! One task writes what has gathered in one go. While the database is gone it keeps what it has and tries again; what
//! does not fit into the queue any more is dropped, counted and logged.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::{Instant, sleep};

use super::store::UsageStore;
use crate::platform::tasks::keep;
use crate::usage::Attempt;

/// Attempts that may wait: about two megabytes.
const QUEUE: usize = 8192;
/// Most that are written in one go.
const BATCH: usize = 512;
/// How long attempts gather.
const GATHER: Duration = Duration::from_millis(100);
/// How long one batch waits for a database that is gone, or that does not want it.
const KEEP_TRYING: Duration = Duration::from_mins(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

enum Message {
    Attempt(Box<Attempt>),
    /// Answered when all that came before is written.
    Flush(oneshot::Sender<()>),
}

/// The way into the record.
pub struct UsageRecorder {
    queue: mpsc::Sender<Message>,
    lost: Counter,
}

impl UsageRecorder {
    /// Starts the task that writes; what cannot be written is counted in `lost`. The task ends with the recorder.
    #[must_use]
    pub fn start(store: Arc<dyn UsageStore>, lost: Counter) -> Self {
        let (queue, messages) = mpsc::channel(QUEUE);
        let (messages, counter) = (Arc::new(Mutex::new(messages)), lost.clone());
        tokio::spawn(keep("record of attempts", move || {
            Writer { store: store.clone(), lost: counter.clone(), reported: counter.get() }.run(messages.clone())
        }));
        Self { queue, lost }
    }

    /// Puts an attempt into the queue. Never waits.
    pub fn record(&self, attempt: Attempt) {
        if self.queue.try_send(Message::Attempt(Box::new(attempt))).is_err() {
            self.lost.inc();
        }
    }

    /// Waits until all that was recorded so far is written.
    pub async fn flush(&self) {
        let (done, written) = oneshot::channel();
        if self.queue.send(Message::Flush(done)).await.is_ok() {
            _ = written.await;
        }
    }
}

struct Writer {
    store: Arc<dyn UsageStore>,
    lost: Counter,
    /// How many of the lost are in the log already.
    reported: u64,
}

impl Writer {
    async fn run(mut self, messages: Arc<Mutex<mpsc::Receiver<Message>>>) {
        let mut messages = messages.lock().await;
        while let Some(first) = messages.recv().await {
            if matches!(first, Message::Attempt(_)) {
                sleep(GATHER).await;
            }
            let (mut batch, mut flushed) = (Vec::new(), Vec::new());
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    Message::Attempt(attempt) => batch.push(*attempt),
                    Message::Flush(done) => flushed.push(done),
                }
                next = if batch.len() < BATCH { messages.try_recv().ok() } else { None };
            }
            self.write(batch).await;
            self.report();
            for done in flushed {
                // The one that waits may have given up.
                _ = done.send(());
            }
        }
    }

    async fn write(&mut self, batch: Vec<Attempt>) {
        let begun = Instant::now();
        let mut pause = GATHER;
        while let Err(error) = self.store.record(batch.clone()).await {
            if begun.elapsed() >= KEEP_TRYING {
                self.lost.inc_by(batch.len() as u64);
                tracing::error!(%error, attempts = batch.len(), "attempts at providers could not be recorded");
                return;
            }
            tracing::warn!(%error, "recording attempts at providers again in {pause:?}");
            self.report();
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn report(&mut self) {
        let lost = self.lost.get();
        if lost > self.reported {
            tracing::error!(lost = lost - self.reported, "attempts at providers are missing from the record");
            self.reported = lost;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU64, Ordering};

    use async_trait::async_trait;

    use super::*;
    use crate::platform::db::{StoreError, StoreResult};
    use crate::platform::ids::{AttemptId, UserId, WorkId};
    use crate::usage::{Outcome, UserUsage};

    /// Fails as often as it is told to.
    #[derive(Default)]
    struct Flaky {
        failures: AtomicU64,
        batches: Mutex<Vec<usize>>,
    }

    #[async_trait]
    impl UsageStore for Flaky {
        async fn record(&self, attempts: Vec<Attempt>) -> StoreResult<()> {
            let failing = self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            if failing.is_ok() {
                return Err(StoreError::TimedOut);
            }
            self.batches.lock().unwrap().push(attempts.len());
            Ok(())
        }

        async fn find_by_request(&self, _: &str) -> StoreResult<Vec<Attempt>> {
            Ok(Vec::new())
        }

        async fn find_of_user(&self, _: UserId, _: AttemptId, _: usize) -> StoreResult<Vec<Attempt>> {
            Ok(Vec::new())
        }

        async fn sum_of_user(&self, _: UserId, _: i64) -> StoreResult<UserUsage> {
            Ok(UserUsage::default())
        }

        async fn cost_between(&self, _: i64, _: i64) -> StoreResult<i64> {
            Ok(0)
        }

        async fn forget_before(&self, _: i64) -> StoreResult<()> {
            Ok(())
        }
    }

    fn attempt() -> Attempt {
        Attempt {
            id: AttemptId::now_v7(),
            request_id: "r".to_owned(),
            reply: WorkId::now_v7(),
            user: UserId::now_v7(),
            provider: "openai".to_owned(),
            model: "m".to_owned(),
            input_tokens: 1,
            output_tokens: 1,
            is_estimated: false,
            cost_micros: None,
            latency_ms: 1,
            first_token_ms: None,
            outcome: Outcome::Ok,
            price_version: None,
            at: 1,
        }
    }

    #[tokio::test]
    async fn what_gathers_is_written_in_one_go_and_again_while_the_store_is_gone() {
        let store = Arc::new(Flaky::default());
        store.failures.store(2, Ordering::SeqCst);
        let recorder = UsageRecorder::start(store.clone(), Counter::default());
        for _ in 0..50 {
            recorder.record(attempt());
        }
        recorder.flush().await;
        assert_eq!(*store.batches.lock().unwrap(), [50]);
        assert_eq!(recorder.lost.get(), 0);
    }

    #[tokio::test]
    async fn what_does_not_fit_any_more_is_counted() {
        let store = Arc::new(Flaky::default());
        store.failures.store(u64::MAX, Ordering::SeqCst);
        let recorder = UsageRecorder::start(store.clone(), Counter::default());
        for _ in 0..QUEUE + 7 {
            recorder.record(attempt());
        }
        assert_eq!(recorder.lost.get(), 7);
        store.failures.store(0, Ordering::SeqCst);
        recorder.flush().await;
        assert_eq!(store.batches.lock().unwrap().iter().sum::<usize>(), QUEUE);
    }
}
