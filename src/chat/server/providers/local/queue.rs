//! The waiting line in front of the worker: bounded, first come, first served. It knows nothing about models.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::channel::mpsc::UnboundedSender;

use crate::chat::server::providers::{ProviderError, ProviderEvent, ProviderRequest};

/// How many requests may wait for a slot.
const MAX_WAITING: usize = 64;

/// The sending end of a reply's stream.
pub(super) type Events = UnboundedSender<Result<ProviderEvent, ProviderError>>;

/// A request that waits for its turn.
pub(super) struct Job {
    pub(super) request: ProviderRequest,
    pub(super) events: Events,
}

/// Why `Queue::wait` came back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wake {
    Work,
    TimedOut,
    Closed,
}

#[derive(Default)]
pub(super) struct Queue {
    line: Mutex<Line>,
    changed: Condvar,
}

#[derive(Default)]
struct Line {
    waiting: VecDeque<Job>,
    closed: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a request at the end of the line.
    pub(super) fn push(&self, job: Job) -> Result<(), ProviderError> {
        let mut line = self.lock();
        if line.closed {
            return Err(ProviderError::Unavailable("the local model has stopped".into()));
        }
        if line.waiting.len() >= MAX_WAITING {
            // Those whose reader has left no longer count.
            line.waiting.retain(|job| !job.events.is_closed());
        }
        if line.waiting.len() >= MAX_WAITING {
            return Err(ProviderError::Unavailable(format!("{MAX_WAITING} requests already wait for the local model")));
        }
        line.waiting.push_back(job);
        drop(line);
        self.changed.notify_one();
        Ok(())
    }

    /// The first request whose reader is still there.
    pub(super) fn pop(&self) -> Option<Job> {
        let mut line = self.lock();
        std::iter::from_fn(|| line.waiting.pop_front()).find(|job| !job.events.is_closed())
    }

    /// Sleeps until there is work, the line is closed, or `limit` is over.
    pub(super) fn wait(&self, limit: Option<Duration>) -> Wake {
        let nothing_to_do = |line: &mut Line| line.waiting.is_empty() && !line.closed;
        let line = if let Some(limit) = limit {
            let woken = self.changed.wait_timeout_while(self.lock(), limit, nothing_to_do);
            woken.unwrap_or_else(PoisonError::into_inner).0
        } else {
            let woken = self.changed.wait_while(self.lock(), nothing_to_do);
            woken.unwrap_or_else(PoisonError::into_inner)
        };
        if line.closed {
            Wake::Closed
        } else if line.waiting.is_empty() {
            Wake::TimedOut
        } else {
            Wake::Work
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Takes no more requests and wakes the worker.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Answers all that wait with `error`.
    pub(super) fn fail_waiting(&self, error: &ProviderError) {
        let waiting = std::mem::take(&mut self.lock().waiting);
        for job in waiting {
            // A reader that has left needs no answer.
            let _ = job.events.unbounded_send(Err(error.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::channel::mpsc;

    use super::*;
    use crate::chat::server::providers::Sampling;

    fn job(name: &str) -> (Job, mpsc::UnboundedReceiver<Result<ProviderEvent, ProviderError>>) {
        let (events, reader) = mpsc::unbounded();
        let (model, sampling) = (Some(name.into()), Sampling::default());
        let request = ProviderRequest { turns: Vec::new(), model, sampling, most_output: None, must_fit: false };
        (Job { request, events }, reader)
    }

    fn pop_name(queue: &Queue) -> Option<String> {
        queue.pop().and_then(|job| job.request.model)
    }

    #[test]
    fn requests_leave_in_order_and_abandoned_ones_are_skipped() {
        let queue = Queue::default();
        let (first, _first_reader) = job("first");
        let (second, second_reader) = job("second");
        let (third, _third_reader) = job("third");
        for job in [first, second, third] {
            queue.push(job).unwrap();
        }
        drop(second_reader);
        assert_eq!(pop_name(&queue).as_deref(), Some("first"));
        assert_eq!(pop_name(&queue).as_deref(), Some("third"));
        assert_eq!(pop_name(&queue), None);
    }

    #[test]
    fn a_full_line_refuses_until_a_reader_leaves() {
        let queue = Queue::default();
        let mut readers = Vec::new();
        for _ in 0..MAX_WAITING {
            let (job, reader) = job("waiting");
            queue.push(job).unwrap();
            readers.push(reader);
        }
        let refused = queue.push(job("late").0);
        assert!(matches!(refused, Err(ProviderError::Unavailable(_))));
        readers.pop();
        let (again, _reader) = job("again");
        queue.push(again).unwrap();
    }

    #[test]
    fn closing_wakes_the_worker_and_refuses_requests() {
        let queue = Queue::default();
        assert_eq!(queue.wait(Some(Duration::from_millis(1))), Wake::TimedOut);
        queue.close();
        assert_eq!(queue.wait(None), Wake::Closed);
        assert!(queue.push(job("late").0).is_err());
    }
}
