//! `/api/account/avatar`.

use axum::extract::{FromRef, State};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{address_of, forms};
use crate::account::MAX_AVATAR_BYTES;
use crate::account::server::Account;
use crate::account::server::caller::Person;
use crate::api_docs::Refusal;
use crate::i18n::{Text, t};
use crate::images::server::Images;
use crate::platform::base64::{data_of_url, decode_leniently};
use crate::platform::error::AppError;
use crate::platform::http::envelope::{Answer, ApiError, ApiJson, ApiResult, Envelope, Nothing, PathId};
use crate::platform::ids::ImageId;
use crate::platform::site::Site;

/// The routes whose bodies are small.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Images: FromRef<S>,
    Site: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(show_avatar)).route(forms::REMOVE, post(forms::remove))
}

/// The routes that pictures are sent to.
pub fn upload_routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    Account: FromRef<S>,
    Images: FromRef<S>,
    Site: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(set_avatar, remove_avatar)).route(forms::AVATAR, post(forms::submit))
}

/// A picture.
#[derive(Deserialize, ToSchema)]
struct AvatarRequest {
    /// A data URL of a PNG, JPEG or WebP of up to 2 MB.
    #[serde(default)]
    #[schema(required)]
    image: String,
}

/// Where the avatar is.
#[derive(Serialize, ToSchema)]
struct Avatar {
    /// A path of this site, for its owner. Another picture has another one.
    url: String,
}

/// Set the profile picture.
///
/// It is cropped to a square of 256 pixels and written anew as WebP: nothing else of the file is kept. The one before is deleted.
#[utoipa::path(put, path = "/api/account/avatar", operation_id = "set_avatar", tag = "Accounts", security(("session" = [])),
    request_body(content = AvatarRequest, example = json!({"image": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="})),
    responses((status = 200, description = "Where it is.", body = Envelope<Avatar>),
        Refusal::<403>, Refusal::<429>))]
async fn set_avatar(
    State(images): State<Images>,
    Person(caller): Person,
    ApiJson(request): ApiJson<AvatarRequest>,
) -> ApiResult<Avatar> {
    let refused = || AppError::invalid("image", t(Text::AvatarRefused));
    let data = data_of_url(request.image.trim()).ok_or_else(refused)?;
    let bytes = decode_leniently(data.as_bytes(), MAX_AVATAR_BYTES).map_err(|_| refused())?;
    let id = images.set_avatar(caller.id, bytes.into()).await?;
    Ok(Answer(Avatar { url: address_of(id) }))
}

/// Remove the profile picture.
#[utoipa::path(delete, path = "/api/account/avatar", operation_id = "remove_avatar", tag = "Accounts",
    security(("session" = [])),
    responses((status = 200, description = "There is none any more.", body = Envelope<Nothing>), Refusal::<403>))]
async fn remove_avatar(State(images): State<Images>, Person(caller): Person) -> ApiResult<Nothing> {
    images.remove_avatar(caller.id).await?;
    Ok(Answer(Nothing {}))
}

/// Download the profile picture.
#[utoipa::path(get, path = "/api/account/avatar/{id}", operation_id = "read_avatar", tag = "Accounts",
    security(("session" = [])), params(("id" = Uuid, Path, description = "The last part of its address.")),
    responses((status = 200, description = "The picture.", content_type = "image/webp"), Refusal::<403>))]
async fn show_avatar(
    State(images): State<Images>,
    Person(caller): Person,
    PathId(id): PathId<ImageId>,
) -> Result<Response, ApiError> {
    let bytes = images.load_avatar(caller.id, id).await?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("image/webp")),
        // Another picture has another id.
        (CACHE_CONTROL, HeaderValue::from_static("private, max-age=31536000, immutable")),
        // Not for who signs in after this user.
        (VARY, HeaderValue::from_static("authorization, cookie")),
        // It came from outside: nothing may take it for more than an image.
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    Ok((headers, bytes).into_response())
}
