//! Up to where a prompt is to be cached by who answers. It says nothing to a model: who keeps no cache of it by request leaves it out.

use serde::{Deserialize, Serialize};

use crate::credits::server::prices::CacheWrites;

/// Anthropic's `cache_control`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CacheControl {
    Ephemeral {
        /// Without it, as long as is usual there: five minutes.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ttl: Option<CacheTtl>,
    },
}

/// How long it is kept after it was last read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CacheTtl {
    #[serde(rename = "5m")]
    FiveMinutes,
    #[serde(rename = "1h")]
    OneHour,
}

/// A place in a turn: all before it is to be cached, with what comes before the turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheMark {
    /// Bytes of the turn's text before it.
    pub text: usize,
    /// Its images, and its calls.
    pub images: usize,
    pub calls: usize,
    pub control: CacheControl,
}

impl CacheControl {
    /// For no longer than is usual.
    pub const fn shorten(&mut self) {
        let Self::Ephemeral { ttl } = self;
        if matches!(ttl, Some(CacheTtl::OneHour)) {
            *ttl = Some(CacheTtl::FiveMinutes);
        }
    }

    /// What it lets a call write.
    #[must_use]
    pub const fn writes(self) -> CacheWrites {
        match self {
            Self::Ephemeral { ttl: Some(CacheTtl::OneHour) } => CacheWrites::OneHour,
            Self::Ephemeral { .. } => CacheWrites::Usual,
        }
    }
}
