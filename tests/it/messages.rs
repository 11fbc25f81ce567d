//! Anthropic's Messages, as its clients meet them.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{TestApp, User, answer};

const MESSAGES: &str = "/v1/messages";

fn ask(content: &str) -> Value {
    json!({ "model": "tessera", "max_tokens": 100, "messages": [{ "role": "user", "content": content }] })
}

fn with(mut body: Value, more: &Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

async fn program(app: &TestApp) -> (User, User) {
    let user = app.user().await;
    (user.with_key(&json!({})).await, user)
}

#[tokio::test]
async fn a_message_is_whole() {
    let app = TestApp::start().await;
    let (program, _) = program(&app).await;
    let response = program.post(MESSAGES).json(&ask("Hello")).send().await.unwrap();
    let headers = response.headers().clone();
    assert_eq!(headers["request-id"], headers["x-request-id"]);
    let message: Value = response.json().await.unwrap();
    assert!(message["id"].as_str().unwrap().starts_with("msg_"), "{message}");
    let usage = json!({
        "input_tokens": 11, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "output_tokens": 3,
        "cache_creation": { "ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0 },
        "output_tokens_details": { "thinking_tokens": 0 },
    });
    let expected = json!({
        "id": message["id"], "type": "message", "role": "assistant", "model": "fake-model",
        "content": [{ "type": "text", "text": "word1 word2 word3 " }],
        "stop_reason": "end_turn", "stop_sequence": null, "stop_details": null, "usage": usage,
        "tessera": { "credits": 1, "remainingCredits": 9, "cached": false },
    });
    assert_eq!(message, expected);
    let asked = app.upstream.seen.last.lock().unwrap().clone().unwrap().1;
    assert_eq!(asked["max_completion_tokens"], 100);
}

#[tokio::test]
async fn a_stream_has_its_events_in_their_order() {
    let app = TestApp::start().await;
    let (program, _) = program(&app).await;
    let body = with(ask("Hello"), &json!({ "stream": true }));
    let response = program.post(MESSAGES).json(&body).send().await.unwrap();
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/event-stream"));
    assert!(response.headers().contains_key("request-id"));
    let text = response.text().await.unwrap();
    let lines: Vec<_> = text.lines().collect();
    let names: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("event: ")).collect();
    let data: Vec<Value> = lines
        .iter()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect();
    let delta = "content_block_delta";
    let expected = [
        "message_start",
        "ping",
        "content_block_start",
        delta,
        delta,
        delta,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ];
    assert_eq!(names, expected);
    assert!(names.iter().zip(&data).all(|(name, data)| data["type"] == *name), "{data:?}");
    assert_eq!((&data[0]["message"]["content"], &data[0]["message"]["stop_reason"]), (&json!([]), &Value::Null));
    assert_eq!(data[2]["content_block"], json!({ "type": "text", "text": "" }));
    assert!(data[1..].iter().filter(|data| data.get("index").is_some()).all(|data| data["index"] == 0));
    let said: String = data.iter().filter_map(|data| data["delta"]["text"].as_str()).collect();
    assert_eq!(said, "word1 word2 word3 ");
    assert_eq!(data[7]["delta"], json!({ "stop_reason": "end_turn", "stop_sequence": null }));
    assert_eq!((&data[7]["usage"]["input_tokens"], &data[7]["usage"]["output_tokens"]), (&json!(11), &json!(3)));
}

#[tokio::test]
async fn the_key_comes_either_way_and_in_both_that_of_anthropic_counts() {
    let app = TestApp::start().await;
    let (program, user) = program(&app).await;
    let key = program.key.clone().unwrap();
    let visitor = app.visitor();
    let status = async |headers: &[(&str, &str)]| {
        let mut request = visitor.post(MESSAGES).json(&ask("Hello"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request).await
    };
    let bearer = format!("Bearer {key}");
    let (auth, version) = ("authorization", "anthropic-version");
    assert_eq!(status(&[("x-api-key", &key), (version, "2023-06-01")]).await.0, 200);
    assert_eq!(status(&[(auth, &bearer), (version, "2026-10-21")]).await.0, 200);
    assert_eq!(status(&[(auth, "Bearer tsk_no"), ("x-api-key", &key)]).await.0, 200);
    let (refused, body) = status(&[(auth, &bearer), ("x-api-key", "tsk_no")]).await;
    assert_eq!((refused, &body["error"]["type"]), (401, &json!("authentication_error")));
    assert_eq!(status(&[]).await.0, 401);
    let (refused, body) = status(&[("x-api-key", &key), (version, "1999-01-01")]).await;
    assert_eq!((refused, &body["error"]["type"]), (400, &json!("invalid_request_error")));
    // Nowhere else is it a key.
    let elsewhere = answer(visitor.get("/api/credits").header("x-api-key", &key)).await;
    assert_eq!((elsewhere.0, &user.credits().await["available"]), (401, &json!(7)));
}

#[tokio::test]
async fn a_base_url_that_ends_in_v1_is_led_to_the_right_place() {
    let app = TestApp::start().await;
    let (program, _) = program(&app).await;
    let response = program.post("/v1/v1/messages?beta=true").json(&ask("Hello")).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::PERMANENT_REDIRECT);
    assert_eq!(response.headers()["location"], "/v1/messages?beta=true");
    // As the SDKs do.
    let following = User { http: reqwest::Client::new(), ..program.clone() };
    assert_eq!(answer(following.post("/v1/v1/messages?beta=true").json(&ask("Hello"))).await.0, 200);
    let large = with(ask("Hello"), &json!({ "metadata": { "user_id": "x".repeat(200_000) } }));
    assert_eq!(answer(following.post("/v1/v1/messages").json(&large)).await.0, 200);
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let app = TestApp::start().await;
    let (program, user) = program(&app).await;
    let mut no_limit = ask("Hello");
    no_limit.as_object_mut().unwrap().remove("max_tokens");
    let tool = json!([{ "name": "look", "type": "bash_20250124" }]);
    for (body, status, kind, named) in [
        (no_limit, 400, "invalid_request_error", "max_tokens: "),
        (with(ask("Hello"), &json!({ "model": "none" })), 404, "not_found_error", "model: "),
        (with(ask("Hello"), &json!({ "tools": tool })), 400, "invalid_request_error", "tools[0]: "),
        (with(ask("Hello"), &json!({ "temperature": 2 })), 400, "invalid_request_error", "temperature"),
        (with(ask("Hello"), &json!({ "messages": 7 })), 400, "invalid_request_error", "messages"),
        (
            with(ask("Hello"), &json!({ "stop_sequences": ["a", "b", "c", "d", "e"] })),
            400,
            "invalid_request_error",
            "stop_sequences: ",
        ),
        (ask(&"x".repeat(49_153)), 400, "invalid_request_error", "messages: "),
        (ask(""), 400, "invalid_request_error", "messages: "),
    ] {
        let (got, refused) = program.post_json(MESSAGES, &body).await;
        let message = refused["error"]["message"].as_str().unwrap();
        assert_eq!((got, &refused["error"]["type"]), (status, &json!(kind)), "{refused}");
        assert!(message.starts_with(named), "{message} does not begin with {named}");
    }
    assert_eq!(user.ledger_kinds().await, ["grant"], "nothing was held for any of it");
    assert_eq!(app.upstream.calls(), 0);
}

#[tokio::test]
async fn tokens_are_counted_for_nothing() {
    let app = TestApp::start().await;
    let (program, user) = program(&app).await;
    let count = async |content: &str| {
        let body = json!({ "model": "tessera", "messages": [{ "role": "user", "content": content }] });
        let (status, counted) = program.post_json("/v1/messages/count_tokens", &body).await;
        assert_eq!(status, 200, "{counted}");
        counted["input_tokens"].as_u64().unwrap()
    };
    let (short, long) = (count("Hello").await, count(&"Hello there. ".repeat(10_000)).await);
    assert!((1..30).contains(&short) && long > 20_000, "{short} and {long}");
    assert_eq!((app.upstream.calls(), user.ledger_kinds().await), (0, vec!["grant".to_owned()]));
}

#[tokio::test]
async fn a_format_is_passed_on_as_providers_know_it() {
    let app = TestApp::start().await;
    let (program, _) = program(&app).await;
    let schema = json!({ "type": "object", "properties": {} });
    let config = json!({ "effort": "low", "format": { "type": "json_schema", "schema": schema } });
    let (status, told) = program.post_json(MESSAGES, &with(ask("Hello"), &json!({ "output_config": config }))).await;
    assert_eq!(status, 200, "{told}");
    let asked = app.upstream.seen.last.lock().unwrap().clone().unwrap().1;
    let format = json!({ "name": "answer", "schema": schema, "strict": true });
    assert_eq!(asked["response_format"], json!({ "type": "json_schema", "json_schema": format }));
    assert_eq!(asked["reasoning_effort"], "low");
}
