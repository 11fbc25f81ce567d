//! The one connection to Redis, and the breaker in front of it.
//!
//! Nothing of value lives in Redis, so nobody waits for it: a call that fails or takes longer than `PATIENCE` makes
//! it count as away, and so do a few slow ones in a row; then every call fails at once. A task in the background tries to
//! reach it again, after a rest that grows; no request ever has to find out. All calls of one request together wait no
//! longer than one may.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, ErrorKind, IntoConnectionInfo, RedisError, RedisResult, ServerErrorKind};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::watch;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};
use url::Url;

use super::config::Reader;
use super::patience::{self, Source};
use super::tasks::keep;

/// What servers that share a database share besides it. There when `REDIS_URL` is set.
#[derive(Debug, Clone)]
pub struct RedisConfig {
    /// `REDIS_URL`: `redis://` or, over TLS with the system's trusted CAs, `rediss://`. It may carry a password.
    pub url: SecretString,
}

impl RedisConfig {
    pub(crate) fn read(reader: &mut Reader) -> Option<Self> {
        let text = reader.text("REDIS_URL")?;
        // A fragment is how the driver is told not to check certificates, which is not on offer here.
        let is_redis =
            |url: Url| matches!(url.scheme(), "redis" | "rediss") && url.has_host() && url.fragment().is_none();
        if !Url::parse(text).is_ok_and(is_redis) || redis::Client::open(text).is_err() {
            reader.problem("REDIS_URL", "is not a redis:// or rediss:// URL");
            return None;
        }
        Some(Self { url: SecretString::from(text) })
    }
}

/// How long a call may take, and all calls of a request.
const PATIENCE: Duration = Duration::from_millis(500);
/// A call that takes longer is slow, and [`SLOW_CALLS`] in a row are one failure: it is better to go on alone.
const SLOW: Duration = Duration::from_millis(200);
const SLOW_CALLS: u32 = 3;
/// Less of a request's patience is not worth a try.
const TOO_LITTLE: Duration = Duration::from_millis(20);
/// How long a call waits for the very first connection.
const FIRST_PATIENCE: Duration = Duration::from_millis(250);
/// How long making a connection may take. In the background, so over TLS to another continent is fine.
const CONNECT_PATIENCE: Duration = Duration::from_secs(2);
/// So often a new connection is tried; one fast answer is enough.
const PROBES: usize = 3;
const FIRST_REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(5);
/// A connection that lasted so long was a good one: the next rest is short again.
const GOOD_AFTER: Duration = Duration::from_secs(30);
/// How often a connection is tried that nobody may be using.
const PROBE_EVERY: Duration = Duration::from_secs(5);
const TOO_SLOW: &str = "it answers too slowly";
/// Commands that wait for a slow Redis before those who send them have to.
const SEND_BUFFER: usize = 512;

/// A handle to Redis; cheap to clone. The connection ends with the last of them.
#[derive(Clone)]
pub struct Redis(Arc<Shared>);

struct Shared {
    client: Client,
    link: watch::Sender<Link>,
    /// Slow calls in a row.
    slow_calls: AtomicU32,
}

#[derive(Clone)]
enum Link {
    /// Not tried yet.
    Connecting,
    Up {
        /// Which one, so that a late failure of an old one says nothing of the new.
        number: u64,
        connection: MultiplexedConnection,
    },
    Away {
        problem: String,
    },
}

impl Link {
    const fn is(&self, wanted: u64) -> bool {
        matches!(self, Self::Up { number, .. } if *number == wanted)
    }
}

impl Redis {
    /// Begins to connect, and goes on by itself whenever the connection is lost. Needs a running Tokio.
    ///
    /// # Errors
    /// When the URL is none of Redis.
    pub fn open(config: &RedisConfig) -> RedisResult<Self> {
        let shared = Arc::new(Shared {
            client: client(config)?,
            link: watch::Sender::new(Link::Connecting),
            slow_calls: AtomicU32::new(0),
        });
        let weak = Arc::downgrade(&shared);
        tokio::spawn(keep("connection to Redis", move || keep_connected(weak.clone())));
        Ok(Self(shared))
    }

