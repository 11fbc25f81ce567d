//! What others see of an account's credits. Amounts are whole credits.

use serde::{Deserialize, Serialize};

/// An account at one moment. `sum(ledger) = available + held - debt` holds at every moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Balance {
    /// What can be spent.
    pub available: i64,
    /// What is put aside for running work.
    pub held: i64,
    /// What a refund took that was already spent.
    pub debt: i64,
}

/// What an account has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Credits {
    /// What can be spent.
    pub available: i64,
    /// What is put aside for running work.
    pub held: i64,
    /// What a refund took that was already spent.
    pub debt: i64,
    /// `free` until something was bought.
    pub plan: String,
}

/// Why a ledger entry was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum EntryKind {
    Grant,
    Hold,
    Settle,
    Release,
    Purchase,
    Refund,
    Adjust,
}

impl EntryKind {
    pub const ALL: [Self; 7] =
        [Self::Grant, Self::Hold, Self::Settle, Self::Release, Self::Purchase, Self::Refund, Self::Adjust];

    /// The stored and shown name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Hold => "hold",
            Self::Settle => "settle",
            Self::Release => "release",
            Self::Purchase => "purchase",
            Self::Refund => "refund",
            Self::Adjust => "adjust",
        }
    }

    /// The kind of a stored name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// One line of the append-only ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct LedgerEntry {
    /// `UUIDv7`.
    pub id: String,
    pub kind: EntryKind,
    /// What the account is worth more (or less) by this entry. A hold or a release only moves credits between
    /// available and held, so theirs is 0.
    pub amount: i64,
    /// By how much this entry changed what is held.
    pub held_change: i64,
    pub available_after: i64,
    pub request_id: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// RFC 3339, UTC.
    pub created_at: String,
}

/// One page of a list that is paged by key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    pub items: Vec<T>,
    /// Pass it as `cursor` to get the next page; there is none after the last.
    pub next_cursor: Option<String>,
}

/// Everything `/dashboard` shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dashboard {
    pub credits: Credits,
    pub ledger: Page<LedgerEntry>,
}
