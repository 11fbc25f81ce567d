//! The same request sent again with its `Idempotency-Key`, after it failed or never began.

use std::time::{Duration, Instant};

use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tessera::chat::ChatRequest;
use tessera::chat::server::store::NewExchange;
use tessera::credits::server::store::NewHold;
use tessera::generation::check_key;
use tessera::platform::db::now_millis;
use tessera::platform::ids::{ConversationId, MessageId, UserId, WorkId};
use tokio::time::sleep;

use crate::ledger::hold_of;
use crate::support::{TestApp, User, answer};

const KEY: &str = "again";

fn keyed(user: &User, body: &Value) -> RequestBuilder {
    user.post("/api/chat").header("idempotency-key", KEY).json(body)
}

async fn id_of(user: &User) -> UserId {
    user.get_json("/api/auth/me").await.1["data"]["id"].as_str().unwrap().parse().unwrap()
}

/// What the server has of a message whose hold was made, by a server that was killed right then.
async fn held_by_the_dead(app: &TestApp, user: UserId, message: &str, lease: i64, id: WorkId) {
    let request: ChatRequest = ChatRequest { message: message.to_owned(), ..ChatRequest::default() };
    let body = serde_json::to_vec(&request).unwrap();
    let hold = NewHold {
        id,
        request_id: "killed".to_owned(),
        idempotency: Some(check_key(KEY.to_owned(), &body).unwrap()),
        lease_until: now_millis() + lease,
        ..hold_of(user, 1)
    };
    app.state.stores.credits.hold(hold).await.unwrap();
}

/// Sends until it is more than "not now".
async fn until_it_begins(user: &User, body: &Value) -> (u16, Value) {
    let begun = Instant::now();
    loop {
        let response = keyed(user, body).send().await.unwrap();
        let (status, comes_back) = (response.status().as_u16(), response.headers().contains_key("retry-after"));
        let answered: Value = response.json().await.unwrap();
        // What was waited for over 15 s has said 200 before it knew.
        if status != 503 && (status != 200 || answered["success"] == true) {
            return (status, answered);
        }
        assert!(comes_back || status == 200, "{answered}");
        assert!(begun.elapsed() < Duration::from_mins(1), "it never begins");
        sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test]
async fn what_never_began_begins_when_it_is_sent_again() {
    let app = TestApp::start().await;
    let user = app.user().await;
    held_by_the_dead(&app, id_of(&user).await, "Hello", 8_000, WorkId::now_v7()).await;
    let body = json!({ "message": "Hello" });
    // Its server could still be alive.
    let early = keyed(&user, &body).send().await.unwrap();
    assert_eq!((early.status().as_u16(), early.headers().contains_key("retry-after")), (503, true));
    let (status, answered) = until_it_begins(&user, &body).await;
    assert_eq!((status, &answered["data"]["reply"]), (200, &json!("word1 word2 word3 ")), "{answered}");
    assert_eq!(keyed(&user, &body).send().await.unwrap().status(), 200);
    assert_eq!((app.upstream.calls(), &user.credits().await["available"]), (1, &json!(9)));
    app.assert_books_balance().await;
}

#[tokio::test]
async fn what_was_interrupted_begins_anew_in_its_place() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let owner = id_of(&user).await;
    // In this order: ids order a conversation.
    let (conversation, message_id, reply) = (ConversationId::now_v7(), MessageId::now_v7(), MessageId::now_v7());
    held_by_the_dead(&app, owner, "Hello", -1_000, reply.into()).await;
    let exchange = NewExchange {
        picked: None,
        user: owner,
        conversation,
        new_title: Some("Hello".into()),
        hidden: false,
        system_prompt: None,
        replaces: None,
        message_id,
        text: "Hello".into(),
        images: Vec::new(),
        reply_id: reply,
        provider: "openai".into(),
        model: "fake-model".into(),
        answer: None,
    };
    app.state.stores.chats.begin_exchange(exchange, 0).await.unwrap().unwrap();
    let (status, answered) = until_it_begins(&user, &json!({ "message": "Hello" })).await;
    assert_eq!(status, 200, "{answered}");
    assert_eq!(answered["data"]["conversationId"], conversation.to_string());
    let (_, shown) = user.get_json(&format!("/api/conversations/{conversation}")).await;
    let messages = shown["data"]["messages"].as_array().unwrap();
    assert_eq!((messages.len(), &messages[1]["state"]), (2, &json!("complete")), "{shown}");
    assert_eq!(user.credits().await["available"], 9);
    app.assert_books_balance().await;
}

#[tokio::test]
async fn what_failed_may_be_tried_anew_with_the_same_key() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let body = json!({ "message": "#flaky=2 Hello" });
    let (status, refused) = answer(keyed(&user, &body)).await;
    assert_eq!(status, 502, "{refused}");
    let (_, list) = user.get_json("/api/conversations").await;
    let first = list["data"]["items"][0]["id"].clone();
    assert_eq!(answer(keyed(&user, &body)).await.0, 502);
    let (status, answered) = answer(keyed(&user, &body)).await;
    assert_eq!((status, &answered["data"]["conversationId"]), (200, &first), "{answered}");
    // Whoever it was sent to three times has been asked one question.
    let (_, list) = user.get_json("/api/conversations").await;
    assert_eq!(list["data"]["items"].as_array().unwrap().len(), 1);
    let (_, shown) = user.get_json(&format!("/api/conversations/{}", first.as_str().unwrap())).await;
    assert_eq!(shown["data"]["messages"].as_array().unwrap().len(), 2, "{shown}");
    // What succeeded is told again, and another body is still another request.
    let (status, again) = answer(keyed(&user, &body)).await;
    assert_eq!((status, &again["data"]["messageId"]), (200, &answered["data"]["messageId"]));
    assert_eq!(answer(keyed(&user, &json!({ "message": "another" }))).await.0, 409);
    assert_eq!((app.upstream.calls(), &user.credits().await["available"]), (3, &json!(9)));
    app.assert_books_balance().await;
}

#[tokio::test]
async fn a_try_that_replaced_a_message_replaces_its_own_failure() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let (_, chat) = user.chat("Hello").await;
    let conversation = chat["data"]["conversationId"].as_str().unwrap();
    let path = format!("/api/conversations/{conversation}");
    let (_, shown) = user.get_json(&path).await;
    let body = json!({ "message": "#flaky=2 Better", "conversationId": conversation,
        "replaces": shown["data"]["messages"][0]["id"] });
    assert_eq!(answer(keyed(&user, &body)).await.0, 502);
    assert_eq!(answer(keyed(&user, &body)).await.0, 200);
    let (_, shown) = user.get_json(&path).await;
    let messages = shown["data"]["messages"].as_array().unwrap();
    assert_eq!((messages.len(), &messages[0]["content"]), (2, &json!("#flaky=2 Better")), "{shown}");
    // Not where the conversation has gone on since.
    let (_, other) = answer(user.post("/api/chat").header("idempotency-key", "on").json(&json!({
        "message": "#status=500", "conversationId": conversation })))
    .await;
    assert_eq!(other["code"], "provider_failed");
    user.post_json("/api/chat", &json!({ "message": "Next", "conversationId": conversation })).await;
    let again = json!({ "message": "#status=500", "conversationId": conversation });
    answer(user.post("/api/chat").header("idempotency-key", "on").json(&again)).await;
    let (_, shown) = user.get_json(&path).await;
    assert_eq!(shown["data"]["messages"].as_array().unwrap().len(), 8, "{shown}");
    app.assert_books_balance().await;
}
