//! A server that speaks OpenAI's chat completions. What it does is asked for in the message itself:
//!
//! `#tokens=N` so many tokens, `#pause=MS` before each, `#status=CODE` refuse, `#cut` end the body in the middle,
//! `#stall` say nothing more after the tokens, `#error` an error event after the tokens, `#garbage` no JSON,
//! `#empty` a whole answer without text, `#nodone` end without `[DONE]`, `#blocked` a content filter, `#finish=REASON` end for
//! this reason (`null`: for none), `#flood=N` so many pieces of 64 KiB, whatever limit was asked for, `#flaky=N` refuse the
//! first N questions of this server, `#nousage` no word of what was used, `#usage=IN/OUT` these values (JSON) in its place,
//! `#cached=N` so many of the input cached, `#whole` all tokens in one piece, `#say=TEXT` this text, without white space, in place
//! of the tokens. Where tools are offered, `#calls=NAME:JSON|NAME:JSON` calls them after the tokens, of which there are none then
//! unless `#tokens` says so.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::serve::ListenerExt;
use serde_json::{Value, json};
use tokio::sync::mpsc;

#[derive(Default)]
pub struct Seen {
    pub calls: AtomicUsize,
    /// Answers that are being streamed now.
    pub open: AtomicUsize,
    pub last: std::sync::Mutex<Option<(HeaderMap, Value)>>,
}

pub struct FakeOpenAi {
    pub addr: SocketAddr,
    pub seen: Arc<Seen>,
}

impl FakeOpenAi {
    pub async fn start() -> Self {
        let seen = Arc::new(Seen::default());
        let app = Router::new().route("/v1/chat/completions", post(complete)).route("/v1/embeddings", post(embed));
        // Images are large.
        let app = app.layer(DefaultBodyLimit::disable()).with_state(seen.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        // Without it every answer would wait 40 ms for an acknowledgement.
        let listener = listener.tap_io(|connection| connection.set_nodelay(true).unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { addr, seen }
    }

    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.addr)
    }

    pub fn calls(&self) -> usize {
        self.seen.calls.load(Ordering::SeqCst)
    }
}

fn directive<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let rest = text.split(&format!("#{name}")).nth(1)?;
    Some(rest.strip_prefix('=').unwrap_or("").split_whitespace().next().unwrap_or(""))
}

/// A vector of two numbers for each input; `#status=CODE` refuses, `#short` forgets one, `#stall` says nothing.
async fn embed(State(seen): State<Arc<Seen>>, headers: HeaderMap, body: Bytes) -> Response {
    seen.calls.fetch_add(1, Ordering::SeqCst);
    let body: Value = serde_json::from_slice(&body).unwrap();
    let (input, text) = (body["input"].clone(), body["input"].to_string());
    *seen.last.lock().unwrap() = Some((headers, body));
    if let Some(status) = directive(&text, "status") {
        // The text is JSON.
        let status: String = status.chars().take_while(char::is_ascii_digit).collect();
        let status = StatusCode::from_u16(status.parse().unwrap()).unwrap();
        return (status, axum::Json(json!({"error": {"message": "refused on purpose"}}))).into_response();
    }
    if text.contains("#stall") {
        futures::future::pending::<()>().await;
    }
    let count = input.as_array().unwrap().len() - usize::from(text.contains("#short"));
    let data: Vec<Value> =
        (0..count).map(|index| json!({"object": "embedding", "index": index, "embedding": [0.5, index]})).collect();
    let usage = json!({"prompt_tokens": 4, "total_tokens": 4});
    axum::Json(json!({"object": "list", "model": "fake", "data": data, "usage": usage})).into_response()
}

async fn complete(State(seen): State<Arc<Seen>>, headers: HeaderMap, body: Bytes) -> Response {
    let call = seen.calls.fetch_add(1, Ordering::SeqCst);
    let body: Value = serde_json::from_slice(&body).unwrap();
    let content = &body["messages"].as_array().unwrap().last().unwrap()["content"];
    // In parts where something is shown.
    let text = content.as_str().or_else(|| content[0]["text"].as_str()).unwrap().to_owned();
    // What follows is for `fake_gemini.rs`.
    let text = text.split("gemini:").next().unwrap().to_owned();
    let has_tools = body["tools"].as_array().is_some_and(|tools| !tools.is_empty());
    *seen.last.lock().unwrap() = Some((headers, body));
    let flaky = directive(&text, "flaky").filter(|first| call < first.parse::<usize>().unwrap()).map(|_| "500");
    if let Some(status) = directive(&text, "status").or(flaky) {
        let status = StatusCode::from_u16(status.parse().unwrap()).unwrap();
        let error =
            json!({"error": {"message": "refused on purpose", "type": "server_error", "param": null, "code": null}});
        return (status, [("retry-after", "7")], axum::Json(error)).into_response();
    }
    let (frames, body) = mpsc::channel::<Result<Bytes, Infallible>>(1);
    let calls = directive(&text, "calls").filter(|_| has_tools).map(str::to_owned).unwrap_or_default();
    tokio::spawn(write(seen, text, (call, calls), frames));
    let body = Body::from_stream(futures::stream::unfold(body, |mut body| async move {
        body.recv().await.map(|frame| (frame, body))
    }));
    ([(CONTENT_TYPE, "text/event-stream")], body).into_response()
}

