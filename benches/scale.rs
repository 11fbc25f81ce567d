//! What one user's pages cost when 100,000 others are there with a million ledger entries, and what an audit of it takes.
//!
//! `cargo bench --features ssr --bench scale`, after a release build. Everything is written through the stores
//! themselves, so this takes minutes. `SCALE_USERS` sets another number.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a program for people")]

#[path = "../tests/it/mongod.rs"]
#[expect(dead_code, reason = "tests use more of it")]
mod mongod;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use mongod::{Kind, Mongod, free_addr};
use reqwest::Client;
use reqwest::header::{COOKIE, SET_COOKIE};
use serde_json::json;
use tempfile::TempDir;
use tessera::account::Role;
use tessera::account::server::sessions::UserStatus;
use tessera::account::server::store::User;
use tessera::app::config::Config;
use tessera::app::stores::Stores;
use tessera::chat::server::store::NewExchange;
use tessera::credits::server::store::{HoldEnd, HoldOutcome, NewHold, WorkKind};
use tessera::platform::amount::Amount;
use tessera::platform::ids::{ConversationId, MessageId, UserId, WorkId};

const PAGES: [&str; 3] = ["/chat", "/dashboard", "/api/credits/ledger?limit=100"];
const ROUNDS: usize = 400;
/// With the first, a welcome: ten entries a user.
const STEPS: usize = 9;

fn say(text: &str) {
    std::io::stdout().write_all(format!("{text}\n").as_bytes()).unwrap();
}

fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/release/tessera")
}

type Vars = BTreeMap<String, String>;

#[tokio::main]
async fn main() {
    let others = std::env::var("SCALE_USERS").ok().and_then(|count| count.parse().ok()).unwrap_or(100_000);
    let data = TempDir::new().unwrap();
    let mut vars = Vars::from([("DATA_DIR".to_owned(), data.path().to_str().unwrap().to_owned())]);
    run("SQLite", &vars, others).await;
    let server = Mongod::start(Kind::Standalone).await;
    vars.insert("APP_SECRET".to_owned(), "the secret of all servers of this bench".to_owned());
    vars.insert("MONGODB_URI".to_owned(), server.uri());
    run("MongoDB", &vars, others).await;
}

async fn run(name: &str, vars: &Vars, others: usize) {
    let stores = Stores::open(&Config::from_vars(vars).unwrap()).await.unwrap();
    let http = Client::builder().tcp_nodelay(true).build().unwrap();
    fill(&stores, 10).await;
    let (server, addr) = start(vars);
    let (cookie, id) = register(&http, addr).await;
    spend(&stores, id, 300).await;
    let few = measure(&http, addr, &cookie).await;
    drop(server);
    let begun = Instant::now();
    fill(&stores, others).await;
    say(&format!("\n{name}: {others} users with {} entries written in {:.0?}", others * (STEPS + 1), begun.elapsed()));
    let (server, addr) = start(vars);
    let many = measure(&http, addr, &cookie).await;
    drop(server);
    say("  page (ms, median)                 with 10 users   with all    ratio");
    for ((path, few), many) in PAGES.iter().zip(few).zip(many) {
        say(&format!("  {path:<32} {few:>14.2} {many:>10.2} {:>8.2}", many / few));
    }
    drop(stores);
    audit(vars);
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

fn start(vars: &Vars) -> (Server, SocketAddr) {
    let addr = free_addr();
    let child = Command::new(program())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .envs(vars)
        .env("SITE_ADDR", addr.to_string())
        .env("CHAT_PROVIDERS", "openai")
        .env("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
        .env("RUST_LOG", "warn")
        .stderr(Stdio::null())
        .spawn()
        .expect("target/release/tessera: run make build first");
    let begun = Instant::now();
    while std::net::TcpStream::connect(addr).is_err() {
        assert!(begun.elapsed() < Duration::from_secs(30), "the server did not start");
        std::thread::sleep(Duration::from_millis(10));
    }
    (Server(child), addr)
}

async fn register(http: &Client, addr: SocketAddr) -> (String, UserId) {
    let body = json!({"email": "bench@example.org", "password": "correct horse battery"});
    let response = http.post(format!("http://{addr}/api/auth/register")).json(&body).send().await.unwrap();
    assert_eq!(response.status(), 201);
    let cookie = response.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let body: serde_json::Value = response.json().await.unwrap();
    (cookie, body["data"]["user"]["id"].as_str().unwrap().parse().unwrap())
}

async fn measure(http: &Client, addr: SocketAddr, cookie: &str) -> Vec<f64> {
    let mut medians = Vec::new();
    for path in PAGES {
        let mut took = Vec::new();
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            let response = http.get(format!("http://{addr}{path}")).header(COOKIE, cookie).send().await.unwrap();
            assert_eq!(response.status(), 200, "{path}");
            response.bytes().await.unwrap();
            took.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        took.sort_by(f64::total_cmp);
        medians.push(took[took.len() / 2]);
    }
    medians
}

/// So many users, each with a conversation and a ledger.
async fn fill(stores: &Stores, users: usize) {
    let left = Arc::new(AtomicUsize::new(users));
    let workers: Vec<_> = (0..64)
        .map(|_| {
            let (stores, left) = (stores.clone(), left.clone());
            tokio::spawn(async move {
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                    let user = add_user(&stores).await;
                    spend(&stores, user, STEPS).await;
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
}

async fn add_user(stores: &Stores) -> UserId {
    let id = UserId::now_v7();
    let user = User {
        id,
        email: format!("{id}@example.org"),
        name: "Somebody".into(),
        password_hash: Some("none".into()),
        email_verified_at: None,
        role: Role::User,
        status: UserStatus::Active,
    };
    assert!(stores.accounts.create_user(user).await.unwrap());
    let exchange = NewExchange {
        user: id,
        conversation: ConversationId::now_v7(),
        new_title: Some("A conversation".into()),
        hidden: false,
        system_prompt: None,
        replaces: None,
        message_id: MessageId::now_v7(),
        text: "How long is a piece of string?".into(),
        images: Vec::new(),
        reply_id: MessageId::now_v7(),
        provider: "openai".into(),
        model: "model".into(),
        answer: None,
    };
    stores.chats.begin_exchange(exchange, 0).await.unwrap();
    id
}

/// So many entries besides the welcome.
async fn spend(stores: &Stores, user: UserId, entries: usize) {
    stores.credits.balance(user.into(), "bench").await.unwrap();
    let mut open = None;
    for _ in 0..entries {
        if let Some(hold) = open.take() {
            stores.credits.end_hold(&hold, HoldEnd::Release, None).await.unwrap();
            continue;
        }
        let hold = NewHold {
            id: WorkId::now_v7(),
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
        open = Some(hold.held());
        assert!(matches!(stores.credits.hold(hold).await.unwrap(), HoldOutcome::Held { .. }));
    }
}

/// `tessera audit` as an operator runs it: how long it takes, and how much memory at most.
fn audit(vars: &Vars) {
    let begun = Instant::now();
    let mut child =
        Command::new(program()).arg("audit").envs(vars).env("RUST_LOG", "warn").stdout(Stdio::piped()).spawn().unwrap();
    let mut most = 0.0_f64;
    while child.try_wait().unwrap().is_none() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
        most = most.max(peak.unwrap_or(0.0) / 1024.0);
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    say(&format!("  tessera audit: {:.1?}, at most {most:.0} MiB: {}", begun.elapsed(), said.trim()));
}
