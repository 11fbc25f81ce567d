//! What the answers look like, for the reference. They are written elsewhere (`writer.rs`); the tests of the reference compare
//! what is sent with these.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::super::schemas::Receipt;

/// A whole answer.
#[derive(Serialize, ToSchema)]
pub struct AnthropicMessage {
    id: String,
    /// `message`.
    r#type: String,
    /// `assistant`.
    role: String,
    model: String,
    /// What was thought, if that was asked for, then what it says and what it calls.
    content: Vec<AnswerBlock>,
    /// `end_turn`, `tool_use` if it calls tools, or `max_tokens` if it was cut off.
    stop_reason: Option<String>,
    /// Null: which text ended the answer, providers do not say.
    stop_sequence: Option<String>,
    stop_details: Option<String>,
    usage: MessageUsage,
    tessera: Receipt,
}

#[derive(Serialize, ToSchema)]
struct AnswerBlock {
    /// `text`, `thinking` or `tool_use`.
    r#type: String,
    #[schema(required = false, nullable = false)]
    text: Option<String>,
    #[schema(required = false, nullable = false)]
    thinking: Option<String>,
    /// Of a thought, to be sent back with it.
    #[schema(required = false, nullable = false)]
    signature: Option<String>,
    /// Of a call, as is what follows.
    #[schema(required = false, nullable = false)]
    id: Option<String>,
    #[schema(required = false, nullable = false)]
    name: Option<String>,
    #[schema(required = false, nullable = false, value_type = Object)]
    input: Option<Value>,
}

/// Zeros where the provider did not say.
#[derive(Serialize, ToSchema)]
struct MessageUsage {
    /// Without those that were read from the provider's cache, or written to it.
    input_tokens: u32,
    cache_creation_input_tokens: u32,
    cache_creation: CacheCreation,
    cache_read_input_tokens: u32,
    output_tokens: u32,
    output_tokens_details: ThinkingTokens,
}

/// What was written to the cache, by how long it stays there.
#[derive(Serialize, ToSchema)]
struct CacheCreation {
    #[serde(rename = "ephemeral_5m_input_tokens")]
    usual: u32,
    #[serde(rename = "ephemeral_1h_input_tokens")]
    for_an_hour: u32,
}

#[derive(Serialize, ToSchema)]
struct ThinkingTokens {
    #[serde(rename = "thinking_tokens")]
    thinking: u32,
}

/// The data of an event; `type` repeats its name.
#[derive(Serialize, ToSchema)]
pub struct MessageStreamEvent {
    /// `message_start`, `content_block_start`, `ping`, `content_block_delta`, `content_block_stop`, `message_delta` or
    /// `message_stop`; `error` where the answer breaks off.
    r#type: String,
}

/// How many tokens a message has.
#[derive(Serialize, ToSchema)]
pub struct TokenTotal {
    #[serde(rename = "input_tokens")]
    input: u64,
}

/// The body of every error.
#[derive(Serialize, ToSchema)]
pub struct MessagesFailure {
    /// `error`.
    r#type: String,
    error: MessagesProblem,
    /// The same as in `request-id`.
    request_id: String,
}

#[derive(Serialize, ToSchema)]
pub struct MessagesProblem {
    /// For programs.
    r#type: String,
    /// For people.
    message: String,
}
