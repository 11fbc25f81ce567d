//! Work that belongs to the server and not to a connection: replies and images.
//!
//! A job publishes events into a log; any number of watchers read the log from any point and wait for more. What a
//! job does and what its events mean is the feature's business. Watchers on other servers read the [`JobFeed`].

mod feed;
mod redis;

use std::any::Any;
use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::http::HeaderMap;
use futures::StreamExt;
use futures::stream::{self, BoxStream, Stream};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

pub use self::feed::JobFeed;
pub use self::redis::RedisJobFeed;
use super::error::{AppError, AppResult};
use super::ids::{UserId, WorkId};
use super::limits::Slots;
use super::work_kind::WorkKind;

/// Something that a job tells its watchers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobEvent {
    /// Name of the event in an event stream.
    pub name: Cow<'static, str>,
    /// JSON.
    pub data: String,
    /// Where a watcher is who has seen this event.
    pub position: Position,
}

/// How far a watcher has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Position {
    /// So much of the result: bytes of text for a reply.
    At(u64),
    /// Seen everything.
    End,
}

impl Position {
    /// The position as the `id` of an event stream.
    #[must_use]
    pub fn to_event_id(self) -> String {
        match self {
            Self::At(position) => position.to_string(),
            Self::End => "end".to_owned(),
        }
    }

    /// The position of a `Last-Event-ID`; `None` for what this server never sent.
    #[must_use]
    pub fn from_event_id(id: &str) -> Option<Self> {
        if id == "end" { Some(Self::End) } else { id.parse().ok().map(Self::At) }
    }

    /// The position in the `Last-Event-ID` of a request.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming it.
    pub fn of_request(headers: &HeaderMap) -> AppResult<Option<Self>> {
        let Some(id) = headers.get("last-event-id") else { return Ok(None) };
        let position = id.to_str().ok().and_then(Self::from_event_id);
        position.map(Some).ok_or_else(|| AppError::invalid("Last-Event-ID", "This is not an id of this stream."))
    }
}

/// Why a job is told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    User,
    Shutdown,
}

/// A running job.
pub struct Job {
    id: WorkId,
    user: UserId,
    kind: WorkKind,
    log: Mutex<Vec<Arc<JobEvent>>>,
    progress: watch::Sender<Progress>,
    stop: CancellationToken,
    stop_reason: OnceLock<StopReason>,
    nudge: Notify,
    left: OnceLock<Box<dyn Any + Send + Sync>>,
    feed: Option<Arc<dyn JobFeed>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    events: usize,
    closed: bool,
}

impl Job {
    /// Appends an event and wakes the watchers.
    pub fn publish(&self, event: JobEvent) {
        let event = Arc::new(event);
        let events = {
            let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
            log.push(event.clone());
            log.len()
        };
        self.progress.send_modify(|progress| progress.events = events);
        if let Some(feed) = &self.feed {
            feed.publish(self.id, event);
        }
    }

    /// Whose work it is.
    #[must_use]
    pub const fn user(&self) -> UserId {
        self.user
    }

    /// Tells the job to end. The first reason counts.
    pub fn stop(&self, reason: StopReason) {
        _ = self.stop_reason.set(reason);
        self.stop.cancel();
    }

    /// Tells the job that there may be something new.
    pub fn nudge(&self) {
        self.nudge.notify_one();
    }

    /// Waits until somebody says that there may be something new.
    pub async fn nudged(&self) {
        self.nudge.notified().await;
    }

    /// Waits until the job is told to end.
    pub async fn stopped(&self) -> StopReason {
        self.stop.cancelled().await;
        self.stop_reason.get().copied().unwrap_or(StopReason::User)
    }

    /// Waits until the job has ended.
    pub async fn closed(&self) {
        // The sender lives in self, so this cannot fail.
        _ = self.progress.subscribe().wait_for(|progress| progress.closed).await;
    }

    /// Whether this is the last thing that it told.
    #[must_use]
    pub fn ended_with(&self, name: &str) -> bool {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.last().is_some_and(|event| event.name == name)
    }

    /// Leaves what it came to, for those here who wait for its end. The first counts.
    pub fn leave(&self, result: impl Any + Send + Sync) {
        _ = self.left.set(Box::new(result));
    }

    /// What it came to, if it left that as a `T`.
    #[must_use]
    pub fn left<T: Any>(&self) -> Option<&T> {
        self.left.get()?.downcast_ref()
    }

    /// The events from the beginning and on until the job ends.
    pub fn watch(self: Arc<Self>) -> impl Stream<Item = Arc<JobEvent>> + Send + 'static {
        let progress = self.progress.subscribe();
        // What has come meanwhile is taken at once: often it is a handful of tokens.
        let ready = VecDeque::<Arc<JobEvent>>::new();
        stream::unfold((self, progress, ready, 0), |(job, mut progress, mut ready, mut next)| async move {
            if ready.is_empty() {
                let seen = *progress.wait_for(|progress| progress.events > next || progress.closed).await.ok()?;
                if seen.events <= next {
                    return None;
                }
                let log = job.log.lock().unwrap_or_else(PoisonError::into_inner);
                ready.extend(log.get(next..)?.iter().cloned());
                next = log.len();
            }
            Some((ready.pop_front()?, (job, progress, ready, next)))
        })
    }
}

