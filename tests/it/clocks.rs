//! Servers whose clocks are wrong, by libfaketime: order, leases and keys go by the database.

use std::path::Path;
use std::time::{Duration, Instant};

use futures::future::join_all;
use mongodb::bson::{Document, doc};
use serde_json::{Value, json};
use tempfile::TempDir;
use tessera::app::config::Config;
use tessera::app::stores::Stores;
use tessera::chat::server::store::NewExchange;
use tessera::platform::db::mongo::to_bson;
use tessera::platform::db::now_millis;
use tessera::platform::ids::{ConversationId, MessageId, UserId};
use tokio::time::sleep;
use uuid::Uuid;

use crate::contracts;
use crate::fake_openai::FakeOpenAi;
use crate::mongod::{Kind, Mongod};
use crate::program::{Program, variables};
use crate::support::{User, answer, assert_audit_is_clean};

/// Servers with these clocks over one database.
struct Servers {
    _mongod: Mongod,
    upstream: FakeOpenAi,
    programs: Vec<Program>,
    vars: Vec<(String, String)>,
    stores: Stores,
}

/// The library that `scripts/setup.sh` installs.
fn library() -> String {
    let folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib", "/usr/lib64"];
    let paths = folders.map(|folder| format!("{folder}/faketime/libfaketimeMT.so.1"));
    paths.into_iter().find(|path| Path::new(path).exists()).expect("libfaketime: run scripts/setup.sh test first")
}

