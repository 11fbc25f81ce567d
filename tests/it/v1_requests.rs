//! What clients of `OpenAI` send to `/v1`, odd as it may be: taken as others take it, passed on, or refused by name; never
//! dropped and charged.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::fake_gemini::FakeGemini;
use crate::support::{PNG_URL, TestApp, User, answer};

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

/// The body as it comes, whole or as a stream.
async fn send(program: &User, body: &Value, is_stream: bool) -> (u16, String) {
    let body = with(body.clone(), &json!({ "stream": is_stream }));
    let response = program.post(COMPLETIONS).json(&body).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// The text of an answer, however it came.
fn text_of(body: &str) -> String {
    if let Ok(whole) = serde_json::from_str::<Value>(body) {
        return whole["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned();
    }
    let chunks = body.lines().filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
    chunks.filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned)).collect()
}

/// Why it ended, however it came.
fn reason_of(body: &str) -> Value {
    if let Ok(whole) = serde_json::from_str::<Value>(body) {
        return whole["choices"][0]["finish_reason"].clone();
    }
    let chunks = body.lines().filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok());
    chunks.map(|chunk| chunk["choices"][0]["finish_reason"].clone()).find(|reason| !reason.is_null()).unwrap()
}

fn asked(app: &TestApp) -> Value {
    app.upstream.seen.last.lock().unwrap().clone().unwrap().1
}

/// What is sent, and what of it reaches the provider: `null` where nothing does.
fn odd_fields() -> Vec<(Value, &'static str, Value)> {
    vec![
        (json!({ "max_tokens": -1 }), "max_completion_tokens", json!(1024)),
        (json!({ "max_completion_tokens": -1 }), "max_completion_tokens", json!(1024)),
        (json!({ "max_tokens": null }), "max_completion_tokens", json!(1024)),
        (json!({ "max_tokens": 50.0 }), "max_completion_tokens", json!(50)),
        (json!({ "max_completion_tokens": 5e1 }), "max_completion_tokens", json!(50)),
        (json!({ "max_tokens": 4_000_000_000_000_u64 }), "max_completion_tokens", json!(1024)),
        (json!({ "n": 1.0 }), "n", Value::Null),
        (json!({ "n": null }), "n", Value::Null),
        (json!({ "temperature": 1 }), "temperature", json!(1.0)),
        (json!({ "temperature": null, "top_p": null }), "temperature", Value::Null),
        (json!({ "top_p": 1 }), "top_p", json!(1.0)),
        (json!({ "stop": "" }), "stop", Value::Null),
        (json!({ "stop": null }), "stop", Value::Null),
        (json!({ "stop": [] }), "stop", Value::Null),
        (json!({ "stop": [""] }), "stop", Value::Null),
        (json!({ "stop": ["", "END"] }), "stop", json!(["END"])),
        (json!({ "stream_options": null }), "n", Value::Null),
        (json!({ "stream_options": {} }), "n", Value::Null),
        (json!({ "seed": 7.0 }), "seed", json!(7)),
        (json!({ "seed": null }), "seed", Value::Null),
        (json!({ "frequency_penalty": 0.5, "presence_penalty": -1 }), "frequency_penalty", json!(0.5)),
        (json!({ "presence_penalty": -1 }), "presence_penalty", json!(-1.0)),
        (json!({ "logit_bias": { "50256": -100 } }), "logit_bias", json!({ "50256": -100 })),
        (json!({ "logit_bias": {} }), "logit_bias", Value::Null),
        (json!({ "reasoning_effort": "low" }), "reasoning_effort", json!("low")),
        (json!({ "verbosity": "low" }), "verbosity", json!("low")),
        (json!({ "response_format": { "type": "json_object" } }), "response_format", json!({ "type": "json_object" })),
        (
            json!({ "response_format": { "type": "json_schema", "json_schema": { "name": "x", "schema": {} } } }),
            "response_format",
            json!({ "type": "json_schema", "json_schema": { "name": "x", "schema": {} } }),
        ),
        (json!({ "response_format": { "type": "text" } }), "response_format", Value::Null),
        (json!({ "response_format": null }), "response_format", Value::Null),
        (json!({ "tools": [] }), "tools", Value::Null),
        (json!({ "tools": null, "tool_choice": null }), "tools", Value::Null),
        (json!({ "tools": [], "tool_choice": "auto", "parallel_tool_calls": true }), "tool_choice", Value::Null),
        (json!({ "tool_choice": "none" }), "tool_choice", Value::Null),
        (json!({ "functions": [], "function_call": "auto" }), "functions", Value::Null),
        (json!({ "logprobs": false, "top_logprobs": 0 }), "logprobs", Value::Null),
        (json!({ "modalities": ["text"], "audio": null }), "modalities", Value::Null),
        (json!({ "user": "ada", "metadata": { "a": "b" }, "store": false, "what": ["ever"] }), "user", Value::Null),
    ]
}

