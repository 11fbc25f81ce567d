//! What a provider says of itself, kept for a while: many ask at once, and one of them asks the provider.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use super::remote::Failure;

/// How long it is believed.
const LASTS: Duration = Duration::from_hours(1);
/// Once it is known, the provider is not asked more often than this, whatever is wanted.
const ASKED_EVERY: Duration = Duration::from_mins(1);
/// Until it is known for the first time.
const TRIED_EVERY: Duration = Duration::from_secs(3);

/// Something that is fetched when it is needed.
pub struct Kept<T>(Mutex<Found<T>>);

struct Found<T> {
    value: Option<Arc<T>>,
    known_since: Option<Instant>,
    asked_at: Option<Instant>,
    failure: Option<Failure>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::new(Found { value: None, known_since: None, asked_at: None, failure: None }))
    }
}

impl<T> Kept<T> {
    /// What is known, if that is new enough and `is_enough`; else what `fetch` brings. Where that fails, or would be asked too
    /// often, it is what was known before.
    ///
    /// # Errors
    /// The failure of the last `fetch`, where nothing is known.
    pub async fn get(
        &self,
        is_enough: impl Fn(&T) -> bool,
        fetch: impl Future<Output = Result<T, Failure>>,
    ) -> Result<Arc<T>, Failure> {
        self.get_at(Instant::now, is_enough, fetch).await
    }

    async fn get_at(
        &self,
        clock: impl Fn() -> Instant,
        is_enough: impl Fn(&T) -> bool,
        fetch: impl Future<Output = Result<T, Failure>>,
    ) -> Result<Arc<T>, Failure> {
        // Who comes meanwhile waits for the same.
        let mut found = self.0.lock().await;
        let is_recent =
            |at: Option<Instant>, within: Duration| at.is_some_and(|at| clock().saturating_duration_since(at) < within);
        if let Some(value) = &found.value
            && is_recent(found.known_since, LASTS)
            && is_enough(value)
        {
            return Ok(value.clone());
        }
        let pause = if found.value.is_some() { ASKED_EVERY } else { TRIED_EVERY };
        if !is_recent(found.asked_at, pause) {
            // Also if nobody waits for the answer any more.
            found.asked_at = Some(clock());
            found.failure = Some(Failure::Unreachable("nobody waited for the answer".to_owned()));
            match fetch.await {
                Ok(value) => {
                    found.value = Some(Arc::new(value));
                    found.known_since = Some(clock());
                    found.failure = None;
                }
                Err(failure) => found.failure = Some(failure),
            }
        }
        match (&found.value, &found.failure) {
            (Some(value), _) => Ok(value.clone()),
            (None, Some(failure)) => Err(failure.clone()),
            (None, None) => Err(Failure::wrong("nothing is known")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures::future::join_all;
    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn many_at_once_ask_once_and_no_wish_asks_more_than_once_a_minute() {
        let (kept, asked, start) = (Kept::<u32>::default(), AtomicU32::new(0), Instant::now());
        let get = async |after: Duration, is_enough: bool| {
            let fetch = async {
                yield_now().await;
                Ok(asked.fetch_add(1, Ordering::SeqCst) + 1)
            };
            *kept.get_at(|| start + after, |_| is_enough, fetch).await.unwrap()
        };
        let many = async |after, is_enough| join_all((0..50).map(|_| get(after, is_enough))).await;
        assert_eq!(many(Duration::ZERO, true).await, [1; 50]);
        // Keys that nobody knows.
        assert_eq!(many(Duration::from_secs(59), false).await, [1; 50]);
        assert_eq!(many(ASKED_EVERY, false).await, [2; 50]);
        assert_eq!(get(ASKED_EVERY + LASTS, true).await, 3);
    }

    #[tokio::test]
    async fn what_fails_is_not_asked_by_everybody_and_what_was_known_goes_on() {
        let (kept, asked, start) = (Kept::<u32>::default(), AtomicU32::new(0), Instant::now());
        let fail = async |after: Duration| {
            let fetch = async {
                asked.fetch_add(1, Ordering::SeqCst);
                Err(Failure::wrong("down"))
            };
            kept.get_at(|| start + after, |_| true, fetch).await
        };
        for _ in 0..20 {
            assert_eq!(fail(Duration::ZERO).await, Err(Failure::wrong("down")));
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        let found = kept.get_at(|| start + TRIED_EVERY, |_| true, async { Ok(7) }).await;
        assert_eq!(*found.unwrap(), 7);
        assert_eq!(*fail(TRIED_EVERY + LASTS).await.unwrap(), 7);
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }
}
