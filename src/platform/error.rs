//! What a user may see when something goes wrong, on both targets.
//!
//! No driver types and no raw texts live here: internals are logged once where they happen and leave as
//! [`AppError::Internal`].

use std::fmt;

use leptos::server_fn::codec::JsonEncoding;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use serde::{Deserialize, Serialize};

use crate::i18n::{Text, fill, t};
use crate::platform::amount::Amount;

/// Shorthand for what every service returns.
pub type AppResult<T> = Result<T, AppError>;

/// The only error a client sees. Its text is for people, [`AppError::code`] for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(strum::EnumIter))]
pub enum AppError {
    /// A field that the caller sent is missing or wrong.
    InvalidInput {
        field: String,
        message: String,
    },
    Unauthenticated,
    /// Sign-in failed. Says the same for a wrong password and for an unknown address.
    InvalidCredentials,
    /// The first step of signing in is done; a second one has to follow.
    SecondFactorRequired,
    /// `needed` is 0 where only the code is known.
    InsufficientCredits {
        needed: Amount,
        available: Amount,
    },
    /// The API key has a budget.
    OverBudget {
        needed: Amount,
        available: Amount,
    },
    /// The user has a budget.
    OverOwnBudget {
        needed: Amount,
        available: Amount,
    },
    Forbidden,
    /// What is asked for is switched off, for all or for who asks; the text says what.
    SwitchedOff(String),
    /// It goes on by itself tomorrow; the text says what.
    Paused(String),
    /// The API key has none of these scopes.
    MissingScope(String),
    NotFound,
    Conflict(String),
    IdempotencyMismatch,
    MethodNotAllowed,
    TooLarge,
    UnsupportedMedia(String),
    /// `limit` is how many are allowed in the time of that limit.
    RateLimited {
        retry_after_secs: u64,
        limit: u32,
    },
    /// Too much work was stopped before there was anything to pay for.
    TooManyStops {
        retry_after_secs: u64,
        limit: u32,
    },
    ProviderFailed,
    ProviderTimeout,
    /// For how long, where it says so.
    ProviderRateLimited {
        retry_after_secs: Option<u64>,
    },
    /// The provider does not take this request; the text has the reason it gives.
    ProviderRefused(String),
    /// What is asked, with what was said before, is more than the model takes in.
    ContextTooLong,
    /// The provider will not make what was asked for.
    ContentBlocked,
    /// The user stopped it.
    Stopped,
    Unavailable,
    Internal,
}

impl fmt::Display for AppError {
    /// In the language of the request, or of the page.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::InvalidInput { message, .. }
            | Self::Conflict(message)
            | Self::ProviderRefused(message)
            | Self::SwitchedOff(message)
            | Self::Paused(message) => {
                return f.write_str(message);
            }
            Self::InsufficientCredits { needed: Amount::ZERO, .. } => Text::CreditsMissing,
            Self::InsufficientCredits { needed, available } => {
                return f.write_str(&amounts(Text::NotEnoughCredits, *needed, *available));
            }
            Self::OverBudget { needed, available } => {
                return f.write_str(&amounts(Text::OverBudget, *needed, *available));
            }
            Self::OverOwnBudget { needed, available } => {
                return f.write_str(&amounts(Text::OverOwnBudget, *needed, *available));
            }
            Self::ContextTooLong => Text::ContextTooLong,
            Self::UnsupportedMedia(kind) => return f.write_str(&fill(Text::UnsupportedMedia, &[("kind", kind)])),
            Self::MissingScope(scopes) => return f.write_str(&fill(Text::MissingScope, &[("scopes", scopes)])),
            Self::RateLimited { retry_after_secs: seconds @ ..=120, .. } => {
                return f.write_str(&fill(Text::TooManyRequests, &[("seconds", &seconds.to_string())]));
            }
            Self::RateLimited { retry_after_secs, .. } => {
                return f.write_str(&minutes(Text::TooManyRequestsForLong, *retry_after_secs));
            }
            Self::TooManyStops { retry_after_secs, .. } => {
                return f.write_str(&minutes(Text::TooManyStops, *retry_after_secs));
            }
            Self::Unauthenticated => Text::PleaseSignIn,
            Self::InvalidCredentials => Text::WrongCredentials,
            Self::SecondFactorRequired => Text::SecondFactorRequired,
            Self::Forbidden => Text::Forbidden,
            Self::NotFound => Text::NothingHere,
            Self::IdempotencyMismatch => Text::IdempotencyMismatch,
            Self::MethodNotAllowed => Text::MethodNotAllowed,
            Self::TooLarge => Text::TooLarge,
            Self::ProviderFailed => Text::ProviderFailed,
            Self::ProviderTimeout => Text::ProviderTimeout,
            Self::ProviderRateLimited { .. } => Text::ProviderRateLimited,
            Self::ContentBlocked => Text::ContentBlocked,
            Self::Stopped => Text::WasStopped,
            Self::Unavailable => Text::Unavailable,
            Self::Internal => Text::InternalError,
        };
        f.write_str(t(text))
    }
}

impl std::error::Error for AppError {}

fn amounts(text: Text, needed: Amount, available: Amount) -> String {
    fill(text, &[("needed", &needed.as_price()), ("available", &available.as_balance())])
}