/// The same of messages.
fn odd_messages() -> Vec<(Value, &'static str, Value)> {
    let messages = |messages: Value| json!({ "messages": messages });
    let hello = json!({ "role": "user", "content": "Hello" });
    vec![
        // A prefill, a system message at the end, and nothing but one.
        (
            messages(json!([hello, { "role": "assistant", "content": "Once upon" }])),
            "messages",
            json!([hello, { "role": "assistant", "content": "Once upon" }]),
        ),
        (
            messages(json!([hello, { "role": "system", "content": "In verse." }])),
            "messages",
            json!([hello, { "role": "system", "content": "In verse." }]),
        ),
        (
            messages(json!([{ "role": "developer", "content": "Say hello." }])),
            "messages",
            json!([{ "role": "system", "content": "Say hello." }]),
        ),
        (
            messages(json!([{ "role": "user", "name": "ada", "content": "Hello" }])),
            "messages",
            json!([{ "role": "user", "name": "ada", "content": "Hello" }]),
        ),
        (
            messages(json!([{ "role": "user", "name": "", "content": "Hello" }])),
            "messages",
            json!([{ "role": "user", "content": "Hello" }]),
        ),
        // Contents of every form.
        (
            messages(json!([{ "role": "user", "content": { "type": "text", "text": "Hello" } }])),
            "messages",
            json!([hello]),
        ),
        (messages(json!([{ "role": "user", "content": ["Hel", "lo"] }])), "messages", json!([hello])),
        (
            messages(json!([{ "role": "user", "content": [{ "type": "input_text", "text": "Hello" }] }])),
            "messages",
            json!([hello]),
        ),
        (
            messages(json!([
                { "role": "assistant", "content": [{ "type": "refusal", "refusal": "No." }], "tool_calls": [],
                  "refusal": null, "audio": null, "function_call": null, "annotations": [] },
                hello,
            ])),
            "messages",
            json!([{ "role": "assistant", "content": "No." }, hello]),
        ),
    ]
}

#[tokio::test]
async fn odd_values_are_taken_as_others_take_them() {
    let app = TestApp::start_with(&[("FREE_CREDITS", "1000")]).await;
    let (program, user) = program(&app).await;
    let mut paid = 0;
    for (more, field, expected) in odd_fields().into_iter().chain(odd_messages()) {
        for is_stream in [false, true] {
            let (status, body) = send(&program, &with(ask("Hello"), &more), is_stream).await;
            assert_eq!((status, text_of(&body).as_str()), (200, "word1 word2 word3 "), "{more}: {body}");
            assert_eq!(asked(&app)[field], expected, "{more}");
            paid += 1;
        }
    }
    assert_eq!(user.credits().await["available"], 1000 - paid);
    app.assert_books_balance().await;
}

