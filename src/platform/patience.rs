//! How long one request waits for the database, and for Redis: once, not once for each of its operations.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, timeout};

/// An operation that takes no longer than this part of the whole patience says that the other side is well: what was
/// waited for before is forgotten.
const QUICK: u32 = 6;

/// Milliseconds that a request has waited so far, for each of them.
#[derive(Default)]
struct Waited {
    database: AtomicU64,
    redis: AtomicU64,
}

/// Who is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Database,
    Redis,
}

impl Waited {
    const fn of(&self, source: Source) -> &AtomicU64 {
        match source {
            Source::Database => &self.database,
            Source::Redis => &self.redis,
        }
    }
}

tokio::task_local! {
    static WAITED: Arc<Waited>;
}

/// Runs what belongs to one request: all of it has one patience. Within another request, it is that one's.
pub async fn in_one_patience<F: Future>(work: F) -> F::Output {
    WAITED.scope(WAITED.try_with(Clone::clone).unwrap_or_default(), work).await
}

/// The work with the patience of the request that is being served, for a task of its own.
pub fn keep_patience<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let waited = WAITED.try_with(Clone::clone).unwrap_or_default();
    WAITED.scope(waited, work)
}

/// What is left of the patience of the request that is being served; `None` outside of any.
pub(super) fn left(source: Source, whole: Duration) -> Option<Duration> {
    let waited = WAITED.try_with(|waited| waited.of(source).load(Ordering::Relaxed)).ok()?;
    Some(whole.saturating_sub(Duration::from_millis(waited)))
}

/// Waits for an operation for as long as is left of the request's `whole` patience; outside of any request, not longer than
/// `alone`. `None` where that is over.
pub(super) async fn wait<T, E>(
    source: Source,
    whole: Duration,
    alone: Option<Duration>,
    operation: impl Future<Output = Result<T, E>>,
) -> Option<Result<T, E>> {
    let left = left(source, whole);
    let begun = Instant::now();
    let result = match left.or(alone) {
        // Not even begun: nobody would know what came of it.
        Some(Duration::ZERO) => None,
        Some(limit) => timeout(limit, operation).await.ok(),
        None => Some(operation.await),
    };
    let took = begun.elapsed();
    // Outside of any request nobody counts.
    _ = WAITED.try_with(|waited| {
        let waited = waited.of(source);
        if matches!(result, Some(Ok(_))) && took <= whole / QUICK {
            waited.store(0, Ordering::Relaxed);
        } else {
            waited.fetch_add(u64::try_from(took.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    });
    result
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(3);

    async fn takes(time: Duration) -> Option<()> {
        let operation = async {
            sleep(time).await;
            Ok::<_, ()>(())
        };
        wait(Source::Database, PATIENCE, Some(PATIENCE / 2), operation).await.and_then(Result::ok)
    }

    #[tokio::test]
    async fn a_request_waits_once_for_a_database_that_is_away() {
        let begun = Instant::now();
        in_one_patience(async {
            takes(PATIENCE / 3).await.unwrap();
            assert_eq!(takes(Duration::from_hours(1)).await, None);
            // Also what goes on in a task of its own, and what is tried after that.
            assert_eq!(tokio::spawn(keep_patience(takes(Duration::from_hours(1)))).await.unwrap(), None);
            assert_eq!(in_one_patience(takes(Duration::from_hours(1))).await, None);
        })
        .await;
        assert!(begun.elapsed() < PATIENCE * 3 / 2, "{:?}", begun.elapsed());
    }

    #[tokio::test]
    async fn a_database_that_is_well_has_all_of_it_again() {
        in_one_patience(async {
            takes(PATIENCE / 2).await.unwrap();
            takes(Duration::ZERO).await.unwrap();
            takes(PATIENCE * 3 / 4).await.unwrap();
        })
        .await;
        assert_eq!(takes(PATIENCE).await, None);
    }
}
