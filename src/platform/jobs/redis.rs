//! [`JobFeed`] in Redis: a stream for each job, `tessera:job:<id>`, that expires by itself.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use redis::Pipeline;
use redis::streams::{StreamId, StreamReadReply};
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, sleep, sleep_until};

use super::{JobEvent, JobFeed, Position};
use crate::platform::ids::WorkId;
use crate::platform::redis::Redis;
use crate::platform::tasks::keep;

/// How long a job can be read after it has last said something.
const LIVES_SECS: u64 = 600;
/// Nobody waits for more of a job that has said nothing for so long.
const SILENT_AFTER: Duration = Duration::from_secs(30);
/// Entries of one job that are kept, about, each of one event or more. A reply has a tenth of it.
const MOST_ENTRIES: usize = 10_000;
/// Events that wait to be sent; what comes on top is lost.
const WAITING: usize = 8192;
/// Events that are sent, or entries that are read, in one go at most.
const BATCH: usize = 512;
/// How often a reader looks for more. It never blocks in Redis: the connection is everybody's.
const READ_EVERY: Duration = Duration::from_millis(60);
/// How often while Redis is away.
const READ_AWAY_EVERY: Duration = Duration::from_millis(500);
/// How often a job is written, but for the first of its result and its end: more often, nobody would look.
const WRITE_EVERY: Duration = READ_EVERY;

/// Jobs hand their events over and go on; a task in the background writes what is waiting of each as one entry.
pub struct RedisJobFeed {
    redis: Redis,
    waiting: mpsc::Sender<(WorkId, Arc<JobEvent>)>,
}

impl RedisJobFeed {
    /// Needs a running Tokio.
    #[must_use]
    pub fn new(redis: Redis) -> Self {
        let (waiting, queue) = mpsc::channel(WAITING);
        let (connection, queue) = (redis.clone(), Arc::new(Mutex::new(queue)));
        tokio::spawn(keep("events to Redis", move || write(connection.clone(), queue.clone())));
        Self { redis, waiting }
    }
}

impl JobFeed for RedisJobFeed {
    fn publish(&self, job: WorkId, event: Arc<JobEvent>) {
        // A full queue: Redis does not keep up, and readers find what is missing in the store.
        _ = self.waiting.try_send((job, event));
    }

    fn read(&self, job: WorkId) -> BoxStream<'static, JobEvent> {
        let reader = Reader {
            redis: self.redis.clone(),
            key: key(job),
            last: "0-0".to_owned(),
            ready: VecDeque::new(),
            is_over: false,
        };
        stream::unfold(reader, |mut reader| async move { Some((reader.next().await?, reader)) }).boxed()
    }
}

fn key(job: WorkId) -> String {
    format!("tessera:job:{job}")
}

/// Events and the jobs that tell them.
type Queue = Arc<Mutex<mpsc::Receiver<(WorkId, Arc<JobEvent>)>>>;

async fn write(redis: Redis, queue: Queue) {
    let mut queue = queue.lock().await;
    let (mut batch, mut jobs) = (Vec::with_capacity(BATCH), HashMap::<WorkId, Writing>::new());
    loop {
        let due = jobs.values().filter_map(Writing::due).min();
        tokio::select! {
            count = queue.recv_many(&mut batch, BATCH) => if count == 0 {
                return;
            },
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
        }
        let now = Instant::now();
        for (job, event) in batch.drain(..) {
            jobs.entry(job).or_insert_with(|| Writing::new(now)).add(event, now);
        }
        let mut pipeline = redis::pipe();
        for (job, writing) in jobs.iter_mut().filter(|(_, writing)| writing.due().is_some_and(|due| due <= now)) {
            writing.write(&mut pipeline, &key(*job), now);
        }
        if !pipeline.is_empty() {
            // Never twice: what was sent may have arrived although the answer did not.
            redis.run(async |mut connection| pipeline.query_async::<()>(&mut connection).await).await;
        }
        jobs.retain(|_, writing| !writing.is_over(now));
    }
}

