//! What is read of documents, as far as it is counted.

use mongodb::bson;
use serde::Deserialize;
use uuid::Uuid;

use crate::account::server::plans::Period;
use crate::credits::Origin;
use crate::credits::server::lots::{Lot, Paid};
use crate::platform::amount::Amount;
use crate::platform::db::StoreResult;
use crate::platform::db::mongo::from_bson;
use crate::platform::ids::LotId;
use crate::platform::work_kind::WorkKind;
use crate::stats::store::{ListedEntry, RawEntry, read_kind, work_of};

#[derive(Deserialize)]
pub(super) struct Marked {
    pub source: String,
    #[serde(rename = "_id")]
    pub start: i64,
    pub mark: i64,
}

#[derive(Deserialize)]
pub(super) struct PlanKey {
    pub user: bson::Uuid,
    pub id: String,
}

/// A time of a plan, with the status of its user.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FoundPlan {
    #[serde(rename = "_id")]
    pub key: PlanKey,
    pub status: String,
    pub name: String,
    pub per_minute: i64,
    pub from: i64,
    pub until: i64,
    pub is_prepaid: bool,
}

impl FoundPlan {
    /// With its user and their status.
    pub fn read(self) -> (Uuid, String, Period) {
        let Self { key, status, name, per_minute, from, until, is_prepaid } = self;
        let per_minute = u32::try_from(per_minute).unwrap_or(1);
        (from_bson(key.user), status, Period { id: key.id, name, per_minute, from, until, is_prepaid })
    }
}

#[derive(Deserialize)]
pub(super) struct FoundShare {
    pub id: bson::Uuid,
    pub origin: Origin,
    pub amount: i64,
}

/// An entry, filed or not.
#[derive(Deserialize)]
pub(super) struct FoundEntry {
    pub id: bson::Uuid,
    pub kind: String,
    pub amount: i64,
    pub key: String,
    #[serde(default)]
    pub work: Option<String>,
    #[serde(default)]
    pub lots: Vec<FoundShare>,
    /// These two only where they are asked for.
    #[serde(default, rename = "requestId")]
    pub request_id: String,
    #[serde(default)]
    pub reason: Option<String>,
    pub at: bson::DateTime,
}

impl FoundEntry {
    pub fn raw(self, owner: bson::Uuid) -> StoreResult<RawEntry> {
        let kind = read_kind(&self.kind)?;
        Ok(RawEntry {
            id: from_bson(self.id),
            owner: from_bson(owner),
            kind,
            amount: self.amount,
            work: self.work.as_deref().and_then(WorkKind::parse),
            work_id: work_of(kind, &self.key),
            lots: self.lots.into_iter().map(|share| (from_bson(share.id), share.origin, share.amount)).collect(),
            at: self.at.timestamp_millis(),
        })
    }

    pub fn listed(mut self, owner: bson::Uuid) -> StoreResult<ListedEntry> {
        let (request_id, reason) = (std::mem::take(&mut self.request_id), self.reason.take());
        Ok(ListedEntry { entry: self.raw(owner)?, request_id, reason })
    }
}

#[derive(Deserialize)]
pub(super) struct FiledEntry {
    #[serde(rename = "_id")]
    pub place: Place,
    #[serde(flatten)]
    pub entry: FoundEntry,
}

#[derive(Deserialize)]
pub(super) struct Place {
    pub user: bson::Uuid,
}

#[derive(Deserialize)]
pub(super) struct RecentEntry {
    #[serde(rename = "_id")]
    pub owner: bson::Uuid,
    pub recent: FoundEntry,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FoundPayment {
    #[serde(rename = "_id")]
    pub id: bson::Uuid,
    pub state: String,
    pub price: i64,
    pub refunded: i64,
    pub currency: String,
    pub credits: i64,
    pub version: i64,
    pub created_at: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FoundUser {
    pub created_at: bson::DateTime,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FoundReply {
    #[serde(default)]
    pub model: Option<String>,
    #[serde(default)]
    pub usage: Option<FoundUsage>,
    pub created_at: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FoundUsage {
    pub input_tokens: u32,
    pub output_tokens: u32,
}

#[derive(Deserialize)]
pub(super) struct FoundBucket {
    pub source: String,
    pub start: i64,
    pub mark: i64,
    pub corrected: bool,
    pub sums: String,
    pub people: bson::Binary,
}

#[derive(Deserialize)]
pub(super) struct FoundLot {
    pub id: bson::Uuid,
    #[serde(flatten)]
    pub lot: LotOfAccount,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LotOfAccount {
    pub origin: Origin,
    pub amount: i64,
    pub left: i64,
    #[serde(default)]
    pub paid: Option<Paid>,
}

#[derive(Deserialize)]
pub(super) struct FoundAccount {
    #[serde(default)]
    pub lots: Vec<FoundLot>,
    pub overdrawn: i64,
}

impl FoundLot {
    pub fn read(self) -> Lot {
        let Self { id, lot } = self;
        Lot {
            id: from_bson::<LotId>(id),
            origin: lot.origin,
            amount: Amount::from_micros(lot.amount),
            left: Amount::from_micros(lot.left),
            paid: lot.paid,
            expires_at: None,
            at: 0,
        }
    }
}
