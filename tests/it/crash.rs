//! Killed in the middle: the real program, twenty streams, `kill -9`, and a restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;
use tessera::app::config::Config;
use tessera::app::stores::Stores;
use tessera::platform::db::now_millis;
use tokio::time::sleep;

use crate::contracts;
use crate::fake_openai::FakeOpenAi;
use crate::mongod::{Kind, Mongod};
use crate::program::{Program, variables};
use crate::support::{EventReader, User, assert_audit_is_clean};

/// A server over the file in this folder.
async fn start(data: &TempDir, upstream: &FakeOpenAi) -> Program {
    Program::start(variables(upstream, &[("DATA_DIR", data.path().to_str().unwrap())])).await
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
    let server = start(&data, &upstream).await;
    let mut user = User::new(server.addr);
    user.register().await;
    let mut events = user.chat_stream(&json!({"message": "#tokens=10 #pause=100"})).await;
    events.next_named("token").await;
    server.terminate();
    sleep(Duration::from_millis(200)).await;
    assert_eq!(user.get_json("/readyz").await.0, 503);
    assert_eq!(user.get_json("/healthz").await.0, 200);
    assert_eq!(user.chat("one more").await.1["code"], "unavailable");
    let (text, last) = events.rest().await;
    assert_eq!((last.event.as_str(), text.ends_with("word10 ")), ("done", true));
    assert!(server.ended_well().await);
    let stores = stores(&data).await;
    assert_audit_is_clean(stores.credits.as_ref()).await;
    assert_eq!(stores.credits.audit().await.unwrap().open_holds, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_sigterm_ends_at_once_and_gives_everything_back() {
    let data = TempDir::new().unwrap();
    let upstream = FakeOpenAi::start().await;
    let server = start(&data, &upstream).await;
    let mut user = User::new(server.addr);
    user.register().await;
    let mut events = user.chat_stream(&json!({"message": "#tokens=1 #stall"})).await;
    events.next_named("token").await;
    server.terminate();
    sleep(Duration::from_millis(500)).await;
    let asked_again = Instant::now();
    server.terminate();
    assert!(server.ended_well().await);
    assert!(asked_again.elapsed() < Duration::from_secs(4), "{:?}", asked_again.elapsed());
    let stores = stores(&data).await;
    assert_audit_is_clean(stores.credits.as_ref()).await;
    assert_eq!(stores.credits.audit().await.unwrap().open_holds, 0);
}

/// What a killed server has asked its provider for has its price, whoever has the answer.
#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_was_cut_off_is_in_the_record() {
    let data = TempDir::new().unwrap();
    let upstream = FakeOpenAi::start().await;
    let mut server = start(&data, &upstream).await;
    let mut user = User::new(server.addr);
    user.register().await;
    let message = json!({"message": "#tokens=30 #pause=100"});
    let request = user.post("/api/chat").header("accept", "text/event-stream").header("x-request-id", "cut-off");
    let mut events = EventReader::new(request.json(&message).send().await.unwrap());
    events.next_named("token").await;
    sleep(Duration::from_secs(2)).await;
    server.kill();
    server.restart().await;
    let killed = Instant::now();
    while user.credits().await["held"] != 0 {
        assert!(killed.elapsed() < Duration::from_mins(1), "every hold is ended within a minute");
        sleep(Duration::from_millis(250)).await;
    }
    sleep(Duration::from_millis(500)).await;
    let found = stores(&data).await.attempts.find_by_request("cut-off").await.unwrap();
    let [attempt] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((attempt.outcome.as_str(), attempt.is_estimated), ("cut", true));
    assert!(attempt.output_tokens > 0 && attempt.input_tokens > 0 && attempt.latency_ms >= 2000, "{attempt:?}");
}

/// As a laptop that is closed for a while: what came meanwhile is in the sockets, and nobody has failed.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stands_still_for_longer_than_a_timeout_goes_on() {
    let data = TempDir::new().unwrap();
    let upstream = FakeOpenAi::start().await;
    let server = start(&data, &upstream).await;
    let mut user = User::new(server.addr);
    user.register().await;
    let mut streams = Vec::new();
    for _ in 0..8 {
        let mut events = user.chat_stream(&json!({"message": "#tokens=12 #pause=1000"})).await;
        events.next_named("token").await;
        streams.push(events.rest());
    }
    server.freeze();
    sleep(Duration::from_secs(36)).await;
    server.thaw();
    for (_, last) in futures::future::join_all(streams).await {
        assert_eq!(last.event, "done", "{last:?}");
    }
    let (status, ready) = user.get_json("/readyz").await;
    assert_eq!((status, &ready["chatProviders"][0]["breaker"]), (200, &json!("closed")), "{ready}");
    assert_eq!(user.credits().await["held"], 0);
}

