//! Many replies at once on few credits, with a price per token: never below zero at any moment, each below what was shown, and
//! what was charged is what the receipts say, also where a server is killed in the middle.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;
use tessera::app::config::Config;
use tessera::app::stores::Stores;
use tessera::credits::server::store::HoldId;
use tessera::platform::amount::Amount;
use tessera::platform::ids::{UserId, WorkId};
use tokio::time::sleep;

use crate::contracts;
use crate::fake_openai::FakeOpenAi;
use crate::mongod::{Kind, Mongod};
use crate::program::{Program, variables};
use crate::support::{EventReader, TestApp, User, assert_audit_is_clean};
use crate::token_prices::{Prices, amount, user_id};

/// Reads an account all the time, until it is told to stop. Returns how often it did.
struct Watcher(Arc<AtomicBool>, tokio::task::JoinHandle<usize>);

impl Watcher {
    fn start(stores: &Stores, user: UserId, all: Amount) -> Self {
        let (is_over, credits) = (Arc::new(AtomicBool::new(false)), stores.credits.clone());
        let over = is_over.clone();
        let watching = tokio::spawn(async move {
            let mut looks = 0;
            while !over.load(Ordering::SeqCst) {
                let balance = credits.balance(user.into(), "watch").await.unwrap();
                assert!(!balance.available.is_negative() && !balance.held.is_negative(), "{balance:?}");
                assert!(balance.debt.is_zero() && balance.available + balance.held <= all, "{balance:?}");
                looks += 1;
                tokio::task::yield_now().await;
            }
            looks
        });
        Self(is_over, watching)
    }

    async fn stop(self) -> usize {
        self.0.store(true, Ordering::SeqCst);
        self.1.await.unwrap()
    }
}

