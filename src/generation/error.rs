//! How providers fail, and what services behind HTTP say when they do not do what they are asked, without the secrets that
//! may be in it.

use std::time::Duration;

use futures::StreamExt;
use reqwest::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};

use crate::i18n::{Text, fill};
use crate::platform::error::AppError;
use crate::platform::http::outgoing::{BodyError, innermost_cause};
use crate::usage::Outcome;

/// Why a provider did not answer, or stopped answering. The texts are for logs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// It cannot be reached or is in no state to answer.
    #[error("unavailable: {0}")]
    Unavailable(String),
    #[error("rate limited")]
    RateLimited { retry_after: Option<Duration> },
    /// It does not take this request; another provider may.
    #[error("rejected: {0}")]
    Rejected(String),
    /// The context is longer than it takes; how many tokens that are, where it says so.
    #[error("too long: {reason}")]
    TooLong { reason: String, window: Option<u32> },
    /// It will not answer this, for reasons of its own.
    #[error("blocked: {0}")]
    Blocked(String),
    /// It answered, and there is nothing in it. Where what the caller chose can make it so, this is the field of the request.
    #[error("{}", if *.is_spent { "its limit of tokens was spent before the first word" } else { "an empty answer" })]
    Empty { by: Option<&'static str>, is_spent: bool },
    #[error("timed out")]
    Timeout,
    /// It answered something that is no answer, or broke off.
    #[error("malformed: {0}")]
    Malformed(String),
}

impl ProviderError {
    /// Whether it says something about the provider, and not about this request alone: what a caller chose is no failure of who
    /// is asked.
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::RateLimited { .. } | Self::Timeout | Self::Malformed(_) => true,
            Self::Rejected(_) | Self::TooLong { .. } | Self::Blocked(_) | Self::Empty { .. } => false,
        }
    }

    /// What the user is told.
    #[must_use]
    pub fn shown(&self) -> AppError {
        match self {
            Self::Empty { by: Some(field), .. } => {
                AppError::invalid(*field, fill(Text::NothingLeft, &[("field", *field)]))
            }
            Self::TooLong { .. } => AppError::ContextTooLong,
            Self::Rejected(reason) | Self::Blocked(reason) => {
                AppError::ProviderRefused(fill(Text::ProviderRefused, &[("reason", reason.trim_end_matches('.'))]))
            }
            Self::Timeout => AppError::ProviderTimeout,
            Self::RateLimited { retry_after } => AppError::ProviderRateLimited {
                retry_after_secs: retry_after.map(|after| after.as_secs() + u64::from(after.subsec_nanos() > 0)),
            },
            _ => AppError::ProviderFailed,
        }
    }

    /// What the user is told where some of the answer is there: it broke off, whatever it says of the request.
    #[must_use]
    pub fn shown_of_rest(&self) -> AppError {
        match self {
            Self::Rejected(_) | Self::Blocked(_) | Self::TooLong { .. } => AppError::ProviderFailed,
            _ => self.shown(),
        }
    }

    /// What the user is told of an image: that a prompt was refused is worth knowing, as no answer says so.
    #[must_use]
    pub fn shown_for_image(&self) -> AppError {
        match self {
            Self::Blocked(_) => AppError::ContentBlocked,
            // What is asked of these is ours.
            Self::Rejected(_) => AppError::ProviderFailed,
            _ => self.shown(),
        }
    }

    /// What is put down in the record.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        match self {
            Self::Timeout => Outcome::Timeout,
            Self::RateLimited { .. } => Outcome::RateLimited,
            Self::Blocked(_) => Outcome::Blocked,
            // Nothing is what a limit, or a message, can ask for: no safeguard may be tripped by it.
            Self::Rejected(_) | Self::TooLong { .. } | Self::Empty { .. } => Outcome::Rejected,
            Self::Malformed(_) => Outcome::Malformed,
            Self::Unavailable(_) => Outcome::Unavailable,
        }
    }
}

/// An answer that is no success.
pub struct Refusal {
    pub status: StatusCode,
    pub retry_after: Option<Duration>,
    pub body: Vec<u8>,
}

impl Refusal {
    /// Reads as much of it as is worth reading.
    pub async fn read(response: Response) -> Self {
        /// More of an error body is not worth reading.
        const MOST: usize = 16 * 1024;
        let status = response.status();
        let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let retry_after = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let mut body = Vec::new();
        let mut chunks = response.bytes_stream();
        while let Some(Ok(chunk)) = chunks.next().await {
            body.extend_from_slice(&chunk);
            if body.len() > MOST {
                break;
            }
        }
        Self { status, retry_after, body }
    }
}

impl From<BodyError> for ProviderError {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge { most } => Self::Malformed(format!("the answer has more than {most} bytes")),
            BodyError::Broken(error) => unreachable_error(&error),
        }
    }
}

/// What it means that no answer came.
#[must_use]
pub fn unreachable_error(error: &reqwest::Error) -> ProviderError {
    if error.is_timeout() { ProviderError::Timeout } else { ProviderError::Unavailable(innermost_cause(error)) }
}