/// What of a job is written, and when.
struct Writing {
    /// Not written yet.
    waiting: Vec<Arc<JobEvent>>,
    /// When those that wait are written at the latest.
    next: Instant,
    /// Something of the result was written, or its end.
    is_begun: bool,
    has_ended: bool,
}

impl Writing {
    fn new(now: Instant) -> Self {
        Self { waiting: Vec::new(), next: now + WRITE_EVERY, is_begun: false, has_ended: false }
    }

    /// The first of the result and the end are written at once.
    fn add(&mut self, event: Arc<JobEvent>, now: Instant) {
        self.has_ended |= event.position == Position::End;
        if self.has_ended || (!self.is_begun && event.position > Position::At(0)) {
            (self.is_begun, self.next) = (true, now);
        }
        self.waiting.push(event);
    }

    fn due(&self) -> Option<Instant> {
        (!self.waiting.is_empty()).then_some(self.next)
    }

    /// Nobody will hear more of it.
    fn is_over(&self, now: Instant) -> bool {
        self.waiting.is_empty() && (self.has_ended || now.saturating_duration_since(self.next) > SILENT_AFTER)
    }

    /// Writes all that waits as one entry.
    fn write(&mut self, pipeline: &mut Pipeline, key: &str, now: Instant) {
        let events: Vec<_> = self
            .waiting
            .iter()
            .map(|event| (event.name.as_ref(), event.data.as_str(), event.position.to_event_id()))
            .collect();
        // Texts, of which JSON can be made.
        let events = serde_json::to_string(&events).unwrap_or_default();
        pipeline
            .cmd("XADD")
            .arg(key)
            .arg("MAXLEN")
            .arg("~")
            .arg(MOST_ENTRIES)
            .arg("*")
            .arg("events")
            .arg(events)
            .ignore();
        // Each time: Redis may have begun anew.
        pipeline.cmd("EXPIRE").arg(key).arg(LIVES_SECS).ignore();
        self.waiting.clear();
        self.next = now + WRITE_EVERY;
    }
}

struct Reader {
    redis: Redis,
    key: String,
    /// The id of the last entry that was read.
    last: String,
    ready: VecDeque<JobEvent>,
    is_over: bool,
}

impl Reader {
    async fn next(&mut self) -> Option<JobEvent> {
        loop {
            if self.is_over {
                return None;
            }
            if let Some(event) = self.ready.pop_front() {
                self.is_over = event.position == Position::End;
                return Some(event);
            }
            match self.read().await {
                Some(entries) if entries.is_empty() => sleep(READ_EVERY).await,
                Some(entries) => {
                    for entry in entries {
                        self.ready.extend(events_of(&entry.map));
                        self.last = entry.id;
                    }
                }
                None => sleep(READ_AWAY_EVERY).await,
            }
        }
    }

    async fn read(&self) -> Option<Vec<StreamId>> {
        let mut command = redis::cmd("XREAD");
        command.arg("COUNT").arg(BATCH).arg("STREAMS").arg(&self.key).arg(&self.last);
        let reply: Option<StreamReadReply> =
            self.redis.run(async |mut connection| command.query_async(&mut connection).await).await?;
        Some(reply.into_iter().flat_map(|reply| reply.keys).flat_map(|stream| stream.ids).collect())
    }
}

/// None of what is no entry of ours.
fn events_of(fields: &HashMap<String, redis::Value>) -> Vec<JobEvent> {
    let text = fields.get("events").and_then(|value| redis::from_redis_value_ref::<String>(value).ok());
    let events: Vec<(String, String, String)> =
        text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let event = |(name, data, position): (String, String, String)| {
        Some(JobEvent { name: name.into(), data, position: Position::from_event_id(&position)? })
    };
    events.into_iter().filter_map(event).collect()
}
