//! Any server that speaks `OpenAI`'s chat completions: `POST {base}/chat/completions` with `stream: true`.
//!
//! Shapes: <https://platform.openai.com/docs/api-reference/chat-streaming>.

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use super::http::{Event, Progress, ask, build_client};
use super::windows::known_window;
use super::{
    ChatProvider, ChatProviderRow, Finish, ProviderError, ProviderEvent, ProviderRequest, Role, TokenStream, Turn,
};
use crate::chat::Usage;
use crate::generation::{Provider, ProviderConfig, Refusal, brief};
use crate::platform::config::Reader;

/// An OpenAI-compatible server.
pub const OPENAI: ChatProviderRow = ChatProviderRow {
    name: "openai",
    needs: "OPENAI_API_KEY or OPENAI_BASE_URL",
    read: |reader, _| Some(Arc::new(OpenAiConfig::read(reader)?)),
};

const DEFAULT_MODEL: &str = "gpt-5.4-mini";

/// An OpenAI-compatible server. There when `OPENAI_API_KEY` or `OPENAI_BASE_URL` is set.
#[derive(Debug, Clone)]
pub struct OpenAiConfig {
    /// `OPENAI_API_KEY` (none: compatible servers often need no key).
    pub api_key: Option<SecretString>,
    /// `OPENAI_MODEL` (gpt-5.4-mini).
    pub model: String,
    /// `OPENAI_CONTEXT_TOKENS` (what is known of the model): how many tokens it takes, shown where one picks a model.
    pub context_tokens: Option<u32>,
    /// `OPENAI_BASE_URL` (<https://api.openai.com/v1>).
    pub base_url: Url,
}

impl OpenAiConfig {
    fn read(reader: &mut Reader) -> Option<Self> {
        let api_key = reader.text("OPENAI_API_KEY").map(SecretString::from);
        let configured = api_key.is_some() || reader.text("OPENAI_BASE_URL").is_some();
        let base_url = reader.url("OPENAI_BASE_URL", "https://api.openai.com/v1");
        let model = reader.text("OPENAI_MODEL").unwrap_or(DEFAULT_MODEL).to_owned();
        let context_tokens = reader.window("OPENAI_CONTEXT_TOKENS");
        configured.then_some(Self { api_key, model, context_tokens, base_url })
    }
}

impl ProviderConfig<dyn ChatProvider> for OpenAiConfig {
    fn build(&self) -> Result<Arc<dyn ChatProvider>, String> {
        Ok(Arc::new(OpenAiProvider::new(self.clone(), build_client()?)))
    }
}

/// A client of one OpenAI-compatible server.
pub struct OpenAiProvider {
    config: OpenAiConfig,
    url: String,
    http: reqwest::Client,
}

impl OpenAiProvider {
    #[must_use]
    pub fn new(config: OpenAiConfig, http: reqwest::Client) -> Self {
        // The base URL may carry a path of its own, with or without a slash at its end.
        let url = format!("{}/chat/completions", config.base_url.as_str().trim_end_matches('/'));
        Self { config, url, http }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: Vec<BodyMessage<'a>>,
    max_completion_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f32>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop: &'a [String],
    stream: bool,
    stream_options: StreamOptions,
}

#[derive(Serialize)]
struct BodyMessage<'a> {
    role: &'static str,
    content: BodyContent<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum BodyContent<'a> {
    Text(&'a str),
    Parts(Vec<BodyPart<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum BodyPart<'a> {
    Text { text: &'a str },
    ImageUrl { image_url: ImageUrl },
}

#[derive(Serialize)]
struct ImageUrl {
    url: String,
}

/// A plain text where nothing is shown: not every compatible server knows parts.
fn content_of(turn: &Turn) -> BodyContent<'_> {
    if turn.images.is_empty() {
        return BodyContent::Text(&turn.content);
    }
    let images = turn.images.iter().map(|image| {
        let url = format!("data:{};base64,{}", image.media_type, image.to_base64());
        BodyPart::ImageUrl { image_url: ImageUrl { url } }
    });
    BodyContent::Parts(std::iter::once(BodyPart::Text { text: &turn.content }).chain(images).collect())
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Deserialize)]
struct Chunk {
    #[serde(default)]
    choices: Vec<Choice>,
    usage: Option<ChunkUsage>,
    error: Option<ChunkError>,
}

#[derive(Deserialize)]
struct Choice {
    delta: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Delta {
    content: Option<String>,
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct ChunkUsage {
    #[serde(default)]
    prompt_tokens: u32,
    #[serde(default)]
    completion_tokens: u32,
}

#[derive(Deserialize)]
struct ChunkError {
    #[serde(default)]
    message: String,
    #[serde(default)]
    code: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ChunkError,
}

impl Provider for OpenAiProvider {
    fn name(&self) -> &'static str {
        OPENAI.name
    }

    fn model(&self) -> String {
        self.config.model.clone()
    }
}

#[async_trait]
impl ChatProvider for OpenAiProvider {
    fn context_tokens(&self) -> Option<u32> {
        self.config.context_tokens.or_else(|| known_window(&self.config.model))
    }