fn minutes(text: Text, seconds: u64) -> String {
    fill(text, &[("minutes", &seconds.div_ceil(60).to_string())])
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
            Self::SecondFactorRequired => "second_factor_required",
            Self::InsufficientCredits { .. } | Self::OverBudget { .. } | Self::OverOwnBudget { .. } => {
                "insufficient_credits"
            }
            Self::Forbidden | Self::MissingScope(_) | Self::SwitchedOff(_) => "forbidden",
            Self::NotFound => "not_found",
            Self::Conflict(_) => "conflict",
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::TooLarge => "too_large",
            Self::UnsupportedMedia(_) => "unsupported_media_type",
            Self::RateLimited { .. } | Self::TooManyStops { .. } | Self::ProviderRateLimited { .. } => "rate_limited",
            Self::ProviderFailed => "provider_failed",
            Self::ProviderRefused(_) => "provider_refused",
            Self::ContextTooLong => "context_length_exceeded",
            Self::ProviderTimeout => "provider_timeout",
            Self::ContentBlocked => "content_blocked",
            Self::Stopped => "stopped",
            Self::Unavailable | Self::Paused(_) => "unavailable",
            Self::Internal => "internal_error",
        }
    }

    /// The HTTP status that goes with the code.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::InvalidInput { .. } | Self::ProviderRefused(_) | Self::ContextTooLong => 400,
            Self::Unauthenticated | Self::InvalidCredentials | Self::SecondFactorRequired => 401,
            Self::InsufficientCredits { .. } | Self::OverBudget { .. } | Self::OverOwnBudget { .. } => 402,
            Self::Forbidden | Self::MissingScope(_) | Self::SwitchedOff(_) => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Conflict(_) | Self::IdempotencyMismatch | Self::Stopped => 409,
            Self::TooLarge => 413,
            Self::UnsupportedMedia(_) => 415,
            Self::ContentBlocked => 422,
            Self::RateLimited { .. } | Self::TooManyStops { .. } | Self::ProviderRateLimited { .. } => 429,
            Self::Internal => 500,
            Self::ProviderFailed => 502,
            Self::Unavailable | Self::Paused(_) => 503,
            Self::ProviderTimeout => 504,
        }
    }

    /// The error behind a code that was stored, put into a URL or told by another server. What a code does not say (a
    /// field, amounts) is left open. Unknown codes become [`AppError::Internal`].
    #[must_use]
    pub fn from_code(code: &str) -> Self {
        match code {
            "invalid_input" => Self::invalid("", t(Text::RequestUnreadable)),
            "unauthenticated" => Self::Unauthenticated,
            "invalid_credentials" => Self::InvalidCredentials,
            "second_factor_required" => Self::SecondFactorRequired,
            "insufficient_credits" => Self::InsufficientCredits { needed: Amount::ZERO, available: Amount::ZERO },
            "forbidden" => Self::Forbidden,
            "not_found" => Self::NotFound,
            "conflict" => Self::Conflict(t(Text::DidNotWork).to_owned()),
            "idempotency_mismatch" => Self::IdempotencyMismatch,
            "method_not_allowed" => Self::MethodNotAllowed,
            "too_large" => Self::TooLarge,
            "unsupported_media_type" => Self::UnsupportedMedia("application/json".to_owned()),
            // What is stored or told on is what a provider said.
            "rate_limited" => Self::ProviderRateLimited { retry_after_secs: None },
            "provider_failed" => Self::ProviderFailed,
            "provider_refused" => Self::ProviderRefused(t(Text::ProviderFailed).to_owned()),
            "context_length_exceeded" => Self::ContextTooLong,
            "provider_timeout" => Self::ProviderTimeout,
            "content_blocked" => Self::ContentBlocked,
            "stopped" => Self::Stopped,
            "unavailable" => Self::Unavailable,
            _ => Self::Internal,
        }
    }

    /// The same error, with how long a provider asks to be left alone.
    #[must_use]
    pub fn after(self, seconds: Option<u64>) -> Self {
        match self {
            Self::ProviderRateLimited { .. } => Self::ProviderRateLimited { retry_after_secs: seconds },
            other => other,
        }
    }

    /// The error of an answer or an event that has its text beside the code. The text is kept where no other says the same.
    #[must_use]
    pub fn from_answer(code: &str, text: String) -> Self {
        match Self::from_code(code) {
            Self::InvalidInput { field, .. } if !text.is_empty() => Self::InvalidInput { field, message: text },
            Self::Conflict(_) if !text.is_empty() => Self::Conflict(text),
            Self::ProviderRefused(_) if !text.is_empty() => Self::ProviderRefused(text),
            error => error,
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
                Self::invalid("body", t(Text::RequestUnreadable))
            }
            _ => Self::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn every_code_is_read_back() {
        for error in AppError::iter() {
            let read = AppError::from_code(error.code());
            assert_eq!((read.code(), read.status()), (error.code(), error.status()), "{error:?}");
            assert!(!read.to_string().is_empty(), "{error:?}");
        }
        assert_eq!(AppError::from_code("no such code"), AppError::Internal);
    }

    #[test]
    fn what_a_code_does_not_say_is_not_made_up() {
        let missing = AppError::from_code("insufficient_credits").to_string();
        assert!(!missing.contains(|c: char| c.is_ascii_digit()), "{missing}");
        let told = |code| AppError::from_answer(code, "Only four.".to_owned()).to_string();
        assert_eq!([told("invalid_input"), told("conflict")], ["Only four.", "Only four."]);
        assert_eq!(told("not_found"), AppError::NotFound.to_string());
    }
}
