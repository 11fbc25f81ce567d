//! What is stored of an account and of its entries, and how entries are numbered.

use std::collections::HashMap;

use mongodb::bson::{self, Document, doc};
use serde::{Deserialize, Serialize};

use super::PAGE;
use super::lots::{StoredLot, StoredShare};
use crate::credits::server::lots::{AccountState, Lot, LotShare, Lots};
use crate::credits::server::store::{Hold, SpendLimit, SpendingKey, read_reason};
use crate::credits::{Balance, EntryKind, LedgerEntry, WorkKind};
use crate::platform::amount::{Amount, micros};
use crate::platform::db::mongo::{from_bson, to_bson};
use crate::platform::db::{StoreError, StoreResult, rfc3339};
use crate::platform::ids::{EntryId, OwnerId, WorkId};

/// An account, with its newest entries.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Account {
    #[serde(rename = "_id")]
    pub owner: bson::Uuid,
    pub balance: StoredBalance,
    /// In the order in which they are used. The first may be used up; the others are not.
    pub lots: Vec<StoredLot>,
    #[serde(with = "micros")]
    pub overdrawn: Amount,
    /// When a lot expires next. Always written together with the lots.
    pub next_expiry: i64,
    /// Entries ever posted.
    pub posted: i64,
    /// Up to where the entries are in `ledger`.
    pub cut_at: Cut,
    pub open: Vec<OpenHold>,
    /// Whether there may be open holds. Indexed, so it changes rarely: the sweeper takes it back.
    pub busy: bool,
    /// The entries after the cut, oldest first.
    pub recent: Vec<Entry>,
    /// What each count has come to, in millionths. An API key's own has its id for its name.
    #[serde(default)]
    pub spending: HashMap<String, i64>,
    /// When nobody asks for a count any more; not there: never.
    #[serde(default)]
    pub spending_until: HashMap<String, i64>,
    /// The first of those times. Indexed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forget_at: Option<i64>,
}

/// [`Balance`], in millionths.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct StoredBalance {
    #[serde(with = "micros")]
    available: Amount,
    #[serde(with = "micros")]
    held: Amount,
    #[serde(with = "micros")]
    debt: Amount,
}

/// Where the entries of an account were cut off.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Cut {
    /// Number of the last entry in `ledger`; the first ever is 1.
    pub seq: i64,
    /// What was available after it.
    #[serde(with = "micros")]
    pub available: Amount,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OpenHold {
    pub id: bson::Uuid,
    /// Who asked.
    pub user: bson::Uuid,
    pub kind: String,
    /// What is held now.
    #[serde(with = "micros")]
    pub amount: Amount,
    #[serde(with = "micros")]
    pub ceiling: Amount,
    pub price_version: String,
    pub request_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<bson::Uuid>,
    /// What counts it, besides the key's own count.
    pub counters: Vec<String>,
    pub at: bson::DateTime,
    pub lease_until: i64,
}

/// An entry of the ledger as it is stored, in an account or on its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    pub id: bson::Uuid,
    pub kind: String,
    #[serde(with = "micros")]
    pub amount: Amount,
    #[serde(with = "micros")]
    pub held_change: Amount,
    #[serde(default, with = "micros", skip_serializing_if = "is_zero")]
    pub debt_change: Amount,
    pub key: String,
    pub request_id: String,
    /// What a hold is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Most that the work of a hold may cost, where that is not what was held first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ceiling: Option<i64>,
    /// Of a settlement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_version: Option<String>,
    /// The lots that the credits came to, or went from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lots: Vec<StoredShare>,
    /// The lot that came with it, as it was then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lot: Option<StoredLot>,
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
    /// Whose key it is.
    pub user: bson::Uuid,
}

/// An entry in `ledger`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Filed {
    #[serde(rename = "_id")]
    pub place: Place,
    /// What was available after it.
    #[serde(with = "micros")]
    pub available: Amount,
    #[serde(flatten)]
    pub entry: Entry,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Place {
    /// In whose account it is.
    #[serde(rename = "user")]
    pub owner: bson::Uuid,
    pub seq: i64,
}

/// What an update of an account leaves.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct After {
    #[serde(rename = "_id")]
    pub owner: bson::Uuid,
    balance: StoredBalance,
    /// The first at most.
    pub lots: Vec<StoredLot>,
    posted: i64,
    cut_at: Cut,
    /// Where several were updated in one command: the entries that it has now.
    #[serde(default)]
    recent: Vec<SeenEntry>,
}

