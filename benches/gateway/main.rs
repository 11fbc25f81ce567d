//! What Tessera adds to a call of an OpenAI-compatible server, with accounts, keys, limits, cache and ledger all on.
//!
//! The upstream answers at once. Calls straight to it and calls through `/v1` take turns, so that whatever else the
//! machine does meets both. What the store's commits for one reply take, with nothing else around them, is measured in
//! the same run: hold, exchange, reply and settlement, one after the other, as every reply has to make them. Then the dialects of
//! `/v1` take turns: what each adds to the upstream, beside what chat completions add.
//! `cargo bench --features ssr --bench gateway`, after a release build.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a program for people"
)]

#[path = "../tests/it/mongod.rs"]
#[expect(dead_code, reason = "tests use more of it")]
mod mongod;
#[path = "../tests/it/servers.rs"]
#[expect(dead_code, reason = "tests use more of it")]
mod servers;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post;
use axum::serve::ListenerExt;
use mongod::{Kind, Mongod, free_addr};
use reqwest::Client;
use reqwest::header::{COOKIE, SET_COOKIE};
use serde_json::{Value, json};
use servers::RedisServer;
use tempfile::TempDir;
use tessera::account::Role;
use tessera::account::server::sessions::UserStatus;
use tessera::account::server::store::User;
use tessera::app::config::Config;
use tessera::app::stores::Stores;
use tessera::chat::MessageState;
use tessera::chat::server::store::{FinishedReply, NewExchange};
use tessera::credits::server::store::{HoldEnd, HoldOutcome, NewHold, WorkKind};
use tessera::platform::amount::Amount;
use tessera::platform::ids::{ConversationId, MessageId, UserId, WorkId};
use uuid::Uuid;

type Vars = BTreeMap<String, String>;

/// Calls of each kind, one after the other.
const ROUNDS: usize = 400;
/// How long many at once go on.
const RUN: Duration = Duration::from_secs(5);

fn say(text: &str) {
    std::io::stdout().write_all(format!("{text}\n").as_bytes()).unwrap();
}

#[tokio::main]
async fn main() {
    let upstream = start_upstream().await;
    let data = TempDir::new().unwrap();
    let mut vars = Vars::from([
        ("DATA_DIR".to_owned(), data.path().to_str().unwrap().to_owned()),
        ("CHAT_PROVIDERS".to_owned(), "openai".to_owned()),
        ("OPENAI_BASE_URL".to_owned(), format!("http://{upstream}/v1")),
        ("OPENAI_MODEL".to_owned(), "mock".to_owned()),
        ("FREE_CREDITS".to_owned(), "1000000000".to_owned()),
        ("APP_SECRET".to_owned(), "the secret of all servers of this bench".to_owned()),
        ("RATE_LIMIT_PER_MINUTE".to_owned(), "1000000000".to_owned()),
    ]);
    run("SQLite", upstream, &vars).await;
    let (mongod, redis) = (Mongod::start(Kind::ReplicaSet).await, RedisServer::start().await);
    vars.insert("MONGODB_URI".to_owned(), mongod.uri());
    vars.insert("REDIS_URL".to_owned(), redis.url());
    run("MongoDB (replica set) and Redis", upstream, &vars).await;
}

/// Answers everything with the same eight tokens.
async fn start_upstream() -> SocketAddr {
    let chunk = |delta: Value, finish: Value| {
        let choice = json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish});
        format!(
            "data: {}\n\n",
            json!({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "mock", "choices": [choice]})
        )
    };
    let mut body = chunk(json!({"role": "assistant", "content": ""}), Value::Null);
    for n in 1..=8 {
        body += &chunk(json!({ "content": format!("word{n} ") }), Value::Null);
    }
    body += &chunk(json!({}), json!("stop"));
    body += "data: [DONE]\n\n";
    let answer = move || async move { ([(CONTENT_TYPE, "text/event-stream")], body) };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let listener = listener.tap_io(|connection| connection.set_nodelay(true).unwrap());
    let app = Router::new().route("/v1/chat/completions", post(answer));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    addr
}

