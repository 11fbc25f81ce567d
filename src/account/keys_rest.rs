//! `/api/account/keys`. Only for people: a key cannot make keys.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get};
use serde_json::{Value, json};

use super::{ApiKeyRequest, keys};
use crate::server::caller::Person;
use crate::server::response::{Answer, ApiError, ApiJson, ApiResult, PathId};
use crate::server::state::AppState;

/// The routes of API keys.
pub fn router() -> Router<AppState> {
    Router::new().route("/api/account/keys", get(list).post(create)).route("/api/account/keys/{id}", delete(revoke))
}

async fn list(State(state): State<AppState>, Person(caller): Person) -> ApiResult<Value> {
    Ok(Answer(json!({ "items": keys::list_keys(&state, caller.id).await? })))
}

async fn create(
    State(state): State<AppState>,
    Person(caller): Person,
    ApiJson(request, _): ApiJson<ApiKeyRequest>,
) -> Result<Response, ApiError> {
    let key = keys::create_key(&state, caller.id, request).await?;
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Answer(key)).into_response())
}

async fn revoke(State(state): State<AppState>, Person(caller): Person, PathId(id): PathId) -> ApiResult<Value> {
    keys::revoke_key(&state, caller.id, id).await?;
    Ok(Answer(json!({})))
}
