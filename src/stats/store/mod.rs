//! The port to the statistics, and to the raw records that they are made of.

mod mongo;
mod sqlite;

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use uuid::Uuid;

pub use self::mongo::MongoStatsStore;
pub use self::sqlite::SqliteStatsStore;
use super::sums::{People, Purse, Share, Sums};
use crate::account::Role;
use crate::account::server::plans::{Period, standing};
use crate::credits::server::lots::Lot;
use crate::credits::{EntryKind, Origin};
use crate::payments::PaymentState;
use crate::platform::db::{StoreError, StoreResult};
use crate::platform::ids::AttemptId;
use crate::platform::money::{Currency, share};
use crate::platform::work_kind::WorkKind;
use crate::usage::Attempt;

/// Where numbers come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// Attempts at providers, by when they began.
    Attempts,
    /// Entries of the ledger.
    Ledger,
    /// Payments, by when they were ordered.
    Payments,
    /// Users, by when they registered.
    Users,
    /// Replies that had been given before.
    Replies,
}

impl Source {
    pub const ALL: [Self; 5] = [Self::Attempts, Self::Ledger, Self::Payments, Self::Users, Self::Replies];

    /// The stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Attempts => "attempts",
            Self::Ledger => "ledger",
            Self::Payments => "payments",
            Self::Users => "users",
            Self::Replies => "replies",
        }
    }

    fn parse(name: &str) -> StoreResult<Self> {
        let known = Self::ALL.into_iter().find(|source| source.as_str() == name);
        known.ok_or_else(|| StoreError::Corrupt(format!("source {name:?}")))
    }
}

/// What tells of each bucket that it has changed: how many records it has, of payments how often they changed.
pub type Marks = BTreeMap<Source, BTreeMap<i64, i64>>;

/// An entry of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawEntry {
    pub id: Uuid,
    pub owner: Uuid,
    pub kind: EntryKind,
    /// In millionths of a credit.
    pub amount: i64,
    pub work: Option<WorkKind>,
    /// The reply or image of a hold.
    pub work_id: Option<Uuid>,
    /// The lots that it moved.
    pub lots: Vec<(Uuid, Origin, i64)>,
    pub at: i64,
}

/// A payment. Money is in millionths of the currency's unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawPayment {
    pub is_paid: bool,
    pub price: i64,
    pub refunded: i64,
    pub currency: String,
    pub version: i64,
    pub at: i64,
}

/// A reply that had been given before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawReply {
    pub model: String,
    pub input_tokens: u32,
    pub output_tokens: u32,
    pub at: i64,
}

/// What was paid for a lot, and how many credits that were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Earning {
    pub micros: i64,
    pub currency: String,
    pub credits: i64,
}

/// A bucket of a source, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBucket {
    pub source: Source,
    pub start: i64,
    pub mark: i64,
    /// It changed after its time was over.
    pub is_corrected: bool,
    pub sums: Sums,
    pub people: People,
}

/// How things stand now, whatever was before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Users by role and status, as they are stored; who has a plan is a subscriber.
    pub users: BTreeMap<(String, String), u64>,
    /// Credits that are not spent, in millionths, by where they came from.
    pub unspent: BTreeMap<Origin, i64>,
    /// What was spent beyond them.
    pub overdrawn: i64,
    /// What was paid for those that are not spent.
    pub owed: Purse,
}

impl Standing {
    /// Counts users of the role USER who have a plan at this moment as subscribers; each is here with their status and periods.
    pub fn count_subscribers(&mut self, users: HashMap<Uuid, (String, Vec<Period>)>, now: i64) {
        for (status, periods) in users.into_values() {
            let as_user = (Role::User.as_str().to_owned(), status);
            let Some(count) = self.users.get_mut(&as_user).filter(|_| standing(periods, now).is_some()) else {
                continue;
            };
            *count -= 1;
            if *count == 0 {
                self.users.remove(&as_user);
            }
            *self.users.entry((Role::Subscriber.as_str().to_owned(), as_user.1)).or_default() += 1;
        }
    }

    /// Adds the lots of an account.
    pub fn add(&mut self, lots: &[Lot], overdrawn: i64) {
        self.overdrawn += overdrawn;
        for lot in lots {
            *self.unspent.entry(lot.origin).or_default() += lot.left.micros();
            if let Some(paid) = &lot.paid {
                let left = share(paid.micros, lot.left.micros(), lot.amount.micros());
                *self.owed.entry(paid.currency.clone()).or_default() += left;
            }
        }
    }
}

/// Which attempts are listed. Times are milliseconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttemptFilter {
    pub from: i64,
    pub until: i64,
    pub provider: Option<String>,
    pub model: Option<String>,
    pub user: Option<Uuid>,
    /// The API key that they were asked with.
    pub key: Option<Uuid>,
    /// Those that were neither answered nor stopped.
    pub only_failed: bool,
}

