//! What a quarter of an hour adds up to. Whole numbers only: millionths of a credit, millionths of a currency's unit.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Histogram;
use super::store::{Earning, RawEntry, RawPayment, RawReply};
use crate::credits::{EntryKind, Origin};
use crate::platform::ids::{AttemptId, WorkId};
use crate::platform::money::share;
use crate::platform::time::MINUTE;
use crate::platform::work_kind::WorkKind;
use crate::usage::server::prices::{PriceTable, Tokens};
use crate::usage::{Attempt, Outcome};

/// A quarter of an hour, in milliseconds: the offsets of all time zones are whole numbers of it.
pub const BUCKET: i64 = 15 * MINUTE;

/// The beginning of the bucket that a moment is in.
#[must_use]
pub const fn bucket_of(at: i64) -> i64 {
    at - at.rem_euclid(BUCKET)
}

/// Money by its currency, in millionths of its unit.
pub type Purse = BTreeMap<String, i64>;

/// What all records of a time add up to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Sums {
    /// By provider, then by model.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, BTreeMap<String, ModelSums>>,
    pub credits: CreditSums,
    /// Purchases that were paid.
    pub purchases: u64,
    /// What was paid, and what of that went back.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub paid: Purse,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub refunded: Purse,
    pub new_users: u64,
    /// Replies that had been given before, and what asking again would have cost, in millionths of a US dollar.
    pub cached: u64,
    pub saved_micros: i64,
    /// By API key. Of each bucket alone: they are many, so sums of a time leave them out (`Mirror::top_keys`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<Uuid, KeySums>,
}

/// What was asked with an API key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KeySums {
    /// Whose key it is.
    pub user: Uuid,
    pub attempts: u64,
    pub failed: u64,
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// In millionths of a US dollar, as far as prices are known.
    pub cost_micros: i64,
    /// Attempts whose price is not known.
    pub unpriced: u64,
    /// What its answers were charged, in millionths of a credit.
    pub charged: i64,
    /// What was paid for those credits.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub earned: Purse,
}

/// What was asked of a model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ModelSums {
    pub attempts: u64,
    /// Those that were neither answered nor stopped.
    pub failed: u64,
    /// Those made because another provider had failed before.
    pub fallbacks: u64,
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// In millionths of a US dollar, as far as prices are known.
    pub cost_micros: i64,
    /// Attempts whose price is not known.
    pub unpriced: u64,
    /// What its answers were charged, in millionths of a credit.
    pub charged: i64,
    /// What was paid for those credits.
    pub earned: Purse,
    pub latency: Histogram,
    pub first_token: Histogram,
}

/// What the ledger says, in millionths of a credit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CreditSums {
    pub granted: i64,
    pub sold: i64,
    pub refunded: i64,
    pub spent: i64,
    pub expired: i64,
    /// Given by admins, less what they took.
    pub adjusted: i64,
    /// What was spent, by where it came from.
    pub spent_of: BTreeMap<Origin, i64>,
    /// What was paid for what was spent.
    pub earned: Purse,
    pub chats: u64,
    pub images: u64,
}

/// What a user has of it: how often, how much, and what was paid for that in US dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    pub count: u32,
    /// Of attempts their cost, of the ledger what was spent.
    pub amount: i64,
    pub earned: i64,
}

impl Share {
    pub(super) const fn add(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.amount += other.amount;
        self.earned += other.earned;
    }
}

/// The users of a time.
pub type People = BTreeMap<Uuid, Share>;

/// Adds to a purse.
fn add_all(purse: &mut Purse, other: &Purse) {
    for (currency, micros) in other {
        *purse.entry(currency.clone()).or_default() += micros;
    }
}

impl Sums {
    /// Adds what another time adds up to, without its API keys.
    pub fn add(&mut self, other: &Self) {
        for (provider, models) in &other.models {
            let own = self.models.entry(provider.clone()).or_default();
            for (model, sums) in models {
                own.entry(model.clone()).or_default().add(sums);
            }
        }
        self.credits.add(&other.credits);
        self.purchases += other.purchases;
        add_all(&mut self.paid, &other.paid);
        add_all(&mut self.refunded, &other.refunded);
        self.new_users += other.new_users;
        self.cached += other.cached;
        self.saved_micros += other.saved_micros;
    }