async fn run(name: &str, upstream: SocketAddr, vars: &Vars) {
    let stores = Stores::open(&Config::from_vars(vars).unwrap()).await.unwrap();
    let (_server, addr) = start(vars);
    let http = Client::builder().pool_max_idle_per_host(256).tcp_nodelay(true).build().unwrap();
    let direct = Caller { http: http.clone(), addr: upstream, key: "none".into(), dialect: Dialect::Chat };
    let through = Caller { key: make_key(&http, addr).await, http, addr, dialect: Dialect::Chat };
    for caller in [&direct, &through] {
        for _ in 0..50 {
            caller.call("warm up").await;
        }
    }
    let user = new_user(&stores).await;
    for _ in 0..50 {
        write_reply(&stores, user).await;
    }

    let (mut straight, mut passed, mut written) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        straight.push(direct.call("hello").await);
        passed.push(through.call("hello").await);
        written.push(write_reply(&stores, user).await);
    }
    let micros = |calls: &[(f64, f64)], part: fn(&(f64, f64)) -> f64| Figures::of(calls.iter().map(part).collect());
    say(&format!("\n{name}: one at a time, {ROUNDS} streamed calls each (us)"));
    say("                        p50     p99   over upstream: p50     p99   and over the store: p50     p99");
    let store = Figures::of(written);
    let line = |what: &str, direct: Figures, through: Figures| {
        let (p50, p99) = (through.p50 - direct.p50, through.p99 - direct.p99);
        say(&format!(
            "  {what:<16} {:>8.0} {:>7.0} {p50:>20.0} {p99:>7.0} {:>25.0} {:>7.0}",
            through.p50,
            through.p99,
            p50 - store.p50,
            p99 - store.p99
        ));
    };
    let whole: fn(&(f64, f64)) -> f64 = |call| call.1;
    let first: fn(&(f64, f64)) -> f64 = |call| call.0;
    line("whole answer", micros(&straight, whole), micros(&passed, whole));
    line("first token", micros(&straight, first), micros(&passed, first));
    say(&format!("  the store alone  {:>7.0} {:>7.0}", store.p50, store.p99));

    compare_dialects(&direct, &through).await;

    say("  at once   requests/s   p50 ms   p99 ms   upstream alone: requests/s   p99 ms   ratio");
    for concurrency in [32, 256] {
        let (alone, alone_rate) = load(&direct, concurrency).await;
        let (figures, rate) = load(&through, concurrency).await;
        say(&format!(
            "  {concurrency:>7} {rate:>12.0} {:>8.1} {:>8.1} {alone_rate:>28.0} {:>8.1} {:>7.2}",
            figures.p50 / 1e3,
            figures.p99 / 1e3,
            alone.p99 / 1e3,
            rate / alone_rate
        ));
    }
}

/// What each dialect adds to the upstream, all of them in turn.
async fn compare_dialects(direct: &Caller, through: &Caller) {
    let callers = Dialect::ALL.map(|dialect| Caller { dialect, ..through.clone() });
    let (mut straight, mut passed) = (Vec::new(), Dialect::ALL.map(|_| Vec::new()));
    for _ in 0..ROUNDS {
        straight.push(direct.call("hello").await.1);
        for (caller, took) in callers.iter().zip(&mut passed) {
            took.push(caller.call("hello").await.1);
        }
    }
    let upstream = Figures::of(straight).p50;
    let over = passed.map(|took| Figures::of(took).p50 - upstream);
    say("  dialect                    over upstream: p50 us   beside chat completions");
    for (dialect, took) in Dialect::ALL.iter().zip(over) {
        let name = format!("{dialect:?}");
        say(&format!("  {name:<26} {took:>21.0} {:>25.2}", took / over[0]));
    }
}

/// What is spoken to the server.
#[derive(Debug, Clone, Copy)]
enum Dialect {
    Chat,
    Messages,
    Responses,
    UnstoredResponses,
}

impl Dialect {
    const ALL: [Self; 4] = [Self::Chat, Self::Messages, Self::Responses, Self::UnstoredResponses];

    /// Where it is spoken, what is asked, and what its last event has.
    fn ask(self, content: &str) -> (&'static str, Value, &'static str) {
        let messages = json!([{"role": "user", "content": content}]);
        let body = |more: Value| {
            let mut body = json!({"model": "mock", "stream": true});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body
        };
        let response = |stored: bool| body(json!({"input": content, "store": stored}));
        match self {
            Self::Chat => ("chat/completions", body(json!({"messages": messages})), "[DONE]"),
            Self::Messages => ("messages", body(json!({"messages": messages, "max_tokens": 500})), "message_stop"),
            Self::Responses => ("responses", response(true), "response.completed"),
            Self::UnstoredResponses => ("responses", response(false), "response.completed"),
        }
    }
}

#[derive(Clone)]
struct Caller {
    http: Client,
    addr: SocketAddr,
    key: String,
    dialect: Dialect,
}

impl Caller {
    /// Until the first token and until the end, in microseconds. No two questions are alike, so none is in the cache.
    async fn call(&self, question: &str) -> (f64, f64) {
        let content = format!("{question} {}", Uuid::now_v7());
        let (path, body, end) = self.dialect.ask(&content);
        let url = format!("http://{}/v1/{path}", self.addr);
        let begun = Instant::now();
        let mut response = self.http.post(url).bearer_auth(&self.key).json(&body).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let (mut seen, mut first) = (Vec::new(), None);
        while let Some(bytes) = response.chunk().await.unwrap() {
            seen.extend_from_slice(&bytes);
            if first.is_none() && seen.windows(5).any(|window| window == b"word1") {
                first = Some(begun.elapsed());
            }
        }
        let whole = begun.elapsed();
        let seen = String::from_utf8_lossy(&seen);
        assert!(seen.ends_with("\n\n") && seen.contains(end), "{seen}");
        (first.unwrap().as_secs_f64() * 1e6, whole.as_secs_f64() * 1e6)
    }
}

