//! What a client of `/v1` did not get, it does not pay; and long answers outlive the patience of proxies.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use futures::StreamExt;
use serde_json::{Value, json};
use tessera::app::router;
use tessera::credits::WorkKind;
use tessera::credits::server::store::HoldEnd;
use tessera::generation::ReleaseReason;
use tessera::platform::ids::{MessageId, UserId};
use tokio::time::sleep;
use tower::ServiceExt;

use crate::fake_replicate::{FakeReplicate, TOKEN};
use crate::support::{TestApp, User, answer};

const COMPLETIONS: &str = "/v1/chat/completions";
const IMAGES: &str = "/v1/images/generations";
/// The shape with the fewest pixels.
const SIZE: &str = "1536x640";

fn question(content: &str, is_stream: bool) -> Value {
    json!({ "model": "tessera", "messages": [{ "role": "user", "content": content }], "stream": is_stream })
}

async fn program(app: &TestApp) -> User {
    app.user().await.with_key(&json!({})).await
}

/// Waits until nothing is held, and says what there is.
async fn settled(user: &User) -> Value {
    for _ in 0..500 {
        let credits = user.credits().await;
        if credits["held"] == 0 {
            return credits["available"].clone();
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("a hold stays");
}

/// The last entry of the ledger: its kind and reason.
async fn last_entry(user: &User) -> (Value, Value) {
    let (_, page) = user.get_json("/api/credits/ledger?limit=1").await;
    let entry = &page["data"]["items"][0];
    (entry["kind"].clone(), entry["reason"].clone())
}

/// Waits until some work has told its first word.
async fn first_word(app: &TestApp) {
    let jobs = &app.state.generation.jobs;
    let id = loop {
        match jobs.ids(WorkKind::Chat).pop() {
            Some(id) => break id,
            None => sleep(Duration::from_millis(5)).await,
        }
    };
    let mut events = Box::pin(jobs.get(id).unwrap().watch());
    while events.next().await.unwrap().name != "token" {}
}

/// The answer as the connection gets it, before it has asked for any of its body.
async fn unread(app: &TestApp, user: &User, path: &str, body: &Value) -> Response {
    let request = Request::post(path)
        .header("authorization", format!("Bearer {}", user.key.as_ref().unwrap()))
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    router::build(&app.state).oneshot(request).await.unwrap()
}

#[tokio::test]
async fn a_whole_answer_that_nobody_waits_for_is_free_however_often_it_is_tried() {
    let app = TestApp::start().await;
    let user = program(&app).await;
    // As clients do behind a proxy that closes what is quiet.
    for tries in 1..=3 {
        let request = tokio::spawn(user.post(COMPLETIONS).json(&question("#tokens=1000 #pause=20", false)).send());
        first_word(&app).await;
        request.abort();
        assert_eq!(settled(&user).await, 10, "try {tries}");
        while app.state.generation.jobs.count() > 0 {
            sleep(Duration::from_millis(2)).await;
        }
        assert_eq!(last_entry(&user).await, (json!("release"), json!("undelivered")));
        assert_eq!(app.upstream.calls(), tries);
    }
    app.assert_books_balance().await;
}

#[tokio::test]
async fn an_answer_of_which_the_connection_took_nothing_is_free() {
    let app = TestApp::start().await;
    let user = program(&app).await;
    for is_stream in [false, true] {
        let response = unread(&app, &user, COMPLETIONS, &question("Hello", is_stream)).await;
        assert_eq!(response.status(), 200);
        assert_eq!(user.credits().await["held"], 1, "it is not charged for yet; stream: {is_stream}");
        drop(response);
        assert_eq!(settled(&user).await, 10, "stream: {is_stream}");
        assert_eq!(last_entry(&user).await, (json!("release"), json!("undelivered")));
    }
    // What it took, it pays: the whole, or a stream from its first bytes on.
    let response = unread(&app, &user, COMPLETIONS, &question("Hello", false)).await;
    let whole: Value =
        serde_json::from_slice(&axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap()).unwrap();
    assert_eq!(whole["tessera"], json!({ "credits": 1, "remainingCredits": 9, "cached": false }));
    assert_eq!(settled(&user).await, 9);
    let response = unread(&app, &user, COMPLETIONS, &question("#tokens=1000 #pause=20", true)).await;
    let mut frames = response.into_body().into_data_stream();
    assert!(std::str::from_utf8(&frames.next().await.unwrap().unwrap()).unwrap().contains("chatcmpl-"));
    drop(frames);
    assert_eq!(settled(&user).await, 8);
    assert_eq!(last_entry(&user).await.0, "settle");
    app.assert_books_balance().await;
}

#[tokio::test]
async fn what_nobody_took_is_given_to_nobody_else_either() {
    let app = TestApp::start_with(&[("CHAT_CACHE", "shared")]).await;
    let (user, other) = (program(&app).await, program(&app).await);
    let response = unread(&app, &user, COMPLETIONS, &question("Hello", false)).await;
    drop(response);
    assert_eq!(settled(&user).await, 10);
    let (_, answered) = other.post_json(COMPLETIONS, &question("Hello", false)).await;
    assert_eq!(answered["tessera"]["cached"], false);
    assert_eq!((settled(&other).await, app.upstream.calls()), (json!(9), 2));
}

#[tokio::test]
async fn with_a_key_the_whole_answer_waits_for_the_same_key() {
    let app = TestApp::start().await;
    let user = program(&app).await;
    let ask = |is_stream: bool, key: &str| {
        let body = question("#tokens=20 #pause=20", is_stream);
        user.post(COMPLETIONS).header("idempotency-key", key).json(&body)
    };
    let request = tokio::spawn(ask(false, "whole").send());
    first_word(&app).await;
    request.abort();
    let (status, answered) = answer(ask(false, "whole")).await;
    let text = answered["choices"][0]["message"]["content"].as_str().unwrap();
    assert_eq!((status, text.ends_with("word20 ")), (200, true), "{answered}");
    assert_eq!((settled(&user).await, app.upstream.calls()), (json!(9), 1));
    // A stream too, of which nothing was taken.
    let body = question("#tokens=3", true);
    let request = Request::post(COMPLETIONS)
        .header("authorization", format!("Bearer {}", user.key.as_ref().unwrap()))
        .header("idempotency-key", "stream")
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()))
        .unwrap();
    drop(router::build(&app.state).oneshot(request).await.unwrap());
    assert_eq!(settled(&user).await, 8);
    let again = user.post(COMPLETIONS).header("idempotency-key", "stream").json(&body).send().await.unwrap();
    assert!(again.text().await.unwrap().contains("word3"));
    assert_eq!((settled(&user).await, app.upstream.calls()), (json!(8), 2));
    // And one that was read in part.
    let mut response = ask(true, "part").send().await.unwrap();
    assert!(response.chunk().await.unwrap().is_some());
    drop(response);
    let again = ask(true, "part").send().await.unwrap().text().await.unwrap();
    assert!(again.contains("word20") && again.contains(r#""finish_reason":"stop""#), "{again}");
    assert_eq!((settled(&user).await, app.upstream.calls()), (json!(7), 3));
    app.assert_books_balance().await;
}

/// As when the server stood still for longer than a lease, and another one has released the hold.
#[tokio::test]
async fn a_whole_answer_whose_hold_is_gone_is_given_to_nobody_and_kept_nowhere() {
    let app = TestApp::start().await;
    let user = program(&app).await;
    let credits = app.state.stores.credits.clone();
    let owner: UserId = user.get_json("/api/auth/me").await.1["data"]["id"].as_str().unwrap().parse().unwrap();
    for (path, body) in [
        (COMPLETIONS, question("Hello", false)),
        (
            "/v1/messages",
            json!({ "model": "tessera", "max_tokens": 50, "messages": [{ "role": "user", "content": "Hello" }] }),
        ),
        ("/v1/responses", json!({ "model": "tessera", "input": "Hello" })),
    ] {
        let response = unread(&app, &user, path, &body).await;
        assert_eq!(response.status(), 200, "{path}");
        let hold = credits.open_holds(owner.into()).await.unwrap().pop().unwrap();
        app.state.stores.chats.abandon_reply(hold.id.into()).await.unwrap();
        credits.end_hold(&hold, HoldEnd::Release, Some(ReleaseReason::Interrupted)).await.unwrap().unwrap();
        assert!(axum::body::to_bytes(response.into_body(), usize::MAX).await.is_err(), "{path}");
        assert_eq!(settled(&user).await, 10, "{path}");
        let id = format!("resp_{}", MessageId::from(hold.id).to_string().replace('-', ""));
        assert_eq!(user.get(&format!("/v1/responses/{id}")).send().await.unwrap().status(), 404);
    }
    app.assert_books_balance().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn images_that_the_connection_did_not_take_are_free_and_gone() {
    let app = TestApp::start_with(&[("FREE_CREDITS", "20")]).await;
    let user = program(&app).await;
    let body = json!({ "prompt": "a fox", "n": 2, "size": SIZE });
    let response = unread(&app, &user, IMAGES, &body).await;
    assert_eq!((response.status().as_u16(), &user.credits().await["held"]), (200, &json!(4)));
    drop(response);
    assert_eq!(settled(&user).await, 20);
    assert_eq!(last_entry(&user).await, (json!("release"), json!("undelivered")));
    assert!(user.images().await.iter().all(|image| image.status == "stopped"));
    app.clean_up().await;
    assert_eq!(app.count_files().await, 0);
    // With a key they wait for it.
    let keyed = || user.post(IMAGES).header("idempotency-key", "foxes").json(&body);
    let request = tokio::spawn(keyed().send());
    while user.images().await.len() < 3 {
        sleep(Duration::from_millis(2)).await;
    }
    request.abort();
    let (status, made) = answer(keyed()).await;
    assert_eq!((status, made["data"].as_array().unwrap().len()), (200, 2), "{made}");
    assert_eq!(settled(&user).await, 16);
    assert_eq!(user.images().await.len(), 4);
    app.assert_books_balance().await;
}

/// What came first of a slow answer, and all of it.
async fn slowly(request: reqwest::RequestBuilder) -> (u16, Duration, String) {
    let begun = Instant::now();
    let response = request.send().await.unwrap();
    let (status, first) = (response.status().as_u16(), begun.elapsed());
    assert_eq!(response.headers()["content-type"], "application/json");
    (status, first, response.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn white_space_keeps_long_answers_alive_from_fifteen_seconds_on() {
    let fake = FakeReplicate::start().await;
    let app = TestApp::start_with(&[
        ("FREE_CREDITS", "20"),
        ("REPLICATE_API_TOKEN", TOKEN),
        ("REPLICATE_BASE_URL", &fake.url),
        ("IMAGE_PROVIDERS", "replicate"),
    ])
    .await;
    let user = program(&app).await;
    let image = json!({ "prompt": "#polls=34" });
    let broken = json!({ "prompt": "#polls=34 #end=failed" });
    let waits = |body: &Value| user.post("/api/image").header("prefer", "wait").json(body);
    let compressed = user.post("/api/chat").header("accept-encoding", "gzip");
    let answers = tokio::join!(
        slowly(user.post(COMPLETIONS).json(&question("#tokens=17 #pause=1000", false))),
        slowly(user.post(COMPLETIONS).json(&question("#tokens=17 #pause=1000 #cut", false))),
        slowly(compressed.json(&json!({ "message": "#tokens=17 #pause=1000" }))),
        slowly(user.post("/api/chat").json(&json!({ "message": "#tokens=17 #pause=1000 #cut" }))),
        slowly(user.post(IMAGES).json(&image)),
        slowly(user.post(IMAGES).json(&broken)),
        slowly(waits(&image)),
        slowly(waits(&broken)),
    );
    let answers = [answers.0, answers.1, answers.2, answers.3, answers.4, answers.5, answers.6, answers.7];
    for (status, first, text) in &answers {
        assert!(*status == 200 && text.starts_with(' '), "{status}: {text}");
        assert!(*first >= Duration::from_millis(14_900), "after {first:?}: {text}");
    }
    let json = answers.map(|(_, _, text)| serde_json::from_str::<Value>(&text).unwrap());
    assert!(json[0]["choices"][0]["message"]["content"].as_str().unwrap().ends_with("word17 "), "{}", json[0]);
    assert_eq!(json[1]["error"]["type"], "server_error", "{}", json[1]);
    assert!(json[2]["data"]["reply"].as_str().unwrap().ends_with("word17 "), "{}", json[2]);
    assert_eq!((&json[3]["success"], &json[3]["code"]), (&json!(false), &json!("provider_failed")), "{}", json[3]);
    assert!(json[4]["data"][0]["b64_json"].is_string());
    assert_eq!(json[5]["error"]["type"], "server_error", "{}", json[5]);
    assert_eq!(json[6]["data"]["status"], "complete", "{}", json[6]);
    assert_eq!(json[7]["code"], "provider_failed", "{}", json[7]);
    // Two answers and two images.
    assert_eq!(settled(&user).await, 14);
    app.assert_books_balance().await;
}
