//! `/api/chat` and `/api/conversations`.

use axum::extract::{FromRef, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Chat;
pub use super::attachments::MAX_BODY;
use super::estimate_api::{__path_estimate, estimate};
use super::export;
use super::forms::{submit_choice, submit_message};
use super::overview_api::{__path_look, look};
use super::send_api::{__path_send, send, stream_reply};
use super::service::{CONVERSATIONS_PAGE, MESSAGES_PAGE};
use super::store::ConversationFilter;
use crate::account::server::Account;
use crate::account::server::caller::{Caller, MANAGE, READ, SPEND, Scoped};
use crate::api_docs::Refusal;
use crate::chat::{ChatEvent, Conversation, ConversationChange, ConversationSummary, Message, ProviderInfo, ShareLink};
use crate::credits::Page;
use crate::platform::error::AppError;
use crate::platform::http::envelope::{Answer, ApiError, ApiJson, ApiResult, Envelope, Nothing, PathId, page_limit};
use crate::platform::http::fields::ApiQuery;
use crate::platform::ids::{AttachmentId, ConversationId, MessageId};
use crate::platform::jobs::Position;
use crate::platform::site::Site;

/// The routes of this feature.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Chat: FromRef<S>,
    Site: FromRef<S>,
{
    OpenApiRouter::new()
        .merge(super::receipt::routes())
        .routes(routes!(read))
        .routes(routes!(show_attachment))
        .routes(routes!(watch))
        .routes(routes!(stop))
        .routes(routes!(list_providers))
        .routes(routes!(list))
        .routes(routes!(look))
        .routes(routes!(show, change, delete))
        .routes(routes!(branch))
        .routes(routes!(choose))
        .routes(routes!(download))
        .routes(routes!(share, unshare))
        .route("/chat", post(submit_message))
        .route("/chat/{id}/versions", post(submit_choice))
}

/// The routes whose bodies may carry images, or long texts: [`MAX_BODY`].
pub fn upload_routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Chat: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(send)).routes(routes!(estimate))
}

/// Download an image attached to a message.
#[utoipa::path(get, path = "/api/chat/attachments/{id}", operation_id = "read_attachment", tag = "Chat",
    params(("id" = Uuid, Path, description = "ID of the image.")),
    responses((status = 200, description = "The image file.", content(
        ("image/png"), ("image/jpeg"), ("image/webp"), ("image/gif")))))]
async fn show_attachment(
    State(chat): State<Chat>,
    Scoped(caller): Scoped<{ SPEND | READ }>,
    PathId(id): PathId<AttachmentId>,
) -> Result<Response, ApiError> {
    let image = chat.load_attachment(caller.id, id).await?;
    let media_type = HeaderValue::try_from(image.media_type.as_str()).map_err(|_| AppError::Internal)?;
    // It came from outside: nothing may take it for more than an image.
    let headers = [
        (CONTENT_TYPE, media_type),
        // Another image has another id.
        (CACHE_CONTROL, HeaderValue::from_static("private, max-age=31536000, immutable")),
        // Not for who signs in after this user.
        (VARY, HeaderValue::from_static("authorization, cookie")),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    Ok((headers, image.bytes.to_vec()).into_response())
}

/// Get a message.
///
/// Its HTML is included once the message is finished.
#[utoipa::path(get, path = "/api/chat/{id}", operation_id = "read_message", tag = "Chat",
    params(("id" = Uuid, Path, description = "ID of the message.")),
    responses((status = 200, description = "The message.", body = Envelope<Message>)))]
async fn read(
    State(chat): State<Chat>,
    Scoped(caller): Scoped<{ SPEND | READ }>,
    PathId(id): PathId<MessageId>,
) -> ApiResult<Message> {
    Ok(Answer(chat.load_message(caller.id, id).await?))
}

/// Stream the events of a reply.
///
/// The stream starts at the beginning, or after the event named by `Last-Event-ID`. Any number of clients may follow the
/// same reply.
#[utoipa::path(get, path = "/api/chat/{id}/events", operation_id = "watch_reply", tag = "Chat",
    params(("id" = Uuid, Path, description = "ID of the reply."),
        ("Last-Event-ID" = Option<String>, Header, description = "ID of the last event received.")),
    responses((status = 200, description = "The events.", body = ChatEvent, content_type = "text/event-stream"),
        (status = 204, description = "No more events."), Refusal::<429>))]
async fn watch(
    State(chat): State<Chat>,
    State(account): State<Account>,
    Scoped(caller): Scoped<{ SPEND | READ }>,
    PathId(id): PathId<MessageId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let from = Position::of_request(&headers)?;
    let slot = chat.generation.jobs.watchers.take(caller.id)?;
    stream_reply(&chat, caller.id, id, from, slot, account.until_out(&caller)).await
}