    /// Of all models together.
    #[must_use]
    pub fn all_models(&self) -> ModelSums {
        let mut all = ModelSums::default();
        self.models.values().flat_map(BTreeMap::values).for_each(|sums| all.add(sums));
        all
    }
}

impl ModelSums {
    /// Adds what was asked of another.
    pub fn add(&mut self, other: &Self) {
        self.attempts += other.attempts;
        self.failed += other.failed;
        self.fallbacks += other.fallbacks;
        self.input_tokens += other.input_tokens;
        self.output_tokens += other.output_tokens;
        self.cost_micros += other.cost_micros;
        self.unpriced += other.unpriced;
        self.charged += other.charged;
        add_all(&mut self.earned, &other.earned);
        self.latency.merge(&other.latency);
        self.first_token.merge(&other.first_token);
    }
}

impl KeySums {
    /// Adds what was asked at another time.
    pub fn add(&mut self, other: &Self) {
        self.user = other.user;
        self.attempts += other.attempts;
        self.failed += other.failed;
        self.input_tokens += other.input_tokens;
        self.output_tokens += other.output_tokens;
        self.cost_micros += other.cost_micros;
        self.unpriced += other.unpriced;
        self.charged += other.charged;
        add_all(&mut self.earned, &other.earned);
    }
}

impl CreditSums {
    fn add(&mut self, other: &Self) {
        self.granted += other.granted;
        self.sold += other.sold;
        self.refunded += other.refunded;
        self.spent += other.spent;
        self.expired += other.expired;
        self.adjusted += other.adjusted;
        for (origin, amount) in &other.spent_of {
            *self.spent_of.entry(*origin).or_default() += amount;
        }
        add_all(&mut self.earned, &other.earned);
        self.chats += other.chats;
        self.images += other.images;
    }

    /// What all entries add up to.
    #[must_use]
    pub const fn change(&self) -> i64 {
        self.granted + self.sold + self.adjusted - self.refunded - self.spent - self.expired
    }
}

/// What was paid for the credits of an entry, by the prices of their lots. Rounded down for each lot.
fn earned<S: BuildHasher>(entry: &RawEntry, prices: &HashMap<Uuid, Earning, S>) -> Purse {
    let mut purse = Purse::new();
    for (lot, _, amount) in &entry.lots {
        if let Some(price) = prices.get(lot) {
            *purse.entry(price.currency.clone()).or_default() += share(price.micros, amount.abs(), price.credits);
        }
    }
    purse
}

/// Buckets by their beginning, each with the users of it.
pub type Buckets = BTreeMap<i64, (Sums, People)>;

/// What attempts add up to. `others` are those just before and after, and `entries` those of the ledger at that time: they tell which
/// attempt was a fallback, and what its answer was charged.
#[must_use]
pub fn fold_attempts<S: BuildHasher>(
    attempts: &[Attempt],
    entries: &[RawEntry],
    prices: &HashMap<Uuid, Earning, S>,
) -> Buckets {
    let settled: HashMap<WorkId, &RawEntry> = entries
        .iter()
        .filter(|entry| entry.kind == EntryKind::Settle)
        .filter_map(|entry| Some((entry.work_id?.into(), entry)))
        .collect();
    let mut in_order: Vec<&Attempt> = attempts.iter().collect();
    in_order.sort_by_key(|attempt| (attempt.at, attempt.id));
    // The answer is that of the last attempt.
    let last: HashMap<WorkId, AttemptId> = in_order.iter().map(|attempt| (attempt.reply, attempt.id)).collect();
    let mut first: HashMap<WorkId, &str> = HashMap::new();
    let mut buckets = Buckets::new();
    for attempt in in_order {
        let is_fallback = *first.entry(attempt.reply).or_insert(&attempt.provider) != attempt.provider;
        let (sums, people) = buckets.entry(bucket_of(attempt.at)).or_default();
        let models = sums.models.entry(attempt.provider.clone()).or_default();
        let model = models.entry(attempt.model.clone()).or_default();
        let is_failed = !matches!(attempt.outcome, Outcome::Ok | Outcome::Stopped);
        model.attempts += 1;
        model.failed += u64::from(is_failed);
        model.fallbacks += u64::from(is_fallback);
        model.input_tokens += u64::from(attempt.input_tokens);
        model.output_tokens += u64::from(attempt.output_tokens);
        model.cost_micros += attempt.cost_micros.unwrap_or(0);
        model.unpriced += u64::from(attempt.cost_micros.is_none());
        if attempt.outcome == Outcome::Ok {
            model.latency.add(attempt.latency_ms);
        }
        attempt.first_token_ms.into_iter().for_each(|millis| model.first_token.add(millis));
        let paid = settled.get(&attempt.reply).filter(|_| last.get(&attempt.reply) == Some(&attempt.id));
        let (charged, earned) = paid.map_or_else(Default::default, |entry| (-entry.amount, earned(entry, prices)));
        model.charged += charged;
        add_all(&mut model.earned, &earned);
        if let Some(key) = attempt.key {
            sums.keys.entry(key.into()).or_default().add(&KeySums {
                user: attempt.user.into(),
                attempts: 1,
                failed: u64::from(is_failed),
                input_tokens: attempt.input_tokens.into(),
                output_tokens: attempt.output_tokens.into(),
                cost_micros: attempt.cost_micros.unwrap_or(0),
                unpriced: u64::from(attempt.cost_micros.is_none()),
                charged,
                earned,
            });
        }
        let own = Share { count: 1, amount: attempt.cost_micros.unwrap_or(0), earned: 0 };
        people.entry(attempt.user.into()).or_default().add(own);
    }
    buckets
}

