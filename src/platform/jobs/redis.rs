//! [`JobFeed`] in Redis: a stream for each job, `tessera:job:<id>`, that expires by itself.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use redis::streams::{StreamId, StreamReadReply};
use tokio::sync::{Mutex, mpsc};
use tokio::time::sleep;

use super::{JobEvent, JobFeed, Position};
use crate::platform::ids::WorkId;
use crate::platform::redis::Redis;
use crate::platform::tasks::keep;

/// How long a job can be read after it has last said something.
const LIVES_SECS: u64 = 600;
/// Events of one job that are kept, about. A reply has a tenth of it.
const MOST_EVENTS: usize = 10_000;
/// Events that wait to be sent; what comes on top is lost.
const WAITING: usize = 8192;
/// Events that are sent, or read, in one go at most.
const BATCH: usize = 512;
/// How often a reader looks for more. It never blocks in Redis: the connection is everybody's.
const READ_EVERY: Duration = Duration::from_millis(60);
/// How often while Redis is away.
const READ_AWAY_EVERY: Duration = Duration::from_millis(500);

/// Jobs hand their events over and go on; a task in the background writes all that is waiting at once.
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
    let mut batch = Vec::with_capacity(BATCH);
    while queue.recv_many(&mut batch, BATCH).await > 0 {
        let mut pipeline = redis::pipe();
        for (job, event) in &batch {
            let position = event.position.to_event_id();
            pipeline.cmd("XADD").arg(key(*job)).arg("MAXLEN").arg("~").arg(MOST_EVENTS).arg("*");
            pipeline.arg("name").arg(&*event.name).arg("data").arg(&event.data).arg("position").arg(position).ignore();
        }
        for job in batch.drain(..).map(|(job, _)| job).collect::<HashSet<_>>() {
            pipeline.cmd("EXPIRE").arg(key(job)).arg(LIVES_SECS).ignore();
        }
        // Never twice: what was sent may have arrived although the answer did not.
        redis.run(async |mut connection| pipeline.query_async::<()>(&mut connection).await).await;
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
                        self.ready.extend(event_of(&entry.map));
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

/// `None` for what is no event of ours.
fn event_of(fields: &HashMap<String, redis::Value>) -> Option<JobEvent> {
    let text = |name: &str| redis::from_redis_value_ref::<String>(fields.get(name)?).ok();
    Some(JobEvent {
        name: text("name")?.into(),
        data: text("data")?,
        position: Position::from_event_id(&text("position")?)?,
    })
}
