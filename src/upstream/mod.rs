//! What providers of replies and of images have in common: how they fail, when they rest, how often a second one is asked.

mod breaker;
mod budget;
mod refusal;
mod route;

use std::time::Duration;

pub use self::breaker::{BreakerState, Guarded, Permit, choose_order};
pub use self::budget::RetryBudget;
pub use self::refusal::{Refusal, brief, innermost_cause, unreachable_error};
pub use self::route::{Next, Route};
use crate::platform::error::AppError;
use crate::usage::Outcome;

/// Somebody outside, or a part of this program, that makes what users pay for.
pub trait Provider: Send + Sync {
    /// `openai`, `local`, `replicate` …
    fn name(&self) -> &'static str;
    /// The model that works where the request names none.
    fn model(&self) -> String;
    /// Why it cannot work now, for people; `None` when it can, as far as it knows.
    fn problem(&self) -> Option<String> {
        None
    }
}

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
    /// It will not answer this, for reasons of its own.
    #[error("blocked: {0}")]
    Blocked(String),
    #[error("timed out")]
    Timeout,
    /// It answered something that is no answer, or broke off.
    #[error("malformed: {0}")]
    Malformed(String),
}

impl ProviderError {
    /// What the user is told.
    #[must_use]
    pub const fn shown(&self) -> AppError {
        match self {
            Self::Timeout => AppError::ProviderTimeout,
            Self::RateLimited { .. } => AppError::ProviderRateLimited,
            _ => AppError::ProviderFailed,
        }
    }

    /// What the user is told of an image: that a prompt was refused is worth knowing, as no answer says so.
    #[must_use]
    pub const fn shown_for_image(&self) -> AppError {
        match self {
            Self::Blocked(_) => AppError::ContentBlocked,
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
            Self::Rejected(_) => Outcome::Rejected,
            Self::Malformed(_) => Outcome::Malformed,
            Self::Unavailable(_) => Outcome::Unavailable,
        }
    }
}