/// A call of a tool, as servers stream it.
fn call_in_pieces(id: &str, index: usize, name: &str, arguments: &str) -> Vec<Value> {
    let head = json!({ "index": index, "id": id, "type": "function",
        "function": { "name": name, "arguments": "" } });
    let (first, rest) = arguments.split_at(arguments.len() / 2);
    let piece = |text| json!({ "tool_calls": [{ "index": index, "function": { "arguments": text } }] });
    vec![json!({ "content": null, "tool_calls": [head] }), piece(first), piece(rest)]
}

async fn write(
    seen: Arc<Seen>,
    text: String,
    (number_of_call, calls): (usize, String),
    frames: mpsc::Sender<Result<Bytes, Infallible>>,
) {
    struct Open(Arc<Seen>);
    impl Drop for Open {
        fn drop(&mut self) {
            self.0.open.fetch_sub(1, Ordering::SeqCst);
        }
    }
    seen.open.fetch_add(1, Ordering::SeqCst);
    let _open = Open(seen);
    let send = async |data: String| frames.send(Ok(Bytes::from(format!("data: {data}\n\n")))).await.is_ok();
    let chunk = |delta: Value, finish: Option<&str>| {
        json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "fake",
               "choices": [{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}], "usage": null})
        .to_string()
    };
    let has = |name| directive(&text, name).is_some();
    let number = |name, default: u64| directive(&text, name).map_or(default, |value| value.parse().unwrap());
    if has("garbage") {
        send("{not json".into()).await;
        return;
    }
    send(chunk(json!({"role": "assistant", "content": ""}), None)).await;
    let count = if has("empty") { 0 } else { number("tokens", if calls.is_empty() && !has("say") { 3 } else { 0 }) };
    if let Some(said) = directive(&text, "say") {
        let (first, rest) = said.split_at(said.len() / 2);
        for piece in [first, rest] {
            send(chunk(json!({ "content": piece }), None)).await;
        }
    }
    if has("whole") {
        let words: Vec<_> = (1..=count).map(|n| format!("word{n} ")).collect();
        send(chunk(json!({ "content": words.concat() }), None)).await;
    }
    let pieces = if has("whole") { 0 } else { count };
    for n in 1..=pieces {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(number("pause", 0))) => {}
            () = frames.closed() => return,
        }
        if !send(chunk(json!({"content": format!("word{n} ")}), None)).await {
            return;
        }
    }
    for _ in 0..number("flood", 0) {
        if !send(chunk(json!({"content": "é".repeat(32 * 1024)}), None)).await {
            return;
        }
    }
    let called: Vec<_> = calls.split('|').filter_map(|call| call.split_once(':')).collect();
    for delta in called.iter().enumerate().flat_map(|(index, (name, arguments))| {
        // `#numbered`: as servers do that count from nought in each answer.
        let number = if has("numbered") { 0 } else { number_of_call };
        call_in_pieces(&format!("call_{index}_{name}_{number}"), index, name, arguments)
    }) {
        send(chunk(delta, None)).await;
    }
    if has("cut") {
        return;
    }
    if has("stall") {
        frames.closed().await;
        return;
    }
    if has("error") {
        send(
            json!({"error": {"message": "overloaded", "type": "server_error", "param": null, "code": null}})
                .to_string(),
        )
        .await;
        return;
    }
    let reason = directive(&text, "finish").unwrap_or(if has("blocked") {
        "content_filter"
    } else if called.is_empty() {
        "stop"
    } else {
        "tool_calls"
    });
    send(chunk(json!({}), (reason != "null").then_some(reason))).await;
    if !has("nousage") {
        let mut usage = json!({"prompt_tokens": 11, "completion_tokens": count, "total_tokens": 11 + count});
        if let Some((input, output)) = directive(&text, "usage").and_then(|usage| usage.split_once('/')) {
            usage["prompt_tokens"] = serde_json::from_str(input).unwrap();
            usage["completion_tokens"] = serde_json::from_str(output).unwrap();
        }
        if has("cached") {
            usage["prompt_tokens_details"] = json!({ "cached_tokens": number("cached", 0) });
        }
        send(
            json!({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "fake", "choices": [],
                "usage": usage})
            .to_string(),
        )
        .await;
    }
    if !has("nodone") {
        send("[DONE]".into()).await;
    }
}
