//! What a message is going to cost, as both targets and the HTTP API see it.

use serde::{Deserialize, Serialize};

use crate::platform::amount::Amount;

/// Whether longer replies cost more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum PriceKind {
    /// A reply costs the same, however long it is.
    #[default]
    Flat,
    /// It costs by its tokens.
    Tokens,
}

/// What a reply of a model costs. Rates are credits for a million tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct PriceInfo {
    pub kind: PriceKind,
    /// Another price has another version.
    pub version: String,
    /// Of a reply, where it is flat.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub credits: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rates: Option<RateInfo>,
    /// For each reply, on top.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub per_call: Option<Amount>,
    /// Other rates for long contexts, those of the shortest first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub tiers: Vec<TierInfo>,
}

/// Credits for a million tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RateInfo {
    pub input: Amount,
    /// Of what the provider still knows.
    pub cached_input: Amount,
    /// Of what it is asked to write to its cache, for five minutes.
    #[serde(default)]
    pub cache_write: Amount,
    /// The same for an hour; without it, that cannot be asked for.
    #[serde(default, rename = "cacheWrite1h", skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<Amount>,
    pub output: Amount,
    /// Of what the model thinks.
    pub reasoning: Amount,
}

/// The rates of a context with more tokens than these.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct TierInfo {
    pub above_input_tokens: u64,
    pub rates: RateInfo,
}

/// A message that may be sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct EstimateRequest<Images = u32> {
    /// It may be empty: then it is what the context costs.
    #[serde(default)]
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub model: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub conversation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub replaces: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub system_prompt: Option<String>,
    /// How many, or the same list as when it is sent.
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(value_type = Option<u32>))]
    pub images: Images,
}

/// What it would cost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Estimate {
    /// With a reply of usual length.
    pub about: Amount,
    /// It costs no more than this: send it as `maxCredits`.
    pub most: Amount,
    /// With less than this it cannot begin.
    pub least: Amount,
    /// What can be spent.
    pub available: Amount,
    pub provider: String,
    pub model: String,
    pub price: PriceInfo,
    pub context: ContextInfo,
}

/// What the model would get to see, in tokens as they are counted here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ContextInfo {
    /// All of it.
    pub tokens: u32,
    /// What the model takes in, with its reply.
    pub window: u32,
    /// Of the longest reply.
    pub output: u32,
    /// Of the system prompt.
    pub system: u32,
    /// Of what was said before.
    pub history: u32,
    pub message: u32,
    pub images: u32,
    /// Messages of the conversation that do not fit, the oldest of them.
    pub left_out: u32,
}

/// A model that can be picked, in the order in which they are asked, or an alias: then it says what holds for the model that is asked
/// first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ProviderInfo {
    /// What it is picked by: `local`, `openai/gpt-5.4`, or the name of an alias.
    pub name: String,
    /// What people call it.
    pub label: String,
    /// Who has the model: `local`, `openai` …
    pub provider: String,
    pub model: String,
    /// It stands for several models, which are tried one after the other.
    #[serde(default)]
    pub is_alias: bool,
    /// How many tokens question, context and answer may have together, where that is known.
    pub context_tokens: Option<u32>,
    /// Most tokens of an answer, where that is known.
    #[serde(default)]
    pub max_output_tokens: Option<u32>,
    /// Price of a reply, in credits; where it is per token, that of a typical one.
    pub credits: Amount,
    /// The same; where it is per token, that of a short one.
    pub least: Amount,
    #[cfg_attr(feature = "hydrate", serde(skip_deserializing))]
    pub price: PriceInfo,
    /// Longer replies cost more.
    #[serde(default)]
    pub per_token: bool,
    /// Most characters of a message.
    pub max_message_chars: usize,
    /// Why it cannot answer now, for people; `None` when it can.
    pub problem: Option<String>,
    /// Whether it takes images.
    pub sees_images: bool,
    /// Whether it thinks before it answers, where that is known.
    #[serde(default)]
    pub thinks: Option<bool>,
    /// Whether it calls tools, where that is known.
    #[serde(default)]
    pub calls_tools: Option<bool>,
}

/// What a message to a provider may be, and what it costs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ProviderTerms {
    /// What it is picked by.
    pub provider: String,
    /// What people call it.
    pub label: String,
    /// Longer replies cost more.
    pub per_token: bool,
    /// Price of a reply; where it is per token, that of a short one.
    pub credits: Amount,
    pub max_message_chars: usize,
}

/// Why the picked provider cannot answer now; without one, why none of them can.
#[must_use]
pub fn problem_of(providers: &[ProviderInfo], picked: Option<&ProviderInfo>) -> Option<String> {
    match picked {
        Some(picked) => picked.problem.clone(),
        None if providers.iter().all(|provider| provider.problem.is_some()) => providers.first()?.problem.clone(),
        None => None,
    }
}