    /// As far as is known: a model that does not will refuse.
    fn sees_images(&self) -> bool {
        true
    }

    async fn start(&self, request: ProviderRequest) -> Result<TokenStream, ProviderError> {
        let body = Body {
            model: request.model.as_deref().unwrap_or(&self.config.model),
            messages: request
                .turns
                .iter()
                .map(|turn| BodyMessage {
                    role: match turn.role {
                        // Compatible servers know `system`; OpenAI takes it for its own `developer`.
                        Role::System => "system",
                        Role::User => "user",
                        Role::Assistant => "assistant",
                    },
                    content: content_of(turn),
                })
                .collect(),
            max_completion_tokens: request.sampling.max_output_tokens,
            temperature: request.sampling.temperature,
            top_p: request.sampling.top_p,
            stop: &request.sampling.stop,
            stream: true,
            stream_options: StreamOptions { include_usage: true },
        };
        let mut call = self.http.post(&self.url).json(&body);
        if let Some(key) = &self.config.api_key {
            call = call.bearer_auth(key.expose_secret());
        }
        ask(call, read_event, refused).await
    }
}

fn read_event(data: &str, progress: &mut Progress) -> Vec<Event> {
    if data == "[DONE]" {
        return vec![progress.end()];
    }
    let chunk: Chunk = match serde_json::from_str(data) {
        Ok(chunk) => chunk,
        Err(error) => return vec![Err(ProviderError::Malformed(format!("a chunk: {error}")))],
    };
    if let Some(error) = chunk.error {
        return vec![Err(ProviderError::Malformed(format!("broke off: {}", brief(&error.message))))];
    }
    if let Some(usage) = chunk.usage {
        progress.usage = Some(Usage { input_tokens: usage.prompt_tokens, output_tokens: usage.completion_tokens });
    }
    // The chunk with the usage has no choices.
    let Some(choice) = chunk.choices.into_iter().next() else { return Vec::new() };
    let mut events = Vec::new();
    let text = choice.delta.and_then(|delta| delta.content.or(delta.refusal)).filter(|text| !text.is_empty());
    events.extend(text.map(|text| Ok(ProviderEvent::Token(text))));
    match choice.finish_reason.as_deref().map(read_finish) {
        None => {}
        Some(Ok(finish)) => progress.finish = Some(finish),
        Some(Err(error)) => events.push(Err(error)),
    }
    events
}

/// What the finish reasons of `OpenAI` and of compatible servers mean. One that is not known can be the end of anything, and is
/// no end of an answer.
fn read_finish(reason: &str) -> Result<Finish, ProviderError> {
    match reason {
        "stop" | "eos" | "eos_token" | "stop_sequence" | "end_turn" => Ok(Finish::Whole),
        "length" | "max_tokens" | "model_length" | "model_context_window_exceeded" => Ok(Finish::Limit),
        "content_filter" | "safety" | "sensitive" => Err(ProviderError::Blocked(reason.to_owned())),
        _ => Err(ProviderError::Malformed(format!("ended with {:?}", brief(reason)))),
    }
}

fn refused(Refusal { status, retry_after, body }: &Refusal) -> ProviderError {
    let error = serde_json::from_slice::<ErrorBody>(body).map(|body| body.error).ok();
    let code = error.as_ref().and_then(|error| error.code.as_ref()).and_then(|code| code.as_str()).unwrap_or_default();
    // Never a key: `OpenAI` itself cuts keys in its messages.
    let text = format!("{status} {code} {}", brief(error.as_ref().map_or("", |error| &error.message)));
    match *status {
        StatusCode::TOO_MANY_REQUESTS if code == "insufficient_quota" => ProviderError::Unavailable(text),
        StatusCode::TOO_MANY_REQUESTS => ProviderError::RateLimited { retry_after: *retry_after },
        status if status.is_server_error() => ProviderError::Unavailable(text),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => ProviderError::Unavailable(text),
        _ => ProviderError::Rejected(text),
    }
}