struct Figures {
    p50: f64,
    p99: f64,
}

impl Figures {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |part: f64| values[((values.len() - 1) as f64 * part) as usize];
        Self { p50: at(0.5), p99: at(0.99) }
    }
}

/// So many at once for a while: their times, and how many a second.
async fn load(caller: &Caller, concurrency: usize) -> (Figures, f64) {
    let begun = Instant::now();
    let workers: Vec<_> = (0..concurrency)
        .map(|_| {
            let caller = caller.clone();
            tokio::spawn(async move {
                let mut took = Vec::new();
                while begun.elapsed() < RUN {
                    took.push(caller.call("load").await.1);
                }
                took
            })
        })
        .collect();
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await.unwrap());
    }
    let rate = all.len() as f64 / begun.elapsed().as_secs_f64();
    (Figures::of(all), rate)
}

async fn new_user(stores: &Stores) -> UserId {
    let user = User {
        id: UserId::now_v7(),
        email: format!("{}@example.org", Uuid::now_v7().simple()),
        name: "Bench".into(),
        password_hash: None,
        email_verified_at: None,
        role: Role::User,
        status: UserStatus::Active,
    };
    assert!(stores.accounts.create_user(user.clone()).await.unwrap());
    user.id
}

/// What every reply has to write, in microseconds.
async fn write_reply(stores: &Stores, user: UserId) -> f64 {
    let (message_id, id) = (MessageId::now_v7(), WorkId::now_v7());
    let hold = NewHold {
        id,
        owner: user.into(),
        user,
        kind: WorkKind::Chat,
        amount: Amount::credits(1),
        least: Amount::credits(1),
        ceiling: Amount::credits(1),
        price_version: String::new(),
        request_id: "bench".into(),
        idempotency: None,
        key: None,
        limits: Vec::new(),
        lease_until: i64::MAX,
    };
    let taken = hold.held();
    let exchange = NewExchange {
        user,
        conversation: ConversationId::now_v7(),
        new_title: Some("hello".into()),
        system_prompt: None,
        picked: None,
        hidden: true,
        replaces: None,
        message_id,
        text: "hello".into(),
        images: Vec::new(),
        reply_id: id.into(),
        provider: "openai".into(),
        model: "mock".into(),
        answer: None,
    };
    let reply = FinishedReply {
        id: id.into(),
        state: MessageState::Complete,
        text: "word1 word2 word3 word4 word5 word6 word7 word8 ".into(),
        calls: Vec::new(),
        thinking: None,
        provider: "openai".into(),
        model: "mock".into(),
        fallback_from: None,
        cached: false,
        cut: None,
        credits: Amount::credits(1),
        error_code: None,
        usage: None,
        price_version: None,
    };
    let begun = Instant::now();
    assert!(matches!(stores.credits.hold(hold).await.unwrap(), HoldOutcome::Held { .. }));
    stores.chats.begin_exchange(exchange, 0).await.unwrap().unwrap();
    assert!(stores.chats.finish_reply(reply).await.unwrap());
    stores.credits.end_hold(&taken, HoldEnd::Settle(Amount::MAX), None).await.unwrap();
    begun.elapsed().as_secs_f64() * 1e6
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn start(vars: &Vars) -> (Server, SocketAddr) {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let addr = free_addr();
    let child = Command::new(root.join("target/release/tessera"))
        .current_dir(&root)
        .envs(vars)
        .env("SITE_ADDR", addr.to_string())
        .env("RUST_LOG", "warn")
        .stderr(Stdio::null())
        .spawn()
        .expect("target/release/tessera: run make build first");
    let server = Server(child);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(30) {
        if let Ok(mut connection) = std::net::TcpStream::connect(addr) {
            connection.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").unwrap();
            let mut answer = String::new();
            _ = connection.read_to_string(&mut answer);
            if answer.starts_with("HTTP/1.0 200") {
                return (server, addr);
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("the server did not start");
}

async fn make_key(http: &Client, addr: SocketAddr) -> String {
    let email = format!("{}@example.org", Uuid::now_v7().simple());
    let body = json!({"email": email, "password": "correct horse battery"});
    let response = http.post(format!("http://{addr}/api/auth/register")).json(&body).send().await.unwrap();
    assert_eq!(response.status(), 201);
    let cookie = response.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let request = http.post(format!("http://{addr}/api/account/keys")).header(COOKIE, cookie);
    let made: Value = request.json(&json!({"name": "bench"})).send().await.unwrap().json().await.unwrap();
    made["data"]["key"].as_str().unwrap().to_owned()
}
