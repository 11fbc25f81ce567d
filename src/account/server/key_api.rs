//! `/api/account/keys`. Only for people: a key cannot make keys.

use axum::extract::{FromRef, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Account;
use super::caller::Person;
use crate::account::{ApiKey, ApiKeyRequest, NewApiKey};
use crate::api_docs::Refusal;
use crate::platform::http::envelope::{Answer, ApiError, ApiJson, ApiResult, Envelope, Nothing, PathId};
use crate::platform::ids::ApiKeyId;

/// The routes of API keys.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(revoke))
}

/// The keys of a user.
#[derive(Serialize, ToSchema)]
struct ApiKeys {
    items: Vec<ApiKey>,
}

/// List API keys.
#[utoipa::path(get, path = "/api/account/keys", operation_id = "list_keys", tag = "API keys",
    security(("session" = [])),
    responses((status = 200, description = "All API keys, without their secrets.", body = Envelope<ApiKeys>), Refusal::<403>))]
async fn list(State(account): State<Account>, Person(caller): Person) -> ApiResult<ApiKeys> {
    Ok(Answer(ApiKeys { items: account.list_keys(caller.id).await? }))
}

/// Create an API key.
///
/// Only a hash of the key is stored: the key itself appears in this response and never again. Each user can have up to 20.
#[utoipa::path(post, path = "/api/account/keys", operation_id = "create_key", tag = "API keys",
    security(("session" = [])),
    request_body(content = ApiKeyRequest, example = json!({"name": "laptop", "perMinute": 10, "budget": 100})),
    responses((status = 201, description = "The key.", body = Envelope<NewApiKey>), Refusal::<403>, Refusal::<409>))]
async fn create(
    State(account): State<Account>,
    Person(caller): Person,
    ApiJson(request): ApiJson<ApiKeyRequest>,
) -> Result<Response, ApiError> {
    let key = account.create_key(&caller, request).await?;
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Answer(key)).into_response())
}

/// Revoke an API key.
#[utoipa::path(delete, path = "/api/account/keys/{id}", operation_id = "revoke_key", tag = "API keys",
    security(("session" = [])), params(("id" = Uuid, Path, description = "ID of the key.")),
    responses((status = 200, description = "The key is revoked.", body = Envelope<Nothing>), Refusal::<403>))]
async fn revoke(
    State(account): State<Account>,
    Person(caller): Person,
    PathId(id): PathId<ApiKeyId>,
) -> ApiResult<Nothing> {
    account.revoke_key(caller.id, id).await?;
    Ok(Answer(Nothing {}))
}
