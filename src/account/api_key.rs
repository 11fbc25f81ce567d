//! API keys: how programs spend the credits of a user.

use serde::{Deserialize, Serialize};

use crate::platform::amount::Amount;

/// Most keys of one user.
pub const MAX_API_KEYS: usize = 20;
/// Most characters of a key's name.
pub const MAX_KEY_NAME_CHARS: usize = 60;
/// Most requests a minute that a key can be limited to. The user's own limit holds as well.
pub const MAX_KEY_PER_MINUTE: u32 = 1000;
/// Largest budget of a key, in credits.
pub const MAX_KEY_BUDGET: Amount = Amount::MAX;

/// Most days that a key can be made for.
pub const MAX_KEY_DAYS: u32 = 3650;

/// What a key may do; people may do all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Ask models and make images, and see what comes of it.
    Spend,
    /// Read everything that its user has here.
    Read,
    /// Change and delete.
    Manage,
}

impl Scope {
    pub const ALL: [Self; 3] = [Self::Spend, Self::Read, Self::Manage];

    /// The name that programs and the database know.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Spend => "spend",
            Self::Read => "read",
            Self::Manage => "manage",
        }
    }

    /// The scope of a stored name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }
}

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
    pub budget: Option<Amount>,
    /// Credits that it has spent or holds.
    pub spent: Amount,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// RFC 3339, UTC: from then on it opens nothing; without it, it does until it is revoked.
    pub expires_at: Option<String>,
    /// It has expired.
    pub expired: bool,
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

/// What the account page shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountData {
    /// Newest first.
    pub keys: Vec<ApiKey>,
    /// Where clients of the API begin, such as `https://chat.example.org/v1`.
    pub base_url: String,
    /// How much room the images take that were shown to models, and how much there is: for people.
    pub images: String,
    /// What may be spent in a time, and the form for it: HTML.
    pub budgets: String,
    /// The profile, the password and the sessions: HTML.
    pub own: String,
    /// What came of a form: HTML, or empty. Always there: the browser reads a text that is absent as none.
    pub outcome: String,
    /// How the user signs in, and the forms for it: HTML; empty where there is nothing to choose.
    pub ways: String,
    /// The key that was just made: shown this once.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub new_key: Option<String>,
    /// The form as it was sent, if it was not taken.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub refused: Option<RefusedKey>,
}

/// A form for a key that was not taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusedKey {
    pub form: KeyFields,
    /// The field that is wrong; empty if it is none of them.
    pub field: String,
    pub message: String,
}

/// The fields of the form for a key, as they were typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyFields {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub per_minute: String,
    #[serde(default)]
    pub budget: String,
    /// Days that it lives; empty: until it is revoked.
    #[serde(default)]
    pub days: String,
    /// That the form asks for scopes: of boxes, only those that are checked are sent.
    #[serde(default)]
    pub scoped: String,
    #[serde(default)]
    pub spend: String,
    #[serde(default)]
    pub read: String,
    #[serde(default)]
    pub manage: String,
}

impl KeyFields {
    /// Whether the box of a scope is checked, where there are boxes.
    #[must_use]
    pub fn is_checked(&self, scope: Scope) -> bool {
        let sent = match scope {
            Scope::Spend => &self.spend,
            Scope::Read => &self.read,
            Scope::Manage => &self.manage,
        };
        !sent.is_empty()
    }
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
    pub budget: Option<Amount>,
    /// What it may do; without it, everything but making keys.
    #[serde(default)]
    pub scopes: Option<Vec<Scope>>,
    /// Days until it expires, 1 to 3650; without it, never.
    #[serde(default)]
    pub expires_in_days: Option<u32>,
}