/// What entries of the ledger add up to.
#[must_use]
pub fn fold_entries<S: BuildHasher>(entries: &[RawEntry], prices: &HashMap<Uuid, Earning, S>) -> Buckets {
    let mut buckets = Buckets::new();
    for entry in entries {
        let (Sums { credits, .. }, people) = buckets.entry(bucket_of(entry.at)).or_default();
        match entry.kind {
            // A month of a subscription was paid for.
            EntryKind::Grant if entry.lots.iter().any(|(_, origin, _)| *origin == Origin::Plan) => {
                credits.sold += entry.amount;
            }
            EntryKind::Grant => credits.granted += entry.amount,
            EntryKind::Purchase => credits.sold += entry.amount,
            EntryKind::Refund => credits.refunded -= entry.amount,
            EntryKind::Expire => credits.expired -= entry.amount,
            EntryKind::Adjust => credits.adjusted += entry.amount,
            // They move credits between available and held alone.
            EntryKind::Hold | EntryKind::Extend | EntryKind::Release => {}
            EntryKind::Settle => {
                credits.spent -= entry.amount;
                for (_, origin, amount) in &entry.lots {
                    *credits.spent_of.entry(*origin).or_default() += amount.abs();
                }
                let earned = earned(entry, prices);
                add_all(&mut credits.earned, &earned);
                match entry.work {
                    Some(WorkKind::Chat) => credits.chats += 1,
                    Some(WorkKind::Image) => credits.images += 1,
                    None => {}
                }
                let earned = earned.get("USD").copied().unwrap_or(0);
                people.entry(entry.owner).or_default().add(Share { count: 1, amount: -entry.amount, earned });
            }
        }
    }
    buckets
}

/// What payments add up to, each at the time of its order.
#[must_use]
pub fn fold_payments(payments: &[RawPayment]) -> Buckets {
    let mut buckets = Buckets::new();
    for payment in payments {
        let (sums, _) = buckets.entry(bucket_of(payment.at)).or_default();
        if payment.is_paid {
            sums.purchases += 1;
            *sums.paid.entry(payment.currency.clone()).or_default() += payment.price;
            *sums.refunded.entry(payment.currency.clone()).or_default() += payment.refunded;
        }
    }
    buckets
}

/// Registrations, by their times.
#[must_use]
pub fn fold_users(times: &[i64]) -> Buckets {
    let mut buckets = Buckets::new();
    for at in times {
        buckets.entry(bucket_of(*at)).or_default().0.new_users += 1;
    }
    buckets
}

/// Replies that had been given before.
#[must_use]
pub fn fold_replies(replies: &[RawReply], prices: &PriceTable) -> Buckets {
    let mut buckets = Buckets::new();
    for reply in replies {
        let (sums, _) = buckets.entry(bucket_of(reply.at)).or_default();
        sums.cached += 1;
        let price = prices.find(&reply.model, reply.at);
        let used = Tokens { input: reply.input_tokens, output: reply.output_tokens, ..Tokens::default() };
        sums.saved_micros += price.map_or(0, |price| price.cost(used));
    }
    buckets
}
