//! What is set for Anthropic.

use std::sync::Arc;

use secrecy::SecretString;
use url::Url;

use super::super::http::build_client;
use super::super::{ChatProvider, ChatProviderRow};
use super::AnthropicProvider;
use crate::generation::ProviderConfig;
use crate::platform::config::Reader;

/// Anthropic's Claude, or any server that speaks as it does.
pub const ANTHROPIC: ChatProviderRow = ChatProviderRow {
    name: "anthropic",
    needs: "ANTHROPIC_API_KEY",
    read: |reader, _| Some(Arc::new(AnthropicConfig::read(reader)?)),
};

const DEFAULT_MODEL: &str = "claude-haiku-5-5";

/// Which version of its API is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiVersion {
    Old,
    /// It knows no fields for sampling.
    New,
}

impl ApiVersion {
    const ALL: [Self; 2] = [Self::Old, Self::New];

    /// As the header has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Old => "2023-06-01",
            Self::New => "2026-10-21",
        }
    }
}

/// Anthropic's Claude. There when `ANTHROPIC_API_KEY` is set.
#[derive(Debug, Clone)]
pub struct AnthropicConfig {
    /// `ANTHROPIC_API_KEY`.
    pub api_key: SecretString,
    /// `ANTHROPIC_MODEL` (claude-haiku-5-5).
    pub model: String,
    /// `ANTHROPIC_CONTEXT_TOKENS` (what is known of the model): how many tokens it takes, shown where one picks a model.
    pub context_tokens: Option<u32>,
    /// `ANTHROPIC_BASE_URL` (<https://api.anthropic.com>).
    pub base_url: Url,
    /// `ANTHROPIC_VERSION` (2023-06-01).
    pub version: ApiVersion,
}

impl AnthropicConfig {
    fn read(reader: &mut Reader) -> Option<Self> {
        let base_url = reader.url("ANTHROPIC_BASE_URL", "https://api.anthropic.com");
        let model = reader.text("ANTHROPIC_MODEL").unwrap_or(DEFAULT_MODEL).to_owned();
        let api_key = reader.text("ANTHROPIC_API_KEY").map(SecretString::from);
        let is_meant = reader.text("ANTHROPIC_BASE_URL").is_some() || reader.text("ANTHROPIC_MODEL").is_some();
        if api_key.is_none() && is_meant {
            reader.problem("ANTHROPIC_API_KEY", "is needed when another ANTHROPIC_ variable is set");
        }
        let context_tokens = reader.window("ANTHROPIC_CONTEXT_TOKENS");
        let asked = reader.text("ANTHROPIC_VERSION").unwrap_or(ApiVersion::Old.as_str());
        let version = ApiVersion::ALL.into_iter().find(|version| version.as_str() == asked);
        if version.is_none() {
            let known = ApiVersion::ALL.map(ApiVersion::as_str).join(" or ");
            reader.problem("ANTHROPIC_VERSION", format!("{asked:?} is not {known}"));
        }
        Some(Self { api_key: api_key?, model, context_tokens, base_url, version: version? })
    }
}

impl ProviderConfig<dyn ChatProvider> for AnthropicConfig {
    fn build(&self) -> Result<Arc<dyn ChatProvider>, String> {
        Ok(Arc::new(AnthropicProvider::new(self.clone(), build_client()?)))
    }
}
