//! Writes records down off the path of the answers: whoever records never waits.
//!
//! One task writes what has gathered in one go. While the database is gone it keeps what it has and tries again; what
//! does not fit into the queue any more is dropped, counted and logged.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use prometheus_client::metrics::counter::Counter;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::{Instant, sleep};

use super::db::StoreResult;
use super::tasks::keep;

/// Most that are written in one go.
const BATCH: usize = 512;
/// How long records gather.
const GATHER: Duration = Duration::from_millis(100);
/// How long one batch waits for a database that is gone, or that does not want it.
const KEEP_TRYING: Duration = Duration::from_mins(30);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

enum Message<T> {
    Record(Box<T>),
    /// Answered when all that came before is written.
    Flush(oneshot::Sender<()>),
}

/// Keeps records. They may come again where an answer got lost.
type Write<T> = Arc<dyn Fn(Vec<T>) -> BoxFuture<'static, StoreResult<()>> + Send + Sync>;

/// The way into a record.
pub struct Recorder<T> {
    queue: mpsc::Sender<Message<T>>,
    lost: Counter,
}

impl<T: Clone + Send + 'static> Recorder<T> {
    /// Starts the task that writes; at most `queue` records wait for it, and what cannot be written is counted in `lost`. The task
    /// ends with the recorder. `name`: what they are, for the log.
    #[must_use]
    pub fn start<W>(name: &'static str, queue: usize, write: W, lost: Counter) -> Self
    where
        W: Fn(Vec<T>) -> BoxFuture<'static, StoreResult<()>> + Send + Sync + 'static,
    {
        let (sender, messages) = mpsc::channel(queue);
        let (messages, counter) = (Arc::new(Mutex::new(messages)), lost.clone());
        let write: Write<T> = Arc::new(write);
        tokio::spawn(keep(name, move || {
            Writer { name, write: write.clone(), lost: counter.clone(), reported: counter.get() }.run(messages.clone())
        }));
        Self { queue: sender, lost }
    }

    /// Puts a record into the queue. Never waits.
    pub fn record(&self, record: T) {
        if self.queue.try_send(Message::Record(Box::new(record))).is_err() {
            self.lost.inc();
        }
    }

    /// Waits until all that was recorded so far is written.
    pub async fn flush(&self) {
        let (done, written) = oneshot::channel();
        if self.queue.send(Message::Flush(done)).await.is_ok() {
            _ = written.await;
        }
    }

    /// How many are lost.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.get()
    }
}

struct Writer<T> {
    name: &'static str,
    write: Write<T>,
    lost: Counter,
    /// How many of the lost are in the log already.
    reported: u64,
}

impl<T: Clone> Writer<T> {
    async fn run(mut self, messages: Arc<Mutex<mpsc::Receiver<Message<T>>>>) {
        let mut messages = messages.lock().await;
        while let Some(first) = messages.recv().await {
            if matches!(first, Message::Record(_)) {
                sleep(GATHER).await;
            }
            let (mut batch, mut flushed) = (Vec::new(), Vec::new());
            let mut next = Some(first);
            while let Some(message) = next {
                match message {
                    Message::Record(record) => batch.push(*record),
                    Message::Flush(done) => flushed.push(done),
                }
                next = if batch.len() < BATCH { messages.try_recv().ok() } else { None };
            }
            self.write(batch).await;
            self.report();
            for done in flushed {
                // The one that waits may have given up.
                _ = done.send(());
            }
        }
    }

    async fn write(&mut self, batch: Vec<T>) {
        let begun = Instant::now();
        let mut pause = GATHER;
        while let Err(error) = (self.write)(batch.clone()).await {
            if begun.elapsed() >= KEEP_TRYING {
                self.lost.inc_by(batch.len() as u64);
                tracing::error!(%error, count = batch.len(), "the {} could not be written", self.name);
                return;
            }
            tracing::warn!(%error, "writing the {} again in {pause:?}", self.name);
            self.report();
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn report(&mut self) {
        let lost = self.lost.get();
        if lost > self.reported {
            tracing::error!(lost = lost - self.reported, "some are missing from the {}", self.name);
            self.reported = lost;
        }
    }
}
