//! `/v1`, as clients of `OpenAI` meet it.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::{TestApp, User, answer};

const COMPLETIONS: &str = "/v1/chat/completions";

fn ask(content: &str) -> Value {
    json!({ "model": "tessera", "messages": [{ "role": "user", "content": content }] })
}

fn with(mut body: Value, more: &Value) -> Value {
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

async fn program(app: &TestApp) -> (User, User) {
    let user = app.user().await;
    (user.with_key(&json!({})).await, user)
}

/// The data of each event.
async fn stream(program: &User, body: &Value) -> Vec<String> {
    let response =
        program.post(COMPLETIONS).json(&with(body.clone(), &json!({ "stream": true }))).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/event-stream"));
    let text = response.text().await.unwrap();
    text.lines().filter_map(|line| line.strip_prefix("data: ")).map(str::to_owned).collect()
}

/// Waits until nothing is held.
async fn settled(user: &User) -> Value {
    for _ in 0..100 {
        let credits = user.credits().await;
        if credits["held"] == 0 {
            return credits;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("a hold stays");
}

#[tokio::test]
async fn models_are_listed_and_shown() {
    let app = TestApp::start().await;
    let (program, _) = program(&app).await;
    let (status, list) = program.get_json("/v1/models").await;
    assert_eq!((status, &list["object"]), (200, &json!("list")));
    let names: Vec<_> = list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!(names, ["tessera", "fake-model"], "what paints does not chat");
    let (status, model) = program.get_json("/v1/models/fake-model").await;
    assert_eq!((status, &model["object"], &model["owned_by"]), (200, &json!("model"), &json!("openai")));
    let (status, missing) = program.get_json("/v1/models/org/none").await;
    assert_eq!((status, &missing["error"]["code"]), (404, &json!("model_not_found")));
    let (status, nothing) = program.get_json("/v1/nothing").await;
    assert_eq!((status, &nothing["error"]["code"]), (404, &json!("unknown_url")));
    let (status, refused) = program.get_json(COMPLETIONS).await;
    assert_eq!((status, &refused["error"]["type"]), (405, &json!("invalid_request_error")));
}

#[tokio::test]
async fn an_answer_is_whole_charged_and_in_no_list() {
    let app = TestApp::start().await;
    let (program, user) = program(&app).await;
    let body = json!({
        "model": "fake-model",
        "messages": [
            { "role": "developer", "content": "Be brief." },
            { "role": "user", "content": "One?" },
            { "role": "assistant", "content": "Two." },
            { "role": "user", "content": [{ "type": "text", "text": "Three?" }] },
        ],
        "max_tokens": 50, "temperature": 0.5, "top_p": 0.9, "stop": ["END"], "user": "ignored", "seed": 7,
    });
    let response = program.post(COMPLETIONS).json(&body).send().await.unwrap();
    assert!(response.headers().contains_key("ratelimit-limit") && response.headers().contains_key("x-request-id"));
    let answer: Value = response.json().await.unwrap();
    assert!(answer["id"].as_str().unwrap().starts_with("chatcmpl-"), "{answer}");
    assert_eq!((&answer["object"], &answer["model"]), (&json!("chat.completion"), &json!("fake-model")));
    let choice = &answer["choices"][0];
    assert_eq!(
        (&choice["message"]["role"], &choice["message"]["content"]),
        (&json!("assistant"), &json!("word1 word2 word3 "))
    );
    assert_eq!((&choice["finish_reason"], &choice["logprobs"]), (&json!("stop"), &Value::Null));
    assert_eq!(answer["usage"], json!({ "prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14 }));
    assert_eq!(answer["tessera"], json!({ "credits": 1, "remainingCredits": 9, "cached": false }));
    let asked = app.upstream.seen.last.lock().unwrap().clone().unwrap().1;
    assert_eq!(
        asked["messages"],
        json!([
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": "One?" },
            { "role": "assistant", "content": "Two." },
            { "role": "user", "content": "Three?" },
        ])
    );
    assert_eq!(
        (&asked["max_completion_tokens"], &asked["temperature"], &asked["stop"]),
        (&json!(50), &json!(0.5), &json!(["END"]))
    );
    assert_eq!(user.ledger_kinds().await, ["grant", "hold", "settle"]);
    for path in ["/api/conversations", "/api/conversations?q=Three"] {
        assert_eq!(user.get_json(path).await.1["data"]["items"], json!([]), "{path}");
    }
    let id = answer["id"].as_str().unwrap().strip_prefix("chatcmpl-").unwrap();
    let (_, message) = user.get_json(&format!("/api/chat/{id}")).await;
    assert_eq!((&message["data"]["state"], &message["data"]["credits"]), (&json!("complete"), &json!(1)));
    // After a day it is gone.
    app.state.stores.chats.forget_hidden(i64::MAX).await.unwrap();
    assert_eq!(user.get_json(&format!("/api/chat/{id}")).await.0, 404);
    app.assert_books_balance().await;
}

#[tokio::test]
async fn a_stream_has_the_chunks_that_clients_know() {
    let app = TestApp::start().await;
    let (program, user) = program(&app).await;
    let frames = stream(&program, &ask("Hello")).await;
    assert_eq!(frames.last().unwrap(), "[DONE]");
    assert!(!frames.concat().contains("usage"));
    let chunks: Vec<Value> =
        frames[..frames.len() - 1].iter().map(|frame| serde_json::from_str(frame).unwrap()).collect();
    assert_eq!(chunks.len(), 5, "a role, three words, an end");
    assert_eq!(chunks[0]["choices"][0]["delta"], json!({ "role": "assistant", "content": "" }));
    assert_eq!(chunks[2]["choices"][0]["delta"], json!({ "content": "word2 " }));
    assert_eq!(
        (&chunks[4]["choices"][0]["delta"], &chunks[4]["choices"][0]["finish_reason"]),
        (&json!({}), &json!("stop"))
    );
    assert!(chunks.iter().all(|chunk| chunk["id"] == chunks[0]["id"] && chunk["model"] == "fake-model"));
    let frames = stream(&program, &with(ask("Hello"), &json!({ "stream_options": { "include_usage": true } }))).await;
    let usage: Value = serde_json::from_str(&frames[frames.len() - 2]).unwrap();
    assert_eq!((&usage["choices"], &usage["usage"]["total_tokens"]), (&json!([]), &json!(14)));
    assert_eq!(usage["tessera"]["remainingCredits"], 8);
    let first: Value = serde_json::from_str(&frames[0]).unwrap();
    assert!(first.as_object().unwrap()["usage"].is_null());
    assert_eq!(user.credits().await["available"], 8);
}

#[tokio::test]
async fn errors_have_the_shape_that_clients_know() {
    let app = TestApp::start().await;
    let (program, user) = program(&app).await;
    let nobody = app.visitor();
    let (status, refused) = nobody.post_json(COMPLETIONS, &ask("Hello")).await;
    assert_eq!((status, &refused["error"]["code"]), (401, &json!("invalid_api_key")));
    assert!(refused["error"].get("param").is_some());
    for (body, status, param) in [
        (with(ask("Hello"), &json!({ "model": "gpt-none" })), 404, json!("model")),
        (with(ask("Hello"), &json!({ "n": 2 })), 400, json!("n")),
        (with(ask("Hello"), &json!({ "temperature": 3 })), 400, json!("temperature")),
        (with(ask("Hello"), &json!({ "top_p": -1 })), 400, json!("top_p")),
        (with(ask("Hello"), &json!({ "stop": ["a", "b", "c", "d", "e"] })), 400, json!("stop")),
        (with(ask("Hello"), &json!({ "max_tokens": 0 })), 400, json!("max_tokens")),
        (with(ask("Hello"), &json!({ "tool_choice": "required" })), 400, json!("tool_choice")),
        (with(ask("Hello"), &json!({ "messages": "no" })), 400, json!("messages")),
        (ask(&"x".repeat(49_153)), 400, json!("messages")),
        (ask(""), 400, json!("messages")),
    ] {
        let (got, refused) = program.post_json(COMPLETIONS, &body).await;
        assert_eq!(
            (got, &refused["error"]["param"], &refused["error"]["type"]),
            (status, &param, &json!("invalid_request_error")),
            "{body}"
        );
    }
    assert_eq!(user.ledger_kinds().await, ["grant"], "nothing was held for any of it");
    for (message, status) in [("#status=500", 502), ("#status=429", 429), ("#garbage", 502), ("#empty", 502)] {
        let body = ask(message);
        for is_stream in [false, true] {
            let body = with(body.clone(), &json!({ "stream": is_stream }));
            let (got, refused) = program.post_json(COMPLETIONS, &body).await;
            assert_eq!(got, status, "{message}: {refused}");
            assert!(refused["error"]["message"].is_string());
        }
    }
    assert_eq!(settled(&user).await["available"], 10);
    // Out of credits: final, so that clients do not try three times.
    let poor = user.with_key(&json!({ "budget": 1 })).await;
    assert_eq!(poor.post_json(COMPLETIONS, &ask("one")).await.0, 200);
    let response = poor.post(COMPLETIONS).json(&ask("two")).send().await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["x-should-retry"]), (402, &"false".parse().unwrap()));
    assert_eq!(response.json::<Value>().await.unwrap()["error"]["code"], "insufficient_quota");
    app.assert_books_balance().await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_ends_in_an_error_and_is_free() {
    let app = TestApp::start_with(&[("CHAT_TIMEOUT_SECS", "1")]).await;
    let (program, user) = program(&app).await;
    for message in ["#tokens=2 #cut", "#tokens=2 #error", "#tokens=2 #stall"] {
        let frames = stream(&program, &ask(message)).await;
        assert_eq!(frames.len(), 4, "{frames:?}");
        let last: Value = serde_json::from_str(&frames[3]).unwrap();
        assert_eq!(last["error"]["type"], "server_error", "{message}");
        assert!(program.post_json(COMPLETIONS, &ask(message)).await.0 >= 500);
    }
    assert_eq!(settled(&user).await["available"], 10);
    app.assert_books_balance().await;
}

#[tokio::test]
async fn a_closed_connection_stops_the_work() {
    let app = TestApp::start().await;
    let (program, user) = program(&app).await;
    let gone = async || {
        let begun = Instant::now();
        while app.upstream.seen.open.load(Ordering::SeqCst) > 0 {
            assert!(begun.elapsed() < Duration::from_secs(2), "upstream goes on");
            sleep(Duration::from_millis(5)).await;
        }
    };
    // Before the first token: free, whichever way the answer was wanted.
    for is_stream in [false, true] {
        let body = with(ask("#pause=60000"), &json!({ "stream": is_stream }));
        let request = tokio::spawn(program.post(COMPLETIONS).json(&body).send());
        while app.upstream.seen.open.load(Ordering::SeqCst) == 0 {
            sleep(Duration::from_millis(5)).await;
        }
        request.abort();
        gone().await;
        assert_eq!(settled(&user).await["available"], 10, "stream: {is_stream}");
    }
    // After it the price stands.
    let body = with(ask("#tokens=1000 #pause=30"), &json!({ "stream": true }));
    let mut response = program.post(COMPLETIONS).json(&body).send().await.unwrap();
    let mut seen = String::new();
    while !seen.contains("word2") {
        seen.push_str(std::str::from_utf8(&response.chunk().await.unwrap().unwrap()).unwrap());
    }
    drop(response);
    gone().await;
    assert_eq!(settled(&user).await["available"], 9);
    app.assert_books_balance().await;
}

#[tokio::test]
async fn a_key_that_came_before_gives_the_same_answer_once() {
    let app = TestApp::start().await;
    let (program, user) = program(&app).await;
    let send =
        async |body: &Value| answer(program.post(COMPLETIONS).header("idempotency-key", "once").json(body)).await;
    let body = ask("#pause=50 Hello");
    let (first, again) = tokio::join!(send(&body), send(&body));
    assert_eq!((first.0, again.0), (200, 200));
    assert_eq!(first.1["id"], again.1["id"]);
    assert_eq!(first.1["choices"], again.1["choices"]);
    let (status, refused) = send(&ask("another")).await;
    assert_eq!((status, &refused["error"]["code"]), (409, &json!("idempotency_mismatch")));
    assert_eq!((app.upstream.calls(), &user.credits().await["available"]), (1, &json!(9)));
}

#[tokio::test]
async fn the_same_context_is_answered_from_the_cache_and_other_settings_are_not() {
    let app = TestApp::start_with(&[("CHAT_CACHE", "shared")]).await;
    let (program, user) = program(&app).await;
    for body in [ask("Hello"), ask("Hello"), with(ask("Hello"), &json!({ "temperature": 0 }))] {
        assert_eq!(program.post_json(COMPLETIONS, &body).await.0, 200);
    }
    assert_eq!((app.upstream.calls(), &user.credits().await["available"]), (2, &json!(8)));
    let (_, cached) = program.post_json(COMPLETIONS, &ask("Hello")).await;
    assert_eq!((&cached["tessera"]["cached"], &cached["tessera"]["credits"]), (&json!(true), &json!(0)));
    let frames = stream(&program, &ask("Hello")).await;
    assert!(frames.len() >= 4 && frames.concat().contains("word3"), "{frames:?}");
    assert_eq!((app.upstream.calls(), &user.credits().await["available"]), (2, &json!(8)));
}

#[tokio::test]
async fn an_answer_that_was_cut_says_so() {
    let app = TestApp::start_with(&[("CHAT_CACHE", "shared")]).await;
    let (program, user) = program(&app).await;
    let asked = ask("#tokens=2 #finish=length");
    let (status, cut) = program.post_json(COMPLETIONS, &asked).await;
    assert_eq!((status, &cut["choices"][0]["finish_reason"]), (200, &json!("length")), "{cut}");
    let frames = stream(&program, &asked).await;
    assert!(frames[frames.len() - 2].contains(r#""finish_reason":"length""#), "{frames:?}");
    assert_eq!((app.upstream.calls(), &settled(&user).await["available"]), (2, &json!(8)));
    // Also to who comes late.
    let once = async || answer(program.post(COMPLETIONS).header("idempotency-key", "once").json(&asked)).await.1;
    assert_eq!(once().await["choices"][0]["finish_reason"], "length");
    assert_eq!(once().await["choices"][0]["finish_reason"], "length");
}

#[tokio::test]
async fn an_answer_ends_at_its_limit_whoever_writes_it() {
    let app = TestApp::start().await;
    let (program, user) = program(&app).await;
    let limited = |message: &str, limit: u32| with(ask(message), &json!({ "max_tokens": limit }));
    for (body, most) in [
        (ask("#tokens=0 #flood=400"), 32 * 1024),
        (ask("#tokens=100000"), 32 * 1024),
        (limited("#tokens=0 #flood=400", 10), 320),
        (limited("#tokens=100000", 2), 64),
    ] {
        let (status, answer) = program.post_json(COMPLETIONS, &body).await;
        assert_eq!(status, 200, "{answer}");
        let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
        assert!((1..=most).contains(&text.len()), "{} bytes of {most}", text.len());
        assert_eq!(answer["choices"][0]["finish_reason"], "length");
    }
    assert_eq!(settled(&user).await["available"], 6);
    let begun = Instant::now();
    while app.upstream.seen.open.load(Ordering::SeqCst) > 0 {
        assert!(begun.elapsed() < Duration::from_secs(2), "upstream goes on");
        sleep(Duration::from_millis(5)).await;
    }
    app.assert_books_balance().await;
}

#[tokio::test]
async fn what_a_caller_chose_says_nothing_about_the_provider() {
    let app = TestApp::start().await;
    let (program, user) = program(&app).await;
    for _ in 0..6 {
        // Nothing is left of the answer, by what was asked: for this client, the same again is no use.
        let (status, refused) =
            program.post_json(COMPLETIONS, &with(ask("#empty"), &json!({ "stop": ["word"] }))).await;
        assert_eq!((status, &refused["error"]["type"]), (400, &json!("invalid_request_error")), "{refused}");
        let thought = with(ask("#empty #finish=length"), &json!({ "max_tokens": 1 }));
        assert_eq!(program.post_json(COMPLETIONS, &thought).await.0, 400);
        assert_eq!(program.post_json(COMPLETIONS, &ask("#empty")).await.0, 502);
        assert_eq!(program.post_json(COMPLETIONS, &ask("#status=400")).await.0, 400);
        assert_eq!(program.post_json(COMPLETIONS, &ask("#status=413")).await.0, 400);
    }
    let (_, listed) = user.get_json("/api/providers").await;
    assert_eq!(listed["data"][0]["problem"], Value::Null, "{listed}");
    assert_eq!((app.upstream.calls(), &settled(&user).await["available"]), (30, &json!(10)));
    app.assert_books_balance().await;
}
