//! What a reply costs by its tokens: exactly, and at most.

use crate::platform::amount::Amount;

/// Tokens that a price is for.
const MILLION: u128 = 1_000_000;

/// The tokens of one call, as every provider's numbers are brought to it:
///
/// - `OpenAI` and compatible servers: `prompt_tokens` (with `cached_tokens`), `completion_tokens` (with `reasoning_tokens`).
/// - `DeepSeek`: the same; `prompt_cache_hit_tokens` is what was cached.
/// - Gemini: `promptTokenCount` (with `cachedContentTokenCount`); what it thinks is apart there, so `output` is
///   `candidatesTokenCount + thoughtsTokenCount`.
/// - Anthropic: what was cached is apart there, so `input` is `input_tokens + cache_creation_input_tokens +
///   cache_read_input_tokens`, of which `cache_creation_input_tokens` (with `ephemeral_1h_input_tokens`) were written to the cache;
///   `output_tokens` has what it thinks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenUse {
    /// All of the context.
    pub input: u64,
    /// That part of `input` that the provider still knew. More than that counts as all of it.
    pub cached_input: u64,
    /// That part of the rest of `input` that the provider has put into its cache. More than that counts as all of it.
    pub cache_write: u64,
    /// That part of `cache_write` that it keeps for an hour. More than that counts as all of it.
    pub cache_write_1h: u64,
    /// All that the model made, with what it thought.
    pub output: u64,
    /// That part of `output` that the model thought. More than that counts as all of it.
    pub reasoning: u64,
}

/// Of a million tokens, in millionths of a credit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    pub input: u64,
    pub cached_input: u64,
    pub cache_write: u64,
    /// Without it, an hour costs as `cache_write`, and cannot be asked for.
    pub cache_write_1h: Option<u64>,
    pub output: u64,
    pub reasoning: u64,
}

/// What a call may put into the provider's cache: it asks for that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum CacheWrites {
    #[default]
    Never,
    /// For five minutes.
    Usual,
    /// For an hour, or for five minutes.
    OneHour,
}

/// Other rates for long contexts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tier {
    /// They are for the whole call if it has more tokens of input than these.
    pub above_input_tokens: u64,
    pub rates: Rates,
}

/// A price by tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRates {
    pub base: Rates,
    /// For each call, on top.
    pub per_call: Amount,
    /// By their thresholds, the lowest first.
    pub tiers: Vec<Tier>,
}

/// What a reply costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatRate {
    /// However long it is.
    Flat(Amount),
    PerToken(TokenRates),
}

impl ChatRate {
    /// What a call costs: rounded up to a millionth of a credit, once; never nothing, and at most [`Amount::MAX`].
    #[must_use]
    pub fn cost(&self, tokens: &TokenUse) -> Amount {
        match self {
            Self::Flat(price) => within(*price),
            Self::PerToken(price) => amount(price.rates(tokens.input).cost(tokens), price.per_call),
        }
    }

    /// What a call with at most so many tokens costs at most, however they fall into cached ones, written ones and thoughts: it may
    /// also be shorter, and so of another tier.
    #[must_use]
    pub fn ceiling(&self, input_tokens: u64, max_output_tokens: u64, writes: CacheWrites) -> Amount {
        match self {
            Self::Flat(price) => within(*price),
            Self::PerToken(price) => amount(price.most(input_tokens, max_output_tokens, writes), price.per_call),
        }
    }

    /// What a call costs whose input is all new, and written to the cache where that may be.
    #[must_use]
    pub fn cost_of_new(&self, used: TokenUse, writes: CacheWrites) -> Amount {
        let written =
            |cache_write, cache_write_1h| self.cost(&TokenUse { cached_input: 0, cache_write, cache_write_1h, ..used });
        let new = written(0, 0);
        match writes {
            CacheWrites::Never => new,
            CacheWrites::Usual => new.max(written(used.input, 0)),
            CacheWrites::OneHour => new.max(written(used.input, 0)).max(written(used.input, used.input)),
        }
    }

