//! An attempt at a provider, as it is recorded.

use crate::i18n::Text;
use crate::platform::ids::{ApiKeyId, AttemptId, UserId, WorkId};

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// A whole answer.
    Ok,
    /// The user stopped it, or the server was shut down.
    Stopped,
    Timeout,
    RateLimited,
    /// It would not answer this.
    Blocked,
    /// It did not take the request.
    Rejected,
    /// What came was no answer.
    Malformed,
    Unavailable,
    /// It broke off in the middle of its answer.
    Cut,
}

impl Outcome {
    const ALL: [Self; 9] = [
        Self::Ok,
        Self::Stopped,
        Self::Timeout,
        Self::RateLimited,
        Self::Blocked,
        Self::Rejected,
        Self::Malformed,
        Self::Unavailable,
        Self::Cut,
    ];

    /// What was neither answered nor stopped.
    pub const FAILED: [Self; 7] = [
        Self::Timeout,
        Self::RateLimited,
        Self::Blocked,
        Self::Rejected,
        Self::Malformed,
        Self::Unavailable,
        Self::Cut,
    ];

    /// The stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Stopped => "stopped",
            Self::Timeout => "timeout",
            Self::RateLimited => "rate_limited",
            Self::Blocked => "blocked",
            Self::Rejected => "rejected",
            Self::Malformed => "malformed",
            Self::Unavailable => "unavailable",
            Self::Cut => "cut",
        }
    }

    /// For people.
    #[must_use]
    pub const fn text(self) -> Text {
        match self {
            Self::Ok => Text::OutcomeOk,
            Self::Stopped => Text::OutcomeStopped,
            Self::Timeout => Text::OutcomeTimeout,
            Self::RateLimited => Text::OutcomeRateLimited,
            Self::Blocked => Text::OutcomeBlocked,
            Self::Rejected => Text::OutcomeRejected,
            Self::Malformed => Text::OutcomeMalformed,
            Self::Unavailable => Text::OutcomeUnavailable,
            Self::Cut => Text::OutcomeCut,
        }
    }

    /// The outcome of a stored name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == name)
    }
}

/// One time that a provider was asked, whatever came of it. An answer that was given before is none: nobody was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// `UUIDv7`: orders attempts by time.
    pub id: AttemptId,
    pub request_id: String,
    pub reply: WorkId,
    pub user: UserId,
    /// The API key that it was asked with. `None`: with none, or before this was recorded.
    pub key: Option<ApiKeyId>,
    pub provider: String,
    pub model: String,
    pub input_tokens: u32,
    pub output_tokens: u32,
    /// The provider did not say (all of) the numbers of tokens.
    pub is_estimated: bool,
    /// In millionths of a US dollar; `None` where the price of the model is not known.
    pub cost_micros: Option<i64>,
    /// From the question to the end of the answer.
    pub latency_ms: u32,
    /// `None`: no token came.
    pub first_token_ms: Option<u32>,
    pub outcome: Outcome,
    /// Which price the work had for its user.
    pub price_version: Option<String>,
    /// When it began, in milliseconds since 1970.
    pub at: i64,
}

/// What was asked of providers for a user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UserUsage {
    pub attempts: u64,
    /// Those that came to nothing: neither answered nor stopped.
    pub failed: u64,
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// In millionths of a US dollar, as far as prices are known.
    pub cost_micros: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcomes_are_found_by_their_names() {
        assert_eq!(Outcome::parse("rate_limited"), Some(Outcome::RateLimited));
        assert_eq!(Outcome::parse("fine"), None);
        let fine = Outcome::ALL.into_iter().filter(|outcome| !Outcome::FAILED.contains(outcome));
        assert_eq!(fine.collect::<Vec<_>>(), [Outcome::Ok, Outcome::Stopped]);
    }
}
