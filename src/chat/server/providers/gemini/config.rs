//! What is set for Gemini.

use std::sync::Arc;

use secrecy::SecretString;
use url::Url;

use super::super::http::build_client;
use super::super::{ChatProvider, ChatProviderRow};
use super::GeminiProvider;
use crate::generation::ProviderConfig;
use crate::platform::config::Reader;

/// Google's Gemini.
pub const GEMINI: ChatProviderRow = ChatProviderRow {
    name: "gemini",
    needs: "GEMINI_API_KEY",
    read: |reader, _| Some(Arc::new(GeminiConfig::read(reader)?)),
};

const DEFAULT_MODEL: &str = "gemini-3.8-flash";

/// Google's Gemini. There when `GEMINI_API_KEY` is set.
#[derive(Debug, Clone)]
pub struct GeminiConfig {
    /// `GEMINI_API_KEY`.
    pub api_key: SecretString,
    /// `GEMINI_MODEL` (gemini-3.8-flash).
    pub model: String,
    /// `GEMINI_CONTEXT_TOKENS` (what is known of the model): how many tokens it takes, shown where one picks a model.
    pub context_tokens: Option<u32>,
    /// `GEMINI_BASE_URL` (<https://generativelanguage.googleapis.com>).
    pub base_url: Url,
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
        Some(Self { api_key: api_key?, model, context_tokens, base_url })
    }
}

impl ProviderConfig<dyn ChatProvider> for GeminiConfig {
    fn build(&self) -> Result<Arc<dyn ChatProvider>, String> {
        Ok(Arc::new(GeminiProvider::new(self.clone(), build_client()?)))
    }
}