async fn with_clock(vars: &[(String, String)], offset: &str) -> Program {
    let mut vars = vars.to_vec();
    if offset != "0" {
        let fake = [("LD_PRELOAD", library().as_str()), ("FAKETIME", offset), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        vars.extend(fake);
    }
    Program::start(vars).await
}

/// Where the database is.
fn uri_in(vars: &[(String, String)]) -> &str {
    &vars.iter().find(|(name, _)| name == "MONGODB_URI").unwrap().1
}

impl Servers {
    async fn start(clocks: &[&str]) -> Self {
        let (mongod, upstream) = (Mongod::start(Kind::Standalone).await, FakeOpenAi::start().await);
        let vars = variables(&upstream, &[("MONGODB_URI", &mongod.uri())]);
        let programs = join_all(clocks.iter().map(|clock| with_clock(&vars, clock))).await;
        let stores = contracts::open_at(uri_in(&vars)).await;
        Self { _mongod: mongod, upstream, programs, vars, stores }
    }

    async fn user(&self) -> User {
        let mut user = User::new(self.programs[0].addr);
        user.register().await;
        user
    }

    async fn assert_nothing_stays_held(&self, user: &User) {
        let begun = Instant::now();
        while user.credits().await["held"] != json!(0) {
            assert!(begun.elapsed() < Duration::from_mins(1), "every hold is ended within a minute");
            sleep(Duration::from_millis(250)).await;
        }
        assert_audit_is_clean(self.stores.credits.as_ref()).await;
    }
}

/// What the user has said in a conversation.
async fn said(user: &User, conversation: &str) -> Vec<Value> {
    let (_, found) = user.get_json(&format!("/api/conversations/{conversation}")).await;
    let messages = found["data"]["messages"].as_array().unwrap().clone();
    messages.into_iter().filter(|message| message["author"] == "user").collect()
}

fn contents(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["content"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_over_two_servers_is_in_the_order_in_which_it_was_held() {
    let servers = Servers::start(&["0", "-3s"]).await;
    let user = servers.user().await;
    let late = user.at(servers.programs[1].addr);
    let (_, first) = user.chat("one").await;
    let conversation = first["data"]["conversationId"].as_str().unwrap();
    let say = async |user: &User, more: Value| {
        let mut body = json!({"conversationId": conversation});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let (status, answer) = user.post_json("/api/chat", &body).await;
        assert_eq!(status, 200, "{answer}");
    };
    say(&late, json!({"message": "two"})).await;
    say(&user, json!({"message": "three"})).await;
    let messages = said(&user, conversation).await;
    assert_eq!(contents(&messages), ["one", "two", "three"]);
    let (_, asked) = servers.upstream.seen.last.lock().unwrap().clone().unwrap();
    let turns = asked["messages"].as_array().unwrap();
    let seen: Vec<_> = turns.iter().filter(|turn| turn["role"] == "user").map(|turn| &turn["content"]).collect();
    assert_eq!(seen, ["one", "two", "three"], "{asked}");
    say(&late, json!({"message": "four", "replaces": messages[1]["id"]})).await;
    assert_eq!(contents(&said(&user, conversation).await), ["one", "four"]);
    say(&user, json!({"message": "five"})).await;
    assert_eq!(contents(&said(&late, conversation).await), ["one", "four", "five"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_clock_is_an_hour_off_ends_nobodys_work_and_its_own_is_ended() {
    let mut servers = Servers::start(&["0", "+3600s", "-3600s"]).await;
    let user = servers.user().await;
    // Each renews its leases while the others sweep.
    let streams = servers.programs.iter().map(|program| {
        let user = user.at(program.addr);
        async move { user.chat_stream(&json!({"message": "#tokens=45 #pause=1000"})).await.rest().await }
    });
    for (text, last) in join_all(streams).await {
        assert_eq!((last.event.as_str(), text.split_whitespace().count()), ("done", 45), "{last:?}");
    }
    for (program, hours) in servers.programs.iter().zip([0, 1, -1]) {
        let (_, ready) = user.at(program.addr).get_json("/readyz").await;
        let ahead = ready["clockAheadMs"].as_i64().unwrap();
        assert!((ahead - hours * 3_600_000).abs() < 2000, "{hours}: {ahead}");
    }
    for index in [1, 2] {
        let mut events =
            user.at(servers.programs[index].addr).chat_stream(&json!({"message": "#tokens=1 #stall"})).await;
        events.next_named("token").await;
        servers.programs[index].kill();
    }
    servers.assert_nothing_stays_held(&user).await;
    assert_eq!(user.credits().await["available"], 97);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_clock_is_days_off_forgets_nobodys_key() {
    let servers = Servers::start(&["0"]).await;
    let user = servers.user().await;
    let send = async |user: &User| {
        answer(user.post("/api/chat").header("idempotency-key", "k").json(&json!({"message": "#tokens=1"}))).await.1
    };
    let first = send(&user).await;
    for clock in ["+25h", "-25h"] {
        // It keeps the house when it begins.
        let other = with_clock(&servers.vars, clock).await;
        sleep(Duration::from_secs(2)).await;
        let again = send(&user.at(other.addr)).await;
        assert_eq!(first["data"]["messageId"], again["data"]["messageId"], "{clock}: {again}");
        let (key, body) = ("by-the-other", json!({"message": "#tokens=1"}));
        let request = user.at(other.addr).post("/api/chat").header("idempotency-key", format!("{key}{clock}"));
        assert_eq!(answer(request.json(&body)).await.0, 200);
    }
    // And what it was promised itself is kept by one whose clock is right.
    let right = with_clock(&servers.vars, "0").await;
    sleep(Duration::from_secs(2)).await;
    let before = user.credits().await["available"].clone();
    for clock in ["+25h", "-25h"] {
        let request = user.at(right.addr).post("/api/chat").header("idempotency-key", format!("by-the-other{clock}"));
        assert_eq!(answer(request.json(&json!({"message": "#tokens=1"}))).await.0, 200);
    }
    assert_eq!(user.credits().await["available"], before);
    assert_eq!(servers.upstream.calls(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_published_is_noted_by_the_clock_of_the_database() {
    let servers = Servers::start(&["+3600s"]).await;
    let user = servers.user().await;
    assert_eq!(user.chat("#tokens=2").await.0, 200);
    let options = mongodb::options::ClientOptions::parse(uri_in(&servers.vars)).await.unwrap();
    let name = options.default_database.clone().unwrap();
    let published = mongodb::Client::with_options(options).unwrap().database(&name).collection::<Document>("published");
    let noted = published.find_one(doc! {}).await.unwrap().unwrap().get_i64("at").unwrap();
    assert!((now_millis() - noted).abs() < 60_000, "{} ms off", noted - now_millis());
}

/// As messages were stored before they had a place: in the order of their ids.
async fn assert_old_messages_keep_their_order(stores: &Stores, user: UserId, conversation: ConversationId) {
    let read = async || {
        let found = stores.chats.find_conversation(user, conversation).await.unwrap().unwrap();
        found.messages.into_iter().map(|message| message.content).collect::<Vec<_>>()
    };
    assert_eq!(read().await, ["one", "1", "two", "2"]);
    let next = NewExchange {
        picked: None,
        user,
        conversation,
        new_title: None,
        hidden: false,
        system_prompt: None,
        replaces: None,
        message_id: Uuid::from_u128(1).into(),
        text: "three".into(),
        images: Vec::new(),
        reply_id: Uuid::from_u128(2).into(),
        provider: "openai".into(),
        model: "fake".into(),
        answer: None,
    };
    let past = stores.chats.begin_exchange(next, 40).await.unwrap().unwrap();
    assert_eq!(past.messages.len(), 4);
    assert_eq!(read().await, ["one", "1", "two", "2", "three", ""]);
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_an_older_sqlite_keep_their_order() {
    let data = TempDir::new().unwrap();
    let old = rusqlite::Connection::open(data.path().join("tessera.db")).unwrap();
    for step in [
        include_str!("../../src/platform/db/sqlite_1.sql"),
        include_str!("../../src/platform/db/sqlite_2.sql"),
        include_str!("../../src/platform/db/sqlite_3.sql"),
        include_str!("../../src/platform/db/sqlite_4.sql"),
    ] {
        old.execute_batch(step).unwrap();
    }
    old.pragma_update(None, "user_version", 4).unwrap();
    let (user, conversation) = (UserId::now_v7(), ConversationId::now_v7());
    let insert = "INSERT INTO users VALUES (?1, 'ada@example.org', 'Ada', '', 'USER', 1)";
    old.execute(insert, [user]).unwrap();
    let insert = "INSERT INTO conversations (id, user_id, title, created_at, updated_at) VALUES (?1, ?2, 'one', 1, 1)";
    old.execute(insert, rusqlite::params![conversation, user]).unwrap();
    for (author, content) in [("user", "one"), ("assistant", "1"), ("user", "two"), ("assistant", "2")] {
        let insert = "INSERT INTO messages (id, conversation_id, author, content, state, created_at)
                      VALUES (?1, ?2, ?3, ?4, 'complete', 1)";
        old.execute(insert, rusqlite::params![MessageId::now_v7(), conversation, author, content]).unwrap();
    }
    drop(old);
    let vars = [("DATA_DIR".to_owned(), data.path().to_str().unwrap().to_owned())];
    let stores = Stores::open(&Config::from_vars(&vars.into()).unwrap()).await.unwrap();
    assert_old_messages_keep_their_order(&stores, user, conversation).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_an_older_mongodb_keep_their_order() {
    let mongod = Mongod::start(Kind::Standalone).await;
    let uri = mongod.uri();
    drop(contracts::open_at(&uri).await);
    let options = mongodb::options::ClientOptions::parse(&uri).await.unwrap();
    let name = options.default_database.clone().unwrap();
    let old = mongodb::Client::with_options(options).unwrap().database(&name);
    let (user, conversation) = (UserId::now_v7(), ConversationId::now_v7());
    let new = doc! { "_id": to_bson(conversation), "user": to_bson(user), "title": "one", "createdAt": 1_i64, "updatedAt": 1_i64 };
    old.collection::<Document>("conversations").insert_one(new).await.unwrap();
    for (author, content) in [("user", "one"), ("assistant", "1"), ("user", "two"), ("assistant", "2")] {
        let message = doc! {
            "_id": to_bson(MessageId::now_v7()), "conversation": to_bson(conversation), "user": to_bson(user),
            "author": author, "content": content, "state": "complete", "createdAt": 1_i64,
        };
        old.collection::<Document>("messages").insert_one(message).await.unwrap();
    }
    let before = doc! { "$set": { "version": 3_i64 } };
    old.collection::<Document>("meta").update_one(doc! { "_id": "schema" }, before).await.unwrap();
    assert_old_messages_keep_their_order(&contracts::open_at(&uri).await, user, conversation).await;
}
