//! What the server reads of requests, and of those whom it asks. Whatever comes, nothing panics: no answer is a 500.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{CONTENT_TYPE, COOKIE, HeaderValue};
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use url::Url;

use super::pure::pictures;
use super::{Target, text};
use crate::support::{TestApp, User};

/// A server with room for many requests, and a user.
fn start(more: &[(&str, &str)]) -> (Runtime, TestApp, User) {
    let runtime = Runtime::new().unwrap();
    let vars =
        [
            &[
                ("FREE_CREDITS", "100000000"),
                ("RATE_LIMIT_PER_MINUTE", "1000000"),
                ("READ_LIMIT_PER_MINUTE", "1000000"),
            ][..],
            more,
        ]
        .concat();
    let (app, user) = runtime.block_on(async {
        let app = TestApp::start_with(&vars).await;
        let user = app.user().await;
        (app, user)
    });
    (runtime, app, user)
}

/// Sends a request. A request that nobody can write, none sends.
fn send(runtime: &Runtime, request: RequestBuilder) -> Option<u16> {
    runtime.block_on(async {
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        let body = response.bytes().await;
        assert_ne!(status, 500, "{}", String::from_utf8_lossy(&body.unwrap_or_default()));
        Some(status)
    })
}

const JSON: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "null",
    "true",
    "false",
    "{}",
    "[]",
    "\"\"",
    "\\u0000",
    "\\ud800",
    "\\",
    "\"role\":",
    "\"user\"",
    "\"assistant\"",
    "\"system\"",
    "\"content\":",
    "\"messages\":",
    "\"model\":",
    "\"stream\":true",
    "\"n\":",
    "\"max_tokens\":",
    "\"temperature\":",
    "\"stop\":",
    "\"tools\":",
    "\"type\":\"text\"",
    "\"image_url\":",
    "\"url\":\"data:image/png;base64,",
    "\"prompt\":",
    "\"size\":\"1024x1024\"",
    "\"response_format\":",
    "\"b64_json\"",
    "\"stream_options\":{\"include_usage\":true}",
    "\"max_credits\":",
    "\"max_tokens\":9,",
    "\"system\":",
    "\"source\":{\"type\":\"base64\",\"data\":",
    "\"type\":\"image\"",
    "\"type\":\"tool_result\"",
    "\"input\":",
    "\"instructions\":",
    "\"previous_response_id\":\"resp_",
    "\"type\":\"item_reference\",\"id\":\"msg_",
    "\"store\":false",
    "\"text\":{\"format\":{\"type\":\"json_schema\"",
];

#[test]
fn bodies_for_clients_of_openai_are_done_or_refused() {
    let (runtime, app, user) = start(&[]);
    Target { name: "v1", words: JSON, inputs: 120, most: 32_768 }.feed(|input| {
        for path in ["/v1/chat/completions", "/v1/images/generations", "/v1/messages", "/v1/responses"] {
            let request = user.post(path).header(CONTENT_TYPE, "application/json").body(input.to_vec());
            send(&runtime, request).expect("an answer");
        }
    });
    runtime.block_on(app.assert_books_balance());
}

#[test]
fn what_is_sent_as_a_picture_is_taken_or_refused() {
    let (runtime, app, user) = start(&[("ATTACHMENT_QUOTA_MIB", "10000")]);
    let words = &[
        "data:",
        "image/png",
        "image/jpeg",
        ";base64,",
        ",",
        "=",
        "==",
        "%2B",
        "image/svg+xml",
        "charset=utf-8;",
        "AAAA",
        "_",
        "-",
        " ",
    ];
    let urls = pictures()
        .into_iter()
        .map(|bytes| format!("data:image/png;base64,{}", BASE64_STANDARD.encode(bytes)).into_bytes());
    let target = Target { name: "uploads", words, inputs: 80, most: 65_536 };
    target.feed_with(urls.collect(), |input| {
        let url = text(input);
        let inside = format!("data:image/png;base64,{}", BASE64_STANDARD.encode(input));
        for image in [url, inside] {
            let body = json!({ "message": "Look #tokens=1", "images": [image] });
            send(&runtime, user.post("/api/chat").json(&body)).expect("an answer");
        }
    });
    runtime.block_on(app.assert_books_balance());
}

#[test]
fn cookies_are_read_or_left() {
    let (runtime, app, user) = start(&[]);
    let words = &[
        "tessera_session=",
        "tessera_device=",
        "theme=dark",
        "language=zh",
        "sidebar=",
        "provider=",
        "seen=",
        "; ",
        ";",
        "=",
        "\"",
        ",",
        "%00",
        "%",
        "__Host-",
        "__session=",
        "__client_uat=0",
        "tessera_flow_",
        "zone=Europe/Berlin",
        "draft=",
        "\u{ff}",
    ];
    let real = user.cookie.clone().unwrap().into_bytes();
    let target = Target { name: "cookies", words, inputs: 60, most: 4_000 };
    target.feed_with(vec![real.clone()], |input| {
        let Ok(cookie) = HeaderValue::from_bytes(input) else { return };
        for path in ["/api/auth/me", "/", "/sign-in", "/chat", "/images"] {
            let visitor = app.visitor();
            let status = send(&runtime, visitor.get(path).header(COOKIE, cookie.clone()));
            if path == "/api/auth/me" && status == Some(200) {
                let whole = String::from_utf8_lossy(&real).into_owned();
                assert!(text(input).contains(&whole), "somebody is in with {cookie:?}");
            }
        }
    });
}

