//! `/api/chat` and `/api/conversations`, and the chat form for browsers without JavaScript.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use futures::StreamExt;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::asking::{self, Asked};
pub use super::images::MAX_BODY;
use super::service::{self, CONVERSATIONS_PAGE};
use super::store::ConversationFilter;
use super::watch::watch_reply;
use super::{
    ChatRequest, Conversation, ConversationChange, ConversationSummary, Message, ProviderInfo, ShareLink,
    conversations, export,
};
use crate::credits::Page;
use crate::error::AppError;
use crate::server::caller::Caller;
use crate::server::jobs::Position;
use crate::server::pages;
use crate::server::response::{Answer, ApiError, ApiJson, ApiResult, PathId, idempotency_key, page_limit, with_quota};
use crate::server::state::AppState;
use crate::ui::Theme;

/// Comments that keep proxies from closing a quiet stream.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The routes of this feature.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/api/chat/{id}", get(read))
        .route("/api/chat/attachments/{id}", get(show_attachment))
        .route("/api/chat/{id}/events", get(watch))
        .route("/api/chat/{id}/stop", post(stop))
        .route("/api/providers", get(list_providers))
        .route("/api/conversations", get(list))
        .route("/api/conversations/{id}", get(show).patch(change).delete(delete))
        .route("/api/conversations/{id}/branch", post(branch))
        .route("/api/conversations/{id}/export", get(download))
        .route("/api/conversations/{id}/share", post(share).delete(unshare))
        .route("/chat", post(submit))
}

/// The route whose body may carry images: [`MAX_BODY`].
pub fn upload_router() -> Router<AppState> {
    Router::new().route("/api/chat", post(send))
}

async fn send(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    ApiJson(request, _): ApiJson<ChatRequest>,
) -> Result<Response, ApiError> {
    let key = idempotency_key(&headers)?;
    let Asked { reply, quota, .. } = asking::send_message(&state, &caller, request, key).await?;
    let response = if wants_stream(&headers) {
        event_stream(&state, caller.id, reply, None).await?
    } else {
        Answer(service::await_reply(&state, caller.id, reply).await?).into_response()
    };
    Ok(with_quota(response, quota))
}

/// The bytes of an image. They came from outside: nothing may take them for more than an image.
async fn show_attachment(
    State(state): State<AppState>,
    caller: Caller,
    PathId(id): PathId,
) -> Result<Response, ApiError> {
    let image = service::load_attachment(&state, caller.id, id).await?;
    let media_type = HeaderValue::try_from(image.media_type.as_str()).map_err(|_| AppError::Internal)?;
    let headers = [
        (CONTENT_TYPE, media_type),
        // Another image has another id.
        (CACHE_CONTROL, HeaderValue::from_static("private, max-age=31536000, immutable")),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    Ok((headers, image.bytes.to_vec()).into_response())
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

/// Few and all at once, so they are no pages.
async fn list_providers(State(state): State<AppState>, _: Caller) -> Answer<Vec<ProviderInfo>> {
    Answer(service::list_providers(&state))
}

#[derive(Deserialize)]
struct ListQuery {
    q: Option<String>,
    pinned: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> ApiResult<Page<ConversationSummary>> {
    let limit = page_limit(query.limit.as_deref(), CONVERSATIONS_PAGE)?;
    let pinned = query.pinned.as_deref().map(|pinned| {
        pinned.parse().map_err(|_| AppError::invalid("pinned", "Whether they are pinned is true or false."))
    });
    let filter = ConversationFilter { query: query.q.unwrap_or_default(), pinned: pinned.transpose()? };
    Ok(Answer(service::list_conversations(&state, caller.id, filter, query.cursor.as_deref(), limit).await?))
}

async fn show(State(state): State<AppState>, caller: Caller, PathId(id): PathId) -> ApiResult<Conversation> {
    Ok(Answer(service::load_conversation(&state, caller.id, &id.to_string()).await?))
}

async fn change(
    State(state): State<AppState>,
    caller: Caller,
    PathId(id): PathId,
    ApiJson(change, _): ApiJson<ConversationChange>,
) -> ApiResult<Value> {
    conversations::change_conversation(&state, caller.id, id, change).await?;
    Ok(Answer(json!({})))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BranchBody {
    #[serde(default)]
    message_id: String,
}

async fn branch(
    State(state): State<AppState>,
    caller: Caller,
    PathId(id): PathId,
    ApiJson(body, _): ApiJson<BranchBody>,
) -> Result<Response, ApiError> {
    let until = body.message_id.parse().map_err(|_| AppError::invalid("messageId", "This is not an id."))?;
    let branch = conversations::branch_conversation(&state, caller.id, id, until).await?;
    Ok((StatusCode::CREATED, Answer(branch)).into_response())
}

#[derive(Deserialize)]
struct ExportQuery {
    format: Option<String>,
}

async fn download(
    State(state): State<AppState>,
    caller: Caller,
    PathId(id): PathId,
    Query(query): Query<ExportQuery>,
) -> Result<Response, ApiError> {
    let conversation = conversations::find_conversation(&state, caller.id, id).await?;
    Ok(export::export(&conversation, query.format.as_deref())?)
}

async fn share(State(state): State<AppState>, caller: Caller, PathId(id): PathId) -> ApiResult<ShareLink> {
    Ok(Answer(conversations::share_conversation(&state, caller.id, id).await?))
}

async fn unshare(State(state): State<AppState>, caller: Caller, PathId(id): PathId) -> ApiResult<Value> {
    conversations::unshare_conversation(&state, caller.id, id).await?;
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
    let sent = match asking::send_message(&state, &caller, request, None).await {
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
