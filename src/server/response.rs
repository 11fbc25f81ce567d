//! The envelope of the HTTP API: `{"success":true,"data":…}` and `{"success":false,"error":…,"code":…}`.

use axum::Json;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use uuid::Uuid;

use super::limits::Quota;
use super::request::current_request_id;
use crate::error::{AppError, AppResult};

/// A successful answer.
pub struct Answer<T>(pub T);

/// What API handlers return.
pub type ApiResult<T> = Result<Answer<T>, ApiError>;

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        Json(json!({ "success": true, "data": self.0, "requestId": current_request_id() })).into_response()
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

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Self(error) = self;
        let mut body = json!({
            "success": false,
            "error": error.to_string(),
            "code": error.code(),
            "requestId": current_request_id(),
        });
        match &error {
            AppError::InvalidInput { field, .. } => body["field"] = json!(field),
            AppError::InsufficientCredits { needed, available } | AppError::OverBudget { needed, available } => {
                body["needed"] = json!(needed);
                body["available"] = json!(available);
            }
            _ => {}
        }
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(body)).into_response();
        let retry_after = match error {
            AppError::RateLimited { retry_after_secs, limit } => {
                response = with_quota(response, Quota { limit, remaining: 0, reset_secs: retry_after_secs });
                Some(retry_after_secs)
            }
            AppError::Unavailable => Some(5),
            _ => None,
        };
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response
    }
}

/// Says in `RateLimit-*` headers what the caller may still do.
pub fn with_quota(mut response: Response, quota: Quota) -> Response {
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static("ratelimit-limit"), quota.limit.into());
    headers.insert(HeaderName::from_static("ratelimit-remaining"), quota.remaining.into());
    headers.insert(HeaderName::from_static("ratelimit-reset"), quota.reset_secs.into());
    response
}

/// A JSON body. What is wrong with it is said in the envelope.
pub struct ApiJson<T>(pub T, pub axum::body::Bytes);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for ApiJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(AppError::UnsupportedMedia("application/json".to_owned()).into());
        }
        let bytes = axum::body::Bytes::from_request(request, state).await.map_err(|rejection| match rejection {
            BytesRejection::FailedToBufferBody(failure) if failure.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                AppError::TooLarge
            }
            _ => AppError::invalid("body", "The body could not be read."),
        })?;
        let value = serde_json::from_slice(&bytes).map_err(|error| {
            AppError::invalid("body", format!("The body is not the JSON that is expected here: {error}."))
        })?;
        Ok(Self(value, bytes))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|mime| mime.trim().eq_ignore_ascii_case("application/json"))
}

/// The id in the path. One that is no id names nothing: 404.
pub struct PathId(pub Uuid);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let id: Result<axum::extract::Path<Uuid>, PathRejection> =
            axum::extract::Path::from_request_parts(parts, state).await;
        id.map(|axum::extract::Path(id)| Self(id)).map_err(|_| AppError::NotFound.into())
    }
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