/// Which entries of the ledger are listed. Times are milliseconds since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EntryFilter {
    pub from: i64,
    pub until: i64,
    pub kind: Option<EntryKind>,
    /// Of settlements: what was paid for.
    pub work: Option<WorkKind>,
}

/// An entry of the ledger in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedEntry {
    pub entry: RawEntry,
    pub request_id: String,
    pub reason: Option<String>,
}

/// Sums of raw records, and the records. Times are milliseconds since 1970: from the first on, and before the second.
#[async_trait]
pub trait StatsStore: Send + Sync {
    /// What tells of each bucket whether it has changed, without reading records.
    async fn marks(&self, from: i64, until: i64) -> StoreResult<Marks>;

    async fn attempts(&self, from: i64, until: i64) -> StoreResult<Vec<Attempt>>;

    /// Each entry once.
    async fn entries(&self, from: i64, until: i64) -> StoreResult<Vec<RawEntry>>;

    async fn payments(&self, from: i64, until: i64) -> StoreResult<Vec<RawPayment>>;

    /// When users registered.
    async fn users(&self, from: i64, until: i64) -> StoreResult<Vec<i64>>;

    async fn replies(&self, from: i64, until: i64) -> StoreResult<Vec<RawReply>>;

    /// What was paid for these lots; those that nobody paid for are not there.
    async fn earnings(&self, lots: Vec<Uuid>) -> StoreResult<HashMap<Uuid, Earning>>;

    /// Replaces these buckets, each as a whole: repeated, it changes nothing. One that was corrected stays so.
    async fn keep(&self, buckets: Vec<StoredBucket>) -> StoreResult<()>;

    /// The buckets of all sources.
    async fn load(&self, from: i64, until: i64) -> StoreResult<Vec<StoredBucket>>;

    /// Deletes the buckets that began before.
    async fn forget_before(&self, before: i64) -> StoreResult<()>;

    async fn standing(&self) -> StoreResult<Standing>;

    /// A page of attempts before this one (its time and id), newest first.
    async fn list(&self, filter: AttemptFilter, before: (i64, AttemptId), limit: usize) -> StoreResult<Vec<Attempt>>;

    /// A page of the ledger before this entry (its time and id), newest first.
    async fn list_entries(
        &self,
        filter: EntryFilter,
        before: (i64, Uuid),
        limit: usize,
    ) -> StoreResult<Vec<ListedEntry>>;
}

/// A stored price in millionths of the currency's unit.
fn micros_of(minor: i64, currency: &str) -> i64 {
    let digits = Currency::parse(currency).map_or(2, Currency::exponent);
    minor.saturating_mul(10_i64.pow(6_u32.saturating_sub(digits)))
}

/// Bytes of a [`Share`] with its user.
const PERSON: usize = 16 + 4 + 8 + 8;

fn write_people(people: &People) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(people.len() * PERSON);
    for (user, Share { count, amount, earned }) in people {
        bytes.extend_from_slice(user.as_bytes());
        bytes.extend_from_slice(&count.to_be_bytes());
        bytes.extend_from_slice(&amount.to_be_bytes());
        bytes.extend_from_slice(&earned.to_be_bytes());
    }
    bytes
}

fn read_people(bytes: &[u8]) -> StoreResult<People> {
    let corrupt = || StoreError::Corrupt("the users of statistics".to_owned());
    if !bytes.len().is_multiple_of(PERSON) {
        return Err(corrupt());
    }
    let person = |piece: &[u8]| {
        let user = Uuid::from_slice(piece.get(..16)?).ok()?;
        let count = u32::from_be_bytes(piece.get(16..20)?.try_into().ok()?);
        let amount = i64::from_be_bytes(piece.get(20..28)?.try_into().ok()?);
        let earned = i64::from_be_bytes(piece.get(28..)?.try_into().ok()?);
        Some((user, Share { count, amount, earned }))
    };
    bytes.chunks_exact(PERSON).map(|piece| person(piece).ok_or_else(corrupt)).collect()
}

fn write_sums(sums: &Sums) -> StoreResult<String> {
    serde_json::to_string(sums).map_err(|error| StoreError::Corrupt(error.to_string()))
}

fn read_sums(text: &str) -> StoreResult<Sums> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt(format!("statistics: {error}")))
}

fn read_kind(name: &str) -> StoreResult<EntryKind> {
    EntryKind::parse(name).ok_or_else(|| StoreError::Corrupt(format!("ledger kind {name:?}")))
}

/// Whether the money of a payment in this state is here.
fn is_paid(state: &str) -> bool {
    PaymentState::ALL.into_iter().any(|known| known.as_str() == state && known.is_paid())
}

/// The reply or image of an entry, from its key.
fn work_of(kind: EntryKind, key: &str) -> Option<Uuid> {
    let of_work = matches!(kind, EntryKind::Hold | EntryKind::Extend | EntryKind::Settle | EntryKind::Release);
    key.split(':').nth(1).filter(|_| of_work)?.parse().ok()
}
