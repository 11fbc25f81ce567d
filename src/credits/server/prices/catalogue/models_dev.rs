//! `https://models.dev/api.json`: providers with their models, whose `cost` is in dollars for a million tokens.
//!
//! Its `context_over_200k` is a copy of the only tier whatever that one's threshold is (272,000 too), so that it only counts
//! where there are no `tiers`. Providers of subscriptions list models at 0.

use serde_json::value::RawValue;

use super::super::file::{ListPrice, ListTier};
use super::{Entry, NO_TOKENS, Object, Prices, UNREADABLE, Written, number, object};

const MILLION_TOKENS: i32 = 6;
const LONG_CONTEXT: u64 = 200_000;

pub(super) fn is_provider(value: &RawValue) -> bool {
    object(value).is_some_and(|provider| provider.get("models").and_then(|models| object(models)).is_some())
}

pub(super) fn read(top: &Object) -> Result<Vec<Entry>, String> {
    let mut entries = Vec::new();
    for (provider, value) in top {
        let models = object(value).and_then(|provider| object(provider.get("models")?));
        let models = models.ok_or_else(|| format!("{provider} has no models in it, unlike the others"))?;
        for (model, value) in models {
            let mut is_rounded = false;
            let price = match object(&value).and_then(|model| object(model.get("cost")?)) {
                Some(cost) => read_cost(&cost, &mut is_rounded),
                None => Err(NO_TOKENS),
            };
            entries.push(Entry { provider: provider.clone(), model, price, is_rounded });
        }
    }
    Ok(entries)
}

fn read_cost(cost: &Object, is_rounded: &mut bool) -> Result<ListPrice, &'static str> {
    let rates = read_rates(cost, is_rounded)?;
    let mut tiers = Vec::new();
    if let Some(listed) = cost.get("tiers").filter(|tiers| tiers.get() != "null") {
        let listed: Vec<Object> = serde_json::from_str(listed.get()).map_err(|_| UNREADABLE)?;
        for tier in listed {
            let threshold = tier.get("tier").and_then(|tier| object(tier)).ok_or(UNREADABLE)?;
            if threshold.get("type").is_some_and(|kind| kind.get() != "\"context\"") {
                return Err("it has tiers of another kind than the length of the context there");
            }
            let size = threshold.get("size").map(|size| number(size)).ok_or(UNREADABLE)??.ok_or(UNREADABLE)?;
            let Some((above_input_tokens, true)) = size.in_units(0) else { return Err(UNREADABLE) };
            tiers.push(ListTier { above_input_tokens, rates: read_rates(&tier, is_rounded)? });
        }
    } else if let Some(long) = cost.get("context_over_200k").filter(|long| long.get() != "null") {
        let long = object(long).ok_or(UNREADABLE)?;
        tiers.push(ListTier { above_input_tokens: LONG_CONTEXT, rates: read_rates(&long, is_rounded)? });
    }
    tiers.sort_by_key(|tier| tier.above_input_tokens);
    Ok(ListPrice { rates, tiers })
}

fn read_rates(cost: &Object, is_rounded: &mut bool) -> Result<super::ListRates, &'static str> {
    let mut prices = Prices::new(cost, MILLION_TOKENS);
    let written = Written {
        input: prices.get("input")?,
        cached: prices.get("cache_read")?,
        cache_write: prices.get("cache_write")?,
        cache_write_1h: None,
        output: prices.get("output")?,
        reasoning: prices.get("reasoning")?,
    };
    *is_rounded |= prices.is_rounded;
    written.complete()
}