#[derive(Debug, Clone, Deserialize)]
struct SeenEntry {
    id: bson::Uuid,
}

impl From<Balance> for StoredBalance {
    fn from(Balance { available, held, debt }: Balance) -> Self {
        Self { available, held, debt }
    }
}

impl From<StoredBalance> for Balance {
    fn from(StoredBalance { available, held, debt }: StoredBalance) -> Self {
        Self { available, held, debt }
    }
}

impl OpenHold {
    /// What is needed to end it; `None` for a kind that this version does not know.
    pub fn read(self, owner: OwnerId) -> Option<Hold> {
        let limit = |counter| SpendLimit { counter, most: None, budget: None, until: None };
        Some(Hold {
            id: from_bson(self.id),
            owner,
            user: from_bson(self.user),
            kind: WorkKind::parse(&self.kind)?,
            amount: self.amount,
            ceiling: self.ceiling,
            price_version: self.price_version,
            request_id: self.request_id,
            key: self.key.map(|key| SpendingKey { id: from_bson(key), budget: None }),
            limits: self.counters.into_iter().map(limit).collect(),
        })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls it with")]
const fn is_zero(amount: &Amount) -> bool {
    amount.is_zero()
}

impl Entry {
    /// At a time of the database's clock.
    pub fn new(kind: EntryKind, amount: Amount, held_change: Amount, key: String, request_id: &str, at: i64) -> Self {
        Self {
            id: to_bson(EntryId::now_v7()),
            kind: kind.as_str().to_owned(),
            amount,
            held_change,
            debt_change: Amount::ZERO,
            key,
            request_id: request_id.to_owned(),
            work: None,
            reason: None,
            ceiling: None,
            price_version: None,
            lots: Vec::new(),
            lot: None,
            once: None,
            at: bson::DateTime::from_millis(at),
        }
    }

    /// The hold whose entry this is.
    pub fn hold_id(&self) -> Option<WorkId> {
        const OF_HOLDS: [EntryKind; 4] = [EntryKind::Hold, EntryKind::Extend, EntryKind::Settle, EntryKind::Release];
        let mut parts = self.key.split(':');
        let (kind, id) = (parts.next()?, parts.next()?);
        let is_of_hold = OF_HOLDS.iter().any(|known| known.as_str() == kind);
        id.parse().ok().filter(|_| is_of_hold)
    }

    pub fn available_change(&self) -> Amount {
        self.amount - self.held_change + self.debt_change
    }

    pub fn to_ledger_entry(&self, available_after: Amount) -> StoreResult<LedgerEntry> {
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
            price_version: self.price_version.clone(),
            lots: self.lots.iter().map(|share| LotShare::from(share.clone()).shown()).collect(),
            created_at: rfc3339(self.at.timestamp_millis())?,
        })
    }
}

impl Account {
    pub fn balance(&self) -> Balance {
        self.balance.into()
    }

    pub fn state(&self) -> AccountState {
        let lots: Vec<Lot> = self.lots.iter().cloned().map(Lot::from).collect();
        AccountState { balance: self.balance(), lots: Lots::new(lots, self.overdrawn) }
    }

    /// This hold, if it is open.
    pub fn find_open(&self, hold: WorkId) -> Option<&OpenHold> {
        let id = to_bson(hold);
        self.open.iter().find(|open| open.id == id)
    }

    /// The entries after the cut, as they are filed.
    pub fn filed(&self) -> impl Iterator<Item = Filed> {
        let Cut { mut seq, mut available } = self.cut_at;
        self.recent.iter().map(move |entry| {
            seq += 1;
            available += entry.available_change();
            Filed { place: Place { owner: self.owner, seq }, available, entry: entry.clone() }
        })
    }
}

impl After {
    pub fn balance(&self) -> Balance {
        self.balance.into()
    }

    pub fn has(&self, entry: bson::Uuid) -> bool {
        self.recent.iter().any(|recent| recent.id == entry)
    }

    pub const fn is_full(&self) -> bool {
        self.posted - self.cut_at.seq >= PAGE
    }
}

/// The filed entries of an account from one number to another.
pub(super) fn between(owner: bson::Uuid, first: i64, last: i64) -> Document {
    doc! { "_id": { "$gte": { "user": owner, "seq": first }, "$lte": { "user": owner, "seq": last } } }
}
