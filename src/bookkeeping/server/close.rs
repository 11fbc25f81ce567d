//! The close of a day, and what must be true of it.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use super::totals::{Total, Totals};
use crate::credits::EntryKind;
use crate::credits::server::store::reading::BookedEntry;
use crate::payments::server::papers::PaperKind;
use crate::platform::amount::Amount;
use crate::platform::db::{StoreError, StoreResult};
use crate::platform::ids::{EntryId, OwnerId};

/// Late entries that are named; the others are only counted.
const NAMED: usize = 100;

/// The books of a day in UTC. It is made once, and never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Close {
    /// 1, 2, 3 …
    pub number: i64,
    /// The first close has everything up to this day.
    #[schema(value_type = String, example = "2026-11-28")]
    pub day: Date,
    /// RFC 3339, UTC.
    pub closed_at: String,
    /// The closing totals of the close before.
    pub opening: Totals,
    pub closing: Totals,
    /// What the entries of the day come to, by kind.
    pub kinds: Vec<KindSum>,
    pub entries: u64,
    /// Accounts that had entries.
    pub accounts: u64,
    pub late: Late,
    /// Receipts and credit notes of the day, by currency.
    pub money: Vec<MoneySum>,
    /// What providers took, in millionths of a US dollar, as far as prices were known then.
    pub provider_cost_micro_usd: i64,
    /// The last paper of each kind and year that was counted.
    pub papers: Vec<PaperEnd>,
    /// Names the try that made it, and with it the accounts that it is of.
    pub attempt: Uuid,
    /// The hash of the close before; empty for the first.
    pub previous: String,
}

/// What entries of a kind come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KindSum {
    pub kind: EntryKind,
    pub entries: u64,
    pub amount: Total,
    pub held_change: Total,
}

/// Entries of days that were closed already: corrections, which are part of this day's sums.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Late {
    pub entries: u64,
    pub amount: Total,
    /// The first hundred.
    pub named: Vec<LateEntry>,
    /// Numbers of receipts and credit notes.
    pub papers: Vec<String>,
}

/// An entry that came after its day was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LateEntry {
    /// `UUIDv7`.
    #[schema(value_type = Uuid)]
    pub id: EntryId,
    #[schema(value_type = Uuid)]
    pub account: OwnerId,
    pub kind: EntryKind,
    pub amount: Amount,
    /// In milliseconds since 1970.
    pub at: i64,
}

/// Money that came and went back, in the currency's smallest unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MoneySum {
    pub currency: String,
    pub receipts: u64,
    pub received: i64,
    pub credit_notes: u64,
    pub refunded: i64,
}

/// Up to which number papers are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PaperEnd {
    pub kind: PaperKind,
    pub year: i16,
    pub number: u32,
}

/// A close as it is stored: the text, which the hash is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredClose {
    pub number: i64,
    pub day: String,
    pub attempt: Uuid,
    pub hash: String,
    pub body: String,
}

impl StoredClose {
    /// Seals a close.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], which cannot be.
    pub fn seal(close: &Close) -> StoreResult<Self> {
        let body = serde_json::to_string(close).map_err(|error| StoreError::Corrupt(format!("a close: {error}")))?;
        Ok(Self {
            number: close.number,
            day: close.day.to_string(),
            attempt: close.attempt,
            hash: hash_of(&body),
            body,
        })
    }

    /// Reads it.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    pub fn read(&self) -> StoreResult<Close> {
        serde_json::from_str(&self.body).map_err(|error| StoreError::Corrupt(format!("a close: {error}")))
    }

    /// What is wrong with it, behind the close before.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] where it cannot be read.
    pub fn problems(&self, previous: Option<&Self>) -> StoreResult<Vec<&'static str>> {
        let close = self.read()?;
        let before = previous.map(Self::read).transpose()?;
        let opening = before.as_ref().map(|before| before.closing.clone()).unwrap_or_default();
        let sum = |of: fn(&KindSum) -> Total| close.kinds.iter().map(of).fold(Total::ZERO, |sum, part| sum + part);
        let is_next = before.as_ref().is_none_or(|before| before.day < close.day);
        let named = (self.number, &*self.day, self.attempt) == (close.number, &*close.day.to_string(), close.attempt);
        let checks = [
            (hash_of(&self.body) == self.hash, "its hash is of another text"),
            (named, "its row names another close"),
            (
                close.previous == previous.map(|previous| previous.hash.clone()).unwrap_or_default(),
                "the chain is broken",
            ),
            (close.number == before.map_or(0, |before| before.number) + 1 && is_next, "it is not the next"),
            (close.opening == opening, "it does not open as the one before closed"),
            (
                opening.worth() + sum(|kind| kind.amount) == close.closing.worth(),
                "opening and sums are not its closing",
            ),
            (opening.held + sum(|kind| kind.held_change) == close.closing.held, "what is held does not follow"),
            (close.closing.lots() == close.closing.worth(), "its lots are not what its accounts are worth"),
        ];
        Ok(checks.into_iter().filter(|(holds, _)| !holds).map(|(_, problem)| problem).collect())
    }
}

fn hash_of(body: &str) -> String {
    format!("{:x}", Sha256::digest(body))
}

/// The sums of a day, while its entries are read.
#[derive(Debug, Default)]
pub struct Sums {
    kinds: BTreeMap<&'static str, KindSum>,
    pub entries: u64,
    pub accounts: u64,
    pub late: Late,
}

impl Sums {
    /// Takes an entry; one from before `begin` is late.
    pub fn add(&mut self, owner: OwnerId, entry: &BookedEntry, begin: i64) {
        self.entries += 1;
        let of_kind = self.kinds.entry(entry.kind.as_str()).or_insert_with(|| KindSum {
            kind: entry.kind,
            entries: 0,
            amount: Total::ZERO,
            held_change: Total::ZERO,
        });
        of_kind.entries += 1;
        of_kind.amount += entry.amount.into();
        of_kind.held_change += entry.held_change.into();
        if entry.at < begin {
            self.late.entries += 1;
            self.late.amount += entry.amount.into();
            if self.late.named.len() < NAMED {
                let BookedEntry { id, kind, amount, at, .. } = *entry;
                self.late.named.push(LateEntry { id, account: owner, kind, amount, at });
            }
        }
    }

    pub fn into_kinds(self) -> (Vec<KindSum>, Late) {
        (self.kinds.into_values().collect(), self.late)
    }
}

/// When a day begins, in milliseconds since 1970.
///
/// # Errors
/// [`StoreError::Corrupt`] for a day that no calendar has.
pub fn start_of(day: Date) -> StoreResult<i64> {
    let start = day.to_zoned(TimeZone::UTC).map_err(|_| StoreError::Corrupt(format!("day {day}")))?;
    Ok(start.timestamp().as_millisecond())
}

/// The day that a moment is of.
///
/// # Errors
/// [`StoreError::Corrupt`] for a time that no calendar has.
pub fn day_of(millis: i64) -> StoreResult<Date> {
    let moment = jiff::Timestamp::from_millisecond(millis);
    Ok(moment.map_err(|_| StoreError::Corrupt(format!("time {millis}")))?.to_zoned(TimeZone::UTC).date())
}
