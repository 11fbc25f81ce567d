//! Google's Gemini: `POST {base}/v1beta/models/{model}:streamGenerateContent?alt=sse`.
//!
//! Shapes: <https://ai.google.dev/api/generate-content>.

mod answer;
mod body;
mod config;

use answer::{read_event, refused};
use async_trait::async_trait;
use body::Body;
pub use config::{GEMINI, GeminiConfig};
use secrecy::ExposeSecret;
use url::Url;

use super::http::ask;
use super::windows::known_window;
use super::{ChatProvider, ProviderError, ProviderRequest, TokenStream};
use crate::generation::Provider;

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

impl Provider for GeminiProvider {
    fn name(&self) -> &'static str {
        GEMINI.name
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
}
