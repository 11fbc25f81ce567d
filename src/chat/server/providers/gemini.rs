//! Google's Gemini: `POST {base}/v1beta/models/{model}:streamGenerateContent?alt=sse`.
//!
//! Shapes: <https://ai.google.dev/api/generate-content>.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::StatusCode;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use url::Url;

use super::http::{Event, Progress, ask};
use super::windows::known_window;
use super::{ChatProvider, Finish, ProviderError, ProviderEvent, ProviderRequest, Role, Sampling, TokenStream, Turn};
use crate::chat::Usage;
use crate::chat::server::config::GeminiConfig;
use crate::generation::{Provider, Refusal, brief};

/// Tokens on top of the answer's for models that think before they answer: both count as output.
const ROOM_TO_THINK: u32 = 1024;

/// A client of the Gemini API.
pub struct GeminiProvider {
    config: GeminiConfig,
    http: reqwest::Client,
}

impl GeminiProvider {
    #[must_use]
    pub fn new(config: GeminiConfig, http: reqwest::Client) -> Self {
        Self { config, http }
    }

    /// The base URL may name the version of the API, or leave it to us.
    fn url(&self, model: &str) -> Result<Url, ProviderError> {
        let mut url = self.config.base_url.clone();
        let is_versioned =
            url.path().trim_end_matches('/').rsplit('/').next().is_some_and(|last| last.starts_with("v1"));
        let mut path =
            url.path_segments_mut().map_err(|()| ProviderError::Unavailable("the base URL has no path".into()))?;
        path.pop_if_empty();
        if !is_versioned {
            path.push("v1beta");
        }
        path.push("models").push(&format!("{model}:streamGenerateContent"));
        drop(path);
        url.set_query(Some("alt=sse"));
        Ok(url)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Content<'a>>,
    contents: Vec<Content<'a>>,
    generation_config: GenerationConfig<'a>,
}

#[derive(Serialize)]
struct Content<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    parts: Vec<Part<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Part<'a> {
    Text {
        text: &'a str,
    },
    Image {
        #[serde(rename = "inlineData")]
        inline_data: InlineData<'a>,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InlineData<'a> {
    mime_type: &'a str,
    /// Base64.
    data: String,
}

/// The text of a turn, then what it shows.
fn parts_of(turn: &Turn) -> Vec<Part<'_>> {
    let images = turn
        .images
        .iter()
        .map(|image| Part::Image { inline_data: InlineData { mime_type: &image.media_type, data: image.to_base64() } });
    std::iter::once(Part::Text { text: &turn.content }).chain(images).collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GenerationConfig<'a> {
    max_output_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f32>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop_sequences: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<ThinkingConfig>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ThinkingConfig {
    thinking_level: &'static str,
}

impl<'a> Body<'a> {
    fn new(turns: &'a [Turn], model: &str, sampling: &'a Sampling) -> Self {
        let system: Vec<_> = turns
            .iter()
            .filter(|turn| turn.role == Role::System)
            .map(|turn| Part::Text { text: &turn.content })
            .collect();
        // The first turn is the user's: an older question may have fallen out of the context before its answer.
        let contents = turns
            .iter()
            .filter(|turn| turn.role != Role::System)
            .skip_while(|turn| turn.role == Role::Assistant)
            .map(|turn| Content {
                role: Some(if turn.role == Role::Assistant { "model" } else { "user" }),
                parts: parts_of(turn),
            })
            .collect();
        // Gemini 3 thinks, and is told how much by a level; older models know other settings.
        let thinks = model.starts_with("gemini-3");
        Self {
            system_instruction: (!system.is_empty()).then_some(Content { role: None, parts: system }),
            contents,
            generation_config: GenerationConfig {
                max_output_tokens: sampling.max_output_tokens + if thinks { ROOM_TO_THINK } else { 0 },
                temperature: sampling.temperature,
                top_p: sampling.top_p,
                stop_sequences: &sampling.stop,
                thinking_config: thinks.then_some(ThinkingConfig { thinking_level: "LOW" }),
            },
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chunk {
    #[serde(default)]
    candidates: Vec<Candidate>,
    prompt_feedback: Option<PromptFeedback>,
    usage_metadata: Option<UsageMetadata>,
    error: Option<ErrorDetails>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    content: Option<AnswerContent>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct AnswerContent {
    #[serde(default)]
    parts: Vec<AnswerPart>,
}

#[derive(Deserialize)]
struct AnswerPart {
    #[serde(default)]
    text: String,
    /// What the model thought, not what it says.
    #[serde(default)]
    thought: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromptFeedback {
    block_reason: Option<String>,
}

/// In tokens; what is zero may be absent.
#[derive(Deserialize)]
struct UsageMetadata {
    #[serde(default, rename = "promptTokenCount")]
    prompt: u32,
    #[serde(default, rename = "candidatesTokenCount")]
    candidates: u32,
    #[serde(default, rename = "thoughtsTokenCount")]
    thoughts: u32,
}

#[derive(Deserialize)]
struct ErrorDetails {
    #[serde(default)]
    message: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    details: Vec<ErrorDetail>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ErrorDetail {
    reason: Option<String>,
    /// Of `google.rpc.RetryInfo`: `33s`, or `34.4s`.
    retry_delay: Option<String>,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorDetails,
}

impl Provider for GeminiProvider {
    fn name(&self) -> &'static str {
        "gemini"
    }

    fn model(&self) -> String {
        self.config.model.clone()
    }
}

#[async_trait]
impl ChatProvider for GeminiProvider {
    fn context_tokens(&self) -> Option<u32> {
        self.config.context_tokens.or_else(|| known_window(&self.config.model))
    }

    fn sees_images(&self) -> bool {
        true
    }

    async fn start(&self, request: ProviderRequest) -> Result<TokenStream, ProviderError> {
        let model = request.model.as_deref().unwrap_or(&self.config.model);
        let body = Body::new(&request.turns, model, &request.sampling);
        let call = self
            .http
            .post(self.url(model)?)
            // In a header, as addresses end up in logs.
            .header("x-goog-api-key", self.config.api_key.expose_secret())
            .json(&body);
        ask(call, read_event, refused).await
    }
}

fn read_event(data: &str, progress: &mut Progress) -> Vec<Event> {
    let chunk: Chunk = match serde_json::from_str(data) {
        Ok(chunk) => chunk,
        Err(error) => return vec![Err(ProviderError::Malformed(format!("a chunk: {error}")))],
    };
    if let Some(error) = chunk.error {
        let text = format!("broke off: {} {}", error.status, brief(&error.message));
        return vec![Err(ProviderError::Malformed(text))];
    }
    if let Some(usage) = chunk.usage_metadata {
        progress.usage =
            Some(Usage { input_tokens: usage.prompt, output_tokens: usage.candidates.saturating_add(usage.thoughts) });
    }
    if let Some(reason) = chunk.prompt_feedback.and_then(|feedback| feedback.block_reason) {
        return vec![Err(ProviderError::Blocked(brief(&reason)))];
    }
    let Some(candidate) = chunk.candidates.into_iter().next() else { return Vec::new() };
    let parts = candidate.content.map(|content| content.parts).unwrap_or_default();
    let text: String = parts.into_iter().filter(|part| !part.thought).map(|part| part.text).collect();
    let mut events = Vec::new();
    if !text.is_empty() {
        events.push(Ok(ProviderEvent::Token(text)));
    }
    match candidate.finish_reason.as_deref() {
        None => {}
        Some("STOP") => progress.finish = Some(Finish::Whole),
        Some("MAX_TOKENS") => progress.finish = Some(Finish::Limit),
        Some(
            reason @ ("SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII"
            | "IMAGE_SAFETY" | "MODEL_ARMOR"),
        ) => events.push(Err(ProviderError::Blocked(reason.to_owned()))),
        Some(reason) => events.push(Err(ProviderError::Malformed(format!("ended with {}", brief(reason))))),
    }
    events
}

fn refused(Refusal { status, retry_after, body }: &Refusal) -> ProviderError {
    let error = read_error(body);
    let (name, message) = error.as_ref().map_or(("", ""), |error| (error.status.as_str(), error.message.as_str()));
    let text = format!("{status} {} {}", brief(name), brief(message));
    let details = error.as_ref().map_or(&[][..], |error| &error.details);
    let is_key_invalid = details.iter().any(|detail| detail.reason.as_deref() == Some("API_KEY_INVALID"));
    match *status {
        StatusCode::TOO_MANY_REQUESTS => {
            let delay = details.iter().find_map(|detail| read_delay(detail.retry_delay.as_deref()?));
            ProviderError::RateLimited { retry_after: delay.or(*retry_after) }
        }
        StatusCode::GATEWAY_TIMEOUT => ProviderError::Timeout,
        // A wrong key, and a region that Google does not serve, are 400 like a bad request.
        StatusCode::BAD_REQUEST if !is_key_invalid && name != "FAILED_PRECONDITION" => ProviderError::Rejected(text),
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => ProviderError::Rejected(text),
        _ => ProviderError::Unavailable(text),
    }
}

/// Sometimes the error comes in a list of one.
fn read_error(body: &[u8]) -> Option<ErrorDetails> {
    // The list first: serde also takes a list for the fields of a struct.
    let listed = serde_json::from_slice::<Vec<ErrorBody>>(body).ok().and_then(|list| list.into_iter().next());
    listed.or_else(|| serde_json::from_slice(body).ok()).map(|body| body.error)
}

fn read_delay(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.strip_suffix('s')?.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    fn provider(base_url: &str) -> GeminiProvider {
        let config = GeminiConfig {
            api_key: SecretString::from("key"),
            context_tokens: None,
            model: "gemini-3.8-flash".to_owned(),
            base_url: base_url.parse().unwrap(),
        };
        GeminiProvider::new(config, reqwest::Client::new())
    }

    #[test]
    fn the_address_names_version_and_model_once() {
        let expected = "http://x/v1beta/models/m:streamGenerateContent?alt=sse";
        for base in ["http://x", "http://x/", "http://x/v1beta", "http://x/v1beta/"] {
            assert_eq!(provider(base).url("m").unwrap().as_str(), expected, "{base}");
        }
        assert_eq!(
            provider("http://x/proxy").url("a/../b?c").unwrap().as_str(),
            "http://x/proxy/v1beta/models/a%2F..%2Fb%3Fc:streamGenerateContent?alt=sse"
        );
    }

    #[test]
    fn system_turns_are_instructions_and_the_first_turn_is_the_users() {
        let turn = |role, content: &str| Turn::new(role, content);
        let turns = [
            turn(Role::System, "Be kind."),
            turn(Role::Assistant, "left over"),
            turn(Role::User, "Hi"),
            turn(Role::Assistant, "Hello"),
            turn(Role::User, "Bye"),
        ];
        let body = serde_json::to_value(Body::new(
            &turns,
            "gemini-3.8-flash",
            &Sampling { max_output_tokens: 100, ..Sampling::default() },
        ))
        .unwrap();
        insta::assert_json_snapshot!(body, @r#"
        {
          "contents": [
            {
              "parts": [
                {
                  "text": "Hi"
                }
              ],
              "role": "user"
            },
            {
              "parts": [
                {
                  "text": "Hello"
                }
              ],
              "role": "model"
            },
            {
              "parts": [
                {
                  "text": "Bye"
                }
              ],
              "role": "user"
            }
          ],
          "generationConfig": {
            "maxOutputTokens": 1124,
            "thinkingConfig": {
              "thinkingLevel": "LOW"
            }
          },
          "systemInstruction": {
            "parts": [
              {
                "text": "Be kind."
              }
            ]
          }
        }
        "#);
    }

    #[test]
    fn a_wrong_key_and_a_quota_are_told_from_a_bad_request() {
        let key = br#"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT",
            "details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#;
        assert_eq!(read_error(key).unwrap().details[0].reason.as_deref(), Some("API_KEY_INVALID"));
        let listed = br#"[{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED",
            "details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.4s"}]}}]"#;
        let delay = read_error(listed).unwrap().details[0].retry_delay.clone().unwrap();
        assert_eq!(read_delay(&delay), Some(Duration::from_millis(34_400)));
        assert!(read_error(b"<html>").is_none());
    }
}
