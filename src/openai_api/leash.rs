//! What ties work to the connection that it is for.

use std::future::pending;

use futures::future::join_all;

use crate::chat::ChatEvent;
use crate::chat::server::Chat;
use crate::generation::{Delivery, Generation};
use crate::platform::ids::WorkId;
use crate::platform::jobs::StopReason;

/// Stops the work when it is dropped before the answer is whole. What the connection has taken nothing of is then free.
///
/// With an `Idempotency-Key` the work goes on: its whole answer waits for the same key.
pub(super) struct Leash<T> {
    generation: Generation,
    ids: Vec<WorkId>,
    deliveries: Vec<Delivery<T>>,
    /// The work goes on without its connection.
    is_loose: bool,
}

impl<T> Leash<T> {
    pub fn new(chat: &Chat, is_keyed: bool) -> Self {
        let generation = chat.generation.clone();
        Self { generation, ids: Vec::new(), deliveries: Vec::new(), is_loose: is_keyed }
    }

    /// Ties this work.
    pub fn hold(&mut self, id: impl Into<WorkId>) {
        self.ids.push(id.into());
    }

    /// The connection asks for the result, or for its first part; `false` where that was given up before.
    #[must_use]
    pub fn take(&self) -> bool {
        let mut taken = true;
        for delivery in &self.deliveries {
            taken &= delivery.take();
        }
        taken
    }

    /// As [`Leash::take`], of all there is, once the books are closed: `false` also where what was taken could not be paid for, as
    /// its hold had been given up for dead meanwhile.
    pub async fn hand_over(self) -> bool {
        let jobs: Vec<_> = self.ids.iter().map(|id| self.generation.jobs.get(*id)).collect();
        let taken = self.take();
        join_all(jobs.iter().flatten().map(|job| job.closed())).await;
        // Each has the desk that was made for it. What failed before has laid nothing down.
        let mut handed = jobs.iter().zip(&self.deliveries).filter(|(_, desk)| desk.has_result());
        let is_unpaid = handed.any(|(job, _)| job.as_ref().is_some_and(|job| job.ended_with(ChatEvent::ERROR)));
        self.let_go();
        taken && !is_unpaid
    }

    /// What was begun is to stop with the leash, also with an `Idempotency-Key`.
    pub const fn tighten(&mut self) {
        self.is_loose = false;
    }

    pub fn let_go(mut self) {
        self.ids.clear();
    }
}

impl<T: Clone> Leash<T> {
    /// Where a job is to lay down its result; `None` where that does not wait for this connection.
    pub fn delivery(&mut self) -> Option<Delivery<T>> {
        let delivery = (!self.is_loose).then(Delivery::default);
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
        if self.is_loose {
            return;
        }
        // First, so that the work that stops knows that nobody has it.
        self.deliveries.iter().for_each(Delivery::lose);
        for job in self.ids.iter().filter_map(|id| self.generation.jobs.get(*id)) {
            job.stop(StopReason::User);
        }
    }
}
