//! A server that speaks OpenAI's image generations. What it does is asked for in the prompt:
//!
//! `#url` answer with an address of its own, `#elsewhere` with one of another host, `#blocked` refuse as moderation
//! does, `#quota` as without money, `#status=CODE` refuse, `#empty` no picture, `#garbage` no JSON, `#endless` never end.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::stream;
use image::{DynamicImage, ImageFormat, RgbImage};
use serde_json::{Value, json};

#[derive(Default)]
pub struct Seen {
    pub last: Mutex<Option<(HeaderMap, Value)>>,
    url: String,
}

pub struct FakeOpenAiImages {
    /// With `/v1`.
    pub url: String,
    pub seen: Arc<Seen>,
}

impl FakeOpenAiImages {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Seen { url: root.clone(), ..Seen::default() });
        let app = Router::new().route("/v1/images/generations", post(generate)).route("/files/a.png", get(deliver));
        let app = app.with_state(seen.clone());
        let listener = listener.tap_io(|connection| connection.set_nodelay(true).unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url: format!("{root}/v1"), seen }
    }
}

fn paint(size: &str) -> Vec<u8> {
    let (width, height) = size.split_once('x').unwrap();
    let mut bytes = std::io::Cursor::new(Vec::new());
    let picture = DynamicImage::ImageRgb8(RgbImage::new(width.parse().unwrap(), height.parse().unwrap()));
    picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn refusal(status: u16, code: &str) -> Response {
    let error =
        json!({ "error": { "message": "refused on purpose", "type": "image_generation_user_error", "code": code } });
    (StatusCode::from_u16(status).unwrap(), [("retry-after", "7")], Json(error)).into_response()
}

async fn generate(State(seen): State<Arc<Seen>>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let prompt = body["prompt"].as_str().unwrap().to_owned();
    let size = body["size"].as_str().unwrap().to_owned();
    *seen.last.lock().unwrap() = Some((headers, body));
    let has = |name: &str| prompt.split_whitespace().any(|word| word == name);
    if let Some((_, status)) = prompt.split_once("#status=") {
        return refusal(status.parse().unwrap(), "");
    }
    if has("#blocked") {
        return refusal(400, "moderation_blocked");
    }
    if has("#quota") {
        return refusal(429, "insufficient_quota");
    }
    if has("#garbage") {
        return "<html>".into_response();
    }
    if has("#endless") {
        let begin = stream::iter([Bytes::from_static(br#"{"data":[{"b64_json":""#)]);
        let rest = stream::repeat(Bytes::from("A".repeat(64 * 1024)));
        let body = futures::StreamExt::map(futures::StreamExt::chain(begin, rest), Ok::<_, Infallible>);
        return ([(CONTENT_TYPE, "application/json")], Body::from_stream(body)).into_response();
    }
    let data = match () {
        () if has("#url") => json!([{ "url": format!("{}/files/a.png", seen.url) }]),
        () if has("#elsewhere") => json!([{ "url": "http://127.0.0.1:9/files/a.png" }]),
        () if has("#empty") => json!([]),
        () => json!([{ "b64_json": BASE64_STANDARD.encode(paint(&size)) }]),
    };
    Json(json!({ "created": 1_713_833_628, "data": data })).into_response()
}

async fn deliver(headers: HeaderMap) -> Response {
    if headers.contains_key(AUTHORIZATION) {
        return StatusCode::BAD_REQUEST.into_response();
    }
    ([(CONTENT_TYPE, "image/png")], paint("64x64")).into_response()
}
