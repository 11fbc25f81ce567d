//! The clock of the database, which all its servers go by: their own may be wrong, each in its own way.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::now_millis;

/// A clock as it was read last, and gone on since by the time that has passed here.
#[derive(Clone, Default)]
pub struct Clock(Arc<Mutex<Option<Read>>>);

#[derive(Clone, Copy)]
struct Read {
    at: Instant,
    millis: i64,
}

impl Clock {
    /// What the database's clock says now, in milliseconds since 1970; this server's own before it was read.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.lock().map_or_else(now_millis, Read::now)
    }

    /// The clock said `millis` when it was asked, at some moment after `asked`. Returns how many milliseconds this server's
    /// own is ahead.
    pub(super) fn read(&self, millis: i64, asked: Instant) -> i64 {
        let on_the_way = asked.elapsed() / 2;
        let read = Read { at: asked + on_the_way, millis };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(read);
        now_millis() - read.now()
    }

    fn lock(&self) -> Option<Read> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Read {
    fn now(self) -> i64 {
        self.millis + millis(self.at.elapsed())
    }
}

/// A time as the databases count it.
#[must_use]
pub fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;
    use crate::platform::time::HOUR;

    fn assert_about(found: i64, expected: i64) {
        assert!((found - expected).abs() < 10_000, "{found}, not about {expected}");
    }

    #[tokio::test]
    async fn it_goes_by_the_database_from_when_it_was_read() {
        let clock = Clock::default();
        assert_about(clock.now(), now_millis());
        assert_about(clock.read(HOUR, Instant::now()), now_millis() - HOUR);
        sleep(Duration::from_millis(50)).await;
        assert!(clock.now() >= HOUR + 50);
        assert_about(clock.now(), HOUR);
        clock.read(2 * HOUR, Instant::now());
        assert_about(clock.now(), 2 * HOUR);
    }
}
