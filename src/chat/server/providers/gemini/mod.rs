//! Google's Gemini: `POST {base}/v1beta/models/{model}:streamGenerateContent?alt=sse`.
//!
//! Shapes: <https://ai.google.dev/api/generate-content>.

mod answer;
mod body;
mod config;
mod thinking;
mod tools;

pub(super) use answer::read_piece;
use answer::refused;
use async_trait::async_trait;
use body::{Body, OPTIONAL, room_to_think};
pub use config::{GEMINI, GeminiConfig, KIND};
use secrecy::ExposeSecret;
use url::Url;

use super::http::{ask, read_answer};
use super::windows::{LearnedWindow, known_window};
use super::{ChatProvider, Effort, ProviderError, ProviderRequest, Sampling, TokenStream};
use crate::generation::{Learned, Provider};

/// A client of the Gemini API.
pub struct GeminiProvider {
    config: GeminiConfig,
    http: reqwest::Client,
    /// What this model does not take.
    learned: Learned,
    window: LearnedWindow,
}

impl GeminiProvider {
    #[must_use]
    pub fn new(config: GeminiConfig, http: reqwest::Client) -> Self {
        Self { config, http, learned: Learned::new(OPTIONAL), window: LearnedWindow::default() }
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
        // The name may have its kind before it.
        let (kind, name) = match model.split_once('/') {
            Some((kind @ ("models" | "tunedModels"), name)) => (kind, name),
            _ => ("models", model),
        };
        path.push(kind).push(&format!("{name}:streamGenerateContent"));
        drop(path);
        url.set_query(Some("alt=sse"));
        Ok(url)
    }
}

impl Provider for GeminiProvider {
    fn name(&self) -> &'static str {
        self.config.name
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

    fn leaves_out(&self, sampling: &Sampling) -> Option<&'static str> {
        sampling.first_of(&["logit_bias"])
    }

    fn room_to_think(&self, model: &str, effort: Option<Effort>) -> u32 {
        room_to_think(model, effort, self.learned.refused())
    }

    async fn start(&self, request: ProviderRequest) -> Result<TokenStream, ProviderError> {
        let model = request.model.as_deref().unwrap_or(&self.config.model);
        let mut without = self.learned.refused();
        // An effort that it does not know is that of this request alone: others are not to think more, or less, for that.
        let is_lasting = !request.sampling.is_special();
        loop {
            let body = Body::new(&request, model, without);
            let call = self
                .http
                .post(self.url(model)?)
                // In a header, as addresses end up in logs.
                .header("x-goog-api-key", self.config.api_key.expose_secret())
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
            let more = self.learned.more(without, &refusal.fault(), |_| true);
            match more.filter(|_| matches!(error, ProviderError::Rejected(_))) {
                Some(more) => {
                    tracing::warn!(provider = self.config.name, %error, "asked again without what was refused");
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

    use super::*;

    fn provider(base_url: &str) -> GeminiProvider {
        let config = GeminiConfig {
            name: GEMINI.name,
            sees_images: true,
            max_output_tokens: None,
            calls_tools: true,
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
            provider("http://x").url("tunedModels/m").unwrap().as_str(),
            "http://x/v1beta/tunedModels/m:streamGenerateContent?alt=sse"
        );
        assert_eq!(provider("http://x").url("models/m").unwrap().as_str(), expected);
        assert_eq!(
            provider("http://x/proxy").url("a/../b?c").unwrap().as_str(),
            "http://x/proxy/v1beta/models/a%2F..%2Fb%3Fc:streamGenerateContent?alt=sse"
        );
    }
}
