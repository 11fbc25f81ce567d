//! What is set for Anthropic.

use std::sync::Arc;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::SecretString;
use url::Url;

use super::super::http::build_client;
use super::super::{ChatProvider, ChatProviderRow, ModelSpec, ProviderKind, ProviderSpec};
use super::AnthropicProvider;
use crate::generation::ProviderConfig;
use crate::platform::config::Reader;

/// Anthropic's Claude, or any server that speaks as it does.
pub const ANTHROPIC: ChatProviderRow = ChatProviderRow {
    name: "anthropic",
    needs: "ANTHROPIC_API_KEY",
    read: |reader, _| Some(Arc::new(AnthropicConfig::read(reader)?)),
};

/// The same in `providers.toml`.
pub const KIND: ProviderKind = ProviderKind {
    name: "anthropic",
    fields: &["base_url", "key", "headers", "list", "model"],
    base_url: Some("https://api.anthropic.com"),
    needs_key: true,
    build: |provider, model, http| Ok(Arc::new(AnthropicProvider::new(AnthropicConfig::of(provider, model)?, http))),
    list: Some(|provider| {
        let base = provider.address("");
        let base = base.trim_end_matches('/');
        let mut headers = provider.headers_with(HeaderName::from_static("x-api-key"), "");
        headers.entry(VERSION).or_insert(HeaderValue::from_static(ApiVersion::Old.as_str()));
        (format!("{}/v1/models?limit=1000", base.strip_suffix("/v1").unwrap_or(base)), headers)
    }),
};

/// The header that says which version is spoken.
pub(super) const VERSION: HeaderName = HeaderName::from_static("anthropic-version");

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

    fn known() -> String {
        Self::ALL.map(Self::as_str).join(" or ")
    }
}

/// Anthropic's Claude. There when `ANTHROPIC_API_KEY` is set.
#[derive(Debug, Clone)]
pub struct AnthropicConfig {
    /// What it is called here.
    pub name: &'static str,
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
    /// False for a model that is not to be shown images.
    pub sees_images: bool,
    /// Most tokens of an answer; `None`: only what is set for all models.
    pub max_output_tokens: Option<u32>,
    /// False for a model that calls no tools.
    pub calls_tools: bool,
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
            reader.problem("ANTHROPIC_VERSION", format!("{asked:?} is not {}", ApiVersion::known()));
        }
        Some(Self {
            name: ANTHROPIC.name,
            api_key: api_key?,
            model,
            context_tokens,
            base_url,
            version: version?,
            sees_images: true,
            max_output_tokens: None,
            calls_tools: true,
        })
    }

    /// A model of a provider of `providers.toml`, whose headers may name the version.
    fn of(provider: &ProviderSpec, model: &ModelSpec) -> Result<Self, String> {
        let version = match provider.headers.get(VERSION) {
            None => ApiVersion::Old,
            Some(asked) => ApiVersion::ALL
                .into_iter()
                .find(|version| version.as_str() == asked)
                .ok_or_else(|| format!("{VERSION} is not {}", ApiVersion::known()))?,
        };
        Ok(Self {
            name: provider.name,
            api_key: provider.secret().ok_or("key is missing")?,
            model: model.name.clone(),
            context_tokens: model.context_tokens,
            base_url: provider.base_url.clone().ok_or("base_url is missing")?,
            version,
            sees_images: model.sees_images != Some(false),
            max_output_tokens: model.max_output_tokens,
            calls_tools: model.calls_tools != Some(false),
        })
    }
}

impl ProviderConfig<dyn ChatProvider> for AnthropicConfig {
    fn build(&self) -> Result<Arc<dyn ChatProvider>, String> {
        Ok(Arc::new(AnthropicProvider::new(self.clone(), build_client(HeaderMap::new())?)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::Key;
    use super::*;

    fn spec(base_url: &str, version: Option<&'static str>) -> ProviderSpec {
        let mut headers = HeaderMap::new();
        headers.extend(version.map(|version| (VERSION, HeaderValue::from_static(version))));
        ProviderSpec {
            name: "claude",
            kind: &KIND,
            base_url: base_url.parse().ok(),
            key: Some(Key(SecretString::from("k"))),
            weight: None,
            headers,
            embeds: None,
            leave_out: Vec::new(),
            file: None,
            list: Vec::new(),
            models: Vec::new(),
        }
    }

    #[test]
    fn models_are_listed_beside_the_messages() {
        for base in ["http://x", "http://x/v1", "http://x/v1/"] {
            let (url, headers) = KIND.list.unwrap()(&spec(base, None));
            assert_eq!(url, "http://x/v1/models?limit=1000", "{base}");
            assert_eq!(
                (&headers["x-api-key"], &headers[VERSION]),
                (&HeaderValue::from_static("k"), &HeaderValue::from_static("2023-06-01"))
            );
        }
        let (_, headers) = KIND.list.unwrap()(&spec("http://x", Some("2026-10-21")));
        assert_eq!(headers[VERSION], "2026-10-21");
    }

    #[test]
    fn the_headers_of_a_file_may_name_the_version() {
        let version =
            |asked| AnthropicConfig::of(&spec("http://x", asked), &ModelSpec::default()).map(|config| config.version);
        assert_eq!(version(None), Ok(ApiVersion::Old));
        assert_eq!(version(Some("2026-10-21")), Ok(ApiVersion::New));
        assert_eq!(version(Some("2020-01-01")), Err("anthropic-version is not 2023-06-01 or 2026-10-21".to_owned()));
    }
}