/// Stop a reply.
///
/// Stopping before the first token is free. After it, the price is charged and the text is kept.
#[utoipa::path(post, path = "/api/chat/{id}/stop", operation_id = "stop_reply", tag = "Chat",
    params(("id" = Uuid, Path, description = "ID of the reply.")),
    responses((status = 200, description = "Stopped, or already finished.", body = Envelope<Nothing>)))]
async fn stop(
    State(chat): State<Chat>,
    Scoped(caller): Scoped<{ SPEND | MANAGE }>,
    PathId(id): PathId<MessageId>,
) -> ApiResult<Nothing> {
    chat.stop_reply(caller.id, id).await?;
    Ok(Answer(Nothing {}))
}

/// List chat models.
///
/// Those of providers in the order in which these are asked, then aliases, all at once, without paging.
#[utoipa::path(get, path = "/api/providers", operation_id = "list_providers", tag = "Chat",
    responses((status = 200, description = "Models and aliases.", body = Envelope<Vec<ProviderInfo>>)))]
async fn list_providers(
    State(chat): State<Chat>,
    Scoped(caller): Scoped<{ SPEND | READ }>,
) -> Answer<Vec<ProviderInfo>> {
    Answer(chat.list_providers(&caller))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// Words to look for in titles and messages.
    q: Option<String>,
    /// `true`: only those that stand above the others; `false`: only the others.
    #[param(value_type = Option<bool>)]
    pinned: Option<String>,
    /// 1 to 100.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

/// List conversations, most recently active first.
#[utoipa::path(get, path = "/api/conversations", operation_id = "list_conversations", tag = "Conversations",
    params(ListQuery),
    responses((status = 200, description = "One page of the list.", body = Envelope<Page<ConversationSummary>>)))]
async fn list(
    State(chat): State<Chat>,
    caller: Caller,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> ApiResult<Page<ConversationSummary>> {
    let limit = page_limit(query.limit.as_deref(), CONVERSATIONS_PAGE)?;
    let pinned = query.pinned.as_deref().map(|pinned| {
        pinned.parse().map_err(|_| AppError::invalid("pinned", "Whether they are pinned is true or false."))
    });
    let filter = ConversationFilter { query: query.q.unwrap_or_default(), pinned: pinned.transpose()? };
    Ok(Answer(chat.list_conversations(caller.id, filter, query.cursor.as_deref(), limit).await?))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct MessagesQuery {
    /// 1 to 100.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// The `nextCursor` of the messages after the wanted ones.
    cursor: Option<String>,
}

/// Get a conversation and its messages.
///
/// The newest messages come first; `cursor` pages back to older ones.
#[utoipa::path(get, path = "/api/conversations/{id}", operation_id = "read_conversation", tag = "Conversations",
    params(("id" = Uuid, Path, description = "ID of the conversation."), MessagesQuery),
    responses((status = 200, description = "The conversation.", body = Envelope<Conversation>)))]
async fn show(
    State(chat): State<Chat>,
    caller: Caller,
    PathId(id): PathId<ConversationId>,
    ApiQuery(query): ApiQuery<MessagesQuery>,
) -> ApiResult<Conversation> {
    let limit = page_limit(query.limit.as_deref(), MESSAGES_PAGE)?;
    Ok(Answer(chat.load_conversation(caller.id, &id.to_string(), query.cursor.as_deref(), limit).await?))
}

/// Update a conversation.
///
/// Changes its title, its system prompt, or whether it is pinned.
#[utoipa::path(patch, path = "/api/conversations/{id}", operation_id = "change_conversation", tag = "Conversations",
    params(("id" = Uuid, Path, description = "ID of the conversation.")),
    request_body(content = ConversationChange, example = json!({"title": "Mosaics", "pinned": true})),
    responses((status = 200, description = "Updated.", body = Envelope<Nothing>), Refusal::<409>))]
async fn change(
    State(chat): State<Chat>,
    caller: Caller,
    PathId(id): PathId<ConversationId>,
    ApiJson(change): ApiJson<ConversationChange>,
) -> ApiResult<Nothing> {
    chat.change_conversation(caller.id, id, change).await?;
    Ok(Answer(Nothing {}))
}

/// Where a branch begins.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct BranchBody {
    /// The last message that the branch has too.
    #[serde(default)]
    #[schema(required)]
    message_id: String,
}

