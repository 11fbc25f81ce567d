//! What is set for Gemini.

use std::sync::Arc;

use reqwest::header::{HeaderMap, HeaderName};
use secrecy::SecretString;
use url::Url;

use super::super::http::build_client;
use super::super::{ChatProvider, ChatProviderRow, ModelSpec, ProviderKind, ProviderSpec};
use super::GeminiProvider;
use crate::generation::ProviderConfig;
use crate::platform::config::Reader;

/// Google's Gemini.
pub const GEMINI: ChatProviderRow = ChatProviderRow {
    name: "gemini",
    needs: "GEMINI_API_KEY",
    read: |reader, _| Some(Arc::new(GeminiConfig::read(reader)?)),
};

/// The same in `providers.toml`.
pub const KIND: ProviderKind = ProviderKind {
    name: "gemini",
    fields: &["base_url", "key", "headers", "list", "model"],
    base_url: Some("https://generativelanguage.googleapis.com"),
    needs_key: true,
    build: |provider, model, http| Ok(Arc::new(GeminiProvider::new(GeminiConfig::of(provider, model)?, http))),
    list: Some(|provider| {
        let base = provider.address("");
        let is_versioned = base.trim_end_matches('/').rsplit('/').next().is_some_and(|last| last.starts_with("v1"));
        let path = if is_versioned { "models?pageSize=1000" } else { "v1beta/models?pageSize=1000" };
        (format!("{base}{path}"), provider.headers_with(HeaderName::from_static("x-goog-api-key"), ""))
    }),
};

const DEFAULT_MODEL: &str = "gemini-3.8-flash";

/// Google's Gemini. There when `GEMINI_API_KEY` is set.
#[derive(Debug, Clone)]
pub struct GeminiConfig {
    /// What it is called here.
    pub name: &'static str,
    /// `GEMINI_API_KEY`.
    pub api_key: SecretString,
    /// `GEMINI_MODEL` (gemini-3.8-flash).
    pub model: String,
    /// `GEMINI_CONTEXT_TOKENS` (what is known of the model): how many tokens it takes, shown where one picks a model.
    pub context_tokens: Option<u32>,
    /// `GEMINI_BASE_URL` (<https://generativelanguage.googleapis.com>).
    pub base_url: Url,
    /// False for a model that is not to be shown images.
    pub sees_images: bool,
    /// Most tokens of an answer; `None`: only what is set for all models.
    pub max_output_tokens: Option<u32>,
    /// False for a model that calls no tools.
    pub calls_tools: bool,
}

impl GeminiConfig {
    fn read(reader: &mut Reader) -> Option<Self> {
        let base_url = reader.url("GEMINI_BASE_URL", "https://generativelanguage.googleapis.com");
        let model = reader.text("GEMINI_MODEL").unwrap_or(DEFAULT_MODEL).to_owned();
        let api_key = reader.text("GEMINI_API_KEY").map(SecretString::from);
        if api_key.is_none() && (reader.text("GEMINI_BASE_URL").is_some() || reader.text("GEMINI_MODEL").is_some()) {
            reader.problem("GEMINI_API_KEY", "is needed when another GEMINI_ variable is set");
        }
        let context_tokens = reader.window("GEMINI_CONTEXT_TOKENS");
        Some(Self {
            name: GEMINI.name,
            api_key: api_key?,
            model,
            context_tokens,
            base_url,
            sees_images: true,
            max_output_tokens: None,
            calls_tools: true,
        })
    }

    /// A model of a provider of `providers.toml`.
    fn of(provider: &ProviderSpec, model: &ModelSpec) -> Result<Self, String> {
        Ok(Self {
            name: provider.name,
            api_key: provider.secret().ok_or("key is missing")?,
            model: model.name.clone(),
            context_tokens: model.context_tokens,
            base_url: provider.base_url.clone().ok_or("base_url is missing")?,
            sees_images: model.sees_images != Some(false),
            max_output_tokens: model.max_output_tokens,
            calls_tools: model.calls_tools != Some(false),
        })
    }
}

impl ProviderConfig<dyn ChatProvider> for GeminiConfig {
    fn build(&self) -> Result<Arc<dyn ChatProvider>, String> {
        Ok(Arc::new(GeminiProvider::new(self.clone(), build_client(HeaderMap::new())?)))
    }
}
