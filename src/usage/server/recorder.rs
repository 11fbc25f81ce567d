//! Writes attempts down off the path of the answers (`platform/recorder.rs`).

use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;

use super::store::UsageStore;
use crate::platform::recorder::Recorder;
use crate::usage::Attempt;

/// Attempts that may wait: about two megabytes.
const QUEUE: usize = 8192;

/// The way into the record of attempts.
pub type UsageRecorder = Recorder<Attempt>;

/// Starts the task that writes; what cannot be written is counted in `lost`.
#[must_use]
pub fn start(store: Arc<dyn UsageStore>, lost: Counter) -> UsageRecorder {
    let write = move |batch| {
        let store = store.clone();
        Box::pin(async move { store.record(batch).await }) as _
    };
    Recorder::start("record of attempts", QUEUE, write, lost)
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
            key: None,
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
        let recorder = start(store.clone(), Counter::default());
        for _ in 0..50 {
            recorder.record(attempt());
        }
        recorder.flush().await;
        assert_eq!(*store.batches.lock().unwrap(), [50]);
        assert_eq!(recorder.lost(), 0);
    }

    #[tokio::test]
    async fn what_does_not_fit_any_more_is_counted() {
        let store = Arc::new(Flaky::default());
        store.failures.store(u64::MAX, Ordering::SeqCst);
        let recorder = start(store.clone(), Counter::default());
        for _ in 0..QUEUE + 7 {
            recorder.record(attempt());
        }
        assert_eq!(recorder.lost(), 7);
        store.failures.store(0, Ordering::SeqCst);
        recorder.flush().await;
        assert_eq!(store.batches.lock().unwrap().iter().sum::<usize>(), QUEUE);
    }
}
