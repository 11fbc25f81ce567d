//! Who answers, and within which limits.

use std::time::Duration;

use super::models::ModelSource;
use super::providers::{ChatProvider, MAX_OUTPUT_TOKENS, PROVIDERS};
use crate::generation::{ConfiguredProvider, read_providers};
use crate::platform::config::Reader;
use crate::platform::site::SiteConfig;

/// Who answers, and within which limits.
#[derive(Debug, Clone)]
pub struct ChatConfig {
    /// `CHAT_PROVIDERS` (those configured): the order in which providers are asked.
    pub providers: Vec<ConfiguredProvider<dyn ChatProvider>>,
    /// `PROVIDERS_FILE` (`providers.toml`, if that is there): more of them, and their models.
    pub source: ModelSource,
    /// `CHAT_TIMEOUT_SECS` (30): the longest wait for the first sign of life over all providers, and between two.
    pub timeout: Duration,
    /// `CHAT_CACHE` (shared): for whom answers are kept.
    pub cache: CacheScope,
    /// `CHAT_CACHE_TTL_SECS` (86400): how long.
    pub cache_ttl: Duration,
    /// `MAX_MESSAGE_CHARS` (1000).
    pub max_message_chars: usize,
    /// `MAX_CONTEXT_CHARS` (49152): what all messages of a request of `/v1` may have together.
    pub max_context_chars: usize,
    /// `MAX_OUTPUT_TOKENS` (1024): the longest answer.
    pub max_output_tokens: u32,
    /// `ATTACHMENT_QUOTA_MIB` (256): what the images of one user may take, those made and those shown to models, in bytes here.
    pub attachment_quota: u64,
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

impl ChatConfig {
    pub(crate) fn read(reader: &mut Reader, site: &SiteConfig) -> Self {
        let mut providers = read_providers(PROVIDERS, "CHAT_PROVIDERS", reader, site);
        let source = ModelSource::read(reader, providers.iter().map(|provider| provider.name).collect());
        providers.retain(|provider| !source.replaces(provider.name));
        Self {
            providers,
            source,
            timeout: reader.seconds("CHAT_TIMEOUT_SECS", 30),
            cache: match reader.text("CHAT_CACHE") {
                None | Some("shared") => CacheScope::Shared,
                Some("user") => CacheScope::User,
                Some("off") => CacheScope::Off,
                Some(other) => {
                    reader.problem("CHAT_CACHE", format!("{other:?} is not shared, user or off"));
                    CacheScope::Off
                }
            },
            cache_ttl: reader.seconds("CHAT_CACHE_TTL_SECS", 86_400),
            max_message_chars: reader.at_least("MAX_MESSAGE_CHARS", 1000, 1),
            max_context_chars: reader.at_least("MAX_CONTEXT_CHARS", 48 * 1024, 1),
            max_output_tokens: read_output_limit(reader),
            attachment_quota: reader.at_least("ATTACHMENT_QUOTA_MIB", 256_u64, 1).saturating_mul(1024 * 1024),
        }
    }
}

fn read_output_limit(reader: &mut Reader) -> u32 {
    /// Answers are kept, and sent, as a whole.
    const MOST: u32 = 65_536;
    let limit = reader.at_least("MAX_OUTPUT_TOKENS", MAX_OUTPUT_TOKENS, 1);
    if limit > MOST {
        reader.problem("MAX_OUTPUT_TOKENS", format!("{limit} is more than {MOST}"));
    }
    limit
}