/// What is refused, and the field that is named.
fn refused_fields() -> Vec<(Value, &'static str)> {
    let tool = json!({ "type": "function", "function": { "name": "look", "parameters": {} } });
    vec![
        (json!({ "tools": [{ "type": "custom", "custom": { "name": "look" } }] }), "tools[0]"),
        (json!({ "tools": [tool, tool] }), "tools[1]"),
        (json!({ "tools": [tool], "tool_choice": "sometimes" }), "tool_choice"),
        (json!({ "tool_choice": "required" }), "tool_choice"),
        (json!({ "tools": { "a": 1 } }), "tools"),
        (json!({ "tool_choice": "required" }), "tool_choice"),
        (json!({ "tool_choice": { "type": "function", "function": { "name": "look" } } }), "tool_choice"),
        (json!({ "functions": [{ "name": "look" }] }), "functions"),
        (json!({ "function_call": { "name": "look" } }), "function_call"),
        (json!({ "response_format": 7 }), "response_format"),
        (json!({ "response_format": { "type": "grammar" } }), "response_format"),
        (json!({ "logprobs": true }), "logprobs"),
        (json!({ "logprobs": 3 }), "logprobs"),
        (json!({ "top_logprobs": 3 }), "top_logprobs"),
        (json!({ "modalities": ["text", "audio"] }), "modalities"),
        (json!({ "audio": { "voice": "ash", "format": "mp3" } }), "audio"),
        (json!({ "web_search_options": {} }), "web_search_options"),
        (json!({ "n": 2 }), "n"),
        (json!({ "n": 0 }), "n"),
        (json!({ "n": 1.5 }), "n"),
        (json!({ "max_tokens": 0 }), "max_tokens"),
        (json!({ "max_tokens": -2 }), "max_tokens"),
        (json!({ "max_tokens": 1.5 }), "max_tokens"),
        (json!({ "max_tokens": "many" }), "max_tokens"),
        (json!({ "max_completion_tokens": 0 }), "max_completion_tokens"),
        (json!({ "temperature": 3 }), "temperature"),
        (json!({ "temperature": "hot" }), "temperature"),
        (json!({ "top_p": [] }), "top_p"),
        (json!({ "frequency_penalty": 3 }), "frequency_penalty"),
        (json!({ "presence_penalty": "x" }), "presence_penalty"),
        (json!({ "seed": 1.5 }), "seed"),
        (json!({ "logit_bias": [1] }), "logit_bias"),
        (json!({ "reasoning_effort": 3 }), "reasoning_effort"),
        (json!({ "verbosity": {} }), "verbosity"),
        (json!({ "stop": 5 }), "stop"),
        (json!({ "stop": ["a", 5] }), "stop[1]"),
        (json!({ "stop": ["a", "b", "c", "d", "e"] }), "stop"),
        (json!({ "stop": "x".repeat(257) }), "stop"),
        (json!({ "stream_options": "usage" }), "stream_options"),
        (json!({ "stream_options": { "include_usage": "yes" } }), "stream_options.include_usage"),
    ]
}