/// Routes that read a query, by the token of a cookie.
const ASKED: [&str; 12] = [
    "/api/conversations",
    "/api/images",
    "/api/credits/ledger",
    "/api/credits/receipts",
    "/api/account/sessions",
    "/api/overview",
    "/images",
    "/chat",
    "/dashboard",
    "/buy-credits",
    "/account",
    "/sign-in/one/callback",
];
/// Forms, each without what would end the session.
const FORMS: [&str; 7] = ["/theme", "/language", "/notices", "/sign-in", "/account/profile", "/dashboard", "/account"];

#[test]
fn queries_and_forms_are_read_or_refused() {
    let (runtime, _app, user) = start(&[]);
    let words = &[
        "=",
        "&",
        "%",
        "%00",
        "%ff",
        "+",
        "q=",
        "cursor=",
        "limit=",
        "format=csv",
        "next=",
        "from=",
        "pinned=true",
        "favorites=on",
        "seed=",
        "prompt=",
        "aspectRatio=",
        "theme=dark",
        "email=",
        "password=",
        "displayName=",
        "code=",
        "state=",
        "iss=",
        "scopes=read",
        "name=",
        "zone=",
        "said=",
    ];
    let mut number = 0;
    Target { name: "queries", words, inputs: 120, most: 4_096 }.feed(|input| {
        number += 1;
        let mut url = Url::parse(&format!("http://{}{}", user.addr, ASKED[number % ASKED.len()])).unwrap();
        url.set_query(Some(&text(input)));
        let path = format!("{}?{}", url.path(), url.query().unwrap_or_default());
        send(&runtime, user.get(&path));
        let form = user.post(FORMS[number % FORMS.len()]).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        send(&runtime, form.body(input.to_vec())).expect("an answer");
        let json = user.request(Method::PUT, "/api/account/budgets").header(CONTENT_TYPE, "application/json");
        send(&runtime, json.body(input.to_vec())).expect("an answer");
    });
}

type Said = Arc<Mutex<Vec<u8>>>;

/// A provider that answers with what it is told, whatever that is.
async fn start_provider(said: Said) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let answer = async |State(said): State<Said>| {
        let body = said.lock().unwrap().clone();
        (StatusCode::OK, [(CONTENT_TYPE, "text/event-stream")], body)
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer).with_state(said)).await.unwrap() });
    base
}

#[test]
fn answers_of_providers_end_whatever_they_are() {
    let said = Said::default();
    let outside = Runtime::new().unwrap();
    let base = outside.block_on(start_provider(said.clone()));
    let openai = format!("{base}/v1");
    let mut words = JSON.to_vec();
    words.extend([
        "data: ",
        "\n\n",
        "[DONE]",
        "\"choices\":[",
        "\"delta\":{",
        "\"finish_reason\":\"stop\"",
        "\"usage\":{",
        "\"candidates\":[",
        "\"parts\":[",
    ]);
    words.extend([
        "\"usageMetadata\":{",
        "\"thought\":true",
        "\"error\":{",
        "<think>",
        "</think>",
        "event: error",
        "\"total_tokens\":",
        "\"text\":",
    ]);
    // The words of a test last as long as the tests.
    let words: &'static [&'static str] = words.leak();
    for (provider, vars) in [
        ("openai", vec![("OPENAI_BASE_URL", openai.as_str())]),
        ("gemini", vec![("GEMINI_BASE_URL", base.as_str()), ("GEMINI_API_KEY", "a-key-of-a-test")]),
        ("anthropic", vec![("ANTHROPIC_BASE_URL", base.as_str()), ("ANTHROPIC_API_KEY", "a-key-of-a-test")]),
    ] {
        let more = [&[("CHAT_PROVIDERS", provider), ("CHAT_TIMEOUT_SECS", "5")][..], &vars].concat();
        let (runtime, app, user) = start(&more);
        Target { name: "answers", words, inputs: 60, most: 16_384 }.feed(|input| {
            *said.lock().unwrap() = input.to_vec();
            send(&runtime, user.post("/api/chat").json(&json!({ "message": "Hello" }))).expect("an answer");
        });
        assert_eq!(runtime.block_on(user.credits())["held"], 0, "{provider}");
        runtime.block_on(app.assert_books_balance());
    }
}