/// Fifty times in a row, one of two servers on one database is killed with twenty streams running over both.
async fn survive_fifty_kills(stores: Stores, vars: Vec<(String, String)>) {
    const USERS: usize = 4;
    let mut servers = futures::future::join_all((0..2).map(|_| Program::start(vars.clone()))).await;
    let mut users = Vec::new();
    for _ in 0..USERS {
        let mut user = User::new(servers[0].addr);
        user.register().await;
        users.push(user);
    }
    let addrs: Vec<_> = servers.iter().map(|server| server.addr).collect();
    let running = Arc::new(AtomicUsize::new(0));
    for round in 0..50_u64 {
        let mut n = 0;
        while running.load(Ordering::SeqCst) < 20 {
            let mut user = users[n % USERS].clone();
            user.addr = addrs[n / USERS % 2];
            n += 1;
            let running = running.clone();
            running.fetch_add(1, Ordering::SeqCst);
            let body = json!({"message": format!("#tokens={} #pause=40", 1 + n % 20)});
            tokio::spawn(async move {
                // Cut off, refused or whole: what it comes to is in the books.
                if let Ok(response) = user.post("/api/chat").json(&body).send().await {
                    _ = response.bytes().await;
                }
                running.fetch_sub(1, Ordering::SeqCst);
            });
        }
        sleep(Duration::from_millis(100 + round * 7919 % 700)).await;
        let server = &mut servers[usize::try_from(round % 2).unwrap()];
        server.kill();
        let report = stores.credits.audit().await.unwrap();
        assert!(report.drifts.is_empty(), "after kill {round}: {:#?}", report.drifts);
        let oldest = report.oldest_hold.map_or(0, |at| now_millis() - at);
        assert!(oldest < 60_000, "after kill {round}: a hold is {oldest} ms old");
        server.restart().await;
    }
    let last = Instant::now();
    while stores.credits.audit().await.unwrap().open_holds > 0 {
        assert!(last.elapsed() < Duration::from_mins(1), "every hold is ended within a minute");
        sleep(Duration::from_millis(500)).await;
    }
    assert_audit_is_clean(stores.credits.as_ref()).await;
    for user in users {
        assert_charged_for_what_is_shown(&user).await;
    }
}

/// Whatever happened: the user pays for exactly the replies that say that they cost something.
pub async fn assert_charged_for_what_is_shown(user: &User) {
    let (mut shown, mut cursor) = (0, String::new());
    loop {
        let (status, page) = user.get_json(&format!("/api/conversations?limit=100{cursor}")).await;
        assert_eq!(status, 200, "{page}");
        for conversation in page["data"]["items"].as_array().unwrap() {
            let path = format!("/api/conversations/{}", conversation["id"].as_str().unwrap());
            for message in user.get_json(&path).await.1["data"]["messages"].as_array().unwrap() {
                assert_ne!(message["state"], "running", "{message}");
                shown += message["credits"].as_i64().unwrap();
            }
        }
        match page["data"]["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let credits = user.credits().await;
    let (_, first) = user.get_json("/api/credits/ledger?limit=1").await;
    assert_eq!(first["data"]["items"][0]["availableAfter"], credits["available"]);
    assert_eq!(10_000 - credits["available"].as_i64().unwrap(), shown, "{credits}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_over_sqlite_lose_nothing() {
    let (data, upstream) = (TempDir::new().unwrap(), FakeOpenAi::start().await);
    let folder = data.path().to_str().unwrap();
    let vars = variables(&upstream, &[("DATA_DIR", folder), ("FREE_CREDITS", "10000")]);
    survive_fifty_kills(stores(&data).await, vars).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_over_mongodb_lose_nothing() {
    let (mongod, upstream) = (Mongod::start(Kind::ReplicaSet).await, FakeOpenAi::start().await);
    let uri = mongod.uri();
    let vars = variables(&upstream, &[("MONGODB_URI", &uri), ("FREE_CREDITS", "10000")]);
    survive_fifty_kills(contracts::open_at(&uri).await, vars).await;
}
