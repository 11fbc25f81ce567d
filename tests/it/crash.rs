//! Killed in the middle: the real program, twenty streams, `kill -9`, and a restart.

use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use tessera::server::config::Config;
use tessera::server::state::Stores;
use tokio::time::sleep;

use crate::fake_openai::FakeOpenAi;
use crate::support::{User, assert_audit_is_clean};

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

async fn start(data: &TempDir, upstream: &FakeOpenAi) -> Server {
    // A port that was free a moment ago.
    let addr = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_tessera"))
        .current_dir(data.path())
        .env_clear()
        .envs([
            ("SITE_ADDR", addr.to_string()),
            ("DATA_DIR", data.path().to_str().unwrap().to_owned()),
            ("OPENAI_BASE_URL", upstream.base_url()),
            ("CHAT_PROVIDERS", "openai".to_owned()),
            ("FREE_CREDITS", "100".to_owned()),
            ("RATE_LIMIT_PER_MINUTE", "1000".to_owned()),
            ("RUST_LOG", "warn".to_owned()),
        ])
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    let server = Server { child, addr };
    let visitor = User::new(addr);
    for _ in 0..400 {
        if visitor.get("/healthz").send().await.is_ok() {
            return server;
        }
        sleep(Duration::from_millis(25)).await;
    }
    panic!("the server did not start");
}

async fn stores(data: &TempDir) -> Stores {
    let vars = [("DATA_DIR".to_owned(), data.path().to_str().unwrap().to_owned())];
    Stores::open(&Config::from_vars(&vars.into()).unwrap()).await.unwrap()
}

#[tokio::test]
async fn kill_9_in_the_middle_of_twenty_streams_loses_nothing_and_charges_nothing() {
    let data = TempDir::new().unwrap();
    let upstream = FakeOpenAi::start().await;
    let server = start(&data, &upstream).await;
    let mut user = User::new(server.addr);
    user.register().await;
    // One whole answer before, which must stay charged.
    assert_eq!(user.chat("#tokens=2").await.0, 200);
    let mut streams = Vec::new();
    for n in 0..20 {
        let mut events = user.chat_stream(&json!({"message": format!("#tokens={} #stall", n % 4)})).await;
        let (_, start) = events.next_named("start").await;
        if n % 4 > 0 {
            events.next_named("token").await;
        }
        streams.push((start["conversationId"].as_str().unwrap().to_owned(), events));
    }
    // Long enough for some texts to have been kept.
    sleep(Duration::from_millis(1200)).await;
    assert_eq!(user.credits().await, json!({"available": 79, "held": 20, "debt": 0, "plan": "free"}));
    drop(server);
    let killed = Instant::now();
    // Even as it lies there, nothing is off.
    assert_audit_is_clean(stores(&data).await.credits.as_ref()).await;

    let server = start(&data, &upstream).await;
    user.addr = server.addr;
    while user.credits().await["held"] != 0 {
        assert!(killed.elapsed() < Duration::from_mins(1), "every hold is ended within a minute");
        sleep(Duration::from_millis(250)).await;
    }
    assert_eq!(user.credits().await["available"], 99);
    for (conversation, _) in streams {
        let (_, conversation) = user.get_json(&format!("/api/conversations/{conversation}")).await;
        let state = conversation["data"]["messages"][1]["state"].as_str().unwrap();
        assert!(matches!(state, "incomplete" | "failed"), "{state}");
    }
    assert_audit_is_clean(stores(&data).await.credits.as_ref()).await;
}

#[tokio::test]
async fn sigterm_lets_running_answers_end_and_refuses_new_ones() {
    let data = TempDir::new().unwrap();
    let upstream = FakeOpenAi::start().await;
    let mut server = start(&data, &upstream).await;
    let mut user = User::new(server.addr);
    user.register().await;
    let mut events = user.chat_stream(&json!({"message": "#tokens=10 #pause=100"})).await;
    events.next_named("token").await;
    let pid = server.child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    sleep(Duration::from_millis(200)).await;
    assert_eq!(user.get_json("/readyz").await.0, 503);
    assert_eq!(user.get_json("/healthz").await.0, 200);
    assert_eq!(user.chat("one more").await.1["code"], "unavailable");
    let (text, last) = events.rest().await;
    assert_eq!((last.event.as_str(), text.ends_with("word10 ")), ("done", true));
    let ended =
        tokio::task::spawn_blocking(move || server.child.wait().map(|status| (status, server))).await.unwrap().unwrap();
    assert!(ended.0.success());
    let stores = stores(&data).await;
    assert_audit_is_clean(stores.credits.as_ref()).await;
    assert_eq!(stores.credits.audit().await.unwrap().open_holds, 0);
}
