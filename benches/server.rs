//! The release program from outside: start, memory, pages, and what a message costs over its upstream.
//!
//! `make bench` builds the release first and runs this. Pages are loaded with `wrk` where it is installed.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_precision_loss,
    reason = "a program for people, with small numbers"
)]

#[path = "../tests/it/fake_openai.rs"]
#[expect(dead_code, reason = "tests use more of it")]
mod fake_openai;

use std::collections::BTreeSet;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fake_openai::FakeOpenAi;
use reqwest::Client;
use reqwest::header::{ACCEPT_ENCODING, COOKIE, SET_COOKIE};
use serde_json::json;
use tempfile::TempDir;
use tessera::credits::server::store::{CreditStore, HoldEnd, HoldOutcome, NewHold, SqliteCreditStore, WorkKind};
use tessera::platform::amount::Amount;
use tessera::platform::db::sqlite::Sqlite;
use tessera::platform::ids::{UserId, WorkId};

struct Server {
    child: Child,
    addr: SocketAddr,
    first_answer: Duration,
    _data: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn say(text: &str) {
    std::io::stdout().write_all(format!("{text}\n").as_bytes()).unwrap();
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn start(vars: &[(&str, &str)]) -> Server {
    let data = TempDir::new().unwrap();
    let addr = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let started = Instant::now();
    let child = Command::new(root().join("target/release/tessera"))
        .current_dir(root())
        .env("SITE_ADDR", addr.to_string())
        .env("DATA_DIR", data.path())
        .env("FREE_CREDITS", "1000000000")
        .env("RATE_LIMIT_PER_MINUTE", "100000")
        .env("CHAT_CACHE", "off")
        .env("RUST_LOG", "warn")
        .envs(vars.iter().copied())
        .stderr(Stdio::null())
        .spawn()
        .expect("target/release/tessera: run make build first");
    loop {
        if let Ok(mut connection) = std::net::TcpStream::connect(addr) {
            connection.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").unwrap();
            let mut answer = String::new();
            _ = std::io::Read::read_to_string(&mut connection, &mut answer);
            if answer.starts_with("HTTP/1.0 200") {
                break;
            }
        }
        assert!(started.elapsed() < Duration::from_secs(30), "the server did not start");
        std::thread::sleep(Duration::from_micros(500));
    }
    Server { child, addr, first_answer: started.elapsed(), _data: data }
}

/// `VmRSS`, and the part of it that is not a mapped file, in MiB.
fn memory(server: &Server) -> (f64, f64) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let of = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    };
    (of("VmRSS"), of("RssAnon"))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[tokio::main]
async fn main() {
    let upstream = FakeOpenAi::start().await;
    let base_url = upstream.base_url();
    let remote = [("CHAT_PROVIDERS", "openai"), ("OPENAI_BASE_URL", base_url.as_str()), ("OPENAI_MODEL", "fake")];

    say("\nStart and memory");
    let starts: Vec<f64> = (0..7).map(|_| start(&remote).first_answer.as_secs_f64() * 1e3).collect();
    say(&format!("  time to the first 200      {:>8.1} ms (median of 7)", median(starts)));
    let server = start(&remote);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (rss, anon) = memory(&server);
    say(&format!("  idle, without local model  {rss:>8.1} MiB ({anon:.1} MiB of its own, the rest mapped files)"));
    let with_model = start(&[("CHAT_PROVIDERS", "local")]);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (rss, anon) = memory(&with_model);
    say(&format!("  idle, with local model     {rss:>8.1} MiB ({anon:.1} MiB of its own, the rest mapped files)"));
    drop(with_model);

    let http = Client::builder().pool_max_idle_per_host(64).tcp_nodelay(true).build().unwrap();
    let cookie = register(&http, server.addr).await;
    pages(&server, &cookie);
    message(&http, &server, &cookie, &base_url).await;
    bytes(&http, &server, &cookie).await;
    drop(server);
    cached(&http, &remote).await;
}

/// The same question again and again: nothing is held and nobody is asked.
async fn cached(http: &Client, remote: &[(&str, &str)]) {
    let server = start(&[remote, &[("CHAT_CACHE", "shared"), ("RATE_LIMIT_PER_MINUTE", "1000000000")]].concat());
    let cookie = register(http, server.addr).await;
    let (url, body) = (format!("http://{}/api/chat", server.addr), json!({"message": "#tokens=8"}).to_string());
    round_trips(http, 1, 1, &url, &cookie, &body).await;
    say("\nA reply that was given before");
    for concurrency in [1_usize, 32] {
        let rounds = 3000 / concurrency;
        let begun = Instant::now();
        let millis = round_trips(http, concurrency, rounds, &url, &cookie, &body).await;
        let rate = (rounds * concurrency) as f64 / begun.elapsed().as_secs_f64();
        say(&format!("  {concurrency:>2} at once: {rate:>6.0} a second, {millis:.2} ms each (median)"));
    }
}

async fn register(http: &Client, addr: SocketAddr) -> String {
    let body = json!({"email": "bench@example.org", "password": "correct horse battery"});
    let response = http.post(format!("http://{addr}/api/auth/register")).json(&body).send().await.unwrap();
    assert_eq!(response.status(), 201);
    response.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned()
}

fn pages(server: &Server, cookie: &str) {
    say("\nPages, wrk -t1 -c32 (requests a second, median of 3; ratio to /healthz, which renders nothing)");
    let rate = |path: &str| -> Option<f64> {
        let runs = (0..3).map(|_| {
            let output = Command::new("wrk")
                .args(["-t1", "-c32", "-d3s", "-H", &format!("Cookie: {cookie}"), "-H", "Accept-Encoding: br, gzip"])
                .arg(format!("http://{}{path}", server.addr))
                .output()
                .ok()?;
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(!text.contains("Non-2xx"), "{path}: {text}");
            text.lines().find_map(|line| line.strip_prefix("Requests/sec:")?.trim().parse().ok())
        });
        Some(median(runs.collect::<Option<Vec<f64>>>()?))
    };
    let Some(baseline) = rate("/healthz") else {
        say("  wrk is not installed");
        return;
    };
    say(&format!("  {:<12} {baseline:>9.0}", "/healthz"));
    for path in ["/", "/chat", "/dashboard"] {
        let rate = rate(path).unwrap_or_default();
        say(&format!("  {path:<12} {rate:>9.0}  {:>6.2}", rate / baseline));
    }
}

/// What Tessera adds to an answer of eight tokens: the same call to the upstream itself, and the ledger's part alone (two
/// durable commits), are measured in the same run.
async fn message(http: &Client, server: &Server, cookie: &str, upstream: &str) {
    say("\nA message of 8 tokens (ms, median; overhead = Tessera - upstream)");
    say("  concurrency   upstream   tessera  overhead     ledger   over the ledger");
    for concurrency in [1_usize, 32] {
        let rounds = if concurrency == 1 { 200 } else { 40 };
        let body = json!({"model": "fake", "stream": true, "messages": [{"role": "user", "content": "#tokens=8"}]});
        let direct =
            round_trips(http, concurrency, rounds, &format!("{upstream}/chat/completions"), "", &body.to_string())
                .await;
        let ledger = ledger_millis(concurrency, rounds).await;
        let url = format!("http://{}/api/chat", server.addr);
        let through =
            round_trips(http, concurrency, rounds, &url, cookie, &json!({"message": "#tokens=8"}).to_string()).await;
        let overhead = through - direct;
        say(&format!(
            "  {concurrency:>11} {direct:>10.2} {through:>9.2} {overhead:>9.2} {ledger:>10.2} {:>17.2}",
            overhead - ledger
        ));
    }
}

async fn round_trips(http: &Client, concurrency: usize, rounds: usize, url: &str, cookie: &str, body: &str) -> f64 {
    let (http, url, cookie, body) = (http.clone(), url.to_owned(), cookie.to_owned(), body.to_owned());
    median_millis(concurrency, rounds, move || {
        let request = http.post(&url).header("content-type", "application/json").header(COOKIE, &cookie);
        let request = request.body(body.clone());
        async move {
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 200);
            response.bytes().await.unwrap();
        }
    })
    .await
}

