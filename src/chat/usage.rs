//! What a reply used, and why it ends before its end.

use serde::{Deserialize, Serialize};

use super::types::is_false;

/// Tokens that were used: as the provider says, or as they were counted here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    pub input_tokens: u32,
    pub output_tokens: u32,
    /// Of the input, those that the provider still knew.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cached_input_tokens: Option<u32>,
    /// Of the rest of the input, those that the provider has put into its cache, as it was asked to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cache_write_tokens: Option<u32>,
    /// Of those, the ones that it keeps for an hour.
    #[serde(rename = "cacheWrite1hTokens", skip_serializing_if = "Option::is_none", default)]
    pub cache_write_1h_tokens: Option<u32>,
    /// Of the output, those that the model thought.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reasoning_tokens: Option<u32>,
    /// They were counted here, as the provider said none, or none that could be.
    #[serde(skip_serializing_if = "is_false", default)]
    pub estimated: bool,
}

impl Usage {
    /// As a provider says it.
    #[must_use]
    pub const fn of(input_tokens: u32, output_tokens: u32) -> Self {
        Self {
            input_tokens,
            output_tokens,
            cached_input_tokens: None,
            cache_write_tokens: None,
            cache_write_1h_tokens: None,
            reasoning_tokens: None,
            estimated: false,
        }
    }
}

/// Why an answer that is whole otherwise ends where it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum CutReason {
    /// It is as long as an answer may be.
    Length,
    /// There are no credits left.
    Credits,
    /// A budget leaves no more.
    Budget,
    /// More would have cost more than was shown.
    Maximum,
}

impl CutReason {
    pub const ALL: [Self; 4] = [Self::Length, Self::Credits, Self::Budget, Self::Maximum];

    /// The stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Credits => "credits",
            Self::Budget => "budget",
            Self::Maximum => "maximum",
        }
    }

    /// The reason of a stored name; one that is not known is the oldest.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name).unwrap_or(Self::Length)
    }
}
