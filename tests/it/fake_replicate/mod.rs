//! A server that speaks Replicate's predictions and delivers the files. What a prediction does is asked for in its
//! prompt:
//!
//! `#status=CODE` refuse to create (with what Replicate says then), `#lost` create but break the connection,
//! `#pause=MS` take so long to create, `#takes=MS` to paint (who prefers to wait for it is answered then), `#polls=N` be done only when asked so often, `#never` never be done,
//! `#early` have the files before the status says so, `#down=N` answer so many questions with 500,
//! `#end=failed|canceled|aborted`, `#nsfw` fail as the safety checker does,
//! `#output=none|empty|text|object|removed|other|private|http|data` have such an output,
//! `#file=jpeg|html|svg|gif|wrong-type|short|giant|endless|huge|redirect|gone|broken|slow` deliver such a file.
//!
//! Predictions stay known by their id as long as the fake lives.

mod files;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use aws_lc_rs::hmac;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::{AUTHORIZATION, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures::stream;
use serde_json::{Value, json};

/// What is taken as the token.
pub const TOKEN: &str = "r8_hush-hush";
/// What webhooks are signed with.
pub const WEBHOOK_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A prediction as the service has it.
#[derive(Debug, Clone)]
pub struct Prediction {
    /// As it was sent.
    pub body: Value,
    pub prefer: Option<String>,
    pub cancel_after: Option<String>,
    pub path: String,
    pub status: &'static str,
    polls_left: u64,
    down_left: u64,
    begun: Instant,
}

impl Prediction {
    fn prompt(&self) -> &str {
        self.body["input"]["prompt"].as_str().unwrap_or_default()
    }

    fn is_over(&self) -> bool {
        !matches!(self.status, "starting" | "processing")
    }
}

#[derive(Default)]
pub struct Seen {
    pub predictions: Mutex<BTreeMap<String, Prediction>>,
    pub creates: AtomicU64,
    pub looks: AtomicU64,
    pub cancels: AtomicU64,
    pub downloads: AtomicU64,
    /// Bytes of endless files that were taken.
    pub poured: Arc<AtomicU64>,
    /// How often the token came to where files are.
    pub leaks: AtomicU64,
    /// How often a redirect was followed.
    pub strays: AtomicU64,
    url: String,
}

pub struct FakeReplicate {
    /// With `/v1`.
    pub url: String,
    pub seen: Arc<Seen>,
}

impl FakeReplicate {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Seen { url: root.clone(), ..Seen::default() });
        let app = Router::new()
            .route("/v1/models/{owner}/{name}/predictions", post(create))
            .route("/v1/predictions", post(create))
            .route("/v1/predictions/{id}", get(look))
            .route("/v1/predictions/{id}/cancel", post(cancel))
            .route("/files/{id}/{name}", get(files::deliver))
            .route("/elsewhere", get(files::stray))
            .with_state(seen.clone());
        let listener = listener.tap_io(|connection| connection.set_nodelay(true).unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url: format!("{root}/v1"), seen }
    }

    pub fn count(&self, of: impl Fn(&Seen) -> &AtomicU64) -> u64 {
        of(&self.seen).load(Ordering::SeqCst)
    }

    /// The newest prediction and its id.
    pub fn last(&self) -> (String, Prediction) {
        let predictions = self.seen.predictions.lock().unwrap();
        predictions.iter().next_back().map(|(id, prediction)| (id.clone(), prediction.clone())).unwrap()
    }

    /// What is reported about a prediction now: the headers, and the body.
    pub fn report(&self, id: &str) -> ([(&'static str, String); 3], String) {
        let prediction = self.seen.predictions.lock().unwrap()[id].clone();
        let body = shown(&self.seen, id, &prediction).to_string();
        let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        (sign_report(&format!("msg_{id}"), time, &body), body)
    }
}

/// The headers of a report.
pub fn sign_report(id: &str, time: u64, body: &str) -> [(&'static str, String); 3] {
    let key = BASE64_STANDARD.decode(WEBHOOK_SECRET.strip_prefix("whsec_").unwrap()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let tag = hmac::sign(&key, format!("{id}.{time}.{body}").as_bytes());
    let signature = format!("v1,{}", BASE64_STANDARD.encode(tag));
    [("webhook-id", id.to_owned()), ("webhook-timestamp", time.to_string()), ("webhook-signature", signature)]
}

fn directive<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let word = text.split_whitespace().filter_map(|word| word.strip_prefix('#'));
    word.map(|word| word.split_once('=').unwrap_or((word, ""))).find(|(key, _)| *key == name).map(|(_, value)| value)
}

fn number(text: &str, name: &str) -> u64 {
    directive(text, name).map_or(0, |value| value.parse().unwrap())
}

fn refusal(status: u16) -> Response {
    let (title, detail) = match status {
        401 => ("Unauthenticated", "You did not pass a valid authentication token"),
        402 => ("Insufficient credit", "You have insufficient credit to run this model."),
        404 => ("Not found", "The requested resource could not be found."),
        422 => ("Input validation failed", "- input: prompt is required\n"),
        429 => ("", "Request was throttled. Your rate limit resets in ~30s."),
        _ => ("Internal server error", ""),
    };
    let status = StatusCode::from_u16(status).unwrap();
    let body = json!({ "title": title, "detail": detail, "status": status.as_u16() });
    if status.is_redirection() {
        return (status, [(LOCATION, "/elsewhere")], Json(body)).into_response();
    }
    (status, Json(body)).into_response()
}

fn is_known(headers: &HeaderMap) -> bool {
    headers.get(AUTHORIZATION).is_some_and(|value| value == &format!("Bearer {TOKEN}"))
}

async fn create(
    State(seen): State<Arc<Seen>>,
    uri: axum::http::Uri,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let number_of_it = seen.creates.fetch_add(1, Ordering::SeqCst);
    if !is_known(&headers) {
        return refusal(401);
    }
    let known = ["input", "version", "webhook", "webhook_events_filter"];
    if body.as_object().unwrap().keys().any(|key| !known.contains(&&**key)) {
        return refusal(422);
    }
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let prompt = body["input"]["prompt"].as_str().unwrap_or_default().to_owned();
    tokio::time::sleep(Duration::from_millis(number(&prompt, "pause"))).await;
    let takes = Duration::from_millis(number(&prompt, "takes"));
    if let Some(wait) = text("prefer").and_then(|prefer| prefer.strip_prefix("wait=")?.parse().ok()) {
        tokio::time::sleep(takes.min(Duration::from_secs(wait))).await;
    }
    if let Some(status) = directive(&prompt, "status") {
        return refusal(status.parse().unwrap());
    }
    let id = format!("{number_of_it:04}orzdhgbfurvjtvhg6d");
    let waits = !takes.is_zero() || number(&prompt, "polls") > 0 || directive(&prompt, "never").is_some();
    let prediction = Prediction {
        prefer: text("prefer"),
        cancel_after: text("cancel-after"),
        path: uri.path().to_owned(),
        status: if waits { "starting" } else { final_status(&prompt) },
        polls_left: number(&prompt, "polls"),
        down_left: number(&prompt, "down"),
        begun: Instant::now(),
        body,
    };
    let mut answer = shown(&seen, &id, &prediction);
    if directive(&prompt, "early").is_some() {
        answer["status"] = "processing".into();
    }
    let status = if prediction.is_over() { StatusCode::CREATED } else { StatusCode::ACCEPTED };
    seen.predictions.lock().unwrap().insert(id, prediction);
    if directive(&prompt, "lost").is_some() {
        let broken = stream::iter([Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("lost"))]);
        return (status, Body::from_stream(broken)).into_response();
    }
    (status, Json(answer)).into_response()
}

fn final_status(prompt: &str) -> &'static str {
    match directive(prompt, "end") {
        Some("failed") => "failed",
        Some("canceled") => "canceled",
        Some("aborted") => "aborted",
        Some(other) => panic!("{other}"),
        None if directive(prompt, "nsfw").is_some() => "failed",
        None => "succeeded",
    }
}