/// What the ledger itself takes for a message, hold and charge, when so many come at once (median, ms).
async fn ledger_millis(concurrency: usize, rounds: usize) -> f64 {
    let data = TempDir::new().unwrap();
    let db = Sqlite::open(&data.path().join("bench.db")).unwrap();
    let store = Arc::new(SqliteCreditStore::new(db, Amount::MAX));
    let user = UserId::now_v7();
    median_millis(concurrency, rounds, move || {
        let (store, id) = (store.clone(), WorkId::now_v7());
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
        async move {
            assert!(matches!(store.hold(hold).await.unwrap(), HoldOutcome::Held { .. }));
            store.end_hold(&taken, HoldEnd::Settle(Amount::MAX), None).await.unwrap();
        }
    })
    .await
}

/// The median time of a piece of work in milliseconds, when `concurrency` of them run at once, `rounds` times each.
async fn median_millis<F, Fut>(concurrency: usize, rounds: usize, work: F) -> f64
where
    F: Fn() -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let workers: Vec<_> = (0..concurrency)
        .map(|_| {
            let work = work.clone();
            tokio::spawn(async move {
                let mut took = Vec::new();
                for _ in 0..rounds {
                    let started = Instant::now();
                    work().await;
                    took.push(started.elapsed().as_secs_f64() * 1e3);
                }
                took
            })
        })
        .collect();
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await.unwrap());
    }
    median(all)
}

/// What each route brings over the wire, as its HTML says: the files it preloads, and the HTML itself, brotli.
async fn bytes(http: &Client, server: &Server, cookie: &str) {
    say("\nOver the wire, brotli (KB)");
    say("  route          HTML     CSS  JS+WASM");
    for path in ["/", "/sign-in", "/chat", "/dashboard", "/components"] {
        let cookie = if path == "/sign-in" { "" } else { cookie };
        let fetch = async |path: &str| {
            let request = http.get(format!("http://{}{path}", server.addr)).header(COOKIE, cookie);
            request.header(ACCEPT_ENCODING, "br").send().await.unwrap().bytes().await.unwrap().len() as f64 / 1e3
        };
        let html = fetch(path).await;
        let request = http.get(format!("http://{}{path}", server.addr)).header(COOKIE, cookie);
        let text = request.send().await.unwrap().text().await.unwrap();
        let (mut css, mut code) = (0.0, 0.0);
        for file in loaded_files(&text) {
            let size = fetch(&file).await;
            if Path::new(&file).extension().is_some_and(|extension| extension == "css") {
                css += size;
            } else {
                code += size;
            }
        }
        say(&format!("  {path:<12} {html:>6.1} {css:>7.1} {code:>8.1}"));
    }
}

/// The bundle's files that this page loads now; what it only prefetches for the next page does not count.
fn loaded_files(html: &str) -> BTreeSet<String> {
    html.split("<link")
        .skip(1)
        .map(|rest| rest.split('>').next().unwrap_or_default())
        .filter(|tag| !tag.contains("prefetch"))
        .filter_map(|tag| tag.split("href=\"").nth(1)?.split('"').next())
        .filter(|href| href.starts_with("/pkg/"))
        .map(str::to_owned)
        .collect()
}
