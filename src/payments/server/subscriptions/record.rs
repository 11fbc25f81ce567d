//! A subscription, as it is stored: what was agreed to, and what is known of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::port::{Sale, SubscriptionReport, SubscriptionStatus};
use super::terms::Terms;
use crate::platform::ids::{SubscriptionId, UserId};
use crate::platform::time::{DAY, HOUR, MINUTE};

/// How soon one is looked at again that something is expected of.
const SOON: i64 = 5 * MINUTE;
/// How long that is.
const YOUNG: i64 = 6 * HOUR;
/// One that nobody has agreed to by then is given up: providers end theirs earlier.
const GIVEN_UP: i64 = 72 * HOUR;
/// A payment may take so long to come after its day, without anybody missing what it pays for.
pub const LEEWAY: i64 = DAY;

/// A subscription of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    pub id: SubscriptionId,
    pub user: UserId,
    /// What it was bought for; after a change of plan the later ones, too.
    pub terms: Vec<Terms>,
    /// Changes that were asked for, of which its buyer may agree to any.
    #[serde(default)]
    pub offered: Vec<Terms>,
    /// The provider's.
    pub provider_id: Option<String>,
    pub approve_url: Option<String>,
    pub status: SubscriptionStatus,
    /// Nobody waits for it any more.
    #[serde(default)]
    pub is_given_up: bool,
    /// Whether the last payment did not come about.
    #[serde(default)]
    pub is_failing: bool,
    /// What was paid, by the provider's ids.
    #[serde(default)]
    pub sales: BTreeMap<String, PaidSale>,
    /// Money that is not what was agreed, which somebody was called for.
    #[serde(default)]
    pub refused: BTreeSet<String>,
    /// When to look at it again; `None`: it has ended.
    pub look_at: Option<i64>,
    /// Changes so far.
    pub version: i64,
    pub created_at: i64,
    pub updated_at: i64,
}

/// A month that was paid for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PaidSale {
    /// In milliseconds since 1970.
    pub from: i64,
    pub until: i64,
    pub name: String,
    pub per_minute: u32,
    /// All of the money went back.
    pub is_returned: bool,
}

impl Subscription {
    /// One that nobody has agreed to.
    #[must_use]
    pub fn new(user: UserId, terms: Terms, now: i64) -> Self {
        Self {
            id: SubscriptionId::now_v7(),
            user,
            terms: vec![terms],
            offered: Vec::new(),
            provider_id: None,
            approve_url: None,
            status: SubscriptionStatus::Waiting,
            is_given_up: false,
            is_failing: false,
            sales: BTreeMap::new(),
            refused: BTreeSet::new(),
            look_at: Some(now + SOON),
            version: 0,
            created_at: now,
            updated_at: now,
        }
    }

    /// Whether it runs, or may begin: of these a user has one.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        match self.status {
            SubscriptionStatus::Waiting => !self.is_given_up,
            status => status.is_running(),
        }
    }

    /// What holds now.
    #[must_use]
    pub fn now(&self) -> Option<&Terms> {
        self.terms.last()
    }

    /// Whether another plan holds than the one that was paid for last: it begins with the next payment, if there is one.
    #[must_use]
    pub fn changes(&self) -> bool {
        let last = self.sales.values().max_by_key(|sale| sale.from);
        let is_other =
            |(last, next): (&PaidSale, &Terms)| (&last.name, last.per_minute) != (&next.name, next.per_minute);
        last.zip(self.now()).is_some_and(is_other)
    }

    /// Until when it is paid, in milliseconds since 1970.
    #[must_use]
    pub fn paid_until(&self) -> Option<i64> {
        self.sales.values().filter(|sale| !sale.is_returned).map(|sale| sale.until).max()
    }

    /// Whether there will be another payment, as far as is known.
    #[must_use]
    pub const fn renews(&self) -> bool {
        matches!(self.status, SubscriptionStatus::Active)
    }

    /// What a payment was made for: by its amount, and of several plans that cost the same by its time.
    #[must_use]
    pub fn terms_of(&self, sale: &Sale) -> Option<&Terms> {
        let fitting = || self.terms.iter().filter(|terms| terms.price == sale.amount);
        fitting().rev().find(|terms| terms.since <= sale.at).or_else(|| fitting().next())
    }

    /// Takes what the provider says now; whether that was news.
    pub fn learn(&mut self, told: &SubscriptionReport, now: i64) -> bool {
        let before = self.clone();
        self.status = told.status;
        self.is_failing = told.is_failing && told.status.is_running();
        if told.status != SubscriptionStatus::Waiting {
            self.is_given_up = false;
        } else if now - self.created_at > GIVEN_UP {
            self.is_given_up = true;
        }
        if let Some(plan) = told.plan_id.as_ref().filter(|plan| self.now().map(|now| &now.provider_plan) != Some(*plan))
        {
            // A change that was agreed to, or taken back.
            let at = self.offered.iter().position(|offered| offered.provider_plan == *plan);
            let chosen = match at {
                Some(at) => Some(self.offered.remove(at)),
                None => self.terms.iter().rev().find(|terms| terms.provider_plan == *plan).cloned(),
            };
            self.terms.extend(chosen.map(|chosen| Terms { since: now, ..chosen }));
        }
        *self != before
    }

    /// Notes another plan that its buyer may agree to.
    pub fn offer(&mut self, terms: Terms) {
        self.offered.retain(|offered| offered.provider_plan != terms.provider_plan);
        self.offered.push(terms);
    }

    /// Since when payments may have come that nobody here has heard of, in milliseconds since 1970.
    #[must_use]
    pub fn unheard_since(&self) -> i64 {
        let last = self.sales.values().map(|sale| sale.from).max();
        // Clocks differ.
        last.map_or(self.created_at - DAY, |last| last - 3 * DAY)
    }

    /// When to look at it again; soon where something has just changed, so that all of it is done if a server dies.
    pub fn set_next_look(&mut self, now: i64, has_changed: bool) {
        let next = match self.status {
            SubscriptionStatus::Waiting => {
                let age = now - self.created_at;
                let next = now + if age < YOUNG { SOON } else { HOUR };
                (age <= GIVEN_UP).then_some(next)
            }
            // A payment is due, or at least once a day.
            SubscriptionStatus::Active | SubscriptionStatus::Suspended => {
                let until = self.paid_until().unwrap_or(self.created_at);
                let late = now - until;
                Some(match self.status {
                    SubscriptionStatus::Active if late >= 0 => now + if late < YOUNG { SOON } else { HOUR },
                    SubscriptionStatus::Active => until.min(now + DAY),
                    _ => now + DAY,
                })
            }
            // A payment of before its end may still be told.
            SubscriptionStatus::Cancelled | SubscriptionStatus::Expired => {
                let end = self.paid_until().unwrap_or(self.updated_at).max(self.updated_at) + DAY;
                (now < end).then_some(now + DAY)
            }
        };
        self.look_at = if has_changed { Some(next.unwrap_or(i64::MAX).min(now + SOON)) } else { next };
    }

    /// Whether its buyer may not come back any more, as old as it is.
    #[must_use]
    pub const fn is_old(&self, now: i64) -> bool {
        now - self.created_at > GIVEN_UP
    }
}