/// The prediction as it is answered.
fn shown(seen: &Seen, id: &str, prediction: &Prediction) -> Value {
    let prompt = prediction.prompt();
    let file = format!("{}/files/{id}/out-0.png", seen.url);
    let output = match directive(prompt, "output") {
        _ if prediction.status != "succeeded" => Value::Null,
        Some("none" | "removed") => Value::Null,
        Some("empty") => json!([]),
        Some("text") => json!(file),
        Some("object") => json!({ "image": file }),
        Some("other") => json!(["https://files.example.org/out-0.png"]),
        Some("private") => json!(["https://169.254.169.254/latest/meta-data"]),
        Some("http") => json!(["http://replicate.delivery/out-0.png"]),
        Some("data") => json!(["data:image/png;base64,iVBORw0KGgo="]),
        Some(other) => panic!("{other}"),
        None => json!([file]),
    };
    let error = match prediction.status {
        "failed" if directive(prompt, "nsfw").is_some() => {
            json!("All generated images contained NSFW content. Try running it again with a different prompt.")
        }
        "failed" => json!("CUDA out of memory"),
        _ => Value::Null,
    };
    json!({
        "id": id, "model": "black-forest-labs/flux-schnell", "version": "hidden", "input": prediction.body["input"],
        "logs": "", "output": output, "error": error, "source": "api", "status": prediction.status,
        "data_removed": directive(prompt, "output") == Some("removed"), "created_at": "2026-01-01T00:00:00.000Z",
        "urls": { "get": "https://api.replicate.example/steal", "cancel": "https://api.replicate.example/steal" },
    })
}

async fn look(State(seen): State<Arc<Seen>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    seen.looks.fetch_add(1, Ordering::SeqCst);
    if !is_known(&headers) {
        return refusal(401);
    }
    let mut predictions = seen.predictions.lock().unwrap();
    let Some(prediction) = predictions.get_mut(&id) else { return refusal(404) };
    if prediction.down_left > 0 {
        prediction.down_left -= 1;
        return refusal(500);
    }
    advance(prediction);
    Json(shown(&seen, &id, prediction)).into_response()
}

/// One question more; or its deadline has come.
fn advance(prediction: &mut Prediction) {
    if prediction.is_over() {
        return;
    }
    let seconds = prediction.cancel_after.as_deref().and_then(|text| text.strip_suffix('s')?.parse().ok());
    if seconds.is_some_and(|seconds| prediction.begun.elapsed() > Duration::from_secs(seconds)) {
        prediction.status = if prediction.status == "starting" { "aborted" } else { "canceled" };
        return;
    }
    prediction.polls_left = prediction.polls_left.saturating_sub(1);
    let takes = Duration::from_millis(number(prediction.prompt(), "takes"));
    let never = directive(prediction.prompt(), "never").is_some() || prediction.begun.elapsed() < takes;
    let end = final_status(prediction.prompt());
    prediction.status = if prediction.polls_left > 0 || never { "processing" } else { end };
}

async fn cancel(State(seen): State<Arc<Seen>>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    seen.cancels.fetch_add(1, Ordering::SeqCst);
    if !is_known(&headers) {
        return refusal(401);
    }
    let mut predictions = seen.predictions.lock().unwrap();
    let Some(prediction) = predictions.get_mut(&id) else { return refusal(404) };
    if !prediction.is_over() {
        prediction.status = "canceled";
    }
    Json(shown(&seen, &id, prediction)).into_response()
}
