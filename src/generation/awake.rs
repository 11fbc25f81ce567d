//! Waiting for so much time in which this process runs: a machine that is suspended for half a minute has not waited half a
//! minute for anybody, and what was sent to it meanwhile is still in its sockets.

use std::pin::{Pin, pin};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep, timeout};

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

/// Waits for so long a silence, counted likewise. Whoever is heard often costs no timer each time.
pub struct Silence {
    limit: Duration,
    left: Duration,
    /// Up to when it is counted.
    counted: Instant,
    look: Pin<Box<Sleep>>,
}

impl Silence {
    #[must_use]
    pub fn of(limit: Duration) -> Self {
        Self { limit, left: limit, counted: Instant::now(), look: Box::pin(sleep(limit.min(SLICE))) }
    }

    /// It begins anew. Returns when that is.
    pub fn broken(&mut self) -> Instant {
        self.left = self.limit;
        self.counted = Instant::now();
        self.counted
    }

    /// Waits until it has lasted. May be dropped and called again.
    pub async fn lasts(&mut self) {
        while !self.left.is_zero() {
            self.look.as_mut().await;
            let now = Instant::now();
            self.left = self.left.saturating_sub((now - self.counted).min(SLICE));
            self.counted = now;
            self.look.as_mut().reset(now + self.left.min(SLICE));
        }
    }
}

#[cfg(test)]
mod tests {
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

    #[tokio::test]
    async fn a_silence_lasts_from_the_last_that_was_heard() {
        let begun = Instant::now();
        let mut silence = Silence::of(SLICE * 2);
        for _ in 0..6 {
            assert!(timeout(SLICE / 2, silence.lasts()).await.is_err());
            silence.broken();
        }
        silence.lasts().await;
        let took = begun.elapsed();
        assert!(took >= SLICE * 5 && took < SLICE * 12, "{took:?}");
        Silence::of(Duration::ZERO).lasts().await;
        let mut silence = Silence::of(SLICE * 3);
        assert!(timeout(SLICE / 4, silence.lasts()).await.is_err());
        std::thread::sleep(SLICE * 4);
        assert!(timeout(SLICE, silence.lasts()).await.is_err(), "standing still is not waiting");
        silence.lasts().await;
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
