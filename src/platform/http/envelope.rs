//! The envelope of the HTTP API: `{"success":true,"data":…}` and `{"success":false,"error":…,"code":…}`.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};
use uuid::Uuid;

use super::fields::misread;
use super::request_id::current_request_id;
use super::uploads::{UploadPermit, unread};
use crate::platform::amount::Amount;
use crate::platform::error::{AppError, AppResult};
use crate::platform::limits::Quota;

/// A successful answer.
pub struct Answer<T>(pub T);

/// The body of every successful answer.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Envelope<T> {
    #[schema(schema_with = always_true)]
    success: bool,
    data: T,
    /// The same as in `X-Request-Id`.
    request_id: String,
}

/// What an answer holds when it is enough that it came.
#[derive(Serialize, ToSchema)]
pub struct Nothing {}

/// What API handlers return.
pub type ApiResult<T> = Result<Answer<T>, ApiError>;

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        Json(Envelope { success: true, data: self.0, request_id: current_request_id() }).into_response()
    }
}

/// An [`AppError`] as an HTTP response.
#[derive(Debug)]
pub struct ApiError(pub AppError);

impl From<AppError> for ApiError {
    fn from(error: AppError) -> Self {
        Self(error)
    }
}

/// The body of every answer that is an error.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    #[schema(schema_with = always_false)]
    success: bool,
    /// For people.
    error: String,
    /// For programs: one of few, and stable.
    code: &'static str,
    /// The same as in `X-Request-Id`: finds this request in the server's log.
    request_id: String,
    /// With `invalid_input`: what is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    field: Option<String>,
    /// With `insufficient_credits`: what it costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    needed: Option<Amount>,
    /// With `insufficient_credits`: what can be spent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    available: Option<Amount>,
    /// With `rate_limited` of a provider: for how many seconds, where it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    retry_after_secs: Option<u64>,
}

impl Failure {
    /// What is sent for this error.
    #[must_use]
    pub fn of(error: &AppError, request_id: String) -> Self {
        let (needed, available) = match *error {
            AppError::InsufficientCredits { needed, available }
            | AppError::OverBudget { needed, available }
            | AppError::OverOwnBudget { needed, available } => (Some(needed), Some(available)),
            _ => (None, None),
        };
        let field = match error {
            AppError::InvalidInput { field, .. } => Some(field.clone()),
            _ => None,
        };
        let retry_after_secs = match *error {
            AppError::ProviderRateLimited { retry_after_secs } => retry_after_secs,
            _ => None,
        };
        let (text, code) = (error.to_string(), error.code());
        Self { success: false, error: text, code, request_id, field, needed, available, retry_after_secs }
    }
}

fn always_true() -> Object {
    always(true)
}

fn always_false() -> Object {
    always(false)
}

fn always(value: bool) -> Object {
    ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([value])).build()
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Self(error) = self;
        let body = Failure::of(&error, current_request_id());
        let mut response = error_response(&error, error.status(), Json(body));
        // For who would rather have a page of it.
        response.extensions_mut().insert(error);
        response
    }
}

/// An error with this body, and with the headers that say when to come back.
pub fn error_response(error: &AppError, status: u16, body: Json<impl Serialize>) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, body).into_response();
    let retry_after = match *error {
        AppError::RateLimited { retry_after_secs, limit } | AppError::TooManyStops { retry_after_secs, limit } => {
            response = with_quota(response, Quota { limit, remaining: 0, reset_secs: retry_after_secs });
            Some(retry_after_secs)
        }
        AppError::ProviderRateLimited { retry_after_secs } => retry_after_secs,
        AppError::Unavailable => Some(5),
        _ => None,
    };
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// Says in `RateLimit-*` headers what the caller may still do.
pub fn with_quota(mut response: Response, quota: Quota) -> Response {
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static("ratelimit-limit"), quota.limit.into());
    headers.insert(HeaderName::from_static("ratelimit-remaining"), quota.remaining.into());
    headers.insert(HeaderName::from_static("ratelimit-reset"), quota.reset_secs.into());
    response
}

/// As [`with_quota`], where the answer is a success: that a provider refused says nothing of the caller's limits.
pub fn with_quota_of_success(response: Response, quota: Quota) -> Response {
    if response.status().is_success() { with_quota(response, quota) } else { response }
}

/// The bytes of a JSON body, not read yet. They may be many: who has no more use for them drops them.
pub struct JsonBody {
    pub bytes: Bytes,
    /// The right to have so many of them, and what is made of them, in memory.
    pub permit: Option<UploadPermit>,
}

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, ApiError> {
        let permit = request.extensions_mut().remove::<UploadPermit>();
        if !is_json(request.headers()) {
            return Err(AppError::UnsupportedMedia("application/json".to_owned()).into());
        }
        let bytes = match &permit {
            Some(permit) => permit.read(request.into_body()).await?,
            None => Bytes::from_request(request, state).await.map_err(unread)?,
        };
        Ok(Self { bytes, permit })
    }
}

/// A JSON body. What is wrong with it is said in the envelope.
pub struct ApiJson<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for ApiJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let body = JsonBody::from_request(request, state).await?;
        Ok(Self(read_json(&body.bytes)?))
    }
}

/// Reads a JSON object; what is wrong with it names the field, or `body`.
///
/// # Errors
/// [`AppError::InvalidInput`].
pub fn read_json<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> AppResult<T> {
    // Serde takes a list for the fields of a struct.
    let is_object = bytes.trim_ascii_start().first().is_none_or(|first| *first == b'{');
    if !is_object {
        return Err(misread(".", "a JSON object"));
    }
    let json = &mut serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut *json).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        misread(if error.is_data() { &path } else { "." }, &error.to_string())
    })?;
    json.end().map_err(|error| misread(".", &error.to_string()))?;
    Ok(value)
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|mime| mime.trim().eq_ignore_ascii_case("application/json"))
}

/// The id in the path. One that is no id names nothing: 404.
pub struct PathId<Id>(pub Id);

impl<S: Send + Sync, Id: From<Uuid>> FromRequestParts<S> for PathId<Id> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let id: Result<axum::extract::Path<Uuid>, PathRejection> =
            axum::extract::Path::from_request_parts(parts, state).await;
        id.map(|axum::extract::Path(id)| Self(id.into())).map_err(|_| AppError::NotFound.into())
    }
}

/// How long a connection may be quiet before something is sent that keeps proxies from closing it.
pub const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// For what leaves as it comes: kept by nobody, and changed by no proxy, as one that compresses holds it back.
pub const UNCHANGED: &str = "no-store, no-transform";

/// The `Idempotency-Key` of a request.
///
/// # Errors
/// [`AppError::InvalidInput`] naming it.
pub fn idempotency_key(headers: &HeaderMap) -> AppResult<Option<String>> {
    headers
        .get("idempotency-key")
        .map(|key| key.to_str().map(str::to_owned))
        .transpose()
        .map_err(|_| AppError::invalid("Idempotency-Key", "The key is 1 to 255 visible ASCII characters."))
}

/// `limit` of a list: 1 to 100.
///
/// # Errors
/// [`AppError::InvalidInput`] naming `limit`.
pub fn page_limit(limit: Option<&str>, default: usize) -> AppResult<usize> {
    match limit.map(str::parse) {
        None => Ok(default),
        Some(Ok(limit)) if (1..=100).contains(&limit) => Ok(limit),
        Some(_) => Err(AppError::invalid("limit", "The limit is a number from 1 to 100.")),
    }
}
