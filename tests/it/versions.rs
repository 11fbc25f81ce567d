//! Versions of what was said, as programs and browsers without a script see them: kept, chosen, and paid for once.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tessera::platform::ids::{ConversationId, MessageId, UserId};
use tokio::time::sleep;

use crate::mongod::{Kind, Mongod};
use crate::support::{TestApp, User};

async fn read(user: &User, conversation: &str) -> Vec<Value> {
    let (_, found) = user.get_json(&format!("/api/conversations/{conversation}")).await;
    found["data"]["messages"].as_array().unwrap().clone()
}

fn contents(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["content"].as_str().unwrap()).collect()
}

async fn assert_credits(user: &User, available: i64, held: i64) {
    let credits = user.credits().await;
    assert_eq!((&credits["available"], &credits["held"]), (&json!(available), &json!(held)), "{credits}");
}

async fn choose(user: &User, conversation: &str, message: &Value) -> u16 {
    user.post_json(&format!("/api/conversations/{conversation}/versions"), &json!({"messageId": message})).await.0
}

/// What the model was asked last.
fn asked(app: &TestApp) -> Vec<String> {
    let (_, body) = app.upstream.seen.last.lock().unwrap().clone().unwrap();
    let turns = body["messages"].as_array().unwrap();
    turns.iter().map(|turn| turn["content"].as_str().unwrap().to_owned()).collect()
}

async fn versions_are_kept(vars: &[(&str, &str)]) {
    let app = TestApp::start_with(vars).await;
    let user = app.user().await;
    let (_, first) = user.chat("first").await;
    let id = first["data"]["conversationId"].as_str().unwrap().to_owned();
    let say = async |message: &str, replaces: &Value| {
        let body = json!({"message": message, "conversationId": id, "replaces": replaces, "fresh": true});
        let (status, answer) = user.post_json("/api/chat", &body).await;
        assert_eq!(status, 200, "{answer}");
    };
    say("second", &Value::Null).await;
    let before = read(&user, &id).await;
    assert!(before.iter().all(|message| message["versions"].is_null()), "{before:?}");
    // The same again, and another question: each an answer of its own, paid for as such.
    say("second", &before[2]["id"]).await;
    say("other", &before[2]["id"]).await;
    assert_eq!(user.credits().await["available"], 6);
    let now = read(&user, &id).await;
    assert_eq!(contents(&now)[2], "other");
    let versions = now[2]["versions"].as_array().unwrap().clone();
    assert_eq!((versions.len(), &versions[0], &versions[2]), (3, &before[2]["id"], &now[2]["id"]));
    assert!(now[3]["versions"].is_null());

    // Choosing asks nobody and costs nothing.
    let calls = app.upstream.calls();
    assert_eq!(choose(&user, &id, &versions[0]).await, 200);
    assert_eq!(choose(&user, &id, &versions[0]).await, 200);
    assert_eq!((app.upstream.calls(), &user.credits().await["available"]), (calls, &json!(6)));
    let chosen = read(&user, &id).await;
    assert_eq!(chosen[3]["id"], before[3]["id"], "with its answer");
    assert_eq!(chosen[2]["versions"], json!(versions));
    say("third", &Value::Null).await;
    assert_eq!(asked(&app), ["first", contents(&chosen)[1], "second", contents(&chosen)[3], "third"]);

    // A file, a link and a branch have what is shown; a branch can be made of what is not.
    let export = async |format: &str| {
        user.get(&format!("/api/conversations/{id}/export?format={format}")).send().await.unwrap().text().await.unwrap()
    };
    assert!(!export("markdown").await.contains("other"));
    let exported: Value = serde_json::from_str(&export("json").await).unwrap();
    assert_eq!(
        (exported["messages"].as_array().unwrap().len(), &exported["messages"][2]["versions"]),
        (6, &json!(versions))
    );
    let (_, link) = user.post_json(&format!("/api/conversations/{id}/share"), &json!({})).await;
    let link = link["data"]["url"].as_str().unwrap().strip_prefix("http://localhost:3000").unwrap().to_owned();
    let shared = async || app.visitor().get(&link).send().await.unwrap().text().await.unwrap();
    assert!(!shared().await.contains("other"));
    let (status, branch) =
        user.post_json(&format!("/api/conversations/{id}/branch"), &json!({"messageId": versions[2]})).await;
    assert_eq!(status, 201, "{branch}");
    let branched = read(&user, branch["data"]["id"].as_str().unwrap()).await;
    assert_eq!(contents(&branched)[2..], ["other"]);

    // The page says which one it is; without a script, its buttons are a form.
    let html = user.get(&format!("/chat/{id}")).send().await.unwrap().text().await.unwrap();
    assert!(html.contains(&format!("action=\"/chat/{id}/versions\"")), "{html}");
    assert!(html.contains("1 / 3") && html.contains(&format!("value=\"{}\"", versions[1].as_str().unwrap())));
    let sent = user.post_form(&format!("/chat/{id}/versions"), &[("messageId", versions[2].as_str().unwrap())]).send();
    let sent = sent.await.unwrap();
    assert_eq!((sent.status().as_u16(), sent.headers()["location"].to_str().unwrap()), (303, &*format!("/chat/{id}")));
    assert_eq!(contents(&read(&user, &id).await)[2..3], ["other"]);
    assert!(shared().await.contains("other"));

    // Only one's own, and only what is there.
    let other = app.user().await;
    assert_eq!(choose(&other, &id, &versions[0]).await, 404);
    assert_eq!(choose(&user, &id, &json!(MessageId::now_v7().to_string())).await, 404);
    assert_eq!(choose(&user, &id, &json!("x")).await, 400);
    assert_eq!(choose(&user, &id, &branched[2]["id"]).await, 404);
    app.assert_books_balance().await;
}