    /// Whether there is a price for all that a call may write.
    #[must_use]
    pub fn has_price_of(&self, writes: CacheWrites) -> bool {
        match self {
            Self::PerToken(price) if writes == CacheWrites::OneHour => {
                let mut all = price.tiers.iter().map(|tier| tier.rates).chain([price.base]);
                all.all(|rates| rates.cache_write_1h.is_some())
            }
            _ => true,
        }
    }

    /// Whether longer replies cost more.
    #[must_use]
    pub const fn is_per_token(&self) -> bool {
        matches!(self, Self::PerToken(_))
    }
}

impl TokenRates {
    fn rates(&self, input_tokens: u64) -> Rates {
        let tier = self.tiers.iter().rfind(|tier| input_tokens > tier.above_input_tokens);
        tier.map_or(self.base, |tier| tier.rates)
    }

    /// In millionths of a millionth of a credit.
    fn most(&self, input_tokens: u64, max_output_tokens: u64, writes: CacheWrites) -> u128 {
        let mut most = 0;
        let mut rates = self.base;
        for tier in self.tiers.iter().take_while(|tier| input_tokens > tier.above_input_tokens) {
            most = most.max(rates.most(tier.above_input_tokens, max_output_tokens, writes));
            rates = tier.rates;
        }
        most.max(rates.most(input_tokens, max_output_tokens, writes))
    }
}

impl Rates {
    /// In millionths of a millionth of a credit.
    fn cost(self, tokens: &TokenUse) -> u128 {
        let (cached, reasoning) = (tokens.cached_input.min(tokens.input), tokens.reasoning.min(tokens.output));
        let written = tokens.cache_write.min(tokens.input - cached);
        let for_an_hour = tokens.cache_write_1h.min(written);
        [
            (tokens.input - cached - written, self.input),
            (cached, self.cached_input),
            (written - for_an_hour, self.cache_write),
            (for_an_hour, self.for_an_hour()),
            (tokens.output - reasoning, self.output),
            (reasoning, self.reasoning),
        ]
        .into_iter()
        .fold(0, |sum: u128, (tokens, rate)| sum.saturating_add(u128::from(tokens) * u128::from(rate)))
    }

    fn for_an_hour(self) -> u64 {
        self.cache_write_1h.unwrap_or(self.cache_write)
    }

    /// With each token at its dearest.
    fn most(self, input: u64, output: u64, writes: CacheWrites) -> u128 {
        let written = match writes {
            CacheWrites::Never => 0,
            CacheWrites::Usual => self.cache_write,
            CacheWrites::OneHour => self.cache_write.max(self.for_an_hour()),
        };
        let of_input = self.input.max(self.cached_input).max(written);
        let of_output = self.output.max(self.reasoning);
        let input = u128::from(input) * u128::from(of_input);
        input.saturating_add(u128::from(output) * u128::from(of_output))
    }
}

/// Of millionths of a millionth of a credit.
fn amount(cost: u128, per_call: Amount) -> Amount {
    let micros = i64::try_from(cost.div_ceil(MILLION)).unwrap_or(i64::MAX);
    within(Amount::from_micros(micros.saturating_add(per_call.micros())))
}