/// All replies of a user.
async fn replies(user: &User) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let (status, page) = user.get_json(&format!("/api/conversations?limit=100{cursor}")).await;
        assert_eq!(status, 200, "{page}");
        for conversation in page["data"]["items"].as_array().unwrap() {
            let path = format!("/api/conversations/{}", conversation["id"].as_str().unwrap());
            let (_, conversation) = user.get_json(&path).await;
            all.extend(conversation["data"]["messages"].as_array().unwrap().iter().skip(1).cloned());
        }
        match page["data"]["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

/// Whatever happened: what is gone is what the receipts say, each of which is an entry of the ledger and below what was shown.
async fn assert_receipts_agree(stores: &Stores, user: &User, all: Amount) -> Vec<Value> {
    let (owner, begun) = (user_id(user).await, Instant::now());
    while amount(&user.credits().await["held"]).is_positive() {
        assert!(begun.elapsed() < Duration::from_mins(1), "a hold stays");
        sleep(Duration::from_millis(100)).await;
    }
    let replies = replies(user).await;
    let mut charged = Amount::ZERO;
    for reply in &replies {
        assert_ne!(reply["state"], "running", "{reply}");
        let hold = HoldId { id: reply["id"].as_str().unwrap().parse::<WorkId>().unwrap(), owner: owner.into() };
        let settled = stores.credits.find_settlement(hold).await.unwrap().map_or(Amount::ZERO, |entry| -entry.amount);
        assert_eq!(settled, amount(&reply["credits"]), "{reply}");
        assert!(settled <= stores.credits.hold_ceiling(hold).await.unwrap().unwrap(), "{reply}");
        charged += settled;
    }
    assert_eq!(all - amount(&user.credits().await["available"]), charged);
    assert_audit_is_clean(stores.credits.as_ref()).await;
    replies
}

/// Five streams on ten credits, each of which may cost more than two.
async fn five_at_once(mongodb: Option<&str>) {
    let prices = Prices::usual();
    let mut vars = vec![("PRICES_FILE", prices.path()), ("MAX_OUTPUT_TOKENS", "240")];
    vars.extend(mongodb.map(|uri| ("MONGODB_URI", uri)));
    let app = TestApp::start_with(&vars).await;
    let user = app.user().await;
    let watcher = Watcher::start(&app.state.stores, user_id(&user).await, Amount::credits(10));
    for usage in ["#nousage", "#usage=11/200", "#usage=-5/1000000000"] {
        let streams = join_all((0..5).map(async |n| {
            let body = json!({"message": format!("{n} #tokens={} #pause=2 {usage}", 60 + 20 * n)});
            let response =
                user.post("/api/chat").header("accept", "text/event-stream").json(&body).send().await.unwrap();
            if response.status() == 402 {
                return;
            }
            assert_eq!(response.status(), 200);
            let mut events = EventReader::new(response);
            let (_, start) = events.next_named("start").await;
            let mut last = None;
            while let Some(event) = events.next().await {
                let data: Value = serde_json::from_str(&event.data).unwrap();
                if event.event == "usage" {
                    assert!(amount(&data["credits"]) <= amount(&start["credits"]), "{data}");
                }
                last = Some((event.event, data));
            }
            let (name, done) = last.unwrap();
            assert_eq!(name, "done", "{done}");
            assert!(amount(&done["credits"]) <= amount(&start["credits"]), "{done}");
        }));
        streams.await;
    }
    let replies = assert_receipts_agree(&app.state.stores, &user, Amount::credits(10)).await;
    assert!(replies.len() >= 5, "{}", replies.len());
    assert!(watcher.stop().await > 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn five_streams_at_once_on_ten_credits() {
    five_at_once(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_streams_at_once_on_ten_credits_over_mongodb() {
    for kind in [Kind::Standalone, Kind::ReplicaSet] {
        let mongod = Mongod::start(kind).await;
        five_at_once(Some(&mongod.uri())).await;
    }
}

/// Two hundred at once, of which most have room and the rest do not.
async fn two_hundred_at_once(mongodb: Option<&str>) {
    let prices = Prices::of("[[model]]\nname = \"fake-model\"\ninput = 30\noutput = 300\n");
    let mut vars = vec![("PRICES_FILE", prices.path()), ("MAX_OUTPUT_TOKENS", "240")];
    vars.extend(mongodb.map(|uri| ("MONGODB_URI", uri)));
    let app = TestApp::start_with(&vars).await;
    let user = app.user().await;
    let watcher = Watcher::start(&app.state.stores, user_id(&user).await, Amount::credits(10));
    let answered = join_all((0..200).map(async |n| {
        let (status, answer) = user.chat(&format!("{n} #tokens={} #pause=4 #nousage", 20 + n % 100)).await;
        assert!(matches!(status, 200 | 402), "{answer}");
        status
    }));
    let answered = answered.await.into_iter().filter(|status| *status == 200).count();
    let replies = assert_receipts_agree(&app.state.stores, &user, Amount::credits(10)).await;
    assert_eq!(replies.iter().filter(|reply| reply["state"] == "complete").count(), answered);
    assert!(answered > 100, "{answered}");
    assert!(watcher.stop().await > 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_at_once_on_ten_credits() {
    two_hundred_at_once(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_at_once_on_ten_credits_over_mongodb() {
    for kind in [Kind::Standalone, Kind::ReplicaSet] {
        let mongod = Mongod::start(kind).await;
        two_hundred_at_once(Some(&mongod.uri())).await;
    }
}

/// Killed three times with streams under way, each time in another moment of theirs.
async fn killed_in_the_middle(stores: Stores, place: (&str, &str)) {
    let (prices, upstream) = (Prices::usual(), FakeOpenAi::start().await);
    let more = [
        place,
        ("PRICES_FILE", prices.path()),
        ("MAX_OUTPUT_TOKENS", "240"),
        ("OPENAI_MODEL", "fake-model"),
        ("FREE_CREDITS", "30"),
    ];
    let mut server = Program::start(variables(&upstream, &more)).await;
    let mut user = User::new(server.addr);
    user.register().await;
    let watcher = Watcher::start(&stores, user_id(&user).await, Amount::credits(30));
    for round in 0..3_u64 {
        for n in 0..8 {
            let user = user.clone();
            let body = json!({"message": format!("{round} {n} #tokens={} #pause=15 #nousage", 10 + 12 * n)});
            tokio::spawn(async move {
                // Cut off, refused or whole: what it comes to is in the books.
                if let Ok(response) = user.post("/api/chat").json(&body).send().await {
                    _ = response.bytes().await;
                }
            });
        }
        sleep(Duration::from_millis(500 + 300 * round)).await;
        server.kill();
        assert_audit_is_clean(stores.credits.as_ref()).await;
        server.restart().await;
    }
    let killed = Instant::now();
    while stores.credits.audit().await.unwrap().open_holds > 0 {
        assert!(killed.elapsed() < Duration::from_mins(1), "every hold is ended within a minute");
        sleep(Duration::from_millis(250)).await;
    }
    let replies = assert_receipts_agree(&stores, &user, Amount::credits(30)).await;
    assert!(replies.len() >= 8, "{}", replies.len());
    watcher.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_over_sqlite() {
    let data = TempDir::new().unwrap();
    let folder = data.path().to_str().unwrap();
    let vars = [("DATA_DIR".to_owned(), folder.to_owned())];
    let stores = Stores::open(&Config::from_vars(&vars.into()).unwrap()).await.unwrap();
    killed_in_the_middle(stores, ("DATA_DIR", folder)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_over_mongodb() {
    for kind in [Kind::Standalone, Kind::ReplicaSet] {
        let mongod = Mongod::start(kind).await;
        let uri = mongod.uri();
        killed_in_the_middle(contracts::open_at(&uri).await, ("MONGODB_URI", &uri)).await;
    }
}
