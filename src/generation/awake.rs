//! Waiting for so much time in which this process runs: a machine that is suspended for half a minute has not waited half a
//! minute for anybody, and what was sent to it meanwhile is still in its sockets.

use std::pin::pin;
use std::time::Duration;

use tokio::time::timeout;

/// However long the process stands still, it counts as no more than this.
const SLICE: Duration = Duration::from_millis(500);

/// What `work` comes to, unless that takes longer than `limit`.
pub async fn timeout_awake<F: Future>(limit: Duration, work: F) -> Option<F::Output> {
    let mut work = pin!(work);
    let mut left = limit;
    loop {
        let slice = left.min(SLICE);
        if let Ok(done) = timeout(slice, &mut work).await {
            return Some(done);
        }
        left -= slice;
        if left.is_zero() {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test]
    async fn it_waits_for_the_whole_time_and_no_longer() {
        let begun = Instant::now();
        assert_eq!(timeout_awake(SLICE * 2, sleep(SLICE * 20)).await, None);
        let took = begun.elapsed();
        assert!(took >= SLICE * 2 && took < SLICE * 10, "{took:?}");
        assert_eq!(timeout_awake(SLICE * 2, sleep(SLICE * 3 / 2)).await, Some(()));
        assert_eq!(timeout_awake(Duration::ZERO, std::future::ready(7)).await, Some(7));
        assert_eq!(timeout_awake(Duration::ZERO, std::future::pending::<()>()).await, None);
    }

    /// The clock goes on while the thread that runs all of this stands still.
    #[tokio::test]
    async fn standing_still_is_not_waiting() {
        let work = async {
            sleep(SLICE / 4).await;
            std::thread::sleep(SLICE * 4);
            sleep(SLICE / 4).await;
        };
        assert_eq!(timeout_awake(SLICE * 3, work).await, Some(()));
    }
}
