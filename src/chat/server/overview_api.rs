//! `/api/overview`: for pages and programs that look again now and then, and mostly find that nothing has changed.

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use utoipa::IntoParams;

use super::Chat;
use crate::account::server::caller::Caller;
use crate::chat::Overview;
use crate::platform::error::AppError;
use crate::platform::http::envelope::{Answer, ApiError, Envelope};
use crate::platform::http::fields::ApiQuery;
use crate::platform::ids::ConversationId;
use crate::platform::secret::hash_secret;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OverviewQuery {
    /// Include the last message of this conversation.
    conversation: Option<String>,
}

/// Check for changes to the balance and the conversations.
///
/// Returns the balance, the pinned and newest conversations, and the last message of one you name. Send the previous `ETag`
/// as `If-None-Match` to get 304 if nothing has changed.
#[utoipa::path(get, path = "/api/overview", operation_id = "read_overview", tag = "Conversations",
    params(OverviewQuery, ("If-None-Match" = Option<String>, Header, description = "The previous `ETag`.")),
    responses((status = 200, description = "The overview.", body = Envelope<Overview>),
        (status = 304, description = "Nothing has changed.")))]
pub async fn look(
    State(chat): State<Chat>,
    caller: Caller,
    headers: HeaderMap,
    ApiQuery(query): ApiQuery<OverviewQuery>,
) -> Result<Response, ApiError> {
    let shown = query
        .conversation
        .as_deref()
        .map(|id| id.parse::<ConversationId>().map_err(|_| AppError::invalid("conversation", "This is not an id.")));
    let overview = chat.load_overview(&caller, shown.transpose()?).await?;
    let content = serde_json::to_string(&overview).map_err(|_| AppError::Internal)?;
    // Of this user: the same browser may be somebody else's a moment later.
    let tag = hash_secret(&format!("{}{content}", caller.id));
    let tag = format!("\"{}\"", BASE64_URL_SAFE_NO_PAD.encode(&tag[..16]));
    let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let is_known = known.is_some_and(|known| known.contains(&tag));
    let headers = [
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (ETAG, HeaderValue::try_from(tag).map_err(|_| AppError::Internal)?),
    ];
    if is_known {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    Ok((headers, Answer(overview)).into_response())
}
