//! Any server that speaks `OpenAI`'s chat completions: `POST {base}/chat/completions` with `stream: true`.
//!
//! Shapes: <https://platform.openai.com/docs/api-reference/chat-streaming>.

use std::collections::VecDeque;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::{self, BoxStream, StreamExt};
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, RETRY_AFTER};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::{ChatProvider, ProviderError, ProviderEvent, ProviderRequest, Role, TokenStream};
use crate::chat::Usage;
use crate::chat::sse::SseParser;
use crate::server::config::OpenAiConfig;

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
    stream: bool,
    stream_options: StreamOptions,
}

#[derive(Serialize)]
struct BodyMessage<'a> {
    role: &'static str,
    content: &'a str,
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

#[async_trait]
impl ChatProvider for OpenAiProvider {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn model(&self) -> String {
        self.config.model.clone()
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
                    content: &turn.content,
                })
                .collect(),
            max_completion_tokens: request.max_output_tokens,
            stream: true,
            stream_options: StreamOptions { include_usage: true },
        };
        let mut call = self.http.post(&self.url).header(ACCEPT, "text/event-stream").json(&body);
        if let Some(key) = &self.config.api_key {
            call = call.bearer_auth(key.expose_secret());
        }
        let response = call.send().await.map_err(|error| unreachable_error(&error))?;
        if !response.status().is_success() {
            return Err(refusal(response).await);
        }
        let bytes = response.bytes_stream().map(|chunk| chunk.map(Into::into).map_err(|error| cut_error(&error)));
        Ok(read_stream(bytes.boxed()))
    }
}

/// Turns the bytes of the event stream into tokens.
fn read_stream(bytes: BoxStream<'static, Result<Vec<u8>, ProviderError>>) -> TokenStream {
    struct Reading {
        bytes: BoxStream<'static, Result<Vec<u8>, ProviderError>>,
        parser: SseParser,
        ready: VecDeque<Result<ProviderEvent, ProviderError>>,
        answer: Answer,
        over: bool,
    }
    let reading =
        Reading { bytes, parser: SseParser::new(), ready: VecDeque::new(), answer: Answer::default(), over: false };
    stream::unfold(reading, |mut reading| async move {
        loop {
            if let Some(event) = reading.ready.pop_front() {
                reading.over |= !matches!(event, Ok(ProviderEvent::Token(_)));
                return Some((event, reading));
            }
            if reading.over {
                return None;
            }
            match reading.bytes.next().await {
                Some(Ok(chunk)) => match reading.parser.push(&chunk) {
                    Ok(events) => {
                        for event in events {
                            reading.ready.extend(reading.answer.read(&event.data));
                        }
                    }
                    Err(_) => reading.ready.push_back(Err(ProviderError::Malformed("an event is too large".into()))),
                },
                Some(Err(error)) => reading.ready.push_back(Err(error)),
                // Some servers end the body without [DONE]; only a finish reason tells a whole answer from a cut one.
                None => reading.ready.push_back(reading.answer.end()),
            }
        }
    })
    .boxed()
}

/// What is known of the answer so far.
#[derive(Default)]
struct Answer {
    finished: bool,
    usage: Option<Usage>,
}

impl Answer {
    fn read(&mut self, data: &str) -> Option<Result<ProviderEvent, ProviderError>> {
        if data.is_empty() {
            return None;
        }
        if data == "[DONE]" {
            return Some(self.end());
        }
        let chunk: Chunk = match serde_json::from_str(data) {
            Ok(chunk) => chunk,
            Err(error) => return Some(Err(ProviderError::Malformed(format!("a chunk: {error}")))),
        };
        if let Some(error) = chunk.error {
            return Some(Err(ProviderError::Malformed(format!("broke off: {}", brief(&error.message)))));
        }
        if let Some(usage) = chunk.usage {
            self.usage = Some(Usage { input_tokens: usage.prompt_tokens, output_tokens: usage.completion_tokens });
        }
        // The chunk with the usage has no choices.
        let choice = chunk.choices.into_iter().next()?;
        if let Some(reason) = choice.finish_reason {
            if reason == "content_filter" {
                return Some(Err(ProviderError::Blocked(reason)));
            }
            self.finished = true;
        }
        let delta = choice.delta?;
        let text = delta.content.or(delta.refusal).filter(|text| !text.is_empty())?;
        Some(Ok(ProviderEvent::Token(text)))
    }

    fn end(&self) -> Result<ProviderEvent, ProviderError> {
        if self.finished {
            Ok(ProviderEvent::Done { usage: self.usage })
        } else {
            Err(ProviderError::Malformed("the stream was cut".into()))
        }
    }
}

async fn refusal(response: reqwest::Response) -> ProviderError {
    /// More of an error body is not worth reading.
    const MOST: usize = 16 * 1024;
    let status = response.status();
    let retry_after = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse().ok())
        .map(Duration::from_secs);
    let mut body = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(Ok(chunk)) = chunks.next().await {
        body.extend_from_slice(&chunk);
        if body.len() > MOST {
            break;
        }
    }
    let error = serde_json::from_slice::<ErrorBody>(&body).map(|body| body.error).ok();
    let code = error.as_ref().and_then(|error| error.code.as_ref()).and_then(|code| code.as_str()).unwrap_or_default();
    let text = format!("{status} {code} {}", brief(error.as_ref().map_or("", |error| &error.message)));
    match status {
        StatusCode::TOO_MANY_REQUESTS if code == "insufficient_quota" => ProviderError::Unavailable(text),
        StatusCode::TOO_MANY_REQUESTS => ProviderError::RateLimited { retry_after },
        status if status.is_server_error() => ProviderError::Unavailable(text),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => ProviderError::Unavailable(text),
        _ => ProviderError::Rejected(text),
    }
}

/// The start of a text from outside, on one line. Never a key: `OpenAI` itself cuts keys in its messages.
fn brief(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

fn unreachable_error(error: &reqwest::Error) -> ProviderError {
    if error.is_timeout() { ProviderError::Timeout } else { ProviderError::Unavailable(chain(error)) }
}

fn cut_error(error: &reqwest::Error) -> ProviderError {
    if error.is_timeout() {
        ProviderError::Timeout
    } else {
        ProviderError::Malformed(format!("the stream was cut: {}", chain(error)))
    }
}

/// The causes of an error without its URL, which may carry a password.
fn chain(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = error.to_string();
        cause = error.source();
    }
    if text.is_empty() { "the request failed".to_owned() } else { text }
}
