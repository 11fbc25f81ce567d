//! What Tessera adds to a call of an OpenAI-compatible server, with accounts, keys, limits, cache and ledger all on.
//!
//! The upstream answers at once. Calls straight to it and calls through `/v1` take turns, so that whatever else the
//! machine does meets both. What the store's commits for one reply take, with nothing else around them, is measured in
//! the same run: hold, exchange, reply and settlement, one after the other, as every reply has to make them. Then the dialects of
//! `/v1` take turns: what each adds to the upstream, beside what chat completions add. Then many ask at once, for answers and for pages.
//! `cargo bench --features ssr --bench gateway`, after a release build.
//!
//! - `BEFORE`: a checkout of another commit with its release build, which takes turns with this one.
//! - `GATEWAY_STORES`: `sqlite`, `mongodb`, or both.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a program for people"
)]

mod caller;
#[path = "../../tests/it/mongod.rs"]
#[expect(dead_code, reason = "tests use more of it")]
mod mongod;
mod server;
#[path = "../../tests/it/servers.rs"]
#[expect(dead_code, reason = "tests use more of it")]
mod servers;
mod written;

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::post;
use axum::serve::ListenerExt;
use caller::{Ask, Caller, median, percentile};
use mongod::{Kind, Mongod};
use reqwest::Client;
use serde_json::{Value, json};
use server::{Program, Server};
use servers::RedisServer;
use tempfile::TempDir;
use tessera::app::config::Config;
use tessera::app::stores::Stores;
use written::{new_user, write_reply};

type Vars = BTreeMap<String, String>;
/// A part of the times that a call took.
type Part = fn(&(f64, f64)) -> f64;

/// Calls of each kind, one after the other.
const ROUNDS: usize = 400;
/// How often many at once take their turn, and how long that lasts.
const TURNS: usize = 3;
const TURN: Duration = Duration::from_secs(1);
/// How many ask at once.
const LADDER: [usize; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];
const FEW: [usize; 3] = [1, 8, 32];
/// Milliseconds that 99 of 100 are to take at most.
const BOUNDS: [f64; 4] = [1.0, 5.0, 10.0, 50.0];

fn say(text: &str) {
    std::io::stdout().write_all(format!("{text}\n").as_bytes()).unwrap();
}

