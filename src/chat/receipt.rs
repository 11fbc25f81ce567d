//! What an answer cost, as both targets and the HTTP API see it.

use serde::{Deserialize, Serialize};

use super::usage::Usage;
use crate::credits::LotShare;
use crate::platform::amount::Amount;

/// What an answer cost.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    #[cfg_attr(feature = "hydrate", serde(skip_deserializing))]
    pub message_id: String,
    /// What was charged; 0 where nothing was.
    pub credits: Amount,
    /// Most that it could have cost: what was shown before it began. Absent where nothing was held for it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub most: Option<Amount>,
    /// What all answers of the conversation were charged so far.
    #[serde(default)]
    pub conversation_credits: Amount,
    #[cfg_attr(feature = "hydrate", serde(skip_deserializing))]
    pub cached: bool,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(feature = "hydrate", serde(skip_deserializing))]
    pub provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(feature = "hydrate", serde(skip_deserializing))]
    pub model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub usage: Option<Usage>,
    /// Which price it was charged by.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub price_version: Option<String>,
    /// The credits that paid for it.
    #[serde(default)]
    pub lots: Vec<LotShare>,
    /// When it was charged: RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(feature = "hydrate", serde(skip_deserializing))]
    pub charged_at: Option<String>,
}
