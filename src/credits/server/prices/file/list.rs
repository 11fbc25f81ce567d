//! Prices that follow those of providers: what a credit is worth, and what is added.

use super::super::rate::{Rates, Tier, TokenRates};
use crate::platform::amount::Amount;
use crate::platform::data_file::{Field, Reading, Section};
use crate::usage::server::prices::Price;

const MILLION: u128 = 1_000_000;
const PERCENT: u128 = 100 * MILLION;
/// The currency of the list prices that are built in, and of the catalogues.
pub const LIST_CURRENCY: &str = "USD";

/// What a credit is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credit {
    /// In millionths of the currency.
    pub value: u64,
    /// ISO 4217.
    pub currency: String,
    /// What is added to list prices, in millionths of a percent.
    pub markup: u64,
}

/// What a provider takes for a million tokens, in millionths of the currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPrice {
    pub rates: ListRates,
    /// By their thresholds, the lowest first.
    pub tiers: Vec<ListTier>,
}

/// Some of them, in millionths of the currency; what is not named costs as what it is part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListRates {
    pub input: u64,
    pub cached_input: Option<u64>,
    pub cache_write: Option<u64>,
    pub cache_write_1h: Option<u64>,
    pub output: u64,
    pub reasoning: Option<u64>,
}

/// Other prices for long contexts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListTier {
    pub above_input_tokens: u64,
    pub rates: ListRates,
}

impl Credit {
    pub(super) fn read<'a>(reading: &mut Reading<'a>, section: &Section<'a>) -> Field<Self> {
        const MOST_MARKUP: u64 = 100_000;
        reading.only(section, &["value", "currency", "markup"]);
        let value = reading.millionths(section, "value", "an amount of money above 0");
        if !value.is_set() {
            reading.problem(section, "", "value is missing: what one credit is worth, such as value = \"0.01\"");
        }
        let currency = match reading.text(section, "currency", "a currency of three letters, such as USD") {
            Field::Absent => Field::Is(LIST_CURRENCY),
            Field::Is(code) if code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase()) => Field::Is(code),
            Field::Is(code) => {
                reading.wrong(section, "currency", format!("{code:?} is not a currency of three letters, such as USD"))
            }
            Field::Wrong => Field::Wrong,
        };
        let markup = match reading.decimal(section, "markup", "a number of percent, 0 or more") {
            Field::Absent => Field::Is(0),
            Field::Is(percent) => match percent.in_units(6) {
                Some((markup, true)) if markup <= MOST_MARKUP * 1_000_000 => Field::Is(markup),
                _ => reading.wrong(section, "markup", "it is at most 100000 percent, with at most six decimals"),
            },
            Field::Wrong => Field::Wrong,
        };
        match (value, currency, markup) {
            (Field::Is(value), Field::Is(currency), Field::Is(markup)) => {
                Field::Is(Self { value, currency: currency.to_owned(), markup })
            }
            _ => Field::Wrong,
        }
    }

    /// A price in money as millionths of a credit, rounded up.
    #[must_use]
    pub fn price(&self, money: u64) -> u64 {
        let marked = u128::from(money) * (PERCENT + u128::from(self.markup));
        // Below 10^15 * 10^12 * 10^6.
        let credits = (marked * MILLION).div_ceil(PERCENT * u128::from(self.value.max(1)));
        u64::try_from(credits).unwrap_or(u64::MAX)
    }

    fn rates(&self, list: ListRates) -> Rates {
        Rates {
            input: self.price(list.input),
            cached_input: self.price(list.cached_input.unwrap_or(list.input)),
            cache_write: self.price(list.cache_write.unwrap_or(list.input)),
            cache_write_1h: list.cache_write_1h.map(|hour| self.price(hour)),
            output: self.price(list.output),
            reasoning: self.price(list.reasoning.unwrap_or(list.output)),
        }
    }

    /// What users pay where the provider takes this.
    #[must_use]
    pub fn token_rates(&self, list: &ListPrice, per_call: Amount) -> TokenRates {
        let tier =
            |tier: &ListTier| Tier { above_input_tokens: tier.above_input_tokens, rates: self.rates(tier.rates) };
        TokenRates { base: self.rates(list.rates), per_call, tiers: list.tiers.iter().map(tier).collect() }
    }
}

impl From<Price> for ListPrice {
    fn from(Price { input, output, cached_input, cache_write, cache_write_1h }: Price) -> Self {
        // Nothing is sold for nothing.
        let [cached_input, cache_write, cache_write_1h] =
            [cached_input, cache_write, cache_write_1h].map(|rate| rate.filter(|rate| *rate > 0));
        let rates = ListRates { cached_input, cache_write, cache_write_1h, ..ListRates::of(input, output) };
        Self { rates, tiers: Vec::new() }
    }
}

impl ListPrice {
    /// Whether a token of each kind costs something: nothing is sold for nothing.
    #[must_use]
    pub const fn is_positive(&self) -> bool {
        self.rates.input > 0 && self.rates.output > 0
    }
}

impl ListRates {
    /// With no others.
    #[must_use]
    pub const fn of(input: u64, output: u64) -> Self {
        Self { input, cached_input: None, cache_write: None, cache_write_1h: None, output, reasoning: None }
    }

    /// In the file's own unit.
    pub(super) const fn as_rates(self) -> Rates {
        let cached_input = match self.cached_input {
            Some(cached) => cached,
            None => self.input,
        };
        let cache_write = match self.cache_write {
            Some(write) => write,
            None => self.input,
        };
        let reasoning = match self.reasoning {
            Some(reasoning) => reasoning,
            None => self.output,
        };
        let Self { input, cache_write_1h, output, .. } = self;
        Rates { input, cached_input, cache_write, cache_write_1h, output, reasoning }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn credit(value: u64, markup: u64) -> Credit {
        Credit { value, currency: "USD".to_owned(), markup }
    }

    #[test]
    fn money_becomes_credits_exactly_or_a_millionth_above() {
        // A credit for a cent: 0.75 dollars and a quarter of it are 93.75 credits.
        assert_eq!(credit(10_000, 25_000_000).price(750_000), 93_750_000);
        assert_eq!(credit(1_000_000, 0).price(1), 1);
        assert_eq!(credit(3_000_000, 0).price(1_000_000), 333_334);
        assert_eq!(credit(30_000, 12_500_000).price(100_000), 3_750_000);
        assert_eq!(credit(1, 100_000_000_000).price(1_000_000_000_000_000), u64::MAX);
    }

    proptest! {
        #[test]
        fn what_is_paid_covers_the_list_price_by_less_than_a_millionth(value in 1..1_000_000_000_u64,
            markup in 0..1_000_000_000_u64, money in 1..1_000_000_000_000_u64) {
            let price = u128::from(credit(value, markup).price(money));
            prop_assume!(price < u128::from(u64::MAX));
            let due = u128::from(money) * (PERCENT + u128::from(markup)) * MILLION;
            let unit = PERCENT * u128::from(value);
            prop_assert!(price * unit >= due && (price - 1) * unit < due);
        }
    }
}
