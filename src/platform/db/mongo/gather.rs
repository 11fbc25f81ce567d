//! Work that comes at the same time, sent to the database in one command.
//!
//! A command costs the database more than what one more document in it does, and a commit most of what an update does: so
//! whatever gathers while one is under way goes together in the next. What comes alone does not wait.

use std::sync::Arc;

use futures::future::BoxFuture;
use mongodb::Collection;
use serde::Serialize;
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};

use super::super::{PATIENCE, StoreError, StoreResult, wait};
use super::{is_duplicate, run};
use crate::platform::tasks::keep;

/// Most pieces of work of one command.
const MOST: usize = 64;
/// Commands under way at once: while one waits for the journal, another is worked on.
const UNDER_WAY: usize = 3;
/// Pieces of work that wait before those who ask have to.
const WAITING: usize = 4096;

/// Does pieces of work together, and answers each of them in their order.
pub type Together<T, R> = Arc<dyn Fn(Vec<T>) -> BoxFuture<'static, Vec<StoreResult<R>>> + Send + Sync>;

struct Waiting<T, R> {
    work: T,
    answer: oneshot::Sender<StoreResult<R>>,
}

type Queue<T, R> = Arc<Mutex<mpsc::Receiver<Waiting<T, R>>>>;

/// Takes pieces of work and answers each when it is done.
pub struct Gather<T, R>(mpsc::Sender<Waiting<T, R>>);

impl<T, R> Clone for Gather<T, R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Send + 'static, R: Send + 'static> Gather<T, R> {
    /// Needs a running Tokio.
    #[must_use]
    pub fn new(name: &'static str, together: Together<T, R>) -> Self {
        let (queue, waiting) = mpsc::channel(WAITING);
        let waiting = Arc::new(Mutex::new(waiting));
        tokio::spawn(keep(name, move || send_all(together.clone(), waiting.clone())));
        Self(queue)
    }

    /// What comes of a piece of work. Once it is sent, it goes on where nobody waits any more.
    ///
    /// # Errors
    /// Those of the work.
    pub async fn run(&self, work: T) -> StoreResult<R> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Waiting { work, answer }).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

async fn send_all<T: Send + 'static, R: Send + 'static>(together: Together<T, R>, waiting: Queue<T, R>) {
    let mut waiting = waiting.lock().await;
    let under_way = Arc::new(Semaphore::new(UNDER_WAY));
    while let Ok(permit) = under_way.clone().acquire_owned().await {
        let mut batch: Vec<Waiting<T, R>> = Vec::new();
        if waiting.recv_many(&mut batch, MOST).await == 0 {
            return;
        }
        // Whoever has given up must not find it done much later, when the database is back.
        batch.retain(|waiting| !waiting.answer.is_closed());
        if batch.is_empty() {
            continue;
        }
        let together = together.clone();
        tokio::spawn(async move {
            let (work, answers): (Vec<_>, Vec<_>) =
                batch.into_iter().map(|Waiting { work, answer }| (work, answer)).unzip();
            for (answer, result) in answers.into_iter().zip(together(work).await) {
                // Whoever asked may have gone away; what was done stands.
                _ = answer.send(result);
            }
            drop(permit);
        });
    }
}

/// Inserts documents that nobody else makes, as their ids are new, or that are the same whoever does: one that is there already
/// is fine.
pub struct Inserts<T>(Gather<Vec<T>, ()>);

impl<T> Clone for Inserts<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Serialize + Send + Sync + 'static> Inserts<T> {
    /// Needs a running Tokio.
    #[must_use]
    pub fn new(name: &'static str, collection: Collection<T>) -> Self {
        let together = move |work| -> BoxFuture<'static, _> { Box::pin(insert_all(collection.clone(), work)) };
        Self(Gather::new(name, Arc::new(together)))
    }

    /// Inserts all of these documents.
    ///
    /// # Errors
    /// As [`run`]; some of them may be there.
    pub async fn insert(&self, documents: Vec<T>) -> StoreResult<()> {
        wait(self.0.run(documents), Some(PATIENCE)).await
    }
}

async fn insert_all<T>(collection: Collection<T>, work: Vec<Vec<T>>) -> Vec<StoreResult<()>>
where
    T: Serialize + Send + Sync + 'static,
{
    let (count, documents) = (work.len(), work.into_iter().flatten().collect::<Vec<_>>());
    match run(async move { collection.insert_many(documents).ordered(false).await }).await {
        // Not each alone after that: a database that is away would keep all that comes waiting for the others.
        Err(error) if !is_duplicate(&error) => failed(error, count),
        _ => (0..count).map(|_| Ok(())).collect(),
    }
}

/// What so many pieces of work are told where all of them failed.
#[must_use]
pub fn failed<R>(error: StoreError, count: usize) -> Vec<StoreResult<R>> {
    if count == 1 {
        return vec![Err(error)];
    }
    let problem = error.to_string();
    (0..count).map(|_| Err(StoreError::Commit(problem.clone()))).collect()
}
