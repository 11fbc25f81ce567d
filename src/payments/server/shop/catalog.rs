//! Packs, the seller, and the taxes that prices contain.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::offers::{Offers, OnTop};
use super::plan::Plan;
use crate::credits::server::codes::making::PlanOffer;
use crate::platform::amount::Amount;
use crate::platform::money::{Currency, Money};

/// How long bought credits can be given back where nothing else is said.
const REFUND_DAYS: u32 = 14;

/// All that is sold, and what papers say of who sells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    /// In the order in which they are shown.
    pub packs: Vec<Pack>,
    /// What can be subscribed to, in the order in which it is shown.
    pub plans: Vec<Plan>,
    pub seller: Seller,
    pub taxes: Taxes,
    /// People can give unspent credits back for so many days; 0: they cannot by themselves.
    pub refund_days: u32,
    pub offers: Offers,
}

impl Default for Catalog {
    fn default() -> Self {
        let pack = |credits: i64, cents: i64| Pack {
            id: credits.to_string(),
            name: name_of(Amount::credits(credits)),
            credits: Amount::credits(credits),
            bonus: Amount::ZERO,
            price: Money::new(cents, Currency::USD),
        };
        Self {
            packs: vec![pack(100, 5_00), pack(500, 20_00), pack(2000, 60_00)],
            plans: vec![Plan::usual()],
            seller: Seller::default(),
            taxes: Taxes::default(),
            refund_days: REFUND_DAYS,
            offers: Offers::default(),
        }
    }
}

impl Catalog {
    #[must_use]
    pub fn pack(&self, id: &str) -> Option<&Pack> {
        self.packs.iter().find(|pack| pack.id == id)
    }

    /// The plans of which codes can give days.
    #[must_use]
    pub fn plan_offers(&self) -> Vec<PlanOffer> {
        let offer = |plan: &Plan| {
            let Plan { id, name, credits, per_minute, .. } = plan.clone();
            PlanOffer { id, name, credits, per_minute }
        };
        self.plans.iter().map(offer).collect()
    }
}

/// Credits at a price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pack {
    /// `[a-z0-9-]+`: what forms and the API call it.
    pub id: String,
    /// What people and payment providers call it.
    pub name: String,
    pub credits: Amount,
    /// Credits on top of them.
    pub bonus: Amount,
    /// With the tax that it contains.
    pub price: Money,
}

impl Pack {
    /// What somebody gets, and for what: another text where any of it has changed.
    #[must_use]
    pub fn offer(&self, on_top: Option<&OnTop>) -> String {
        let free = on_top.map_or(Amount::ZERO, |on_top| on_top.credits);
        format!("{} + {free} credits, {}", self.total(), self.price)
    }

    /// Its credits with what comes on top.
    #[must_use]
    pub fn total(&self) -> Amount {
        self.credits + self.bonus
    }

    /// Whether it is called by more than its credits.
    #[must_use]
    pub fn has_name(&self) -> bool {
        self.name != name_of(self.total())
    }
}

/// What a pack is called where the file has no name for it.
pub(super) fn name_of(credits: Amount) -> String {
    if credits == Amount::credits(1) { "1 credit".to_owned() } else { format!("{credits} credits") }
}

/// Who sells, as papers have it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seller {
    /// Empty: the site goes by its address.
    pub name: String,
    /// A line each.
    #[serde(default)]
    pub address: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tax_id: Option<String>,
    /// An email address or a page; where there is none, that of the operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<String>,
    /// IANA, such as `Europe/Zurich`: where its years and days begin. Empty: UTC.
    #[serde(default)]
    pub time_zone: String,
}

impl Seller {
    /// Where its years and days begin.
    #[must_use]
    pub fn zone(&self) -> TimeZone {
        TimeZone::get(&self.time_zone).unwrap_or(TimeZone::UTC)
    }
}

/// A rate, in thousandths of a percent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate(pub u32);

impl Rate {
    /// What a price contains, rounded to the nearest of the smallest unit.
    #[must_use]
    pub fn part_of(self, price: Money) -> Money {
        let rate = i128::from(self.0);
        let whole = 100_000 + rate;
        let part = (i128::from(price.minor) * rate * 2 + whole) / (whole * 2);
        Money { minor: i64::try_from(part).unwrap_or(price.minor), ..price }
    }

    /// `8.1`, without zeros at its end.
    #[must_use]
    pub fn percent(self) -> String {
        let text = format!("{}.{:03}", self.0 / 1000, self.0 % 1000);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

/// What prices contain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taxes {
    /// What papers call it: `VAT`.
    pub name: String,
    /// Where the buyer's country has no other.
    pub rate: Rate,
    /// By the two letters of the country (ISO 3166).
    pub by_country: BTreeMap<String, Rate>,
    /// Below the sums of every paper.
    pub note: String,
}

impl Taxes {
    /// The rate for a buyer of this country, which may be unknown (empty).
    #[must_use]
    pub fn rate_in(&self, country: &str) -> Rate {
        self.by_country.get(country).copied().unwrap_or(self.rate)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tax(minor: i64, rate: u32) -> i64 {
        Rate(rate).part_of(Money::new(minor, Currency::USD)).minor
    }

    #[test]
    fn a_price_contains_its_tax() {
        // 20.00 with 8.1 percent: 18.50 and 1.50.
        assert_eq!([tax(2000, 8_100), tax(11900, 19_000), tax(500, 0), tax(0, 19_000)], [150, 1900, 0, 0]);
        // A half is rounded up.
        assert_eq!(tax(3, 100_000), 2);
        assert_eq!(
            [8_100, 19_000, 0, 5, 12_345].map(|rate| Rate(rate).percent()),
            ["8.1", "19", "0", "0.005", "12.345"]
        );
    }

    proptest! {
        #[test]
        fn a_tax_is_right_to_half_of_the_smallest_unit(minor in 0..1_000_000_000_000_i64, rate in 0..100_000_u32) {
            let part = i128::from(tax(minor, rate));
            let off = (part * i128::from(100_000 + rate) - i128::from(minor) * i128::from(rate)).abs();
            prop_assert!(off * 2 <= i128::from(100_000 + rate));
        }
    }
}
