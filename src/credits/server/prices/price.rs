//! Prices with the name of their version, by which a receipt can be checked long after.

use std::collections::BTreeMap;
use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::rate::{ChatRate, Rates, TokenRates};
use crate::platform::amount::Amount;

/// Bytes of the digest that are shown.
const SHOWN: usize = 5;

/// What a reply of a model costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatPrice {
    pub rate: ChatRate,
    /// The same for the same price, on every server and after every start; another one for another price.
    pub version: String,
}

/// What an image of a model costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImagePrice {
    pub default: Amount,
    /// By aspect ratio (`16:9`) or the name of a size.
    pub sizes: BTreeMap<String, Amount>,
    /// As that of a [`ChatPrice`].
    pub version: String,
}

impl ChatPrice {
    /// `own` is what the operator calls this version.
    #[must_use]
    pub fn new(rate: ChatRate, own: Option<&str>) -> Self {
        let version = version_of(&spell_chat(&rate), own);
        Self { rate, version }
    }
}

impl ImagePrice {
    /// `own` is what the operator calls this version.
    #[must_use]
    pub fn new(default: Amount, sizes: BTreeMap<String, Amount>, own: Option<&str>) -> Self {
        let version = version_of(&spell_image(default, &sizes), own);
        Self { default, sizes, version }
    }

    /// What one costs of that aspect ratio or size.
    #[must_use]
    pub fn of(&self, size: &str) -> Amount {
        self.sizes.get(size).copied().unwrap_or(self.default)
    }
}

/// These spellings are what versions are made of: whoever changes them gives every price a new version.
fn spell_chat(rate: &ChatRate) -> String {
    match rate {
        ChatRate::Flat(price) => format!("flat {}", price.micros()),
        ChatRate::PerToken(TokenRates { base, per_call, tiers }) => {
            let mut text = format!("tokens {}", spell_rates(*base));
            if !per_call.is_zero() {
                // Writing to a string does not fail.
                _ = write!(text, " call {}", per_call.micros());
            }
            for tier in tiers {
                _ = write!(text, " above {} {}", tier.above_input_tokens, spell_rates(tier.rates));
            }
            text
        }
    }
}

fn spell_rates(Rates { input, cached_input, cache_write, cache_write_1h, output, reasoning }: Rates) -> String {
    let mut text = format!("{input}/{cached_input}/{output}/{reasoning}");
    if cache_write != input {
        _ = write!(text, " write {cache_write}");
    }
    if let Some(hour) = cache_write_1h {
        _ = write!(text, " hour {hour}");
    }
    text
}

fn spell_image(default: Amount, sizes: &BTreeMap<String, Amount>) -> String {
    let mut text = format!("image {}", default.micros());
    for (size, price) in sizes {
        _ = write!(text, " {size} {}", price.micros());
    }
    text
}

fn version_of(spelling: &str, own: Option<&str>) -> String {
    let digest = Sha256::digest(spelling);
    let mut version = own.map(|own| format!("{own}+")).unwrap_or_default();
    for byte in digest.iter().take(SHOWN) {
        _ = write!(version, "{byte:02x}");
    }
    version
}

#[cfg(test)]
mod tests {
    use super::super::rate::Tier;
    use super::*;

    fn flat(micros: i64, own: Option<&str>) -> String {
        ChatPrice::new(ChatRate::Flat(Amount::from_micros(micros)), own).version
    }

    #[test]
    fn a_version_is_that_of_the_price_and_stays_the_same() {
        // Written down: these are in ledgers.
        assert_eq!(flat(1_000_000, None), "590e18fd26");
        assert_eq!(flat(1_000_000, Some("2026-11")), "2026-11+590e18fd26");
        assert_ne!(flat(1_000_000, None), flat(1_000_001, None));
    }

    #[test]
    fn whatever_changes_what_is_paid_changes_the_version() {
        let rates = Rates { input: 1, cached_input: 2, cache_write: 1, cache_write_1h: None, output: 3, reasoning: 4 };
        let price = TokenRates { base: rates, per_call: Amount::ZERO, tiers: Vec::new() };
        let tier = |above_input_tokens, rates| vec![Tier { above_input_tokens, rates }];
        let other = Rates { reasoning: 5, ..rates };
        let prices = [
            price.clone(),
            TokenRates { base: Rates { input: 9, ..rates }, ..price.clone() },
            TokenRates { base: Rates { cached_input: 9, ..rates }, ..price.clone() },
            TokenRates { base: Rates { cache_write: 9, ..rates }, ..price.clone() },
            TokenRates { base: Rates { cache_write_1h: Some(9), ..rates }, ..price.clone() },
            TokenRates { base: Rates { output: 9, ..rates }, ..price.clone() },
            TokenRates { base: Rates { reasoning: 9, ..rates }, ..price.clone() },
            TokenRates { per_call: Amount::LEAST, ..price.clone() },
            TokenRates { tiers: tier(1, rates), ..price.clone() },
            TokenRates { tiers: tier(2, rates), ..price.clone() },
            TokenRates { tiers: tier(1, other), ..price.clone() },
        ];
        let mut versions: Vec<_> =
            prices.into_iter().map(|price| ChatPrice::new(ChatRate::PerToken(price), None).version).collect();
        let image = |sizes: &[(&str, i64)]| {
            let sizes = sizes.iter().map(|(size, price)| ((*size).to_owned(), Amount::credits(*price))).collect();
            ImagePrice::new(Amount::credits(2), sizes, None)
        };
        let sized = image(&[("16:9", 3)]);
        assert_eq!((sized.of("16:9"), sized.of("1:1")), (Amount::credits(3), Amount::credits(2)));
        versions.extend([image(&[]).version, sized.version, image(&[("1:1", 3)]).version, flat(2_000_000, None)]);
        let all = versions.len();
        versions.sort();
        versions.dedup();
        assert_eq!(versions.len(), all);
    }
}
