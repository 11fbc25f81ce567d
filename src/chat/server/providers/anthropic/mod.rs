//! Anthropic's Claude: `POST {base}/v1/messages` with `stream: true`.
//!
//! Shapes: <https://docs.anthropic.com/en/api/messages>.

mod answer;
mod body;
mod config;
mod model;

pub(super) use answer::read_piece;
use answer::refused;
use async_trait::async_trait;
use body::{Body, OPTIONAL, room_to_think, thinks_as_usual, thinks_less};
use config::VERSION;
pub use config::{ANTHROPIC, AnthropicConfig, KIND};
use secrecy::ExposeSecret;

use super::http::{ask, read_answer};
use super::windows::{LearnedWindow, known_window};
use super::{AnswerFormat, ChatProvider, Effort, ProviderError, ProviderRequest, Sampling, TokenStream};
use crate::generation::{Learned, Provider};

/// The kind of its seals.
const SEALS: &str = "anthropic";
/// What models are told of tools that they are given: 159 to 804 tokens, by the model and by whether one must be called.
const TOOL_PROMPT: u32 = 900;
/// Before the seal of a thought that nobody but it can read.
const REDACTED: &str = "redacted.";

/// A client of the Messages API.
pub struct AnthropicProvider {
    config: AnthropicConfig,
    url: String,
    http: reqwest::Client,
    /// What this model does not take.
    learned: Learned,
    window: LearnedWindow,
}

impl AnthropicProvider {
    #[must_use]
    pub fn new(config: AnthropicConfig, http: reqwest::Client) -> Self {
        // The base URL may name the version of the API, or leave it to us.
        let base = config.base_url.as_str().trim_end_matches('/');
        let url = format!("{}/v1/messages", base.strip_suffix("/v1").unwrap_or(base));
        Self { config, url, http, learned: Learned::new(OPTIONAL), window: LearnedWindow::default() }
    }
}

impl Provider for AnthropicProvider {
    fn name(&self) -> &'static str {
        self.config.name
    }

    fn model(&self) -> String {
        self.config.model.clone()
    }
}

#[async_trait]
impl ChatProvider for AnthropicProvider {
    fn context_tokens(&self) -> Option<u32> {
        self.config.context_tokens.or_else(|| known_window(&self.config.model))
    }

    fn window(&self) -> Option<u32> {
        self.window.within(self.context_tokens())
    }

    fn learn_window(&self, tokens: u32) {
        self.window.learn(tokens);
    }

    fn sees_images(&self) -> bool {
        self.config.sees_images
    }

    fn output_limit(&self) -> Option<u32> {
        self.config.max_output_tokens
    }

    fn takes_formats(&self) -> bool {
        true
    }

    fn calls_tools(&self) -> bool {
        self.config.calls_tools
    }

    fn caches_prompts(&self) -> bool {
        true
    }

    fn tool_prompt(&self) -> u32 {
        TOOL_PROMPT
    }

    fn leaves_out(&self, sampling: &Sampling) -> Option<&'static str> {
        sampling.first_of(&["frequency_penalty", "presence_penalty", "logit_bias"])
    }

    fn room_to_think(&self, model: &str, effort: Option<Effort>) -> u32 {
        room_to_think(model, effort, self.learned.refused())
    }

    async fn start(&self, request: ProviderRequest) -> Result<TokenStream, ProviderError> {
        if matches!(request.sampling.format, Some(AnswerFormat::JsonObject)) {
            return Err(ProviderError::Rejected("response_format: this model takes a json_schema".to_owned()));
        }
        let model = request.model.as_deref().unwrap_or(&self.config.model);
        let mut without = self.learned.refused();
        let mut is_lasting = true;
        loop {
            let body = Body::new(&request, model, self.config.version, without);
            let call = self
                .http
                .post(&self.url)
                .header("x-api-key", self.config.api_key.expose_secret())
                .header(VERSION, self.config.version.as_str())
                .json(&body);
            let refusal = match ask(call).await? {
                Ok(response) => {
                    if is_lasting {
                        self.learned.keep(without);
                    }
                    return Ok(read_answer(response, read_piece));
                }
                Err(refusal) => refusal,
            };
            let error = refused(&refusal);
            let fault = refusal.fault();
            // What is too large this time may be taken the next.
            let more = self.learned.more(without, &fault, |_| !fault.is_about_size());
            match more.filter(|_| matches!(error, ProviderError::Rejected(_))) {
                Some(more) => {
                    tracing::warn!(provider = self.config.name, %error, "asked again without what was refused");
                    // What else was asked may be why: others are not to think less for that.
                    is_lasting &= !thinks_less(without, more) || thinks_as_usual(&request);
                    without = more;
                }
                None => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::config::ApiVersion;
    use super::*;

    #[test]
    fn the_address_names_the_version_once() {
        for base in ["http://x", "http://x/", "http://x/v1", "http://x/v1/"] {
            let config = AnthropicConfig {
                name: ANTHROPIC.name,
                sees_images: true,
                max_output_tokens: None,
                calls_tools: true,
                api_key: SecretString::from("key"),
                context_tokens: None,
                model: "claude-haiku-5-5".to_owned(),
                base_url: base.parse().unwrap(),
                version: ApiVersion::Old,
            };
            assert_eq!(AnthropicProvider::new(config, reqwest::Client::new()).url, "http://x/v1/messages", "{base}");
        }
    }
}