#[tokio::test]
async fn versions_are_kept_over_sqlite() {
    versions_are_kept(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_kept_over_mongodb() {
    let mongod = Mongod::start(Kind::ReplicaSet).await;
    versions_are_kept(&[("MONGODB_URI", &mongod.uri())]).await;
}

/// Who replaces what is being written stops it, and keeps what there is of it; who only looks elsewhere stops nothing.
#[tokio::test]
async fn what_is_written_in_another_version_is_paid_for_by_the_same_rules() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (_, first) = user.chat("one").await;
    let id = first["data"]["conversationId"].as_str().unwrap().to_owned();
    let one = read(&user, &id).await[0]["id"].clone();
    let slow = json!({"message": "#tokens=3 #stall", "conversationId": id, "replaces": one});
    let mut events = user.chat_stream(&slow).await;
    events.next_named("token").await;
    assert_eq!(user.credits().await["held"], 1);
    // Looking at the other version lets it go on.
    let running = read(&user, &id).await;
    assert_eq!(choose(&user, &id, &one).await, 200);
    let said = json!({"message": "two", "conversationId": id});
    assert_eq!(user.post_json("/api/chat", &said).await.0, 200);
    let replaced = json!({"message": "two!", "conversationId": id, "replaces": read(&user, &id).await[2]["id"]});
    assert_eq!(user.post_json("/api/chat", &replaced).await.0, 200);
    assert_credits(&user, 6, 1).await;
    let reply = format!("/api/chat/{}", running[1]["id"].as_str().unwrap());
    assert_eq!(user.get_json(&reply).await.1["data"]["state"], "running");
    // Its own question again: it is stopped, paid for, and kept.
    let again = json!({"message": "once more", "conversationId": id, "replaces": running[0]["id"]});
    assert_eq!(user.post_json("/api/chat", &again).await.0, 200);
    let (_, stopped) = user.get_json(&reply).await;
    assert_eq!((&stopped["data"]["state"], &stopped["data"]["credits"]), (&json!("stopped"), &json!(1)), "{stopped}");
    assert!(!stopped["data"]["content"].as_str().unwrap().is_empty());
    assert_credits(&user, 5, 0).await;
    let now = read(&user, &id).await;
    assert_eq!((contents(&now)[0], now[0]["versions"].as_array().unwrap().len()), ("once more", 3));
    app.assert_books_balance().await;
}

/// Two tabs at once: whatever becomes of it, nothing is lost and all is paid for once.
async fn all_at_once(vars: &[(&str, &str)]) {
    let app =
        TestApp::start_with(&[vars, &[("FREE_CREDITS", "100"), ("RATE_LIMIT_PER_MINUTE", "1000")]].concat()).await;
    let user = app.user().await;
    let (_, first) = user.chat("one").await;
    let id = first["data"]["conversationId"].as_str().unwrap().to_owned();
    let one = read(&user, &id).await[0]["id"].clone();
    let work = (0..12).map(|n| {
        let (user, id, one) = (user.clone(), id.clone(), one.clone());
        tokio::spawn(async move {
            if n % 3 == 0 {
                return assert_eq!(choose(&user, &id, &one).await, 200);
            }
            let mut body = json!({"message": format!("number {n}"), "conversationId": id, "fresh": true});
            if n % 3 == 1 {
                body["replaces"] = one;
            }
            let (status, answer) = user.post_json("/api/chat", &body).await;
            assert_eq!(status, 200, "{answer}");
        })
    });
    for task in work.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    // What was stopped has its price once it is settled.
    while user.credits().await["held"] != 0 {
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(choose(&user, &id, &one).await, 200);
    // Who replaces what is being written stops it; whatever was paid for is in one of the versions, or in one of those below.
    let (mut seen, mut to_choose, mut paid) = (BTreeSet::new(), vec![one], 0);
    while let Some(version) = to_choose.pop() {
        assert_eq!(choose(&user, &id, &version).await, 200);
        let shown = read(&user, &id).await;
        assert!(shown.iter().any(|message| message["id"] == version));
        assert!(shown.chunks(2).all(|pair| pair[0]["author"] == "user" && pair[1]["author"] == "assistant"));
        for message in shown {
            if seen.insert(message["id"].as_str().unwrap().to_owned()) {
                paid += message["credits"].as_i64().unwrap();
                to_choose.extend(message["versions"].as_array().cloned().unwrap_or_default());
            }
        }
    }
    assert_credits(&user, 100 - paid, 0).await;
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tabs_that_do_it_at_once_lose_nothing_over_sqlite() {
    all_at_once(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tabs_that_do_it_at_once_lose_nothing_over_mongodb() {
    let mongod = Mongod::start(Kind::Standalone).await;
    all_at_once(&[("MONGODB_URI", &mongod.uri())]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_before_there_were_versions_can_be_replaced() {
    let data = TempDir::new().unwrap();
    let (user, conversation) = (UserId::now_v7(), ConversationId::now_v7());
    let ids = [MessageId::now_v7(), MessageId::now_v7()];
    {
        let old = rusqlite::Connection::open(data.path().join("tessera.db")).unwrap();
        for step in [
            include_str!("../../src/platform/db/sqlite_1.sql"),
            include_str!("../../src/platform/db/sqlite_2.sql"),
            include_str!("../../src/platform/db/sqlite_3.sql"),
            include_str!("../../src/platform/db/sqlite_4.sql"),
            include_str!("../../src/platform/db/sqlite_5.sql"),
            include_str!("../../src/platform/db/sqlite_6.sql"),
            include_str!("../../src/platform/db/sqlite_7.sql"),
            include_str!("../../src/platform/db/sqlite_8.sql"),
            include_str!("../../src/platform/db/sqlite_9.sql"),
            include_str!("../../src/platform/db/sqlite_10.sql"),
            include_str!("../../src/platform/db/sqlite_11.sql"),
        ] {
            old.execute_batch(step).unwrap();
        }
        old.pragma_update(None, "user_version", 11).unwrap();
        old.execute("INSERT INTO users VALUES (?1, 'ada@example.org', 'Ada', '', 'USER', 1)", [user]).unwrap();
        let insert =
            "INSERT INTO conversations (id, user_id, title, created_at, updated_at) VALUES (?1, ?2, 'one', 1, 1)";
        old.execute(insert, rusqlite::params![conversation, user]).unwrap();
        for (place, (id, author)) in ids.iter().zip(["user", "assistant"]).enumerate() {
            let insert = "INSERT INTO messages (id, conversation_id, author, content, state, created_at, place)
                          VALUES (?1, ?2, ?3, ?3, 'complete', 1, ?4)";
            old.execute(insert, rusqlite::params![id, conversation, author, place + 1]).unwrap();
        }
    }
    let vars = [("DATA_DIR".to_owned(), data.path().to_str().unwrap().to_owned())];
    let config = tessera::app::config::Config::from_vars(&vars.into()).unwrap();
    let stores = tessera::app::stores::Stores::open(&config).await.unwrap();
    let first = crate::stores::exchange(user, "again");
    let again =
        tessera::chat::server::store::NewExchange { conversation, new_title: None, replaces: Some(ids[0]), ..first };
    stores.chats.begin_exchange(again.clone(), 40).await.unwrap().unwrap();
    let read = async || stores.chats.find_conversation(user, conversation).await.unwrap().unwrap().messages;
    assert_eq!(read().await[0].versions, [ids[0].to_string(), again.message_id.to_string()]);
    assert!(stores.chats.choose_version(user, conversation, ids[1]).await.unwrap());
    assert_eq!(read().await.iter().map(|message| message.content.as_str()).collect::<Vec<_>>(), ["user", "assistant"]);
}
