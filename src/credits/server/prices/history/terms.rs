//! What something costs, as it is stored and shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::credits::server::prices::{ChatRate, ImagePrice, Rates, Tier, TokenRates};
use crate::platform::amount::Amount;

/// What something costs, in credits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", tag = "by")]
pub enum PriceTerms {
    /// A reply, however long it is.
    Reply { each: Amount },
    /// A reply by its tokens.
    Tokens {
        #[serde(flatten)]
        rates: TermsOfTokens,
        /// For each call, on top.
        #[serde(default)]
        call: Amount,
        /// Other prices for long contexts, the lowest threshold first.
        #[serde(default)]
        tiers: Vec<TokenTier>,
    },
    /// An image.
    Image {
        each: Amount,
        /// By aspect ratio or size, where it differs.
        #[serde(default)]
        sizes: BTreeMap<String, Amount>,
    },
}

/// For a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TermsOfTokens {
    pub input: Amount,
    pub cached_input: Amount,
    /// Of what is written to the provider's cache for five minutes, where that is not as `input`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<Amount>,
    /// The same for an hour, where that can be asked for.
    #[serde(default, rename = "cacheWrite1h", skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<Amount>,
    pub output: Amount,
    pub reasoning: Amount,
}

/// The prices of calls with more tokens of input than these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TokenTier {
    pub above_input_tokens: u64,
    #[serde(flatten)]
    pub rates: TermsOfTokens,
}

impl From<&ChatRate> for PriceTerms {
    fn from(rate: &ChatRate) -> Self {
        match rate {
            ChatRate::Flat(each) => Self::Reply { each: *each },
            ChatRate::PerToken(TokenRates { base, per_call, tiers }) => Self::Tokens {
                rates: (*base).into(),
                call: *per_call,
                tiers: tiers
                    .iter()
                    .map(|Tier { above_input_tokens, rates }| TokenTier {
                        above_input_tokens: *above_input_tokens,
                        rates: (*rates).into(),
                    })
                    .collect(),
            },
        }
    }
}

impl From<&ImagePrice> for PriceTerms {
    fn from(price: &ImagePrice) -> Self {
        Self::Image { each: price.default, sizes: price.sizes.clone() }
    }
}

impl From<Rates> for TermsOfTokens {
    fn from(Rates { input, cached_input, cache_write, cache_write_1h, output, reasoning }: Rates) -> Self {
        // More than that nobody can pay.
        let amount = |micros: u64| Amount::from_micros(i64::try_from(micros).unwrap_or(i64::MAX)).min(Amount::MAX);
        Self {
            input: amount(input),
            cached_input: amount(cached_input),
            cache_write: Some(amount(cache_write)).filter(|_| cache_write != input),
            cache_write_1h: cache_write_1h.map(amount),
            output: amount(output),
            reasoning: amount(reasoning),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_what_is_read() {
        let rates = Rates {
            input: 75_000,
            cached_input: 7_500,
            cache_write: 75_000,
            cache_write_1h: None,
            output: u64::MAX,
            reasoning: 1,
        };
        let long = Rates { cache_write: 90_000, cache_write_1h: Some(150_000), ..rates };
        let tiers = vec![Tier { above_input_tokens: 200_000, rates: long }];
        let tokens = ChatRate::PerToken(TokenRates { base: rates, per_call: Amount::LEAST, tiers });
        let sizes = BTreeMap::from([("16:9".to_owned(), Amount::credits(3))]);
        let image = ImagePrice::new(Amount::credits(2), sizes, None);
        for terms in
            [PriceTerms::from(&tokens), (&ChatRate::Flat(Amount::from_micros(250_000))).into(), (&image).into()]
        {
            let text = serde_json::to_string(&terms).unwrap();
            assert_eq!(serde_json::from_str::<PriceTerms>(&text).unwrap(), terms, "{text}");
        }
    }
}
