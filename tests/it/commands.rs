//! What a message and a page cost the databases: every command of MongoDB and of Redis, counted on the way there. No timer of the
//! background runs, and nothing is measured in time.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;
use tessera::app::router;
use tessera::app::state::AppState;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::fake_openai::FakeOpenAi;
use crate::mongod::{Kind, Mongod};
use crate::servers::RedisServer;
use crate::support::{User, assert_audit_is_clean, config, site_options};

/// So long nothing more may come before something is taken for done.
const QUIET: Duration = Duration::from_millis(700);
/// What the driver asks for itself.
const OF_THE_DRIVER: [&str; 5] = ["hello", "isMaster", "ismaster", "ping", "endSessions"];
/// Records off the path, of all that happened in a tenth of a second.
const RECORDS: [&str; 2] = ["attempts", "traces"];

/// Messages at once.
const CROWD: usize = 32;

type Seen = Arc<Mutex<Vec<String>>>;

/// A way to MongoDB on which commands are seen.
async fn tap(server: SocketAddr) -> (SocketAddr, Seen) {
    let (listener, seen) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), Seen::default());
    let (addr, of_all) = (listener.local_addr().unwrap(), seen.clone());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pass_on(client, server, of_all.clone()));
        }
    });
    (addr, seen)
}

async fn pass_on(client: TcpStream, server: SocketAddr, seen: Seen) {
    // It has been ended, at the end of a test.
    let Ok(server) = TcpStream::connect(server).await else { return };
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    tokio::spawn(async move { _ = tokio::io::copy(&mut from_server, &mut to_client).await });
    loop {
        let mut head = [0; 4];
        if from_client.read_exact(&mut head).await.is_err() {
            return;
        }
        let mut message = vec![0; usize::try_from(i32::from_le_bytes(head)).unwrap()];
        message[..4].copy_from_slice(&head);
        if from_client.read_exact(&mut message[4..]).await.is_err() {
            return;
        }
        if let Some(command) = command_of(&message).filter(|command| !OF_THE_DRIVER.contains(&command.as_str())) {
            seen.lock().unwrap().push(command);
        }
        if to_server.write_all(&message).await.is_err() {
            return;
        }
    }
}

/// The command of an `OP_MSG` and what it is for: the first field of its first section.
fn command_of(message: &[u8]) -> Option<String> {
    const OP_MSG: [u8; 4] = 2013_i32.to_le_bytes();
    // The head, the flags, the kind of the section, and the length of its document.
    let first = message.get(25..).filter(|_| message[12..16] == OP_MSG)?;
    let (kind, rest) = first.split_first()?;
    let name = rest.split(|byte| *byte == 0).next()?;
    let value = rest.get(name.len() + 5..).and_then(|value| value.split(|byte| *byte == 0).next());
    let name = String::from_utf8_lossy(name).into_owned();
    let of = value.filter(|_| *kind == 2).map(|value| String::from_utf8_lossy(value).into_owned());
    Some(of.map_or_else(|| name.clone(), |of| format!("{name} {of}")))
}

/// What Redis is asked, and what scripts ask in it.
async fn monitor(redis: &RedisServer) -> Seen {
    let mut connection = TcpStream::connect(redis.addr()).await.unwrap();
    connection.write_all(b"MONITOR\r\n").await.unwrap();
    let (seen, mut lines) = (Seen::default(), BufReader::new(connection).lines());
    assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("+OK"));
    let all = seen.clone();
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            let name = line.split('"').nth(1).unwrap_or_default().to_uppercase();
            if !line.contains("tessera:probe") && !["CLIENT", "HELLO"].contains(&name.as_str()) {
                all.lock().unwrap().push(if line.contains(" lua] ") { format!("({name})") } else { name });
            }
        }
    });
    seen
}

/// What something cost.
struct Cost {
    mongo: Vec<String>,
    /// Those that were written down some time soon, with all others of that time.
    records: usize,
    /// Those in scripts in parentheses.
    redis: Vec<String>,
    /// Writes of events that come on top, one for each 60 ms that it took: two commands each.
    late: usize,
}

impl Cost {
    fn sent(&self) -> usize {
        self.redis.iter().filter(|command| !command.starts_with('(')).count()
    }

    /// Says what it is, and that it is no more.
    fn at_most(&self, what: &str, mongo: usize, sent: usize, redis: usize) {
        let line = format!(
            "{what}: MongoDB {} {:?} (and {} records), Redis {} of {} {:?}\n",
            self.mongo.len(),
            self.mongo,
            self.records,
            self.sent(),
            self.redis.len(),
            self.redis,
        );
        std::io::stdout().write_all(line.as_bytes()).unwrap();
        assert!(self.mongo.len() <= mongo, "at most {mongo} of MongoDB: {line}");
        let (sent, redis) = (sent + 2 * self.late, redis + 2 * self.late);
        assert!(self.sent() <= sent && self.redis.len() <= redis, "at most {sent} of {redis} of Redis: {line}");
    }
}

/// A server over both databases, without its timers, and a user with conversations and entries in the ledger.
struct Watched {
    state: AppState,
    user: User,
    mongo: Seen,
    redis: Seen,
    _kept: (Mongod, RedisServer, FakeOpenAi, TempDir),
}