#[tokio::main]
async fn main() {
    let upstream = start_upstream().await;
    let stores = std::env::var("GATEWAY_STORES").unwrap_or_else(|_| "sqlite,mongodb".to_owned());
    if stores.contains("sqlite") {
        run("SQLite", upstream, |_| Vars::new()).await;
    }
    if stores.contains("mongodb") {
        let (mongod, redis) = (Mongod::start(Kind::ReplicaSet).await, RedisServer::start().await);
        let shared = |number: usize| {
            let redis = format!("{}/{number}", redis.url());
            Vars::from([("MONGODB_URI".to_owned(), mongod.uri()), ("REDIS_URL".to_owned(), redis)])
        };
        run("MongoDB (replica set) and Redis", upstream, shared).await;
    }
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

/// One of the programs that take turns, with stores of its own.
struct Side {
    server: Server,
    caller: Caller,
    vars: Vars,
    _data: TempDir,
}

impl Side {
    async fn start(http: &Client, program: &Program, upstream: SocketAddr, more: Vars) -> Self {
        let data = TempDir::new().unwrap();
        let mut vars = Vars::from(
            [
                ("DATA_DIR", data.path().to_str().unwrap()),
                ("CHAT_PROVIDERS", "openai"),
                ("OPENAI_BASE_URL", &format!("http://{upstream}/v1")),
                ("OPENAI_MODEL", "mock"),
                ("FREE_CREDITS", "1000000000"),
                ("APP_SECRET", "the secret of all servers of this bench"),
                ("RATE_LIMIT_PER_MINUTE", "1000000000"),
                ("MAX_STREAMS_PER_USER", "1000"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        vars.extend(more);
        let server = program.start(&vars);
        let caller = Caller::through(http, &server).await;
        for _ in 0..50 {
            caller.call(Ask::Chat).await;
        }
        caller.call(Ask::Cached).await;
        Self { server, caller, vars, _data: data }
    }
}

async fn run(name: &str, upstream: SocketAddr, more: impl Fn(usize) -> Vars) {
    let http = Client::builder().pool_max_idle_per_host(256).tcp_nodelay(true).build().unwrap();
    let now = Side::start(&http, &Program::release(), upstream, more(0)).await;
    let before = match Program::before() {
        Some(program) => Some(Side::start(&http, &program, upstream, more(1)).await),
        None => None,
    };
    let resident = |side: &Side| side.server.resident_mib();
    say(&format!("\n{name}"));
    let direct = Caller::direct(&http, upstream);
    one_at_a_time(&direct, &now, before.as_ref()).await;
    compare_dialects(&direct, &now.caller).await;
    say(
        "\n  many at once             requests/s   p50 ms   p99 ms   CPU us each   before: requests/s   p99 ms   CPU us each   ratio of requests",
    );
    let chats = many_at_once(Ask::Chat, &LADDER, &now, before.as_ref()).await;
    for ask in [Ask::Cached, Ask::Page("/chat"), Ask::Page("/dashboard")] {
        many_at_once(ask, &FEW, &now, before.as_ref()).await;
    }
    for bound in BOUNDS {
        let most = |sums: &mut dyn Iterator<Item = &Load>| {
            sums.filter(|load| load.p99 <= bound).map(|load| load.rate).fold(0.0, f64::max)
        };
        let at_most = most(&mut chats.iter().map(|(now, _)| now));
        let it_was = most(&mut chats.iter().filter_map(|(_, before)| before.as_ref()));
        say(&format!("  Chat with p99 of at most {bound:>2.0} ms: {at_most:>8.0} requests/s {it_was:>27.0} before"));
    }
    let was = before.as_ref().map_or(0, resident);
    say(&format!("  resident afterwards: {} MiB, before: {was} MiB", resident(&now)));
}

async fn one_at_a_time(direct: &Caller, now: &Side, before: Option<&Side>) {
    let stores = Stores::open(&Config::from_vars(&now.vars).unwrap()).await.unwrap();
    let user = new_user(&stores).await;
    for _ in 0..50 {
        direct.call(Ask::Chat).await;
        write_reply(&stores, user).await;
    }
    let (mut straight, mut passed, mut was, mut written) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        straight.push(direct.call(Ask::Chat).await);
        passed.push(now.caller.call(Ask::Chat).await);
        if let Some(before) = before {
            was.push(before.caller.call(Ask::Chat).await);
        }
        written.push(write_reply(&stores, user).await);
    }
    let figures = |calls: &[(f64, f64)], part: Part| {
        let mut values: Vec<_> = calls.iter().map(part).collect();
        [0.5, 0.99].map(|at| percentile(&mut values, at))
    };
    let store = [0.5, 0.99].map(|at| percentile(&mut written, at));
    say(&format!("  one at a time, {ROUNDS} streamed calls each (us)"));
    say("                        p50     p99   over upstream: p50     p99   and over the store: p50     p99");
    let (whole, first): (Part, Part) = (|call| call.1, |call| call.0);
    for (what, part) in [("whole answer", whole), ("first token", first)] {
        let upstream = figures(&straight, part);
        let line = |what: &str, calls: &[(f64, f64)]| {
            let all = figures(calls, part);
            let over = [0, 1].map(|at| all[at] - upstream[at]);
            say(&format!(
                "  {what:<16} {:>8.0} {:>7.0} {:>20.0} {:>7.0} {:>25.0} {:>7.0}",
                all[0],
                all[1],
                over[0],
                over[1],
                over[0] - store[0],
                over[1] - store[1]
            ));
            over[0]
        };
        let is_now = line(what, &passed);
        if !was.is_empty() {
            let it_was = line("  before", &was);
            say(&format!("  {what}: {:.2} of what the build before adds", is_now / it_was));
        }
    }
    say(&format!("  the store alone  {:>7.0} {:>7.0}", store[0], store[1]));
}

/// What each dialect adds to the upstream, all of them in turn.
async fn compare_dialects(direct: &Caller, through: &Caller) {
    let (mut straight, mut passed) = (Vec::new(), Ask::DIALECTS.map(|_| Vec::new()));
    for _ in 0..ROUNDS {
        straight.push(direct.call(Ask::Chat).await.1);
        for (ask, took) in Ask::DIALECTS.iter().zip(&mut passed) {
            took.push(through.call(*ask).await.1);
        }
    }
    let upstream = median(straight);
    let over = passed.map(|took| median(took) - upstream);
    say("\n  dialect                    over upstream: p50 us   beside chat completions");
    for (ask, took) in Ask::DIALECTS.iter().zip(over) {
        say(&format!("  {:<26} {took:>21.0} {:>25.2}", ask.name(), took / over[0]));
    }
}

/// How many at once got on.
struct Load {
    /// Requests a second.
    rate: f64,
    /// Milliseconds.
    p50: f64,
    p99: f64,
    /// Of the server for each, in microseconds.
    cpu: f64,
}

/// So many at once, each side in its turn.
async fn many_at_once(ask: Ask, ladder: &[usize], now: &Side, before: Option<&Side>) -> Vec<(Load, Option<Load>)> {
    let mut loads = Vec::new();
    for at_once in ladder.iter().copied() {
        let mut turns = [now].into_iter().chain(before).map(|side| (side, Vec::new(), Vec::new())).collect::<Vec<_>>();
        for _ in 0..TURNS {
            for (side, all, each) in &mut turns {
                let (begun, cpu) = (Instant::now(), side.server.cpu_micros());
                let took = side.caller.call_together(ask, at_once, TURN).await;
                let count = took.len() as f64;
                each.push((count / begun.elapsed().as_secs_f64(), (side.server.cpu_micros() - cpu) / count));
                all.extend(took);
            }
        }
        let mut sums = turns.into_iter().map(|(_, mut all, each)| Load {
            rate: median(each.iter().map(|turn| turn.0).collect()),
            p50: percentile(&mut all, 0.5) / 1e3,
            p99: percentile(&mut all, 0.99) / 1e3,
            cpu: median(each.iter().map(|turn| turn.1).collect()),
        });
        let (is_now, it_was) = (sums.next().unwrap(), sums.next());
        let Load { rate, p50, p99, cpu } = is_now;
        let was = it_was
            .as_ref()
            .map(|was| format!(" {:>20.0} {:>8.1} {:>13.0} {:>19.2}", was.rate, was.p99, was.cpu, rate / was.rate));
        let was = was.unwrap_or_default();
        say(&format!("  {:<12} {at_once:>3} at once {rate:>10.0} {p50:>8.1} {p99:>8.1} {cpu:>13.0}{was}", ask.name()));
        loads.push((is_now, it_was));
    }
    loads
}
