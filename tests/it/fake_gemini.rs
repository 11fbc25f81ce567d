//! A server that speaks Gemini's `streamGenerateContent`. Steered by the message, as `fake_openai.rs`:
//!
//! `#tokens=N` so many tokens, `#status=CODE` refuse, `#key` refuse the key, `#stall` say nothing (more), `#cut` end the
//! body without a finish reason, `#error` an error in the stream, `#garbage` no JSON, `#empty` nothing but usage,
//! `#prompt` block the prompt, `#safety` block the answer, `#thought` think aloud first, `#thoughts=N` so many tokens of thought, `#max` stop at the limit,
//! `#calls=NAME:JSON|…` call these functions in place of the tokens, where some are declared,
//! `#flood=N` so many pieces of 64 KiB, whatever limit was asked for.
//! Whatever stands before `gemini:` in the message is for somebody else.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use futures::StreamExt;
use serde_json::{Value, json};

#[derive(Default)]
pub struct Seen {
    pub calls: AtomicUsize,
    /// Path, query, headers and body of the last call.
    pub last: Mutex<Option<(String, String, HeaderMap, Value)>>,
}

pub struct FakeGemini {
    pub addr: SocketAddr,
    pub seen: Arc<Seen>,
}

impl FakeGemini {
    pub async fn start() -> Self {
        let seen = Arc::new(Seen::default());
        let app = Router::new().route("/v1beta/models/{call}", post(generate));
        // Images are large.
        let app = app.layer(DefaultBodyLimit::disable()).with_state(seen.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { addr, seen }
    }

    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub fn calls(&self) -> usize {
        self.seen.calls.load(Ordering::SeqCst)
    }
}

fn refuse(status: u16, name: &str, details: Value) -> Response {
    let body = json!({"error": {"code": status, "message": "on purpose", "status": name, "details": details}});
    (StatusCode::from_u16(status).unwrap(), axum::Json(body)).into_response()
}

async fn generate(
    State(seen): State<Arc<Seen>>,
    Path(call): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    seen.calls.fetch_add(1, Ordering::SeqCst);
    let body: Value = serde_json::from_slice(&body).unwrap();
    let part = &body["contents"].as_array().unwrap().last().unwrap()["parts"][0];
    let told = part["text"].as_str().or_else(|| part["functionResponse"]["response"]["output"].as_str());
    let text = told.unwrap().to_owned();
    let has_tools = body["tools"].is_array();
    *seen.last.lock().unwrap() = Some((call, query.unwrap_or_default(), headers, body));
    let mine = text.rsplit("gemini:").next().unwrap();
    let has = |name: &str| mine.split_whitespace().any(|word| word == format!("#{name}"));
    let number = |name: &str| {
        mine.split(&format!("#{name}=")).nth(1).map(|rest| rest.split(' ').next().unwrap().parse::<u16>().unwrap())
    };
    if has("key") {
        return refuse(400, "INVALID_ARGUMENT", json!([{"reason": "API_KEY_INVALID", "domain": "googleapis.com"}]));
    }
    if let Some(status) = number("status") {
        return refuse(status, "UNAVAILABLE", json!([{"@type": "RetryInfo", "retryDelay": "33s"}]));
    }
    let event = |value: Value| format!("data: {value}\r\n\r\n");
    let thoughts = number("thoughts").unwrap_or(3);
    let piece = |text: String, finish: Option<&str>| {
        let mut candidate = json!({"content": {"parts": [{"text": text}], "role": "model"}, "index": 0});
        if let Some(reason) = finish {
            candidate["finishReason"] = json!(reason);
        }
        event(json!({"candidates": [candidate], "modelVersion": "fake",
            "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 2, "thoughtsTokenCount": thoughts, "totalTokenCount": 9 + thoughts}}))
    };
    let mut frames = Vec::new();
    if has("garbage") {
        frames.push("data: {not json\n\n".to_owned());
    } else if has("prompt") {
        frames.push(event(
            json!({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 7}}),
        ));
    } else if has("empty") {
        frames.push(event(json!({"usageMetadata": {"promptTokenCount": 7}})));
    } else {
        if has("thought") {
            frames.push(event(json!({"candidates": [{"content": {"parts": [{"text": "Hmm.", "thought": true}]}}]})));
        }
        let calls = mine.split("#calls=").nth(1).filter(|_| has_tools).and_then(|rest| rest.split_whitespace().next());
        let called = calls.unwrap_or_default().split('|').filter_map(|call| call.split_once(':'));
        let parts: Vec<_> = called
            .enumerate()
            .map(|(at, (name, args))| {
                let args: Value = serde_json::from_str(args).unwrap();
                let mut part = json!({ "functionCall": { "name": name, "args": args } });
                if at == 0 {
                    part["thoughtSignature"] = json!("c2lnbmF0dXJl");
                }
                part
            })
            .collect();
        let usual = if parts.is_empty() { 2 } else { 0 };
        if !parts.is_empty() {
            frames.push(event(json!({"candidates": [{"content": {"parts": parts, "role": "model"}, "index": 0}]})));
        }
        frames.extend((1..=number("tokens").unwrap_or(usual)).map(|n| piece(format!("gem{n} "), None)));
        frames.extend((0..number("flood").unwrap_or(0)).map(|_| piece("é".repeat(32 * 1024), None)));
        if has("safety") {
            frames.push(event(json!({"candidates": [{"finishReason": "SAFETY", "index": 0}]})));
        } else if has("error") {
            frames.push(event(json!({"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}})));
        } else if has("max") {
            frames.push(event(json!({"candidates": [{"finishReason": "MAX_TOKENS", "index": 0}]})));
        } else if !has("cut") && !has("stall") {
            frames.push(piece(String::new(), Some("STOP")));
        }
    }
    let frames = futures::stream::iter(frames.into_iter().map(|frame| Ok::<_, Infallible>(Bytes::from(frame))));
    let body = if has("stall") {
        Body::from_stream(frames.chain(futures::stream::pending()))
    } else {
        Body::from_stream(frames)
    };
    ([(CONTENT_TYPE, "text/event-stream")], body).into_response()
}