    /// What `work` comes to; `None` at once while Redis is away, and after `PATIENCE` at the latest: less, where the request
    /// has waited for Redis before.
    pub async fn run<T, F>(&self, work: F) -> Option<T>
    where
        F: AsyncFnOnce(MultiplexedConnection) -> RedisResult<T>,
    {
        let left = patience::left(Source::Redis, PATIENCE).unwrap_or(PATIENCE);
        if left < TOO_LITTLE {
            return None;
        }
        let mut link = self.0.link.subscribe();
        let decided = timeout(FIRST_PATIENCE, link.wait_for(|link| !matches!(link, Link::Connecting))).await;
        let Link::Up { number, connection } = decided.ok()?.ok()?.clone() else { return None };
        let begun = Instant::now();
        let answer = tokio::select! {
            answer = patience::wait(Source::Redis, PATIENCE, Some(PATIENCE), work(connection)) => answer,
            // Somebody else has waited long enough already.
            _ = link.wait_for(|link| !link.is(number)) => return None,
        };
        match answer {
            Some(Ok(value)) => {
                let took = begun.elapsed();
                self.time(number, if took < SLOW { took } else { took.saturating_sub(busy().await) });
                return Some(value);
            }
            Some(Err(error)) => self.lose(number, kind_of(&error)),
            // It had less time than others have.
            None if left < PATIENCE => self.time(number, PATIENCE),
            None => self.lose(number, "no answer in time"),
        }
        None
    }

    /// A call took so long.
    fn time(&self, number: u64, took: Duration) {
        if took < SLOW {
            self.0.slow_calls.store(0, Ordering::Relaxed);
        } else if self.0.slow_calls.fetch_add(1, Ordering::Relaxed) + 1 >= SLOW_CALLS {
            self.0.slow_calls.store(0, Ordering::Relaxed);
            self.lose(number, TOO_SLOW);
        }
    }

    /// Why Redis cannot be used now, as a kind: whoever asks may read it.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        match &*self.0.link.borrow() {
            Link::Up { .. } => None,
            Link::Connecting => Some("connecting".to_owned()),
            Link::Away { problem } => Some(problem.clone()),
        }
    }

    /// Everybody fails at once from now on; said once.
    fn lose(&self, number: u64, problem: &str) {
        let was_up = self.0.link.send_if_modified(|link| {
            let is_it = link.is(number);
            if is_it {
                *link = Link::Away { problem: problem.to_owned() };
            }
            is_it
        });
        if was_up {
            tracing::warn!(problem, "Redis is away; this process goes on alone");
        }
    }
}

/// About how long a task has waited for its turns during a call: where this process is busy, that is not Redis being slow.
async fn busy() -> Duration {
    let begun = Instant::now();
    yield_now().await;
    // To send, to receive, and to be woken.
    begun.elapsed() * 3
}

/// Connects once and sees whether Redis can be written to; for `tessera check`.
///
/// # Errors
/// What is wrong, for people; never the password.
pub async fn try_out(config: &RedisConfig) -> Result<String, String> {
    let client = client(config).map_err(|error| error.to_string())?;
    connect(&client).await.map_err(|trouble| trouble.text)?;
    Ok(client.get_connection_info().addr().to_string())
}

fn client(config: &RedisConfig) -> RedisResult<Client> {
    let info = config.url.expose_secret().into_connection_info()?;
    // Without it small commands wait for the acknowledgement of the one before.
    Client::open(info.set_tcp_settings(TcpSettings::default().set_nodelay(true)))
}

/// Why there is no connection.
struct Trouble {
    /// For everybody.
    kind: &'static str,
    /// For whoever runs the server, and only where it is asked for: the other side's words may be in it.
    text: String,
}

impl From<RedisError> for Trouble {
    fn from(error: RedisError) -> Self {
        Self { kind: kind_of(&error), text: error.to_string() }
    }
}

impl From<&'static str> for Trouble {
    fn from(kind: &'static str) -> Self {
        Self { kind, text: kind.to_owned() }
    }
}

