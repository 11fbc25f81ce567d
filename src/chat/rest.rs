//! `/api/chat` and `/api/conversations`, and the chat form for browsers without JavaScript.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use futures::StreamExt;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::service::{self, Asked, CONVERSATIONS_PAGE};
use super::watch::watch_reply;
use super::{ChatRequest, Conversation, ConversationSummary, Message};
use crate::credits::Page;
use crate::error::AppError;
use crate::server::caller::Caller;
use crate::server::jobs::Position;
use crate::server::pages;
use crate::server::response::{Answer, ApiError, ApiJson, ApiResult, PathId, page_limit, with_quota};
use crate::server::state::AppState;
use crate::ui::Theme;

/// Comments that keep proxies from closing a quiet stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The routes of this feature.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/api/chat", post(send))
        .route("/api/chat/{id}", get(read))
        .route("/api/chat/{id}/events", get(watch))
        .route("/api/chat/{id}/stop", post(stop))
        .route("/api/conversations", get(list))
        .route("/api/conversations/{id}", get(show).patch(rename).delete(delete))
        .route("/chat", post(submit))
}

async fn send(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    ApiJson(request, _): ApiJson<ChatRequest>,
) -> Result<Response, ApiError> {
    let key = idempotency_key(&headers)?;
    let Asked { reply, quota } = service::send_message(&state, &caller, request, key).await?;
    let response = if wants_stream(&headers) {
        event_stream(&state, caller.id, reply, None).await?
    } else {
        Answer(service::await_reply(&state, caller.id, reply).await?).into_response()
    };
    Ok(with_quota(response, quota))
}

/// One message, with its HTML once it has ended.
async fn read(State(state): State<AppState>, caller: Caller, PathId(id): PathId) -> ApiResult<Message> {
    Ok(Answer(service::load_message(&state, caller.id, id).await?))
}

async fn watch(
    State(state): State<AppState>,
    caller: Caller,
    PathId(id): PathId,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let from = match headers.get("last-event-id") {
        None => None,
        Some(id) => Some(
            id.to_str()
                .ok()
                .and_then(Position::from_event_id)
                .ok_or_else(|| AppError::invalid("Last-Event-ID", "This is not an id of this stream."))?,
        ),
    };
    event_stream(&state, caller.id, id, from).await
}

/// 204 tells a browser's `EventSource` to stop asking.
async fn event_stream(state: &AppState, user: Uuid, id: Uuid, from: Option<Position>) -> Result<Response, ApiError> {
    let Some(events) = watch_reply(state, user, id, from).await? else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let events = events.map(|event| {
        Ok::<_, Infallible>(Event::default().id(event.position.to_event_id()).event(&event.name).data(&event.data))
    });
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

async fn stop(State(state): State<AppState>, caller: Caller, PathId(id): PathId) -> ApiResult<Value> {
    service::stop_reply(&state, caller.id, id).await?;
    Ok(Answer(json!({})))
}

#[derive(Deserialize)]
struct ListQuery {
    q: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> ApiResult<Page<ConversationSummary>> {
    let limit = page_limit(query.limit.as_deref(), CONVERSATIONS_PAGE)?;
    let search = query.q.unwrap_or_default();
    Ok(Answer(service::list_conversations(&state, caller.id, &search, query.cursor.as_deref(), limit).await?))
}

async fn show(State(state): State<AppState>, caller: Caller, PathId(id): PathId) -> ApiResult<Conversation> {
    Ok(Answer(service::load_conversation(&state, caller.id, &id.to_string()).await?))
}

#[derive(Deserialize)]
struct RenameBody {
    #[serde(default)]
    title: String,
}

async fn rename(
    State(state): State<AppState>,
    caller: Caller,
    PathId(id): PathId,
    ApiJson(body, _): ApiJson<RenameBody>,
) -> ApiResult<Value> {
    service::rename_conversation(&state, caller.id, id, &body.title).await?;
    Ok(Answer(json!({})))
}

async fn delete(State(state): State<AppState>, caller: Caller, PathId(id): PathId) -> ApiResult<Value> {
    service::delete_conversation(&state, caller.id, id).await?;
    Ok(Answer(json!({})))
}

#[derive(Deserialize)]
struct ChatForm {
    #[serde(default)]
    message: String,
    #[serde(rename = "conversationId")]
    conversation_id: Option<String>,
    provider: Option<String>,
}

/// Sends, waits for the whole answer, and shows the conversation.
async fn submit(State(state): State<AppState>, caller: Caller, theme: Theme, Form(form): Form<ChatForm>) -> Response {
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let request = ChatRequest {
        message: form.message,
        conversation_id: filled(form.conversation_id),
        provider: filled(form.provider),
        ..ChatRequest::default()
    };
    let sent = match service::send_message(&state, &caller, request, None).await {
        Ok(asked) => super::watch::await_end(&state, caller.id, asked.reply).await,
        Err(error) => Err(error),
    };
    match sent {
        // A reply that failed says so itself, in the conversation.
        Ok(reply) => Redirect::to(&format!("/chat/{}", reply.conversation)).into_response(),
        Err(error) => pages::error_page(&state, theme, &error),
    }
}

fn wants_stream(headers: &HeaderMap) -> bool {
    headers
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/event-stream"))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, AppError> {
    headers
        .get("idempotency-key")
        .map(|key| key.to_str().map(str::to_owned))
        .transpose()
        .map_err(|_| AppError::invalid("Idempotency-Key", "The key is 1 to 255 visible ASCII characters."))
}
