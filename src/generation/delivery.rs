//! Whether a result has reached the client that it was made for.
//!
//! Some work belongs to a connection: a client of `/v1` that went away never sees what was made for it, and nobody else
//! looks for it. Such work is charged for once the connection has taken the result, and not before. Whether the bytes
//! arrive beyond that, no server can know.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

/// How long a connection that says nothing may leave an answer untaken.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// The desk between a job and the connection that it works for: the job lays the result down, the connection takes it.
/// What is decided first stands. A copy is another handle of the same desk.
#[derive(Clone)]
pub struct Delivery<T>(Arc<watch::Sender<Desk<T>>>);

struct Desk<T> {
    result: Option<T>,
    fate: Option<Fate>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Taken,
    Lost,
}

impl<T> fmt::Debug for Delivery<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery").finish_non_exhaustive()
    }
}

impl<T> Default for Delivery<T> {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Desk { result: None, fate: None })))
    }
}

impl<T: Clone> Delivery<T> {
    /// Lays the result down, for so long. Returns whether the client has it, which is not charged for otherwise.
    pub async fn deliver(&self, result: T, patience: Duration) -> bool {
        self.0.send_modify(|desk| desk.result = Some(result));
        _ = timeout(patience, self.0.subscribe().wait_for(|desk| desk.fate.is_some())).await;
        // Whoever is too late must not have it either.
        self.lose();
        self.is_taken()
    }

    /// Waits for the result, to make the answer of it.
    pub async fn result(&self) -> T {
        let mut desk = self.0.subscribe();
        loop {
            if let Some(result) = &desk.borrow_and_update().result {
                return result.clone();
            }
            if desk.changed().await.is_err() {
                // Never: the sender lives in self.
                std::future::pending::<()>().await;
            }
        }
    }
}

impl<T> Delivery<T> {
    /// The connection takes the result; `false` where it was given up before: then the client must not get it.
    #[must_use]
    pub fn take(&self) -> bool {
        self.decide(Fate::Taken);
        self.is_taken()
    }

    /// The connection is gone.
    pub fn lose(&self) {
        self.decide(Fate::Lost);
    }

    /// Whether there was something to take.
    #[must_use]
    pub fn has_result(&self) -> bool {
        self.0.borrow().result.is_some()
    }

    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.0.borrow().fate == Some(Fate::Taken)
    }

    fn decide(&self, fate: Fate) {
        self.0.send_if_modified(|desk| {
            let is_open = desk.fate.is_none();
            desk.fate.get_or_insert(fate);
            is_open
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_result_is_taken_or_lost_and_what_came_first_stands() {
        let desk = Delivery::default();
        let job = tokio::spawn({
            let desk = desk.clone();
            async move { desk.deliver(7, PATIENCE).await }
        });
        assert_eq!(desk.result().await, 7);
        assert!(desk.take());
        desk.lose();
        assert!(desk.is_taken() && job.await.unwrap());

        let desk = Delivery::default();
        desk.lose();
        assert!(!desk.deliver(7, PATIENCE).await && !desk.take());
    }

    #[tokio::test]
    async fn a_connection_that_takes_nothing_is_given_up() {
        let desk = Delivery::default();
        assert!(!desk.deliver(7, Duration::ZERO).await);
        assert!(!desk.take(), "too late");
    }
}