/// A connection that is known to work.
async fn connect(client: &Client) -> Result<MultiplexedConnection, Trouble> {
    // The time is kept here, over all the steps.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None)
        .set_pipeline_buffer_size(SEND_BUFFER);
    let connected = timeout(CONNECT_PATIENCE, async {
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        let mut fastest = Duration::MAX;
        for _ in 0..PROBES {
            let begun = Instant::now();
            probe(&mut connection).await?;
            fastest = fastest.min(begun.elapsed());
            if fastest < SLOW {
                break;
            }
        }
        Ok::<_, RedisError>((connection, fastest))
    });
    match connected.await {
        Ok(Ok((_, fastest))) if fastest >= SLOW => Err(TOO_SLOW.into()),
        Ok(Ok((connection, _))) => Ok(connection),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err("no answer in time".into()),
    }
}

/// What kind of error it is. Its text is the other side's: it has what was answered in it, and so what users wrote.
fn kind_of(error: &RedisError) -> &'static str {
    match error.kind() {
        _ if error.is_connection_refusal() => "the connection was refused",
        _ if error.is_connection_dropped() => "the connection was lost",
        _ if error.is_timeout() => "no answer in time",
        ErrorKind::Io => "it cannot be reached",
        ErrorKind::AuthenticationFailed => "it does not take this name and password",
        ErrorKind::InvalidClientConfig => "REDIS_URL cannot be used",
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => "it answered something that was not expected",
        ErrorKind::Server(ServerErrorKind::BusyLoading) => "it is loading its data",
        ErrorKind::Server(ServerErrorKind::ReadOnly) => "it is read-only",
        ErrorKind::Server(ServerErrorKind::MasterDown | ServerErrorKind::ClusterDown) => "its cluster is down",
        // Redis' own word for it, of those that are known.
        _ => match error.code() {
            Some("NOAUTH") => "it wants a password",
            Some("WRONGPASS") => "it does not take this name and password",
            Some("OOM") => "its memory is full",
            Some("MISCONF") => "it cannot save its data",
            Some("NOPERM") => "it does not allow this",
            _ => "it answered an error",
        },
    }
}

/// A write, as a Redis that is full, loading or a replica answers a PING as well.
async fn probe(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    redis::cmd("SET").arg("tessera:probe").arg("1").arg("EX").arg("60").query_async(connection).await
}

/// Connects, waits until the connection is lost, rests, and connects again, for as long as there is a handle.
async fn keep_connected(shared: Weak<Shared>) {
    let mut rest = FIRST_REST;
    for number in 0.. {
        let Some(redis) = shared.upgrade().map(Redis) else { return };
        let connected = connect(&redis.0.client).await;
        let mut link = redis.0.link.subscribe();
        match connected {
            Ok(connection) => {
                tracing::info!("Redis is reached");
                redis.0.link.send_replace(Link::Up { number, connection });
                drop(redis);
                let since = Instant::now();
                while timeout(PROBE_EVERY, link.wait_for(|link| !link.is(number))).await.is_err() {
                    let Some(redis) = shared.upgrade().map(Redis) else { return };
                    redis.run(async |mut connection| probe(&mut connection).await).await;
                }
                if since.elapsed() >= GOOD_AFTER {
                    rest = FIRST_REST;
                }
            }
            Err(Trouble { kind: problem, .. }) => {
                let is_new = matches!(*link.borrow(), Link::Connecting);
                if is_new {
                    tracing::warn!(problem, "Redis cannot be reached; this process goes on alone");
                }
                redis.0.link.send_replace(Link::Away { problem: problem.to_owned() });
            }
        }
        sleep(rest).await;
        rest = (rest * 2).min(LONGEST_REST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_other_side_says_is_told_to_nobody() {
        let said = "WORD of a user";
        for error in [
            RedisError::from((ErrorKind::UnexpectedReturnType, "not compatible", said.to_owned())),
            RedisError::from((ErrorKind::Parse, "no reply", said.to_owned())),
            RedisError::from((ErrorKind::Extension, "WORD", said.to_owned())),
            RedisError::from((ErrorKind::Io, "gone", said.to_owned())),
            RedisError::from((ErrorKind::Server(ServerErrorKind::ResponseError), "an error", said.to_owned())),
            RedisError::from(std::io::Error::other(said)),
        ] {
            assert!(!kind_of(&error).contains("WORD"), "{error}");
        }
        let refused = RedisError::from(std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
        assert_eq!(kind_of(&refused), "the connection was refused");
    }
}
