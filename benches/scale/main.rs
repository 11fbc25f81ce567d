//! What pages of a user and of an admin cost when 100,000 others are there with a million entries of the ledger and a million attempts at
//! providers; what a chat takes while a report over all of them and a CSV of the attempts are read; and what an audit takes.
//!
//! `make build`, then `cargo bench --features ssr --bench scale`. Variables:
//! - `SCALE_CHECKOUT`: a checkout with another release build than this one's.
//! - `SCALE_USERS`: another number of users. They are copies of one, written in bulk (`copies.rs`).
//! - `SCALE_STORES`: `sqlite`, `mongodb`, or both.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a program for people")]

mod copies;
#[path = "../../tests/it/fake_openai.rs"]
#[expect(dead_code, reason = "tests use more of it")]
mod fake_openai;
#[path = "../../tests/it/mongod.rs"]
#[expect(dead_code, reason = "tests use more of it")]
mod mongod;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fake_openai::FakeOpenAi;
use mongod::{Kind, Mongod, free_addr};
use reqwest::Client;
use reqwest::header::{COOKIE, SET_COOKIE};
use serde_json::{Value, json};
use tempfile::TempDir;

const PAGES: [&str; 9] = [
    "/chat",
    "/dashboard",
    "/api/credits/ledger?limit=100",
    "/admin?range=24h",
    "/admin?range=90d",
    "/admin/costs?range=90d",
    "/admin/costs/attempts?from=2020-01-01",
    "/admin/users",
    "/admin/users?q=u99",
];
const ADMIN: &str = "admin@example.org";
/// Who is copied; part of no other text.
const ORIGINAL: &str = "original.of.all";
const PASSWORD: &str = "correct horse battery";
/// Users that there are at first.
const FEW: u32 = 100;
/// Each leaves two entries of the ledger, and an attempt of which there is a second copy.
const CHATS: usize = 5;
const ROUNDS: usize = 200;
const ASKED: usize = 1000;

fn say(text: &str) {
    std::io::stdout().write_all(format!("{text}\n").as_bytes()).unwrap();
}

/// Where the release was built that is measured.
fn checkout() -> PathBuf {
    std::env::var_os("SCALE_CHECKOUT").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from)
}

type Vars = BTreeMap<String, String>;

