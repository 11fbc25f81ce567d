//! Who answers, and within which limits.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use crate::platform::config::Reader;

/// Who answers, and within which limits.
#[derive(Debug, Clone)]
pub struct ChatConfig {
    /// `CHAT_PROVIDERS` (those configured): the order in which providers are asked.
    pub providers: Vec<ProviderName>,
    /// `CHAT_TIMEOUT_SECS` (30): the longest wait for the first token over all providers, and between two tokens.
    pub timeout: Duration,
    /// `CHAT_CACHE` (shared): for whom answers are kept.
    pub cache: CacheScope,
    /// `CHAT_CACHE_TTL_SECS` (86400): how long.
    pub cache_ttl: Duration,
    /// `MAX_MESSAGE_CHARS` (1000).
    pub max_message_chars: usize,
    /// `ATTACHMENT_QUOTA_MIB` (256): what the images that one user has shown to models may take, in bytes here.
    pub attachment_quota: u64,
    pub gemini: Option<GeminiConfig>,
    pub openai: Option<OpenAiConfig>,
    pub local: LocalConfig,
}

/// Who is given an answer that was given before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheScope {
    /// Everybody who asks the same in the same context.
    Shared,
    /// Only who got it.
    User,
    Off,
}

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

/// The model inside the server.
#[derive(Debug, Clone)]
pub struct LocalConfig {
    /// `LOCAL_MODEL` (models/SmolLM2-135M-Instruct.Q4_1.gguf): a GGUF file.
    pub path: PathBuf,
}

/// The chat providers of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderName {
    Gemini,
    OpenAi,
    Local,
}

impl ProviderName {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gemini => "gemini",
            Self::OpenAi => "openai",
            Self::Local => "local",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::Gemini, Self::OpenAi, Self::Local].into_iter().find(|provider| provider.as_str() == name)
    }
}

/// Where the set-up script leaves the model.
pub const DEFAULT_LOCAL_MODEL: &str = "models/SmolLM2-135M-Instruct.Q4_1.gguf";

const DEFAULT_GEMINI_MODEL: &str = "gemini-3.8-flash";

const DEFAULT_OPENAI_MODEL: &str = "gpt-5.4-mini";

impl ChatConfig {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        let (gemini, openai) = (GeminiConfig::read(reader), OpenAiConfig::read(reader));
        let configured: Vec<_> = [
            gemini.is_some().then_some(ProviderName::Gemini),
            openai.is_some().then_some(ProviderName::OpenAi),
            Some(ProviderName::Local),
        ]
        .into_iter()
        .flatten()
        .collect();
        let mut providers = Vec::new();
        for name in reader.list("CHAT_PROVIDERS") {
            match ProviderName::parse(name) {
                Some(provider) if !configured.contains(&provider) => {
                    let missing = match provider {
                        ProviderName::Gemini => "GEMINI_API_KEY",
                        ProviderName::OpenAi | ProviderName::Local => "OPENAI_API_KEY or OPENAI_BASE_URL",
                    };
                    let why = format!("{name} is listed but not configured (set {missing})");
                    reader.problem("CHAT_PROVIDERS", why);
                }
                Some(provider) if providers.contains(&provider) => {
                    reader.problem("CHAT_PROVIDERS", format!("{name} is listed twice"));
                }
                Some(provider) => providers.push(provider),
                None => reader.problem("CHAT_PROVIDERS", format!("{name:?} is not one of gemini, openai, local")),
            }
        }
        Self {
            providers: if providers.is_empty() { configured } else { providers },
            timeout: Duration::from_secs(reader.at_least("CHAT_TIMEOUT_SECS", 30, 1)),
            cache: match reader.text("CHAT_CACHE") {
                None | Some("shared") => CacheScope::Shared,
                Some("user") => CacheScope::User,
                Some("off") => CacheScope::Off,
                Some(other) => {
                    reader.problem("CHAT_CACHE", format!("{other:?} is not shared, user or off"));
                    CacheScope::Off
                }
            },
            cache_ttl: Duration::from_secs(reader.at_least("CHAT_CACHE_TTL_SECS", 86_400, 1)),
            max_message_chars: reader.at_least("MAX_MESSAGE_CHARS", 1000, 1),
            attachment_quota: reader.at_least("ATTACHMENT_QUOTA_MIB", 256_u64, 1).saturating_mul(1024 * 1024),
            gemini,
            openai,
            local: LocalConfig { path: reader.text("LOCAL_MODEL").unwrap_or(DEFAULT_LOCAL_MODEL).into() },
        }
    }
}

impl GeminiConfig {
    pub(crate) fn read(reader: &mut Reader) -> Option<Self> {
        let base_url = reader.url("GEMINI_BASE_URL", "https://generativelanguage.googleapis.com");
        let model = reader.text("GEMINI_MODEL").unwrap_or(DEFAULT_GEMINI_MODEL).to_owned();
        let api_key = reader.text("GEMINI_API_KEY").map(SecretString::from);
        if api_key.is_none() && (reader.text("GEMINI_BASE_URL").is_some() || reader.text("GEMINI_MODEL").is_some()) {
            reader.problem("GEMINI_API_KEY", "is needed when another GEMINI_ variable is set");
        }
        let context_tokens = reader.window("GEMINI_CONTEXT_TOKENS");
        Some(Self { api_key: api_key?, model, context_tokens, base_url })
    }
}

impl OpenAiConfig {
    pub(crate) fn read(reader: &mut Reader) -> Option<Self> {
        let api_key = reader.text("OPENAI_API_KEY").map(SecretString::from);
        let configured = api_key.is_some() || reader.text("OPENAI_BASE_URL").is_some();
        let base_url = reader.url("OPENAI_BASE_URL", "https://api.openai.com/v1");
        let model = reader.text("OPENAI_MODEL").unwrap_or(DEFAULT_OPENAI_MODEL).to_owned();
        let context_tokens = reader.window("OPENAI_CONTEXT_TOKENS");
        configured.then_some(Self { api_key, model, context_tokens, base_url })
    }
}
