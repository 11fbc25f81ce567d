//! API keys: how programs spend the credits of a user.

use serde::{Deserialize, Serialize};

/// Most keys of one user.
pub const MAX_API_KEYS: usize = 20;
/// Most characters of a key's name.
pub const MAX_KEY_NAME_CHARS: usize = 60;
/// Most requests a minute that a key can be limited to. The user's own limit holds as well.
pub const MAX_KEY_PER_MINUTE: u32 = 1000;
/// Largest budget of a key, in credits.
pub const MAX_KEY_BUDGET: i64 = 1_000_000_000;

/// A key as its owner sees it; the key itself is shown once, when it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// `UUIDv7`.
    pub id: String,
    pub name: String,
    /// Its last four characters.
    pub hint: String,
    /// Requests a minute; without it, as many as the user may send.
    pub per_minute: Option<u32>,
    /// Credits that it may spend in all; without it, there is no other limit than the user's balance.
    pub budget: Option<i64>,
    /// Credits that it has spent or holds.
    pub spent: i64,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// RFC 3339, UTC, to the minute; without it, never.
    pub last_used_at: Option<String>,
}

/// The answer to a new key: the only time that the key itself is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct NewApiKey {
    /// `tsk_` and 43 characters.
    pub key: String,
    #[serde(flatten)]
    pub about: ApiKey,
}

/// The key that is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyRequest {
    /// 1 to 60 characters.
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(required))]
    pub name: String,
    /// Requests a minute, 1 to 1000; the user's own limit holds as well.
    #[serde(default)]
    pub per_minute: Option<u32>,
    /// Credits that it may spend in all.
    #[serde(default)]
    pub budget: Option<i64>,
}