#[tokio::main]
async fn main() {
    let users = std::env::var("SCALE_USERS").ok().and_then(|count| count.parse().ok()).unwrap_or(100_000);
    let stores = std::env::var("SCALE_STORES").unwrap_or_else(|_| "sqlite,mongodb".to_owned());
    let upstream = FakeOpenAi::start().await;
    let data = TempDir::new().unwrap();
    let vars = Vars::from(
        [
            ("DATA_DIR", data.path().to_str().unwrap()),
            ("ADMIN_EMAILS", ADMIN),
            ("CHAT_PROVIDERS", "openai"),
            ("OPENAI_BASE_URL", &upstream.base_url()),
            ("OPENAI_MODEL", "m"),
            ("CHAT_CACHE", "off"),
            ("FREE_CREDITS", "10000"),
            ("RATE_LIMIT_PER_MINUTE", "1000000"),
            ("APP_SECRET", "the secret of all servers of this bench"),
            ("RUST_LOG", "warn"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    if stores.contains("sqlite") {
        run("SQLite", &vars, users).await;
    }
    if stores.contains("mongodb") {
        let server = Mongod::start(Kind::Standalone).await;
        let mut vars = vars.clone();
        vars.insert("MONGODB_URI".to_owned(), server.uri());
        run("MongoDB", &vars, users).await;
    }
}

async fn copy(vars: &Vars, numbers: std::ops::Range<u32>) {
    match vars.get("MONGODB_URI") {
        Some(uri) => copies::in_mongo(uri, ORIGINAL, numbers).await,
        None => copies::in_sqlite(&PathBuf::from(&vars["DATA_DIR"]).join("tessera.db"), ORIGINAL, numbers),
    }
}

async fn run(name: &str, vars: &Vars, users: u32) {
    let http = Client::builder().tcp_nodelay(true).build().unwrap();
    let server = Server::start(vars);
    server.register(&http, ADMIN).await;
    let original = server.register(&http, &format!("{ORIGINAL}@example.org")).await;
    for _ in 0..CHATS {
        server.ask(&http, &original).await;
    }
    // Attempts are recorded a moment after their answer.
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(server);
    copy(vars, 1..FEW + 1).await;
    let server = Server::start(vars);
    let cookie = server.sign_in(&http, ADMIN).await;
    server.until_counted(&http, &cookie, FEW).await;
    let few = server.measure(&http, &cookie).await;
    drop(server);

    let begun = Instant::now();
    copy(vars, FEW + 1..users + 1).await;
    let entries = users * u32::try_from(2 * CHATS + 1).unwrap();
    say(&format!(
        "\n{name}: {users} users with {entries} entries and as many attempts, copied in {:.0?}",
        begun.elapsed()
    ));
    let server = Server::start(vars);
    let begun = Instant::now();
    server.until_counted(&http, &cookie, users).await;
    say(&format!("{name}: everything added up {:.0?} after the start", begun.elapsed()));
    let many = server.measure(&http, &cookie).await;
    say(&format!("  page (ms, median)                      {FEW} users   with all    ratio   with all, p95"));
    for ((path, few), many) in PAGES.iter().zip(few).zip(many) {
        say(&format!("  {path:<38} {:>9.2} {:>10.2} {:>8.2} {:>15.2}", few.0, many.0, many.0 / few.0, many.1));
    }
    let (alone, beside) = server.ask_beside_reports(&http, &cookie).await;
    for (text, (p50, p99)) in [("alone", alone), ("beside a 90-day report and a CSV of all attempts", beside)] {
        say(&format!("  chat {text}: median {p50:.2} ms, p99 {p99:.2} ms"));
    }
    say(&format!("  p99 of chat: {:.2} times", beside.1 / alone.1));
    say(&format!("  the server has taken {} MiB at most", peak_of(server.child.id())));
    drop(server);
    audit(vars);
}

struct Server {
    child: Child,
    addr: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

impl Server {
    fn start(vars: &Vars) -> Self {
        let addr = free_addr();
        let child = Command::new(checkout().join("target/release/tessera"))
            .current_dir(checkout())
            .envs(vars)
            .env("SITE_ADDR", addr.to_string())
            .stderr(Stdio::null())
            .spawn()
            .expect("target/release/tessera: run make build first");
        let begun = Instant::now();
        while std::net::TcpStream::connect(addr).is_err() {
            assert!(begun.elapsed() < Duration::from_mins(1), "the server did not start");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { child, addr }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    async fn enter(&self, http: &Client, path: &str, email: &str) -> String {
        let body = json!({"email": email, "password": PASSWORD});
        let response = http.post(self.url(path)).json(&body).send().await.unwrap();
        assert!(response.status().is_success(), "{path}: {}", response.status());
        response.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned()
    }

    async fn register(&self, http: &Client, email: &str) -> String {
        self.enter(http, "/api/auth/register", email).await
    }

    async fn sign_in(&self, http: &Client, email: &str) -> String {
        self.enter(http, "/api/auth/login", email).await
    }

    async fn ask(&self, http: &Client, cookie: &str) -> Duration {
        let begun = Instant::now();
        let asked = http.post(self.url("/api/chat")).header(COOKIE, cookie).json(&json!({"message": "#tokens=1"}));
        let response = asked.send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.bytes().await.unwrap();
        begun.elapsed()
    }

    /// Waits until the attempts of so many users are added up.
    async fn until_counted(&self, http: &Client, cookie: &str, users: u32) {
        let expected = u64::from(users) * u64::try_from(2 * CHATS).unwrap();
        let (from, until) = (day(copies::first_day()), day(24 * 60 * 60 * 1000));
        let path = self.url(&format!("/api/admin/stats?range=custom&from={from}&until={until}&zone=UTC"));
        loop {
            let response = http.get(&path).header(COOKIE, cookie).send().await.unwrap();
            // While it is added up for the first time, it may be too much for one request.
            if let Ok(body) = response.json::<Value>().await
                && body["data"]["total"]["attempts"].as_u64().is_some_and(|count| count >= expected)
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Medians, and what one in twenty takes longer than.
    async fn measure(&self, http: &Client, cookie: &str) -> Vec<(f64, f64)> {
        let mut medians = Vec::new();
        for path in PAGES {
            let mut took = Vec::new();
            for _ in 0..ROUNDS {
                let begun = Instant::now();
                let response = http.get(self.url(path)).header(COOKIE, cookie).send().await.unwrap();
                assert_eq!(response.status(), 200, "{path}");
                response.bytes().await.unwrap();
                took.push(begun.elapsed().as_secs_f64() * 1e3);
            }
            medians.push((at(&mut took, 50), at(&mut took, 95)));
        }
        medians
    }

    /// Median and p99 of a chat, alone and while admins read all there is.
    async fn ask_beside_reports(&self, http: &Client, cookie: &str) -> ((f64, f64), (f64, f64)) {
        let user = self.register(http, "asks@example.org").await;
        self.ask_often(http, &user).await;
        let alone = self.ask_often(http, &user).await;
        // As the page of costs looks by itself; one CSV after the other.
        let readers = [("/admin/costs?range=90d", 1500), ("/api/admin/attempts?from=2020-01-01&format=csv", 0)];
        let readers: Vec<_> = readers
            .map(|(path, pause)| {
                let (http, url, cookie) = (http.clone(), self.url(path), cookie.to_owned());
                tokio::spawn(async move {
                    loop {
                        let mut response = http.get(&url).header(COOKIE, &cookie).send().await.unwrap();
                        assert_eq!(response.status(), 200);
                        while response.chunk().await.unwrap().is_some() {}
                        tokio::time::sleep(Duration::from_millis(pause)).await;
                    }
                })
            })
            .into_iter()
            .collect();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let beside = self.ask_often(http, &user).await;
        for reader in readers {
            assert!(!reader.is_finished(), "a report has failed");
            reader.abort();
        }
        (alone, beside)
    }

    async fn ask_often(&self, http: &Client, cookie: &str) -> (f64, f64) {
        let mut took = Vec::new();
        for _ in 0..ASKED {
            took.push(self.ask(http, cookie).await.as_secs_f64() * 1e3);
        }
        (at(&mut took, 50), at(&mut took, 99))
    }
}

fn at(took: &mut [f64], percent: usize) -> f64 {
    took.sort_by(f64::total_cmp);
    took[took.len() * percent / 100]
}

/// So many milliseconds from now (UTC).
fn day(millis: i64) -> String {
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
    jiff::Timestamp::from_millisecond(now + millis).unwrap().to_string()[..10].to_owned()
}

/// In MiB.
fn peak_of(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
    peak.unwrap_or(0_u64) / 1024
}

/// `tessera audit` as an operator runs it: how long it takes, and how much memory at most.
fn audit(vars: &Vars) {
    let begun = Instant::now();
    let mut child = Command::new(checkout().join("target/release/tessera"))
        .arg("audit")
        .envs(vars)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        most = most.max(peak_of(child.id()));
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    say(&format!("  tessera audit: {:.1?}, at most {most} MiB: {}", begun.elapsed(), said.trim()));
}