fn within(amount: Amount) -> Amount {
    amount.clamp(Amount::LEAST, Amount::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rates(input: u64, cached_input: u64, output: u64, reasoning: u64) -> Rates {
        Rates { input, cached_input, cache_write: input, cache_write_1h: None, output, reasoning }
    }

    fn tokens(input: u64, cached_input: u64, output: u64, reasoning: u64) -> TokenUse {
        TokenUse { input, cached_input, output, reasoning, ..TokenUse::default() }
    }

    const ALL_WRITES: [CacheWrites; 3] = [CacheWrites::Never, CacheWrites::Usual, CacheWrites::OneHour];

    /// 2.5 and 15 credits for a million tokens, cached ones a tenth, above 272,000 twice and one and a half times as much.
    fn tiered() -> ChatRate {
        ChatRate::PerToken(TokenRates {
            base: rates(2_500_000, 250_000, 15_000_000, 15_000_000),
            per_call: Amount::ZERO,
            tiers: vec![Tier { above_input_tokens: 272_000, rates: rates(5_000_000, 500_000, 22_500_000, 22_500_000) }],
        })
    }

    #[test]
    fn tokens_are_paid_for_exactly_and_rounded_up_once() {
        let price = tiered();
        assert_eq!(price.cost(&tokens(1000, 0, 500, 0)).to_string(), "0.01");
        assert_eq!(price.cost(&tokens(1000, 600, 500, 100)).to_string(), "0.00865");
        // 2.5 + 0.25 + 15 millionths, and not 3 + 1 + 15.
        assert_eq!(price.cost(&tokens(2, 1, 1, 0)).micros(), 18);
        assert_eq!(price.cost(&TokenUse::default()), Amount::LEAST);
    }

    #[test]
    fn a_tier_is_for_the_whole_call_above_its_threshold() {
        let price = tiered();
        assert_eq!(price.cost(&tokens(272_000, 0, 0, 0)).to_string(), "0.68");
        assert_eq!(price.cost(&tokens(272_001, 0, 0, 0)).to_string(), "1.360005");
        assert_eq!(price.cost(&tokens(272_001, 0, 1_000_000, 0)).to_string(), "23.860005");
    }

    #[test]
    fn numbers_that_cannot_be_cost_no_more_than_all_of_it() {
        let price = tiered();
        assert_eq!(price.cost(&tokens(10, 20, 10, 20)), price.cost(&tokens(10, 10, 10, 10)));
        let most = ChatRate::PerToken(TokenRates {
            base: rates(u64::MAX, u64::MAX, u64::MAX, u64::MAX),
            per_call: Amount::MAX,
            tiers: Vec::new(),
        });
        assert_eq!(most.cost(&tokens(u64::MAX, 1, u64::MAX, 1)), Amount::MAX);
        assert_eq!(most.ceiling(u64::MAX, u64::MAX, CacheWrites::OneHour), Amount::MAX);
    }

    #[test]
    fn a_flat_price_does_not_ask_for_tokens() {
        let price = ChatRate::Flat(Amount::credits(2));
        assert_eq!(price.cost(&tokens(u64::MAX, 0, u64::MAX, 0)), Amount::credits(2));
        for writes in ALL_WRITES {
            let ceilings = [price.ceiling(0, 0, writes), price.ceiling(9, 9, writes)];
            assert_eq!((ceilings, price.has_price_of(writes)), ([Amount::credits(2); 2], true));
        }
        assert_eq!(ChatRate::Flat(Amount::ZERO).cost(&TokenUse::default()), Amount::LEAST);
    }

    #[test]
    fn a_ceiling_knows_that_a_shorter_call_may_be_dearer() {
        let price = ChatRate::PerToken(TokenRates {
            base: rates(10_000_000, 10_000_000, 10_000_000, 10_000_000),
            per_call: Amount::ZERO,
            tiers: vec![Tier { above_input_tokens: 1000, rates: rates(1_000_000, 1_000_000, 1_000_000, 1_000_000) }],
        });
        let ceiling = price.ceiling(1001, 1000, CacheWrites::Never);
        assert_eq!(ceiling, price.cost(&tokens(1000, 0, 1000, 0)));
        assert!(ceiling > price.cost(&tokens(1001, 0, 1000, 0)));
    }

    /// 1 credit for a million tokens, 1.25 for those that are cached for five minutes, and perhaps 2 for an hour.
    fn written(cache_write_1h: Option<u64>) -> Rates {
        Rates { cache_write: 1_250_000, cache_write_1h, ..rates(1_000_000, 100_000, 5_000_000, 5_000_000) }
    }

    #[test]
    fn what_is_written_to_the_cache_has_a_price_of_its_own() {
        let price =
            |hour| ChatRate::PerToken(TokenRates { base: written(hour), per_call: Amount::ZERO, tiers: Vec::new() });
        let used = |cache_write, cache_write_1h| TokenUse { cache_write, cache_write_1h, ..tokens(1000, 100, 0, 0) };
        let cost = |price: &ChatRate, used: TokenUse| price.cost(&used).micros();
        let hourly = price(Some(2_000_000));
        // 900 and 10; then 400 of them at 1.25; then 300 of those at 2.
        assert_eq!(cost(&hourly, used(0, 0)), 910);
        assert_eq!(cost(&hourly, used(400, 0)), 1010);
        assert_eq!(cost(&hourly, used(400, 300)), 1235);
        // No more is written than what is new, nor for an hour than what is written.
        assert_eq!(cost(&hourly, used(5000, 0)), 1135);
        assert_eq!(cost(&hourly, used(0, 5000)), 910);
        assert_eq!(cost(&price(None), used(400, 300)), 1010);
        let ceilings = ALL_WRITES.map(|writes| hourly.ceiling(1000, 0, writes).micros());
        assert_eq!(ceilings, [1000, 1250, 2000]);
        assert_eq!(
            ALL_WRITES.map(|writes| hourly.cost_of_new(tokens(1000, 9, 0, 0), writes).micros()),
            [1000, 1250, 2000]
        );
        assert_eq!(ALL_WRITES.map(|writes| price(None).has_price_of(writes)), [true, true, false]);
        let mut tiered = TokenRates { base: written(Some(1)), per_call: Amount::ZERO, tiers: Vec::new() };
        assert!(ChatRate::PerToken(tiered.clone()).has_price_of(CacheWrites::OneHour));
        tiered.tiers.push(Tier { above_input_tokens: 9, rates: written(None) });
        assert!(!ChatRate::PerToken(tiered).has_price_of(CacheWrites::OneHour));
    }

    prop_compose! {
        fn some_rates()(input in 1..1_000_000_000_u64, cached in 1..1_000_000_000_u64, output in 1..1_000_000_000_u64,
            reasoning in 1..1_000_000_000_u64, cache_write in 1..1_000_000_000_u64,
            cache_write_1h in prop::option::of(1..1_000_000_000_u64)) -> Rates {
            Rates { cache_write, cache_write_1h, ..rates(input, cached, output, reasoning) }
        }
    }

    fn some_writes() -> impl Strategy<Value = CacheWrites> {
        prop::sample::select(ALL_WRITES.to_vec())
    }

    prop_compose! {
        fn some_price()(base in some_rates(), call in 0..5_000_000_i64,
            tiers in prop::collection::btree_map(1..3000_u64, some_rates(), 0..4)) -> ChatRate {
            let tiers = tiers.into_iter().map(|(above_input_tokens, rates)| Tier { above_input_tokens, rates }).collect();
            ChatRate::PerToken(TokenRates { base, per_call: Amount::from_micros(call), tiers })
        }
    }

    /// By another way: each token by itself, in fractions.
    fn checked(price: &TokenRates, used: &TokenUse) -> i64 {
        let mut rates = price.base;
        for tier in &price.tiers {
            if used.input > tier.above_input_tokens {
                rates = tier.rates;
            }
        }
        let cached = used.cached_input.min(used.input);
        let thought = used.reasoning.min(used.output);
        let written = used.cache_write.min(used.input - cached);
        let hour = used.cache_write_1h.min(written);
        let sum = u128::from(used.input - cached - written) * u128::from(rates.input)
            + u128::from(written - hour) * u128::from(rates.cache_write)
            + u128::from(hour) * u128::from(rates.cache_write_1h.unwrap_or(rates.cache_write))
            + u128::from(cached) * u128::from(rates.cached_input)
            + u128::from(used.output - thought) * u128::from(rates.output)
            + u128::from(thought) * u128::from(rates.reasoning);
        let micros = sum / 1_000_000 + u128::from(sum % 1_000_000 > 0);
        (i64::try_from(micros).unwrap() + price.per_call.micros()).max(1)
    }

    proptest! {
        #[test]
        fn nothing_within_its_bounds_costs_more_than_the_ceiling(
            price in some_price(), most_input in 0..4000_u64, most_output in 0..4000_u64,
            input in 0..4000_u64, output in 0..4000_u64, cached in 0..5000_u64, reasoning in 0..5000_u64,
            write in 0..5000_u64, hour in 0..5000_u64, writes in some_writes(),
        ) {
            let used = TokenUse {
                cache_write: if writes == CacheWrites::Never { 0 } else { write },
                cache_write_1h: if writes == CacheWrites::OneHour { hour } else { 0 },
                ..tokens(input.min(most_input), cached, output.min(most_output), reasoning)
            };
            let cost = price.cost(&used);
            prop_assert!(cost <= price.ceiling(most_input, most_output, writes));
            if cached == 0 {
                prop_assert!(cost <= price.cost_of_new(used, writes));
            }
            prop_assert!(cost >= Amount::LEAST);
            let ChatRate::PerToken(rates) = &price else { unreachable!() };
            prop_assert_eq!(cost.micros(), checked(rates, &used));
        }

        #[test]
        fn a_ceiling_never_sinks(price in some_price(), input in 0..4000_u64, output in 0..4000_u64,
            more_input in 0..4000_u64, more_output in 0..4000_u64, writes in some_writes()) {
            let ceiling = price.ceiling(input, output, writes);
            prop_assert!(ceiling <= price.ceiling(input + more_input, output + more_output, writes));
            prop_assert!(price.ceiling(input, output, CacheWrites::Never) <= ceiling);
            prop_assert!(ceiling <= price.ceiling(input, output, CacheWrites::OneHour));
        }

        /// It is no fantasy either: some call costs just that.
        #[test]
        fn a_ceiling_is_the_cost_of_some_call(price in some_price(), input in 0..4000_u64, output in 0..4000_u64,
            writes in some_writes()) {
            let ceiling = price.ceiling(input, output, writes);
            let ChatRate::PerToken(rates) = &price else { unreachable!() };
            let inputs = rates.tiers.iter().map(|tier| tier.above_input_tokens.min(input)).chain([input]);
            let worst = inputs.flat_map(|input| {
                let thoughts = [0, output];
                let written = match writes {
                    CacheWrites::Never => vec![(0, 0)],
                    CacheWrites::Usual => vec![(0, 0), (input, 0)],
                    CacheWrites::OneHour => vec![(0, 0), (input, 0), (input, input)],
                };
                let mut uses: Vec<_> = thoughts.map(|thought| tokens(input, input, output, thought)).to_vec();
                uses.extend(thoughts.into_iter().flat_map(|thought| written.iter().map(move |(cache_write, cache_write_1h)| {
                    TokenUse {
                        cache_write: *cache_write,
                        cache_write_1h: *cache_write_1h,
                        ..tokens(input, 0, output, thought)
                    }
                })));
                uses.into_iter().map(|used| price.cost(&used)).collect::<Vec<_>>()
            });
            prop_assert_eq!(worst.max(), Some(ceiling));
        }

        #[test]
        fn large_numbers_saturate(price in some_price(), input: u64, output: u64, cached: u64, reasoning: u64, write: u64) {
            let used = TokenUse { cache_write: write, ..tokens(input, cached, output, reasoning) };
            let cost = price.cost(&used);
            prop_assert!(cost <= Amount::MAX && cost <= price.ceiling(input, output, CacheWrites::Usual));
        }
    }
}
