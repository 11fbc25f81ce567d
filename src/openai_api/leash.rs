//! What ties work to the connection that it is for.

use std::future::pending;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::timeout;

use crate::chat::server::Chat;
use crate::generation::{Delivery, Generation};
use crate::platform::ids::WorkId;
use crate::platform::jobs::StopReason;

/// How long an answer waits for the books to be closed.
const BOOKS: Duration = Duration::from_millis(500);

/// Stops the work when it is dropped before the answer is whole. What the connection has taken nothing of is then free.
///
/// With an `Idempotency-Key` the work is tied only once the connection has taken something: until then its answer waits for
/// the same key.
pub(super) struct Leash<T> {
    generation: Generation,
    ids: Vec<WorkId>,
    deliveries: Vec<Delivery<T>>,
    is_keyed: bool,
    is_taken: bool,
}

impl<T> Leash<T> {
    pub fn new(chat: &Chat, is_keyed: bool) -> Self {
        let generation = chat.generation.clone();
        Self { generation, ids: Vec::new(), deliveries: Vec::new(), is_keyed, is_taken: false }
    }

    /// Ties this work.
    pub fn hold(&mut self, id: impl Into<WorkId>) {
        self.ids.push(id.into());
    }

    /// The connection asks for the result, or for its first part; `false` where that was given up before.
    #[must_use]
    pub fn take(&mut self) -> bool {
        self.is_taken = true;
        let mut taken = true;
        for delivery in &self.deliveries {
            taken &= delivery.take();
        }
        taken
    }

    /// As [`Leash::take`], of all there is. Whoever has the answer finds it paid for, unless the books take their time.
    pub async fn hand_over(mut self) -> bool {
        let taken = self.take();
        let closed =
            self.ids.iter().filter_map(|id| self.generation.jobs.get(*id)).map(|job| async move { job.closed().await });
        _ = timeout(BOOKS, join_all(closed)).await;
        self.let_go();
        taken
    }

    /// What was begun is to stop with the leash, also with an `Idempotency-Key`.
    pub const fn tighten(&mut self) {
        self.is_taken = true;
    }

    pub fn let_go(mut self) {
        self.ids.clear();
    }
}

impl<T: Clone> Leash<T> {
    /// Where a job is to lay down its result; `None` where that does not wait for this connection.
    pub fn delivery(&mut self) -> Option<Delivery<T>> {
        let delivery = (!self.is_keyed).then(Delivery::default);
        self.deliveries.extend(delivery.clone());
        delivery
    }

    /// The result of the only work, as its job lays it down; for ever, where it lays down none.
    pub async fn result(&self) -> T {
        match self.deliveries.first() {
            Some(delivery) => delivery.result().await,
            None => pending().await,
        }
    }
}

impl<T> Drop for Leash<T> {
    fn drop(&mut self) {
        if self.is_keyed && !self.is_taken {
            return;
        }
        // First, so that the work that stops knows that nobody has it.
        self.deliveries.iter().for_each(Delivery::lose);
        for job in self.ids.iter().filter_map(|id| self.generation.jobs.get(*id)) {
            job.stop(StopReason::User);
        }
    }
}
