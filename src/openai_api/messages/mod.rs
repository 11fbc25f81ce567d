//! Anthropic's Messages, so that its clients spend Tessera credits. Shapes: <https://docs.anthropic.com/en/api/messages>.
//!
//! Only reading and writing are here: what is asked becomes the same turns as everywhere under `/v1`.

mod error;
mod request;
mod schemas;
mod writer;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRef, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use self::error::MessagesError;
use self::request::MessagesRequest;
use self::schemas::{AnthropicMessage, MessageStreamEvent, TokenTotal};
pub use self::schemas::{MessagesFailure, MessagesProblem};
use self::writer::MessageWriter;
use super::answer::answer;
use super::error::V1Error;
use super::open::Open;
use super::options::Manner;
use super::request::Wanted;
use crate::account::server::Account;
use crate::account::server::caller::{READ, SPEND};
use crate::api_docs::{Refusal, Spending};
use crate::chat::server::Chat;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::envelope::{ApiError, JsonBody, read_json};
use crate::platform::http::request_id::current_request_id;
use crate::platform::http::uploads::on_bytes;

/// The address of these routes.
const PATH: &str = "/v1/messages";
/// What clients of Anthropic read the id of a request from.
const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
/// Versions of the interface. What is answered is the same in all of them.
const VERSIONS: [&str; 3] = ["2023-01-01", "2023-06-01", "2026-10-21"];

pub(super) fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Chat: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(create_message)).routes(routes!(count_message_tokens))
}

/// Whether a path is one of this dialect, served or not.
pub fn is_path(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Create a message (Anthropic-compatible).
///
/// Costs the same as `POST /v1/chat/completions`, by the same rules. With `stream: true` the answer comes in named events that
/// end with `message_stop`. The key goes into `x-api-key` or `Authorization: Bearer`; `anthropic-version` may be left out.
#[utoipa::path(post, path = "/v1/messages", tag = "Anthropic-compatible API",
    params(
        ("anthropic-version" = Option<String>, Header, description = "`2023-06-01` or `2026-10-21`: the answer is the same."),
        ("Cache-Control" = Option<String>, Header, description = "`no-cache`: don’t answer from the cache.")),
    request_body(content = MessagesRequest,
        example = json!({"model": "tessera", "max_tokens": 512,
            "messages": [{"role": "user", "content": "What is a tessera?"}]})),
    responses((status = 200, description = "The complete message, or a stream of its events.", content(
        (AnthropicMessage = "application/json"), (MessageStreamEvent = "text/event-stream"))),
        Spending, Refusal::<404>))]
async fn create_message(
    State(chat): State<Chat>,
    caller: Result<Open<SPEND>, ApiError>,
    headers: HeaderMap,
    body: Result<JsonBody, ApiError>,
) -> Result<Response, MessagesError> {
    let Open(caller) = caller?;
    check_version(&headers)?;
    let read = |body: &Bytes, chat: &Chat, manner: Manner| {
        let (wanted, places, thoughts) = read_json::<MessagesRequest<'_>>(body)?.read(body, chat, manner)?;
        let writer = MessageWriter::new(wanted.own_limit, places, thoughts);
        Ok::<(Wanted, _), V1Error>((wanted, writer))
    };
    Ok(with_request_id(answer(chat, caller, &headers, body?, read).await?))
}

/// Count the tokens of a message (Anthropic-compatible).
///
/// Free, and about as many as the model counts. Takes the same body; `max_tokens` may be left out.
#[utoipa::path(post, path = "/v1/messages/count_tokens", tag = "Anthropic-compatible API",
    request_body(content = MessagesRequest,
        example = json!({"model": "tessera", "messages": [{"role": "user", "content": "What is a tessera?"}]})),
    responses((status = 200, description = "How many tokens it has.", body = TokenTotal), Refusal::<404>))]
async fn count_message_tokens(
    State(chat): State<Chat>,
    caller: Result<Open<{ SPEND | READ }>, ApiError>,
    headers: HeaderMap,
    body: Result<JsonBody, ApiError>,
) -> Result<Json<Value>, MessagesError> {
    caller?;
    check_version(&headers)?;
    let JsonBody { bytes, permit } = body?;
    let _permit = permit;
    let length = bytes.len();
    let count = move || read_json::<MessagesRequest<'_>>(&bytes)?.count(&bytes, &chat);
    let tokens = on_bytes(length, count).await??;
    Ok(Json(json!({ "input_tokens": tokens })))
}

/// That a version is one that there is.
fn check_version(headers: &HeaderMap) -> AppResult<()> {
    match headers.get("anthropic-version") {
        Some(version) if !VERSIONS.iter().any(|known| version == known) => {
            let problem = format!("This version is not known here. These are: {}.", VERSIONS.join(", "));
            Err(AppError::invalid("anthropic-version", problem))
        }
        _ => Ok(()),
    }
}

/// The id of the request, where clients of Anthropic look for it.
fn with_request_id(mut response: Response) -> Response {
    if let Ok(id) = HeaderValue::from_str(&current_request_id()) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}
