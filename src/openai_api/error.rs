//! Errors in the shape that clients of `OpenAI` know.

use axum::Json;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::platform::error::AppError;
use crate::platform::http::envelope::{ApiError, error_response};

/// Tells clients whether to try again; without it they try 409, 429 and 5xx twice more.
const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// An [`AppError`] as `{"error":{"message","type","param","code"}}`.
pub struct V1Error(pub AppError);

impl From<AppError> for V1Error {
    fn from(error: AppError) -> Self {
        Self(error)
    }
}

impl From<ApiError> for V1Error {
    fn from(ApiError(error): ApiError) -> Self {
        Self(error)
    }
}

impl V1Error {
    /// A model that is not there is 404; everything else is as in the rest of the API.
    pub fn status(&self) -> u16 {
        let Self(error) = self;
        let is_unknown_model = matches!(error, AppError::InvalidInput { field, .. } if field == "model");
        match error {
            _ if is_unknown_model => 404,
            AppError::ContentBlocked => 400,
            error => error.status(),
        }
    }

    /// The body, which is also what a stream ends with when the answer breaks off.
    pub fn body(&self) -> Value {
        let Self(error) = self;
        let (kind, code) = match error {
            AppError::Unauthenticated | AppError::InvalidCredentials => {
                ("invalid_request_error", Some("invalid_api_key"))
            }
            AppError::InsufficientCredits { .. } | AppError::OverBudget { .. } => {
                ("insufficient_quota", Some("insufficient_quota"))
            }
            AppError::ContentBlocked => ("image_generation_user_error", Some("moderation_blocked")),
            AppError::RateLimited { .. } | AppError::TooManyStops { .. } => ("requests", Some("rate_limit_exceeded")),
            AppError::InvalidInput { field, .. } if field == "model" => {
                ("invalid_request_error", Some("model_not_found"))
            }
            AppError::InvalidInput { .. } => ("invalid_request_error", None),
            AppError::NotFound => ("invalid_request_error", Some("unknown_url")),
            other if other.status() < 500 => ("invalid_request_error", Some(other.code())),
            other => ("server_error", Some(other.code())),
        };
        let param = match error {
            // Which it was is not known where the answer told of it.
            AppError::InvalidInput { field, .. } if !field.is_empty() => Some(field),
            _ => None,
        };
        let message = match error {
            AppError::Unauthenticated => "Incorrect API key provided. You can make one on the account page.".to_owned(),
            other => other.to_string(),
        };
        json!({ "error": { "message": message, "type": kind, "param": param, "code": code } })
    }
}

impl IntoResponse for V1Error {
    fn into_response(self) -> Response {
        let (body, status) = (self.body(), self.status());
        let Self(error) = self;
        // Waiting does not bring credits, nor another body for the same key.
        let is_final = matches!(error.status(), 402 | 409);
        let mut response = error_response(&error, status, Json(body));
        if is_final {
            response.headers_mut().insert(X_SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        response
    }
}