/// The same of models and messages.
fn refused_messages() -> Vec<(Value, &'static str)> {
    let messages = |messages: Value| json!({ "messages": messages });
    let user_says = |content: Value| messages(json!([{ "role": "user", "content": content }]));
    vec![
        (json!({ "model": 5 }), "model"),
        (json!({ "messages": "no" }), "messages"),
        (json!({ "messages": null }), "messages"),
        (json!({ "messages": [] }), "messages"),
        (json!({ "messages": ["Hello"] }), "messages[0]"),
        (messages(json!([{ "role": "user", "content": "  " }])), "messages"),
        (messages(json!([{ "role": 1, "content": "x" }])), "messages[0].role"),
        (messages(json!([{ "content": "x" }])), "messages[0].role"),
        (messages(json!([{ "role": "critic", "content": "x" }])), "messages[0].role"),
        (messages(json!([{ "role": "tool", "tool_call_id": "1", "content": "x" }])), "messages"),
        (messages(json!([{ "role": "tool", "content": "x" }])), "messages[0].tool_call_id"),
        (messages(json!([{ "role": "function", "name": "look", "content": "x" }])), "messages[0].role"),
        (
            messages(json!([
                { "role": "assistant", "content": null, "tool_calls": [{ "id": "1", "type": "function" }] },
                { "role": "user", "content": "x" },
            ])),
            "messages[0].tool_calls[0]",
        ),
        (
            messages(json!([
                { "role": "assistant", "content": null, "function_call": { "name": "look" } },
                { "role": "user", "content": "x" },
            ])),
            "messages[0].function_call",
        ),
        (messages(json!([{ "role": "user", "name": 5, "content": "x" }])), "messages[0].name"),
        (messages(json!([{ "role": "user", "name": "x".repeat(65), "content": "x" }])), "messages[0].name"),
        (user_says(json!(5)), "messages[0].content"),
        (user_says(json!([5])), "messages[0].content[0]"),
        (user_says(json!([{ "type": "text", "text": 5 }])), "messages[0].content[0].text"),
        (user_says(json!([{ "type": "input_audio", "input_audio": {} }])), "messages[0].content"),
        (user_says(json!([{ "type": "file", "file": {} }])), "messages[0].content"),
        (
            user_says(json!([{ "type": "image_url", "image_url": { "url": "https://x.example/cat.png" } }])),
            "messages[0].content",
        ),
        (user_says(json!([{ "type": "image_url", "image_url": 5 }])), "messages[0].content[0].image_url"),
        (user_says(json!([{ "type": "image_url" }])), "messages[0].content"),
    ]
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_by_name_and_free() {
    let app = TestApp::start().await;
    let (program, user) = program(&app).await;
    for (more, param) in refused_fields().into_iter().chain(refused_messages()) {
        for is_stream in [false, true] {
            let (status, body) = send(&program, &with(ask("Hello"), &more), is_stream).await;
            let refused: Value = serde_json::from_str(&body).unwrap_or_default();
            let expected = if param == "model" { "model_not_found" } else { "" };
            assert!(status == 400 || (status == 404 && !expected.is_empty()), "{more}: {status} {body}");
            assert_eq!(refused["error"]["param"], param, "{more}: {body}");
            assert_eq!(refused["error"]["type"], "invalid_request_error", "{more}");
            let message = refused["error"]["message"].as_str().unwrap();
            assert!(!message.contains("untagged") && !message.contains("variant"), "{more}: {message}");
        }
    }
    for (body, is_value) in [("{\"model\": ", false), ("", false), ("[]", true), ("7", true)] {
        let request = program.post(COMPLETIONS).header("content-type", "application/json").body(body);
        let (status, refused) = answer(request).await;
        assert_eq!((status, &refused["error"]["param"]), (400, &json!("body")), "{body}, {is_value}");
    }
    assert_eq!((app.upstream.calls(), user.ledger_kinds().await), (0, vec!["grant".to_owned()]));
}

#[tokio::test]
async fn the_whole_context_has_a_limit_that_is_told_by_name() {
    let app = TestApp::start().await;
    let (caller, _) = program(&app).await;
    // More than a message of the page, as files and answers of searches are.
    assert_eq!(caller.post_json(COMPLETIONS, &ask(&"x".repeat(49_152))).await.0, 200);
    let parts = json!({ "messages": [
        { "role": "system", "content": "x".repeat(30_000) }, { "role": "user", "content": "é".repeat(19_153) },
    ] });
    let small = TestApp::start_with(&[("MAX_CONTEXT_CHARS", "200"), ("MAX_MESSAGE_CHARS", "10")]).await;
    let (of_small, user) = program(&small).await;
    assert_eq!(of_small.post_json(COMPLETIONS, &ask(&"é".repeat(200))).await.0, 200);
    for (caller, body, most) in [
        (&caller, ask(&"x".repeat(49_153)), "49152"),
        (&caller, with(ask(""), &parts), "49152"),
        (&of_small, ask(&"é".repeat(201)), "200"),
    ] {
        for is_stream in [false, true] {
            let (status, body) = send(caller, &body, is_stream).await;
            let refused: Value = serde_json::from_str(&body).unwrap();
            assert_eq!((status, &refused["error"]["code"]), (400, &json!("context_length_exceeded")), "{body}");
            assert_eq!(refused["error"]["param"], "messages");
            let message = refused["error"]["message"].as_str().unwrap();
            assert!(message.contains(most) && message.contains("MAX_CONTEXT_CHARS"), "{message}");
        }
    }
    assert_eq!(user.credits().await["available"], 9);
}

#[tokio::test]
async fn the_output_limit_is_a_setting_that_is_told_where_it_cuts() {
    let app = TestApp::start_with(&[("MAX_OUTPUT_TOKENS", "7")]).await;
    let (program, _) = program(&app).await;
    let cut = "#tokens=3 #finish=length";
    // What is asked for, what reaches the provider, and what is told of the setting.
    for (more, limit, told) in [
        (json!({}), 7, json!(7)),
        (json!({ "max_tokens": 50 }), 7, json!(7)),
        (json!({ "max_tokens": 7 }), 7, Value::Null),
        (json!({ "max_tokens": 3 }), 3, Value::Null),
    ] {
        let body = with(ask(cut), &more);
        let (_, whole) = send(&program, &body, false).await;
        assert_eq!(asked(&app)["max_completion_tokens"], limit, "{more}");
        assert_eq!(reason_of(&whole), "length", "{whole}");
        let whole: Value = serde_json::from_str(&whole).unwrap();
        assert_eq!(whole["tessera"]["maxOutputTokens"], told, "{more}: {whole}");
        let (_, chunks) = send(&program, &body, true).await;
        assert_eq!(reason_of(&chunks), "length");
        let last = chunks.lines().rfind(|line| line.contains("\"length\"")).unwrap().strip_prefix("data: ").unwrap();
        let last: Value = serde_json::from_str(last).unwrap();
        assert_eq!(last["tessera"]["maxOutputTokens"], told, "{more}: {last}");
    }
    let (_, whole) = send(&program, &ask("Hello"), false).await;
    assert!(!whole.contains("maxOutputTokens"), "{whole}");
}

#[tokio::test]
async fn an_answer_says_why_it_ended_as_its_provider_did() {
    let gemini = FakeGemini::start().await;
    let base = gemini.base_url();
    let app = TestApp::start_with(&[
        ("CHAT_PROVIDERS", "openai,gemini"),
        ("GEMINI_API_KEY", "gemini-key"),
        ("GEMINI_BASE_URL", base.as_str()),
        ("FREE_CREDITS", "100"),
    ])
    .await;
    let (program, _) = program(&app).await;
    for (model, message, limit, reason) in [
        ("fake-model", "#tokens=3 #finish=length", 50, "length"),
        ("fake-model", "#tokens=3 #finish=stop", 3, "stop"),
        ("fake-model", "#tokens=60 #finish=stop", 50, "stop"),
        ("gemini-3.8-flash", "gemini: #thoughts=200 Hello", 50, "stop"),
        ("gemini-3.8-flash", "gemini: #max Hello", 50, "length"),
    ] {
        for is_stream in [false, true] {
            let body = with(ask(message), &json!({ "model": model, "max_tokens": limit }));
            let (status, body) = send(&program, &body, is_stream).await;
            assert_eq!((status, reason_of(&body)), (200, json!(reason)), "{message}: {body}");
        }
    }
}

#[tokio::test]
async fn no_usage_is_zeros() {
    let app = TestApp::start().await;
    let (program, _) = program(&app).await;
    let body = with(ask("#nousage"), &json!({ "stream_options": { "include_usage": true } }));
    let zeros = json!({ "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0 });
    let (_, whole) = program.post_json(COMPLETIONS, &ask("#nousage")).await;
    assert_eq!(whole["usage"], zeros);
    let (_, chunks) = send(&program, &body, true).await;
    let last = chunks.lines().rfind(|line| line.contains("\"choices\":[]")).unwrap().strip_prefix("data: ").unwrap();
    assert_eq!(serde_json::from_str::<Value>(last).unwrap()["usage"], zeros);
}

#[tokio::test]
async fn what_shapes_an_answer_is_in_its_key_and_a_header_asks_afresh() {
    let app = TestApp::start_with(&[("CHAT_CACHE", "shared"), ("FREE_CREDITS", "100")]).await;
    let (program, user) = program(&app).await;
    let mut calls = 0;
    for more in [
        json!({}),
        json!({ "temperature": 1 }),
        json!({ "seed": 1 }),
        json!({ "seed": 2 }),
        json!({ "frequency_penalty": 1 }),
        json!({ "presence_penalty": 1 }),
        json!({ "logit_bias": { "1": 1 } }),
        json!({ "reasoning_effort": "low" }),
        json!({ "verbosity": "low" }),
        json!({ "response_format": { "type": "json_object" } }),
        json!({ "max_tokens": 9 }),
        json!({ "stop": "END" }),
        json!({ "messages": [{ "role": "user", "name": "ada", "content": "Hello" }] }),
        json!({ "messages": [{ "role": "user", "name": "bob", "content": "Hello" }] }),
        json!({ "messages": [{ "role": "user", "content": "Hello" }, { "role": "assistant", "content": "H" }] }),
    ] {
        let body = with(ask("Hello"), &more);
        calls += 1;
        for cached in [false, true] {
            let (_, answer) = program.post_json(COMPLETIONS, &body).await;
            assert_eq!((&answer["tessera"]["cached"], app.upstream.calls()), (&json!(cached), calls), "{more}");
        }
    }
    for (value, is_fresh) in [
        ("no-cache", true),
        ("No-Cache", true),
        ("max-age=0, no-store", true),
        ("max-age=0", true),
        ("max-age=60", false),
        ("no-transform", false),
    ] {
        calls += usize::from(is_fresh);
        let (_, answer) = answer(program.post(COMPLETIONS).header("cache-control", value).json(&ask("Hello"))).await;
        assert_eq!((&answer["tessera"]["cached"], app.upstream.calls()), (&json!(!is_fresh), calls), "{value}");
    }
    assert_eq!(user.credits().await["available"], 100 - calls);
}

#[tokio::test]
async fn only_what_chats_is_listed_and_what_is_not_served_says_what_is() {
    let app = TestApp::start().await;
    let (program, user) = program(&app).await;
    let (_, list) = program.get_json("/v1/models").await;
    let names: Vec<_> = list["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!(names, ["tessera", "fake-model"]);
    // What paints is there, for who knows it.
    assert_eq!(program.get_json("/v1/models/sketch").await.1["owned_by"], "sketch");
    let (_, refused) = program.post_json(COMPLETIONS, &with(ask("Hello"), &json!({ "model": "sketch" }))).await;
    assert_eq!(refused["error"]["code"], "model_not_found");
    // A model without its file does not chat.
    let other = TestApp::start_with(&[("CHAT_PROVIDERS", "openai,local"), ("LOCAL_MODEL", "/nowhere/x.gguf")]).await;
    let (of_other, _) = self::program(&other).await;
    let names = async || {
        let (_, list) = of_other.get_json("/v1/models").await;
        list["data"].as_array().unwrap().iter().map(|model| model["id"].clone()).collect::<Vec<_>>()
    };
    let begun = Instant::now();
    while names().await != ["tessera", "fake-model"] {
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", names().await);
    }
    for (method, path, status, code) in [
        ("POST", "/v1/completions", 404, "unknown_url"),
        ("POST", "/v1/audio/speech", 404, "unknown_url"),
        ("POST", "/v1/v1/chat/completions", 404, "unknown_url"),
        ("GET", "/v1", 404, "unknown_url"),
        ("GET", "/v1/", 404, "unknown_url"),
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("DELETE", "/v1/models", 405, "method_not_allowed"),
    ] {
        let (found, refused) = answer(program.request(method.parse().unwrap(), path)).await;
        assert_eq!((found, &refused["error"]["code"]), (status, &json!(code)), "{method} {path}: {refused}");
        let message = refused["error"]["message"].as_str().unwrap();
        for served in ["GET /v1/models", "POST /v1/chat/completions", "POST /v1/images/generations"] {
            assert!(message.contains(served), "{message}");
        }
        assert!(message.contains(method), "{message}");
    }
    assert_eq!(user.ledger_kinds().await, ["grant"]);
}

#[tokio::test]
async fn an_image_is_what_its_bytes_are() {
    let app = TestApp::start_with(&[("FREE_CREDITS", "100")]).await;
    let (program, user) = program(&app).await;
    let data = PNG_URL.rsplit_once(',').unwrap().1;
    let lines = format!("{}\r\n{}", &data[..20], &data[20..]);
    let url_safe = data.replace('+', "-").replace('/', "_");
    let escaped = data.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let urls = [
        format!("data:image/png;base64,{data}"),
        format!("data:image/jpg;base64,{data}"),
        format!("data:image/webp;base64,{data}"),
        format!("data:text/plain;charset=utf-8;base64,{data}"),
        format!("data:;base64,{data}"),
        format!("data:application/octet-stream;name=a.png;base64,{data}"),
        format!("DATA:IMAGE/PNG;BASE64,{data}"),
        format!("data:image/png; base64,{data}"),
        format!("data:image/png;base64,{}", data.trim_end_matches('=')),
        format!("data:image/png;base64,{lines}"),
        format!("  data:image/png;base64, {data}\n"),
        format!("data:image/png;base64,{url_safe}"),
        format!("data:image/png;base64,{escaped}"),
    ];
    let mut paid = 0;
    for url in &urls {
        for part in [
            json!({ "type": "image_url", "image_url": { "url": url, "detail": "auto" } }),
            json!({ "type": "image_url", "image_url": url }),
            json!({ "type": "input_image", "image_url": url }),
        ] {
            let body = json!({ "model": "tessera",
                "messages": [{ "role": "user", "content": [{ "type": "text", "text": "Look" }, part] }] });
            let (status, seen) = program.post_json(COMPLETIONS, &body).await;
            assert_eq!(status, 200, "{url}: {seen}");
            paid += 1;
            let shown = asked(&app)["messages"][0]["content"][1]["image_url"]["url"].as_str().unwrap().to_owned();
            assert!(shown.starts_with("data:image/png;base64,"), "{shown}");
        }
        let (status, seen) = user.post_json("/api/chat", &json!({ "message": "Look", "images": [url] })).await;
        assert_eq!(status, 200, "{url}: {seen}");
        paid += 1;
    }
    assert_eq!(user.credits().await["available"], 100 - paid);
    app.assert_books_balance().await;
}

/// A page of somebody else's, in a browser.
const ELSEWHERE: [(&str, &str); 2] = [("origin", "https://page.example"), ("sec-fetch-site", "cross-site")];

#[tokio::test]
async fn pages_of_others_ask_with_a_key_and_never_with_a_cookie() {
    let app = TestApp::start().await;
    let (program, user) = program(&app).await;
    let from_elsewhere = |request: reqwest::RequestBuilder| {
        ELSEWHERE.iter().fold(request, |request, (name, value)| request.header(*name, *value))
    };
    for path in [COMPLETIONS, "/v1/models", "/v1/images/generations", "/v1/nothing"] {
        let preflight = from_elsewhere(app.visitor().request(reqwest::Method::OPTIONS, path))
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type,x-stainless-lang");
        let response = preflight.send().await.unwrap();
        assert_eq!(response.status(), 204, "{path}");
        let headers = response.headers();
        assert_eq!(headers["access-control-allow-origin"], "*");
        assert!(headers["access-control-allow-methods"].to_str().unwrap().contains("POST"));
        let allowed = headers["access-control-allow-headers"].to_str().unwrap();
        assert!(allowed.contains("authorization") && allowed.contains("x-stainless-lang"), "{allowed}");
        assert!(headers.contains_key("access-control-max-age"));
        assert!(!headers.contains_key("access-control-allow-credentials"));
    }
    for is_stream in [false, true] {
        let body = with(ask("Hello"), &json!({ "stream": is_stream }));
        let response = from_elsewhere(program.post(COMPLETIONS).json(&body)).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["access-control-allow-origin"], "*");
        let exposed = response.headers()["access-control-expose-headers"].to_str().unwrap().to_owned();
        assert!(exposed.contains("x-request-id") && exposed.contains("retry-after"), "{exposed}");
        assert!(!response.headers().contains_key("access-control-allow-credentials"));
        assert!(response.text().await.unwrap().contains("word3"));
    }
    assert_eq!(user.credits().await["available"], 8);
    // What goes wrong can be read, in the shape that clients know.
    let wrong = User { key: Some("tsk_wrong".to_owned()), ..app.visitor() };
    let response = from_elsewhere(wrong.post(COMPLETIONS).json(&ask("Hello"))).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), &response.headers()["access-control-allow-origin"]),
        (401, &"*".parse().unwrap())
    );
    assert_eq!(response.json::<Value>().await.unwrap()["error"]["code"], "invalid_api_key");
    // A cookie is nobody, also beside something that is no key.
    let (status, refused) = answer(from_elsewhere(user.get("/v1/models"))).await;
    assert_eq!((status, &refused["error"]["code"]), (401, &json!("invalid_api_key")));
    let (status, refused) = answer(from_elsewhere(user.post(COMPLETIONS).json(&ask("Hello")))).await;
    assert_eq!((status, &refused["error"]["code"]), (403, &json!("forbidden")));
    let (status, refused) = answer(from_elsewhere(user.post(COMPLETIONS).bearer_auth("x").json(&ask("Hello")))).await;
    assert_eq!((status, &refused["error"]["code"]), (401, &json!("invalid_api_key")));
    assert_eq!(user.credits().await["available"], 8);
    // The rest of the site is as closed as before.
    let preflight = from_elsewhere(app.visitor().request(reqwest::Method::OPTIONS, "/api/chat"))
        .header("access-control-request-method", "POST");
    let response = preflight.send().await.unwrap();
    assert!(!response.headers().contains_key("access-control-allow-origin"));
    let response = from_elsewhere(program.post("/api/chat").json(&json!({ "message": "Hello" }))).send().await.unwrap();
    assert_eq!(response.status(), 403);
    assert!(!response.headers().contains_key("access-control-allow-origin"));
}