impl Watched {
    async fn start(more: &[(&str, &str)]) -> Self {
        let (mongod, redis) = (Mongod::start(Kind::Standalone).await, RedisServer::start().await);
        let (upstream, data) = (FakeOpenAi::start().await, TempDir::new().unwrap());
        let (addr, of_mongo) = tap(mongod.addr()).await;
        let of_redis = monitor(&redis).await;
        let (uri, url) = (mongod.uri_through(addr), redis.url());
        let vars =
            [&[("MONGODB_URI", uri.as_str()), ("REDIS_URL", url.as_str()), ("FREE_CREDITS", "100")], more].concat();
        let state = AppState::build(config(&data, &upstream.base_url(), &vars), site_options()).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut user = User::new(listener.local_addr().unwrap());
        let served = router::build(&state).into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, served).await.unwrap() });
        user.register().await;
        for n in 0..4 {
            assert_eq!(user.chat(&format!("#tokens=2 before {n}")).await.0, 200);
        }
        Self { state, user, mongo: of_mongo, redis: of_redis, _kept: (mongod, redis, upstream, data) }
    }

    async fn cost(&self, of: impl Future<Output = ()>) -> Cost {
        self.until_quiet().await;
        self.mongo.lock().unwrap().clear();
        self.redis.lock().unwrap().clear();
        let begun = Instant::now();
        of.await;
        let late = usize::try_from(begun.elapsed().as_millis() / 60).unwrap();
        self.until_quiet().await;
        let (records, mongo): (Vec<_>, Vec<_>) = self
            .mongo
            .lock()
            .unwrap()
            .drain(..)
            .partition(|command| RECORDS.iter().any(|collection| command.ends_with(&format!(" {collection}"))));
        Cost { mongo, records: records.len(), redis: self.redis.lock().unwrap().drain(..).collect(), late }
    }

    async fn until_quiet(&self) {
        let counts = || (self.mongo.lock().unwrap().len(), self.redis.lock().unwrap().len());
        let mut before = counts();
        loop {
            sleep(QUIET).await;
            let now = counts();
            if now == before {
                return;
            }
            before = now;
        }
    }

    /// A message, followed to its end.
    async fn stream(&self, body: &Value) -> Value {
        let (_, last) = self.user.chat_stream(body).await.rest().await;
        assert_eq!(last.event, "done", "{}", last.data);
        serde_json::from_str(&last.data).unwrap()
    }

    async fn page(&self, path: &str) {
        let page = self.user.get(path).send().await.unwrap();
        assert_eq!(page.status(), 200);
        assert!(page.text().await.unwrap().contains("before 2"), "the page has the history");
    }

    async fn newest_conversation(&self) -> String {
        let (_, list) = self.user.get_json("/api/conversations").await;
        list["data"]["items"][0]["id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_and_a_page_cost_the_databases_so_many_commands() {
    let watched = Watched::start(&[]).await;
    let conversation = watched.newest_conversation().await;
    let cost = watched.cost(async { drop(watched.stream(&json!({"message": "#tokens=8 a new one"})).await) }).await;
    cost.at_most("a message that begins a conversation", 7, 5, 8);
    let goes_on = json!({"message": "#tokens=8 and on", "conversationId": conversation});
    let cost = watched.cost(async { drop(watched.stream(&goes_on).await) }).await;
    cost.at_most("a message that goes on", 8, 5, 8);
    let cost = watched.cost(async { assert_eq!(watched.user.chat("#tokens=8 as JSON").await.0, 200) }).await;
    cost.at_most("the same, awaited", 7, 5, 8);
    watched.cost(watched.page("/chat")).await.at_most("/chat", 3, 0, 0);
    watched.cost(watched.page(&format!("/chat/{conversation}"))).await.at_most("/chat/{id}", 5, 0, 0);
    watched.cost(watched.page("/dashboard")).await.at_most("/dashboard", 10, 0, 0);
    // What comes at the same time shares commands; with this come a few that move entries into the ledger.
    let user = &watched.user;
    let crowd = join_all((0..CROWD).map(|n| async move { user.chat(&format!("#tokens=8 at once {n}")).await.0 }));
    let mut cost = watched.cost(async { assert_eq!(crowd.await, [200; CROWD]) }).await;
    cost.late *= CROWD;
    cost.at_most("32 at once", 10 * CROWD, 5 * CROWD, 8 * CROWD);
    assert_audit_is_clean(watched.state.stores.credits.as_ref()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cached_message_costs_the_databases_so_many_commands() {
    let watched = Watched::start(&[("CHAT_CACHE", "user")]).await;
    let message = json!({"message": "#tokens=8 again"});
    let cost = watched.cost(async { assert_eq!(watched.stream(&message).await["cached"], false) }).await;
    cost.at_most("a message whose answer is kept", 7, 8, 19);
    let cost = watched.cost(async { assert_eq!(watched.stream(&message).await["cached"], true) }).await;
    cost.at_most("a cached message", 5, 2, 6);
    assert_audit_is_clean(watched.state.stores.credits.as_ref()).await;
}