/// Branch a conversation from a message.
#[utoipa::path(post, path = "/api/conversations/{id}/branch", operation_id = "branch_conversation", tag = "Conversations",
    params(("id" = Uuid, Path, description = "ID of the conversation.")),
    request_body(content = BranchBody, example = json!({"messageId": "{messageId}"})),
    responses((status = 201, description = "The new conversation.", body = Envelope<ConversationSummary>), Refusal::<409>))]
async fn branch(
    State(chat): State<Chat>,
    caller: Caller,
    PathId(id): PathId<ConversationId>,
    ApiJson(body): ApiJson<BranchBody>,
) -> Result<Response, ApiError> {
    let until = body.message_id.parse().map_err(|_| AppError::invalid("messageId", "This is not an id."))?;
    let branch = chat.branch_conversation(&caller, id, until).await?;
    Ok((StatusCode::CREATED, Answer(branch)).into_response())
}

/// Which version is to be shown.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChoiceBody {
    /// A message of it.
    #[serde(default)]
    #[schema(required)]
    message_id: String,
}

impl ChoiceBody {
    pub(super) fn message(&self) -> Result<MessageId, AppError> {
        self.message_id.parse().map_err(|_| AppError::invalid("messageId", "This is not an id."))
    }
}

/// Switch a conversation to another version.
///
/// The messages that followed that version when it was last shown come with it. Switching is free and stops nothing.
#[utoipa::path(post, path = "/api/conversations/{id}/versions", operation_id = "choose_version", tag = "Conversations",
    params(("id" = Uuid, Path, description = "ID of the conversation.")),
    request_body(content = ChoiceBody, example = json!({"messageId": "{messageId}"})),
    responses((status = 200, description = "The conversation shows that version.", body = Envelope<Nothing>)))]
async fn choose(
    State(chat): State<Chat>,
    caller: Caller,
    PathId(id): PathId<ConversationId>,
    ApiJson(body): ApiJson<ChoiceBody>,
) -> ApiResult<Nothing> {
    chat.choose_version(caller.id, id, body.message()?).await?;
    Ok(Answer(Nothing {}))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ExportQuery {
    /// `markdown` or `json`.
    format: Option<String>,
}

/// Export a conversation as Markdown or JSON.
#[utoipa::path(get, path = "/api/conversations/{id}/export", operation_id = "export_conversation", tag = "Conversations",
    params(("id" = Uuid, Path, description = "ID of the conversation."), ExportQuery),
    responses((status = 200, description = "The file.", content(
        (String = "text/markdown"), (Conversation = "application/json")))))]
async fn download(
    State(chat): State<Chat>,
    caller: Caller,
    PathId(id): PathId<ConversationId>,
    ApiQuery(query): ApiQuery<ExportQuery>,
) -> Result<Response, ApiError> {
    let format = export::Format::parse(query.format.as_deref())?;
    let (conversation, messages) = chat.read_whole(caller.id, id).await?;
    Ok(export::export(&conversation, messages, format)?)
}

/// Create a share link for a conversation.
///
/// Anyone with the link can view the conversation, including new messages. A new link disables the old one.
#[utoipa::path(post, path = "/api/conversations/{id}/share", operation_id = "share_conversation", tag = "Conversations",
    params(("id" = Uuid, Path, description = "ID of the conversation.")),
    responses((status = 200, description = "The link, shown only once. An earlier link stops working.", body = Envelope<ShareLink>)))]
async fn share(State(chat): State<Chat>, caller: Caller, PathId(id): PathId<ConversationId>) -> ApiResult<ShareLink> {
    Ok(Answer(chat.share_conversation(&caller, id).await?))
}

/// Revoke the share link of a conversation.
#[utoipa::path(delete, path = "/api/conversations/{id}/share", operation_id = "unshare_conversation", tag = "Conversations",
    params(("id" = Uuid, Path, description = "ID of the conversation.")),
    responses((status = 200, description = "The link is revoked.", body = Envelope<Nothing>)))]
async fn unshare(State(chat): State<Chat>, caller: Caller, PathId(id): PathId<ConversationId>) -> ApiResult<Nothing> {
    chat.unshare_conversation(caller.id, id).await?;
    Ok(Answer(Nothing {}))
}

/// Delete a conversation and its messages.
#[utoipa::path(delete, path = "/api/conversations/{id}", operation_id = "delete_conversation", tag = "Conversations",
    params(("id" = Uuid, Path, description = "ID of the conversation.")),
    responses((status = 200, description = "Deleted.", body = Envelope<Nothing>)))]
async fn delete(State(chat): State<Chat>, caller: Caller, PathId(id): PathId<ConversationId>) -> ApiResult<Nothing> {
    chat.delete_conversation(caller.id, id).await?;
    Ok(Answer(Nothing {}))
}
