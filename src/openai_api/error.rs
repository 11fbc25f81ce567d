//! Errors in the shape that clients of `OpenAI` know.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, Method};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use url::Url;

use crate::chat::server::quote::ContextLimit;
use crate::platform::error::AppError;
use crate::platform::http::envelope::{ApiError, error_response};

/// Tells clients whether to try again; without it they try 409, 429 and 5xx twice more.
const X_SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// Seconds that clients wait before they try again; where it takes longer, they try at once and in vain.
const LONGEST_WAIT: u64 = 60;

const CONTEXT_LENGTH_EXCEEDED: &str = "context_length_exceeded";

/// An [`AppError`] as `{"error":{"message","type","param","code"}}`.
#[derive(Debug)]
pub struct V1Error {
    error: AppError,
    /// In place of that of the error.
    code: Option<&'static str>,
    /// In place of the error's text.
    message: Option<String>,
    /// The field that what was said is in.
    turns: &'static str,
}

impl From<AppError> for V1Error {
    fn from(error: AppError) -> Self {
        Self { error, code: None, message: None, turns: "messages" }
    }
}

impl From<ApiError> for V1Error {
    fn from(ApiError(error): ApiError) -> Self {
        error.into()
    }
}

impl V1Error {
    /// A context that this server does not take.
    pub fn too_long(field: &str, length: u64, most: ContextLimit) -> Self {
        let message = match most {
            ContextLimit::Chars(most) => format!(
                "All messages together have {length} characters; this server takes at most {most} (MAX_CONTEXT_CHARS)."
            ),
            ContextLimit::Tokens(most) => format!(
                "All messages together are about {length} tokens; the model takes at most {most} besides its answer."
            ),
        };
        Self { code: Some(CONTEXT_LENGTH_EXCEEDED), ..AppError::invalid(field, message).into() }
    }

    /// What is asked for is not served: `served` is.
    pub fn unserved(error: AppError, method: &Method, path: &str, served: &[&str]) -> Self {
        let message = format!("{method} {path} is not served here. These are: {}.", served.join(", "));
        Self { message: Some(message), ..error.into() }
    }

    /// A response that is not there, for whoever goes on with it.
    pub fn no_previous(id: &str) -> Self {
        let message = format!("Previous response with id '{id}' not found.");
        let error = AppError::invalid("previous_response_id", message);
        Self { code: Some("previous_response_not_found"), ..error.into() }
    }

    /// The same of one that is asked for by name.
    pub fn no_response(id: &str) -> Self {
        Self { message: Some(format!("Response with id '{id}' not found.")), ..AppError::NotFound.into() }
    }

    /// No provider embeds.
    pub fn no_embedder() -> Self {
        let message = "Nothing embeds here: this server has no embedding model (OPENAI_EMBEDDING_MODEL, or embeds in providers.toml).";
        let message = message.to_owned();
        Self { message: Some(message), ..AppError::NotFound.into() }
    }

    /// An item that is named and not there.
    pub fn no_item(id: &str) -> Self {
        let message = format!("Item with id '{id}' not found. Items are kept for 30 days, unless store is false.");
        AppError::invalid("input", message).into()
    }

    /// Says where there are more credits, where they are what is missing.
    #[must_use]
    pub fn with_shop(mut self, public_url: &Url) -> Self {
        if let (AppError::InsufficientCredits { .. }, Ok(shop)) = (&self.error, public_url.join("/buy-credits")) {
            self.message.get_or_insert_with(|| format!("{} {shop}", self.error));
        }
        self
    }

    /// What was said is in this field.
    #[must_use]
    pub fn about(self, turns: &'static str) -> Self {
        Self { turns, ..self }
    }

    /// What went wrong.
    pub const fn error(&self) -> &AppError {
        &self.error
    }

    /// The error in the shape of another dialect, with the headers that say whether and when to come back.
    pub fn respond(&self, body: Value) -> Response {
        let mut response = error_response(&self.error, self.status(), Json(body));
        if self.is_final() {
            response.headers_mut().insert(X_SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        response
    }

    /// Whether it fails again, whoever tries: waiting brings no credits, nor the next day, nor another body for the same
    /// key, and clients wait for seconds, not for hours.
    fn is_final(&self) -> bool {
        match self.error {
            AppError::RateLimited { retry_after_secs, .. } | AppError::TooManyStops { retry_after_secs, .. } => {
                retry_after_secs > LONGEST_WAIT
            }
            AppError::ProviderRateLimited { retry_after_secs } => {
                retry_after_secs.is_some_and(|seconds| seconds > LONGEST_WAIT)
            }
            AppError::Paused(_) => true,
            _ => matches!(self.error.status(), 402 | 409),
        }
    }

    /// A model that is not there is 404; everything else is as in the rest of the API.
    pub fn status(&self) -> u16 {
        let Self { error, .. } = self;
        let is_unknown_model = matches!(error, AppError::InvalidInput { field, .. } if field == "model");
        match error {
            _ if is_unknown_model => 404,
            AppError::ContentBlocked => 400,
            error => error.status(),
        }
    }

    /// For people.
    pub fn message(&self) -> String {
        match (&self.message, &self.error) {
            (Some(message), _) => message.clone(),
            (None, AppError::Unauthenticated) => {
                "Incorrect API key provided. You can make one on the account page.".to_owned()
            }
            (None, error) => error.to_string(),
        }
    }

    /// The body, which is also what a stream ends with when the answer breaks off.
    pub fn body(&self) -> Value {
        let Self { error, code: own_code, turns, .. } = self;
        let (kind, code) = match error {
            AppError::Unauthenticated | AppError::InvalidCredentials => {
                ("invalid_request_error", Some("invalid_api_key"))
            }
            AppError::InsufficientCredits { .. } | AppError::OverBudget { .. } | AppError::OverOwnBudget { .. } => {
                ("insufficient_quota", Some("insufficient_quota"))
            }
            AppError::ContentBlocked => ("image_generation_user_error", Some("moderation_blocked")),
            AppError::RateLimited { .. } | AppError::TooManyStops { .. } | AppError::ProviderRateLimited { .. } => {
                ("requests", Some("rate_limit_exceeded"))
            }
            AppError::InvalidInput { field, .. } if field == "model" => {
                ("invalid_request_error", Some("model_not_found"))
            }
            AppError::InvalidInput { .. } => ("invalid_request_error", None),
            AppError::NotFound => ("invalid_request_error", Some("unknown_url")),
            other if other.status() < 500 => ("invalid_request_error", Some(other.code())),
            other => ("server_error", Some(other.code())),
        };
        let code = own_code.or(code);
        let param = match error {
            // Which it was is not known where the answer told of it.
            AppError::InvalidInput { field, .. } if !field.is_empty() => Some(field.as_str()),
            _ if code == Some(CONTEXT_LENGTH_EXCEEDED) => Some(*turns),
            _ => None,
        };
        json!({ "error": { "message": self.message(), "type": kind, "param": param, "code": code } })
    }
}

impl IntoResponse for V1Error {
    fn into_response(self) -> Response {
        self.respond(self.body())
    }
}
