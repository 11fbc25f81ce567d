//! What a user may see when something goes wrong, on both targets.
//!
//! No driver types and no raw texts live here: internals are logged once where they happen and leave as
//! [`AppError::Internal`].

use leptos::server_fn::codec::JsonEncoding;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use serde::{Deserialize, Serialize};

/// Shorthand for what every service returns.
pub type AppResult<T> = Result<T, AppError>;

/// The only error a client sees. Its text is for people, [`AppError::code`] for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum AppError {
    /// A field that the caller sent is missing or wrong.
    #[error("{message}")]
    InvalidInput { field: String, message: String },
    #[error("Please sign in.")]
    Unauthenticated,
    /// Sign-in failed. Says the same for a wrong password and for an unknown address.
    #[error("The email address or the password is not right.")]
    InvalidCredentials,
    #[error("Not enough credits: this costs {needed} and you have {available}.")]
    InsufficientCredits { needed: i64, available: i64 },
    /// The API key has a budget.
    #[error("This costs {needed}, and of the budget of this API key {available} are left.")]
    OverBudget { needed: i64, available: i64 },
    #[error("You may not do that.")]
    Forbidden,
    #[error("There is nothing here.")]
    NotFound,
    #[error("{0}")]
    Conflict(String),
    #[error("This Idempotency-Key was used before with another request.")]
    IdempotencyMismatch,
    #[error("This address does not take that method.")]
    MethodNotAllowed,
    #[error("That is too large.")]
    TooLarge,
    #[error("Send the body as {0}.")]
    UnsupportedMedia(String),
    /// `limit` is how many a minute are allowed.
    #[error("Too many requests. Please try again in {retry_after_secs} s.")]
    RateLimited { retry_after_secs: u64, limit: u32 },
    #[error("The model could not answer. Nothing was charged.")]
    ProviderFailed,
    #[error("The model took too long. Nothing was charged.")]
    ProviderTimeout,
    #[error("The model limits how often it may be asked. Please try again in a moment. Nothing was charged.")]
    ProviderRateLimited,
    #[error("Tessera cannot do that right now. Please try again in a moment.")]
    Unavailable,
    #[error("internal error")]
    Internal,
}

impl AppError {
    /// The error of a field that the caller sent.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::InvalidInput { field: field.into(), message: message.into() }
    }

    /// The machine-readable code: few and stable, for clients and metrics alike.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidInput { .. } => "invalid_input",
            Self::Unauthenticated => "unauthenticated",
            Self::InvalidCredentials => "invalid_credentials",
            Self::InsufficientCredits { .. } | Self::OverBudget { .. } => "insufficient_credits",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict(_) => "conflict",
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::TooLarge => "too_large",
            Self::UnsupportedMedia(_) => "unsupported_media_type",
            Self::RateLimited { .. } | Self::ProviderRateLimited => "rate_limited",
            Self::ProviderFailed => "provider_failed",
            Self::ProviderTimeout => "provider_timeout",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal_error",
        }
    }

    /// The HTTP status that goes with the code.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::InvalidInput { .. } => 400,
            Self::Unauthenticated | Self::InvalidCredentials => 401,
            Self::InsufficientCredits { .. } | Self::OverBudget { .. } => 402,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Conflict(_) | Self::IdempotencyMismatch => 409,
            Self::TooLarge => 413,
            Self::UnsupportedMedia(_) => 415,
            Self::RateLimited { .. } | Self::ProviderRateLimited => 429,
            Self::Internal => 500,
            Self::ProviderFailed => 502,
            Self::Unavailable => 503,
            Self::ProviderTimeout => 504,
        }
    }

    /// The error behind a code that was stored or put into a URL. Unknown codes become [`AppError::Internal`].
    #[must_use]
    pub fn from_code(code: &str) -> Self {
        match code {
            "invalid_credentials" => Self::InvalidCredentials,
            "unauthenticated" => Self::Unauthenticated,
            "forbidden" => Self::Forbidden,
            "not_found" => Self::NotFound,
            "rate_limited" => Self::ProviderRateLimited,
            "provider_failed" => Self::ProviderFailed,
            "provider_timeout" => Self::ProviderTimeout,
            "unavailable" => Self::Unavailable,
            _ => Self::Internal,
        }
    }
}

impl FromServerFnError for AppError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            // The browser could not reach the server at all.
            ServerFnErrorErr::Request(_) => Self::Unavailable,
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) | ServerFnErrorErr::Deserialization(_) => {
                Self::invalid("body", "The request could not be read.")
            }
            _ => Self::Internal,
        }
    }
}
