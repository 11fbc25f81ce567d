//! What the answers look like, for the reference. They are written elsewhere (`writer.rs`); the tests of the reference compare
//! what is sent with these.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::super::schemas::Receipt;

/// A whole response. Fields of the request are repeated.
#[derive(Serialize, ToSchema)]
pub struct ModelResponse {
    id: String,
    /// `response`.
    object: String,
    /// Seconds since 1970.
    created_at: i64,
    /// `completed`, or `incomplete` if it was cut off.
    status: String,
    model: String,
    #[schema(value_type = Option<Object>)]
    error: Option<Value>,
    #[schema(value_type = Option<Object>)]
    incomplete_details: Option<Value>,
    instructions: Option<String>,
    previous_response_id: Option<String>,
    max_output_tokens: Option<i64>,
    #[schema(value_type = Object)]
    metadata: Value,
    /// What was thought, if that was asked for, messages, and calls of tools.
    output: Vec<OutputItem>,
    background: bool,
    parallel_tool_calls: bool,
    #[schema(value_type = Object)]
    reasoning: Value,
    service_tier: String,
    store: bool,
    temperature: f64,
    #[schema(value_type = Object)]
    text: Value,
    #[schema(value_type = Value)]
    tool_choice: Value,
    #[schema(value_type = Vec<Object>)]
    tools: Vec<Value>,
    top_logprobs: u32,
    top_p: f64,
    truncation: String,
    user: Option<String>,
    usage: ResponseUsage,
    tessera: Receipt,
}

#[derive(Serialize, ToSchema)]
struct OutputItem {
    id: String,
    /// `message`, `function_call` or `reasoning`.
    r#type: String,
    status: String,
    /// `assistant`, of a message.
    #[schema(required = false, nullable = false)]
    role: Option<String>,
    #[schema(required = false, nullable = false)]
    content: Option<Vec<OutputText>>,
    /// What the result of a call names it by, as are those that follow of a call.
    #[schema(required = false, nullable = false)]
    call_id: Option<String>,
    #[schema(required = false, nullable = false)]
    name: Option<String>,
    /// JSON.
    #[schema(required = false, nullable = false)]
    arguments: Option<String>,
    /// Of a call of a custom tool.
    #[schema(required = false, nullable = false)]
    input: Option<String>,
    /// Of what was thought.
    #[schema(required = false, nullable = false)]
    summary: Option<Vec<OutputSummary>>,
    #[schema(required = false)]
    encrypted_content: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct OutputSummary {
    /// `summary_text`.
    r#type: String,
    text: String,
}

#[derive(Serialize, ToSchema)]
struct OutputText {
    /// `output_text`.
    r#type: String,
    text: String,
    annotations: Vec<String>,
    logprobs: Vec<String>,
}

/// Zeros where the provider did not say.
#[derive(Serialize, ToSchema)]
struct ResponseUsage {
    #[serde(rename = "input_tokens")]
    input: u32,
    input_tokens_details: InputTokens,
    #[serde(rename = "output_tokens")]
    output: u32,
    output_tokens_details: OutputTokens,
    #[serde(rename = "total_tokens")]
    total: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ResponseInputTokens)]
struct InputTokens {
    #[serde(rename = "cached_tokens")]
    cached: u32,
    /// 0.
    #[serde(rename = "cache_write_tokens")]
    written: u32,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ResponseOutputTokens)]
struct OutputTokens {
    #[serde(rename = "reasoning_tokens")]
    reasoning: u32,
}

/// The data of an event; `type` repeats its name.
#[derive(Serialize, ToSchema)]
pub struct ResponseStreamEvent {
    /// `response.created`, `response.in_progress`, `response.output_item.added`, `response.content_part.added`,
    /// `response.output_text.delta` and `.done`, `response.content_part.done`, `response.function_call_arguments.delta` and
    /// `.done`, `response.custom_tool_call_input.delta` and `.done`, `response.output_item.done`, and
    /// `response.completed` or `response.incomplete`; `error` and `response.failed` where the answer breaks off.
    r#type: String,
    /// Counts from 0.
    sequence_number: u64,
}

/// What is left of a response that was deleted.
#[derive(Serialize, ToSchema)]
pub struct DeletedResponse {
    id: String,
    /// `response`.
    object: String,
    deleted: bool,
}

/// A page of what a response was asked.
#[derive(Serialize, ToSchema)]
pub struct InputItems {
    /// `list`.
    object: String,
    #[schema(value_type = Vec<Object>)]
    data: Vec<Value>,
    first_id: Option<String>,
    last_id: Option<String>,
    has_more: bool,
}
