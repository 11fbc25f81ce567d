//! `model_prices_and_context_window.json` of `LiteLLM`: one object of models by names with and without a provider before
//! them, whose prices are in dollars for one token (`7.5e-08`).
//!
//! Its first entry, `sample_spec`, describes the others. Tiers are in the names of keys (`…_above_272k_tokens`) or in
//! `tiered_pricing`, where the first may stand for the price itself; what ends in `_priority`, `_flex` or `_batches` is of
//! other services. Numbers may be text.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::super::file::{ListPrice, ListRates, ListTier};
use super::{Entry, NO_TOKENS, Object, Prices, UNREADABLE, Written, number, object, text};

const ONE_TOKEN: i32 = 12;
const INPUT: &str = "input_cost_per_token";
const OUTPUT: &str = "output_cost_per_token";
const CACHED: &str = "cache_read_input_token_cost";
const WRITTEN: &str = "cache_creation_input_token_cost";
const WRITTEN_1H: &str = "cache_creation_input_token_cost_above_1hr";
const REASONING: &str = "output_cost_per_reasoning_token";

pub(super) fn is_model(value: &RawValue) -> bool {
    object(value).is_some_and(|model| model.contains_key("litellm_provider") || model.contains_key(INPUT))
}

pub(super) fn read(top: &Object) -> Result<Vec<Entry>, String> {
    let mut entries = Vec::new();
    for (name, value) in top.iter().filter(|(name, _)| *name != "sample_spec") {
        let model = object(value).ok_or_else(|| format!("{name} is not an object"))?;
        let provider = model.get("litellm_provider").and_then(|name| text(name)).unwrap_or_default();
        let mut is_rounded = false;
        let price = read_price(&model, &mut is_rounded);
        let own = name.strip_prefix(provider.as_str()).and_then(|rest| rest.strip_prefix('/'));
        entries.push(Entry { model: own.unwrap_or(name).to_owned(), provider, price, is_rounded });
    }
    Ok(entries)
}

impl Written {
    fn read(prices: &mut Prices<'_>, suffix: &str) -> Result<Self, &'static str> {
        let mut get = |key: &str| prices.get(&format!("{key}{suffix}"));
        Ok(Self {
            input: get(INPUT)?,
            cached: get(CACHED)?,
            cache_write: get(WRITTEN)?,
            cache_write_1h: get(WRITTEN_1H)?,
            output: get(OUTPUT)?,
            reasoning: get(REASONING)?,
        })
    }

    /// A tier may name only what it changes.
    fn over(self, base: Self) -> Result<ListRates, &'static str> {
        Self { input: self.input.or(base.input), output: self.output.or(base.output), ..self }.complete()
    }
}

fn read_price(model: &Object, is_rounded: &mut bool) -> Result<ListPrice, &'static str> {
    let mut prices = Prices::new(model, ONE_TOKEN);
    let mut base = Written::read(&mut prices, "")?;
    // DeepSeek's, in entries that are older.
    base.cached = base.cached.or(prices.get("input_cost_per_token_cache_hit")?);
    let mut tiers = BTreeMap::new();
    for suffix in model.keys().filter_map(|key| threshold_of(key)) {
        let Some(above) = tokens_of(suffix) else { return Err(UNREADABLE) };
        tiers.insert(above, Written::read(&mut prices, suffix)?);
    }
    *is_rounded |= prices.is_rounded;
    if let Some(listed) = model.get("tiered_pricing").filter(|listed| listed.get() != "null") {
        let listed: Vec<Object> = serde_json::from_str(listed.get()).map_err(|_| UNREADABLE)?;
        for tier in &listed {
            let mut prices = Prices::new(tier, ONE_TOKEN);
            let written = Written::read(&mut prices, "")?;
            *is_rounded |= prices.is_rounded;
            match from(tier)? {
                // It is what shorter contexts cost, and says it more exactly than what is around it.
                0 => {
                    base = Written {
                        input: written.input.or(base.input),
                        output: written.output.or(base.output),
                        cached: written.cached.or(base.cached),
                        cache_write: written.cache_write.or(base.cache_write),
                        cache_write_1h: written.cache_write_1h.or(base.cache_write_1h),
                        reasoning: written.reasoning.or(base.reasoning),
                    }
                }
                above => _ = tiers.insert(above, written),
            }
        }
    }
    let rates = base.over(base)?;
    let tier =
        |(above_input_tokens, written): (u64, Written)| Ok(ListTier { above_input_tokens, rates: written.over(base)? });
    Ok(ListPrice { rates, tiers: tiers.into_iter().map(tier).collect::<Result<_, &'static str>>()? })
}

/// `_above_272k_tokens` at the end of the name of a price for tokens.
fn threshold_of(key: &str) -> Option<&str> {
    // The longer of two names that begin alike comes first.
    let at = [INPUT, OUTPUT, CACHED, WRITTEN_1H, WRITTEN, REASONING].iter().find_map(|name| key.strip_prefix(name))?;
    (at.starts_with("_above_") && at.ends_with("_tokens")).then_some(at)
}

fn tokens_of(suffix: &str) -> Option<u64> {
    let count = suffix.strip_prefix("_above_")?.strip_suffix("_tokens")?;
    let (count, unit) = count.strip_suffix('k').map_or((count, 1), |count| (count, 1000));
    count.parse::<u64>().ok()?.checked_mul(unit).filter(|tokens| *tokens > 0)
}

/// Where a tier of `tiered_pricing` begins.
fn from(tier: &Object) -> Result<u64, &'static str> {
    let range = tier.get("range").ok_or(NO_TOKENS)?;
    let range: Vec<Box<RawValue>> = serde_json::from_str(range.get()).map_err(|_| UNREADABLE)?;
    let from = range.first().map(|from| number(from)).ok_or(UNREADABLE)??.ok_or(UNREADABLE)?;
    match from.in_units(0) {
        Some((tokens, true)) => Ok(tokens),
        _ => Err(UNREADABLE),
    }
}