/// The jobs that run in this process.
#[derive(Default)]
pub struct Jobs {
    running: Mutex<HashMap<WorkId, Arc<Job>>>,
    feed: Option<Arc<dyn JobFeed>>,
    /// Event streams that each user may follow at once.
    pub watchers: Slots,
}

impl Jobs {
    /// With a way to tell other servers what happens here.
    #[must_use]
    pub fn new(feed: Option<Arc<dyn JobFeed>>, watchers: Slots) -> Self {
        Self { running: Mutex::default(), feed, watchers }
    }

    /// The events of a job that runs in another process, as far as they can be had; `None` where there is no feed.
    #[must_use]
    pub fn read_elsewhere(&self, id: impl Into<WorkId>) -> Option<BoxStream<'static, JobEvent>> {
        self.feed.as_ref().map(|feed| feed.read(id.into()))
    }

    /// Waits until a job in another process says that it has ended. For ever, if nobody says so.
    pub async fn ended_elsewhere(&self, id: WorkId) {
        if let Some(mut events) = self.read_elsewhere(id) {
            while let Some(event) = events.next().await {
                if event.position == Position::End {
                    return;
                }
            }
        }
        std::future::pending::<()>().await;
    }

    /// Registers a job of `user` and runs it in a task of its own. When `run` ends, its watchers have everything.
    pub fn spawn<F, Fut>(self: &Arc<Self>, id: impl Into<WorkId>, user: UserId, kind: WorkKind, run: F) -> Arc<Job>
    where
        F: FnOnce(Arc<Job>) -> Fut,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let id: WorkId = id.into();
        let job = Arc::new(Job {
            id,
            user,
            kind,
            log: Mutex::default(),
            progress: watch::Sender::default(),
            stop: CancellationToken::new(),
            stop_reason: OnceLock::new(),
            nudge: Notify::new(),
            left: OnceLock::new(),
            feed: self.feed.clone(),
        });
        self.lock().insert(id, job.clone());
        // Dropped even when the task panics, so that nobody watches a dead job for ever.
        let registration = Registration { jobs: self.clone(), job: job.clone() };
        let running = run(job.clone());
        tokio::spawn(async move {
            let _registration = registration;
            running.await;
        });
        job
    }

    /// The job with this id, if it runs here.
    #[must_use]
    pub fn get(&self, id: impl Into<WorkId>) -> Option<Arc<Job>> {
        let id: WorkId = id.into();
        self.lock().get(&id).cloned()
    }

    /// The ids of all of a kind that runs here.
    #[must_use]
    pub fn ids(&self, kind: WorkKind) -> Vec<WorkId> {
        self.lock().values().filter(|job| job.kind == kind).map(|job| job.id).collect()
    }

    /// How much runs here.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// All that runs here: whose work it is, and its id.
    #[must_use]
    pub fn owned(&self) -> Vec<(UserId, WorkId)> {
        self.lock().values().map(|job| (job.user, job.id)).collect()
    }

    /// Tells all jobs to end.
    pub fn stop_all(&self, reason: StopReason) {
        for job in self.lock().values() {
            job.stop(reason);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<WorkId, Arc<Job>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Registration {
    jobs: Arc<Jobs>,
    job: Arc<Job>,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.jobs.lock().remove(&self.job.id);
        self.job.progress.send_modify(|progress| progress.closed = true);
    }
}

#[cfg(test)]
mod tests {
    use futures::StreamExt;

    use super::*;

    fn event(position: u64) -> JobEvent {
        JobEvent { name: "token".into(), data: position.to_string(), position: Position::At(position) }
    }

    #[tokio::test]
    async fn early_and_late_watchers_see_the_same_events() {
        let jobs = Arc::new(Jobs::default());
        let (go, wait) = tokio::sync::oneshot::channel::<()>();
        let job = jobs.spawn(WorkId::now_v7(), UserId::now_v7(), WorkKind::Chat, |job| async move {
            job.publish(event(1));
            wait.await.unwrap();
            job.publish(event(2));
        });
        let early = tokio::spawn(job.clone().watch().map(|event| event.data.clone()).collect::<Vec<_>>());
        tokio::task::yield_now().await;
        go.send(()).unwrap();
        job.closed().await;
        let late: Vec<_> = job.watch().map(|event| event.data.clone()).collect().await;
        assert_eq!(late, ["1", "2"]);
        assert_eq!(early.await.unwrap(), late);
        assert_eq!(jobs.count(), 0);
    }

    #[tokio::test]
    async fn a_job_that_panics_ends_for_its_watchers() {
        let jobs = Arc::new(Jobs::default());
        let job = jobs.spawn(WorkId::now_v7(), UserId::now_v7(), WorkKind::Chat, |_| async { panic!("on purpose") });
        job.closed().await;
        assert_eq!(jobs.count(), 0);
    }

    #[test]
    fn event_ids_survive_the_round_trip() {
        for position in [Position::At(0), Position::At(77), Position::End] {
            assert_eq!(Position::from_event_id(&position.to_event_id()), Some(position));
        }
        assert_eq!(Position::from_event_id("-1"), None);
        assert_eq!(Position::from_event_id("x"), None);
    }
}
