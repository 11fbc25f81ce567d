//! Errors in the shape that clients of Anthropic know.

use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::super::error::V1Error;
use super::with_request_id;
use crate::platform::error::AppError;
use crate::platform::http::envelope::ApiError;
use crate::platform::http::request_id::current_request_id;

/// An error as `{"type":"error","error":{"type","message"},"request_id"}`.
#[derive(Debug)]
pub struct MessagesError(V1Error);

impl From<V1Error> for MessagesError {
    fn from(error: V1Error) -> Self {
        Self(error)
    }
}

impl From<AppError> for MessagesError {
    fn from(error: AppError) -> Self {
        Self(error.into())
    }
}

impl From<ApiError> for MessagesError {
    fn from(error: ApiError) -> Self {
        Self(error.into())
    }
}

/// The body of an error, which is also what a stream ends with when the answer breaks off.
pub fn body_of(error: &V1Error) -> Value {
    // Which field it is, nothing else says here.
    let message = match error.error() {
        AppError::InvalidInput { field, message } if !field.is_empty() && !message.starts_with(field.as_str()) => {
            format!("{field}: {message}")
        }
        _ => error.message(),
    };
    json!({
        "type": "error",
        "error": { "type": kind_of(error.status()), "message": message },
        "request_id": current_request_id(),
    })
}

const fn kind_of(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        409 => "conflict_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        ..500 => "invalid_request_error",
        503 => "overloaded_error",
        504 => "timeout_error",
        _ => "api_error",
    }
}

impl MessagesError {
    /// For the reference.
    #[must_use]
    pub fn parts(&self) -> (u16, Value) {
        (self.0.status(), body_of(&self.0))
    }
}

impl IntoResponse for MessagesError {
    fn into_response(self) -> Response {
        with_request_id(self.0.respond(body_of(&self.0)))
    }
}
