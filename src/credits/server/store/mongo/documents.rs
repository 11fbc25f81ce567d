//! What is stored of an account and of its entries, and how entries are numbered.

use std::collections::HashMap;

use mongodb::bson::{self, Document, doc};
use serde::{Deserialize, Serialize};

use super::PAGE;
use crate::credits::server::store::{Hold, read_reason};
use crate::credits::{Balance, EntryKind, LedgerEntry, WorkKind};
use crate::platform::db::mongo::{from_bson, to_bson};
use crate::platform::db::{StoreError, StoreResult, rfc3339};
use crate::platform::ids::{EntryId, UserId, WorkId};

/// An account, with its newest entries.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Account {
    #[serde(rename = "_id")]
    pub user: bson::Uuid,
    pub available: i64,
    pub held: i64,
    pub debt: i64,
    /// Entries ever posted.
    pub posted: i64,
    /// Up to where the entries are in `ledger`.
    pub cut: Cut,
    pub open: Vec<OpenHold>,
    /// Whether there may be open holds. Indexed, so it changes rarely: the sweeper takes it back.
    pub busy: bool,
    /// The entries after the cut, oldest first.
    pub recent: Vec<Entry>,
    /// What each API key has spent or holds, by its id as text.
    #[serde(default)]
    pub spending: HashMap<String, i64>,
}

/// Where the entries of an account were cut off.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Cut {
    /// Number of the last entry in `ledger`; the first ever is 1.
    pub seq: i64,
    /// What was available after it.
    pub available: i64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OpenHold {
    pub id: bson::Uuid,
    pub kind: String,
    pub amount: i64,
    pub request_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<bson::Uuid>,
    pub at: bson::DateTime,
    pub lease_until: i64,
}

/// An entry of the ledger as it is stored, in an account or on its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    pub id: bson::Uuid,
    pub kind: String,
    pub amount: i64,
    pub held_change: i64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub debt_change: i64,
    pub key: String,
    pub request_id: String,
    /// What a hold is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<Once>,
    pub at: bson::DateTime,
}

/// The `Idempotency-Key` that a hold came with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Once {
    pub key: String,
    pub fingerprint: bson::Binary,
    pub hold: bson::Uuid,
}

/// An entry in `ledger`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Filed {
    #[serde(rename = "_id")]
    pub place: Place,
    pub available_after: i64,
    #[serde(flatten)]
    pub entry: Entry,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Place {
    pub user: bson::Uuid,
    pub seq: i64,
}

/// What an update of an account leaves.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct After {
    pub available: i64,
    pub held: i64,
    pub debt: i64,
    pub posted: i64,
    pub cut: Cut,
}

impl OpenHold {
    /// What is needed to end it; `None` for a kind that this version does not know.
    pub fn read(self, user: UserId) -> Option<Hold> {
        Some(Hold {
            id: from_bson(self.id),
            user,
            kind: WorkKind::parse(&self.kind)?,
            amount: self.amount,
            request_id: self.request_id,
            key: self.key.map(from_bson),
        })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls it with")]
const fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl Entry {
    /// At a time of the database's clock.
    pub fn new(kind: EntryKind, amount: i64, held_change: i64, key: String, request_id: &str, at: i64) -> Self {
        Self {
            id: to_bson(EntryId::now_v7()),
            kind: kind.as_str().to_owned(),
            amount,
            held_change,
            debt_change: 0,
            key,
            request_id: request_id.to_owned(),
            work: None,
            reason: None,
            once: None,
            at: bson::DateTime::from_millis(at),
        }
    }

    /// The hold whose entry this is.
    pub fn hold_id(&self) -> Option<WorkId> {
        let (kind, id) = self.key.split_once(':')?;
        let is_of_hold =
            [EntryKind::Hold, EntryKind::Settle, EntryKind::Release].iter().any(|known| known.as_str() == kind);
        id.parse().ok().filter(|_| is_of_hold)
    }

    pub const fn available_change(&self) -> i64 {
        self.amount - self.held_change + self.debt_change
    }

    pub fn to_ledger_entry(&self, available_after: i64) -> StoreResult<LedgerEntry> {
        let kind =
            EntryKind::parse(&self.kind).ok_or_else(|| StoreError::Corrupt(format!("ledger kind {:?}", self.kind)))?;
        Ok(LedgerEntry {
            id: self.id.to_string(),
            kind,
            amount: self.amount,
            held_change: self.held_change,
            available_after,
            request_id: self.request_id.clone(),
            work: self.work.as_deref().and_then(WorkKind::parse),
            work_id: self.hold_id().map(|id| id.to_string()),
            reason: self.reason.as_deref().map(|reason| read_reason(kind, reason)),
            created_at: rfc3339(self.at.timestamp_millis())?,
        })
    }
}

impl Account {
    pub const fn balance(&self) -> Balance {
        Balance { available: self.available, held: self.held, debt: self.debt }
    }

    /// Whether this hold is open.
    pub fn is_open(&self, hold: WorkId) -> bool {
        self.open.iter().any(|open| open.id == to_bson(hold))
    }

    /// The entries after the cut, as they are filed.
    pub fn filed(&self) -> impl Iterator<Item = Filed> {
        let Cut { mut seq, mut available } = self.cut;
        self.recent.iter().map(move |entry| {
            seq += 1;
            available += entry.available_change();
            Filed { place: Place { user: self.user, seq }, available_after: available, entry: entry.clone() }
        })
    }
}

impl After {
    pub const fn balance(&self) -> Balance {
        Balance { available: self.available, held: self.held, debt: self.debt }
    }

    pub const fn is_full(&self) -> bool {
        self.posted - self.cut.seq >= PAGE
    }
}

/// The filed entries of a user from one number to another.
pub(super) fn between(user: bson::Uuid, first: i64, last: i64) -> Document {
    doc! { "_id": { "$gte": { "user": user, "seq": first }, "$lte": { "user": user, "seq": last } } }
}
