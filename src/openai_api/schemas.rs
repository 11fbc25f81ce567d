//! What the answers of `/v1` look like, for the reference. Chunks are written by hand (`chunks.rs`); the tests of the
//! reference compare what is sent with these.

use serde::Serialize;
use utoipa::ToSchema;

use crate::chat::PriceInfo;
use crate::platform::amount::Amount;

/// A model.
#[derive(Serialize, ToSchema)]
pub struct Model {
    /// What a request calls it.
    id: String,
    /// `model`.
    object: String,
    created: i64,
    /// The provider.
    owned_by: String,
    /// `model`, for clients of Anthropic.
    r#type: String,
    display_name: String,
    created_at: String,
    /// How many tokens question, context and answer may have together, where that is known.
    context_length: Option<u32>,
    /// Most tokens of an answer, where that is known.
    max_output_tokens: Option<u32>,
    /// Of chat models.
    tessera: Option<ModelFacts>,
    /// `embedding`, where it does that and nothing else.
    #[schema(required = false)]
    kind: String,
}

/// What no client of `OpenAI` knows of a model.
#[derive(Serialize, ToSchema)]
pub struct ModelFacts {
    price: PriceInfo,
    sees_images: bool,
    /// Where it is known.
    thinks: Option<bool>,
    /// Where it is known.
    calls_tools: Option<bool>,
}

/// All models.
#[derive(Serialize, ToSchema)]
pub struct Models {
    /// `list`.
    object: String,
    data: Vec<Model>,
    /// No.
    has_more: bool,
    first_id: Option<String>,
    last_id: Option<String>,
}

/// A whole answer.
#[derive(Serialize, ToSchema)]
pub struct ChatCompletion {
    id: String,
    /// `chat.completion`.
    object: String,
    /// Seconds since 1970.
    created: i64,
    model: String,
    /// One.
    choices: Vec<Choice>,
    /// Zeros where the provider did not say.
    usage: CompletionUsage,
    tessera: Receipt,
}

#[derive(Serialize, ToSchema)]
struct Choice {
    index: u32,
    message: AnswerMessage,
    logprobs: Option<String>,
    /// `stop`, `tool_calls` if it calls tools, or `length` if it was cut off.
    finish_reason: String,
}

#[derive(Serialize, ToSchema)]
struct AnswerMessage {
    /// `assistant`.
    role: String,
    /// Null where it does nothing but call tools.
    content: Option<String>,
    refusal: Option<String>,
    annotations: Vec<String>,
    /// What the model thought, where its provider tells it.
    #[schema(required = false)]
    reasoning_content: String,
    #[schema(required = false, nullable = false)]
    reasoning_details: Option<Vec<ReasoningDetail>>,
    #[schema(required = false, nullable = false)]
    tool_calls: Option<Vec<AnswerCall>>,
}

/// What a provider wants back of a thought: send it back as it is.
#[derive(Serialize, ToSchema)]
struct ReasoningDetail {
    /// `reasoning.text`, or `reasoning.encrypted` where nobody else may read it.
    r#type: String,
    #[schema(required = false, nullable = false)]
    text: Option<String>,
    #[schema(required = false, nullable = false)]
    signature: Option<String>,
    /// In place of text and signature.
    #[schema(required = false, nullable = false)]
    data: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct AnswerCall {
    id: String,
    /// `function`.
    r#type: String,
    function: AnswerFunction,
}

#[derive(Serialize, ToSchema)]
struct AnswerFunction {
    name: String,
    /// JSON.
    arguments: String,
}

/// A piece of a call: the first of it has id, type and name.
#[derive(Serialize, ToSchema)]
struct CallDelta {
    /// Which of the calls.
    index: u32,
    #[schema(required = false, nullable = false)]
    id: Option<String>,
    #[schema(required = false, nullable = false)]
    r#type: Option<String>,
    function: FunctionDelta,
}

#[derive(Serialize, ToSchema)]
struct FunctionDelta {
    #[schema(required = false, nullable = false)]
    name: Option<String>,
    arguments: String,
}

#[derive(Serialize, ToSchema)]
struct CompletionUsage {
    #[serde(rename = "prompt_tokens")]
    prompt: u32,
    #[serde(rename = "completion_tokens")]
    completion: u32,
    #[serde(rename = "total_tokens")]
    total: u64,
    /// Where the provider says it.
    #[schema(required = false)]
    prompt_tokens_details: CachedTokens,
    #[schema(required = false)]
    completion_tokens_details: ReasoningTokens,
}

#[derive(Serialize, ToSchema)]
struct CachedTokens {
    #[serde(rename = "cached_tokens")]
    cached: u32,
    /// No field of `OpenAI`'s: those that the provider has put into its cache, as it was asked to.
    #[serde(rename = "cache_write_tokens")]
    #[schema(required = false, nullable = false)]
    written: Option<u32>,
}

#[derive(Serialize, ToSchema)]
struct ReasoningTokens {
    #[serde(rename = "reasoning_tokens")]
    reasoning: u32,
}

/// What it cost.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Receipt {
    credits: Amount,
    remaining_credits: Amount,
    cached: bool,
    /// The limit of this server (`MAX_OUTPUT_TOKENS`), where it is what cut the answer off.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    max_output_tokens: Option<u32>,
    /// `credits`, `budget` or `maximum` (`max_credits`), where that is what cut the answer off.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    cut_reason: Option<String>,
}

/// A part of an answer, as the `data` of an event.
#[derive(Serialize, ToSchema)]
pub struct ChatCompletionChunk {
    id: String,
    /// `chat.completion.chunk`.
    object: String,
    /// Seconds since 1970.
    created: i64,
    model: String,
    /// One; none with the usage.
    choices: Vec<ChunkChoice>,
    /// Only if it was asked for: null but in the last chunk.
    #[schema(required = false)]
    usage: Option<CompletionUsage>,
    /// In the chunk with the usage, and in that with the reason where this server's limit cut the answer off.
    #[schema(required = false)]
    tessera: Option<Receipt>,
}

#[derive(Serialize, ToSchema)]
struct ChunkChoice {
    index: u32,
    delta: Delta,
    logprobs: Option<String>,
    /// Null until the end.
    finish_reason: Option<String>,
}

/// What comes on top of the text so far.
#[derive(Serialize, ToSchema)]
struct Delta {
    #[schema(required = false)]
    role: Option<String>,
    #[schema(required = false)]
    content: Option<String>,
    /// What the model thought, where its provider tells it.
    #[schema(required = false)]
    reasoning_content: String,
    #[schema(required = false, nullable = false)]
    reasoning_details: Option<Vec<ReasoningDetail>>,
    #[schema(required = false, nullable = false)]
    tool_calls: Option<Vec<CallDelta>>,
}

/// The body of every error.
#[derive(Serialize, ToSchema)]
pub struct V1Failure {
    error: V1Problem,
}

#[derive(Serialize, ToSchema)]
pub struct V1Problem {
    /// For people.
    message: String,
    r#type: String,
    /// The field that is wrong.
    param: Option<String>,
    /// For programs.
    code: Option<String>,
}