/// What came first of a slow answer, and all of it.
async fn slowly(request: reqwest::RequestBuilder) -> (u16, Duration, String) {
    let begun = Instant::now();
    let mut response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let control = response.headers()["cache-control"].to_str().unwrap();
    assert!(control.contains("no-transform"), "{control}");
    let mut text = String::new();
    let mut first = None;
    while let Some(bytes) = response.chunk().await.unwrap() {
        first.get_or_insert(begun.elapsed());
        text.push_str(std::str::from_utf8(&bytes).unwrap());
    }
    (status, first.unwrap(), text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_comes_within_fifteen_seconds_also_before_the_first_word() {
    let app = TestApp::start_with(&[("CHAT_TIMEOUT_SECS", "18"), ("FREE_CREDITS", "20")]).await;
    let (program, user) = program(&app).await;
    let streamed = |message: &str| with(ask(message), &json!({ "stream": true }));
    let (late, never) = ("#tokens=1 #pause=16500", "#tokens=1 #pause=60000");
    let message = |text: &str| json!({ "message": text });
    let answers = tokio::join!(
        slowly(program.post(COMPLETIONS).header("accept-encoding", "gzip").json(&ask(late))),
        slowly(program.post(COMPLETIONS).json(&ask(never))),
        slowly(program.post(COMPLETIONS).header("accept-encoding", "gzip").json(&streamed(late))),
        slowly(program.post(COMPLETIONS).json(&streamed(never))),
        slowly(user.post("/api/chat").json(&message(late))),
        slowly(user.post("/api/chat").json(&message(never))),
    );
    let answers = [answers.0, answers.1, answers.2, answers.3, answers.4, answers.5];
    for (status, first, text) in &answers {
        assert_eq!(*status, 200, "{text}");
        assert!((Duration::from_millis(14_900)..Duration::from_millis(16_400)).contains(first), "{first:?}: {text}");
    }
    let [whole, failed, stream, broken, page, refused] = answers.map(|(_, _, text)| text);
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!((text_of(&whole).as_str(), &read(&whole)["tessera"]["credits"]), ("word1 ", &json!(1)));
    assert_eq!(read(&failed)["error"]["code"], "provider_timeout", "{failed}");
    assert_eq!(text_of(&stream), "word1 ");
    assert!(stream.starts_with(':') && stream.trim_end().ends_with("[DONE]"), "{stream}");
    assert!(broken.starts_with(':') && broken.contains("provider_timeout"), "{broken}");
    assert_eq!(read(&page)["data"]["reply"], "word1 ");
    assert_eq!(read(&refused)["code"], "provider_timeout");
    let begun = Instant::now();
    while user.credits().await["held"] != 0 {
        assert!(begun.elapsed() < Duration::from_secs(2), "a hold stays");
    }
    assert_eq!(user.credits().await["available"], 17);
    app.assert_books_balance().await;
}
