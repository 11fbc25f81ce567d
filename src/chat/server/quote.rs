//! What a reply costs, before it is asked for: at least, about, and at most.
//!
//! The price is that of the provider and the model that are asked first. Who answers in their place makes it cheaper, never dearer.

use super::Chat;
use super::context::Room;
use super::context_window::{Counted, IMAGE};
use super::models::Picked;
use super::providers::{Effort, GuardedProvider, Sampling, Turn};
use super::tokens::TokenCount;
use crate::chat::{PriceInfo, PriceKind, RateInfo, TierInfo};
use crate::credits::server::prices::{CacheWrites, ChatPrice, ChatRate, Rates, TokenUse};
use crate::generation::{Quote, Route};
use crate::i18n::{Text, fill};
use crate::platform::amount::Amount;
use crate::platform::error::{AppError, AppResult};

/// What a model takes in where nobody knows.
const UNKNOWN_WINDOW: u32 = 128_000;
/// An answer that is worth beginning has room for so many tokens.
const SHORT_ANSWER: u32 = 64;
/// A usual one has so many.
const USUAL_ANSWER: u32 = 300;
/// What is said in a usual context, where it is not known yet.
const USUAL_CONTEXT: u64 = 500;
/// Most characters of a token, where only its number is known.
const CHARS_PER_TOKEN: u32 = 4;
/// A message is stored and sent as a whole.
const MOST_CHARS: u32 = 2 * 1024 * 1024;

/// Who is asked first, at which price, and how much that takes in.
#[derive(Debug, Clone)]
pub(super) struct Offer {
    pub price: ChatPrice,
    pub provider: String,
    pub model: String,
    pub window: u32,
    /// Tokens of the longest answer.
    limit: u32,
    /// On top of those, what the model may think.
    thoughts: u32,
    /// It caches what it is asked to.
    caches: bool,
    /// What it says itself of tools, where there are any.
    tool_prompt: u32,
}

/// What a reply to a context costs.
#[derive(Debug, Clone)]
pub(super) struct Quoted {
    pub price: ChatPrice,
    pub model: String,
    pub input: Counted,
    /// Most tokens of the answer, with what the model thinks.
    pub output: u32,
    /// With less it is not begun.
    pub least: Amount,
    /// With an answer of usual length.
    pub about: Amount,
    /// It never costs more.
    pub ceiling: Amount,
}

impl Chat {
    /// What a reply by this model of a provider costs, with an answer of at most so many tokens and so much thought.
    pub(super) fn offer(&self, provider: &GuardedProvider, model: String, limit: u32, effort: Option<Effort>) -> Offer {
        let price = self.prices.chat(provider.name(), &model);
        Offer {
            price,
            window: provider.window().or(provider.context_tokens()).unwrap_or(UNKNOWN_WINDOW),
            limit: provider.output_limit().map_or(limit, |most| limit.min(most)),
            thoughts: provider.room_to_think(&model, effort),
            caches: provider.caches_prompts(),
            tool_prompt: provider.tool_prompt(),
            provider: provider.name().to_owned(),
            model,
        }
    }

    /// As [`Chat::offer`], of the provider's own model.
    pub(super) fn usual_offer(&self, provider: &GuardedProvider) -> Offer {
        self.offer(provider, provider.model(), self.config.max_output_tokens, None)
    }

    /// What a usual reply of each model costs, and whether others may cost more.
    #[must_use]
    pub fn usual_prices(&self) -> (Vec<Amount>, bool) {
        let offers: Vec<_> = self.models.now().models.iter().map(|model| self.usual_offer(&model.provider)).collect();
        (offers.iter().map(|offer| offer.usual().about).collect(), offers.iter().any(Offer::is_per_token))
    }

    /// That a message is no longer than it may be.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `message`.
    pub(super) fn check_length(&self, text: &str, offer: &Offer) -> AppResult<()> {
        if offer.is_per_token() {
            let (tokens, most) = (TokenCount::of(text), offer.room());
            if tokens > most || text.len() > offer.most_bytes() {
                let told = [("tokens", &*tokens.to_string()), ("most", &*most.to_string())];
                return Err(AppError::invalid("message", fill(Text::MessageTooLongForModel, &told)));
            }
            return Ok(());
        }
        let most = self.config.max_message_chars;
        if text.chars().count() > most {
            return Err(AppError::invalid("message", fill(Text::MessageTooLong, &[("most", &most.to_string())])));
        }
        Ok(())
    }
}

/// About how many tokens a context has, with so many images that are not read yet.
#[must_use]
pub fn count_tokens(turns: &[Turn], sampling: &Sampling, images: usize) -> u64 {
    Counted::of(turns).with(sampling).total() + images as u64 * IMAGE
}

/// How long a context that is not ours may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContextLimit {
    /// At a flat price.
    Chars(usize),
    /// At one per token: what the model takes in besides its answer.
    Tokens(u64),
}

impl ContextLimit {
    /// How long these turns are, with the tools, in what it goes by, if that is too long.
    #[must_use]
    pub fn exceeded_by<'a>(self, turns: impl Iterator<Item = &'a Turn>, sampling: &Sampling) -> Option<u64> {
        let (length, most) = match self {
            Self::Chars(most) => {
                let others = sampling.texts().map(|text| text.chars().count() as u64).sum::<u64>();
                (others + turns.map(|turn| turn.chars() as u64).sum::<u64>(), most as u64)
            }
            Self::Tokens(most) => {
                let others = Counted::default().with(sampling).text;
                (others + turns.map(|turn| Counted::of(std::slice::from_ref(turn)).text).sum::<u64>(), most)
            }
        };
        (length > most).then_some(length)
    }
}

impl Chat {
    /// How long a context may be for who is asked first, with an answer of at most so many tokens.
    #[must_use]
    pub fn context_limit(&self, picked: Option<&Picked>, limit: u32) -> ContextLimit {
        // It was short enough when it was answered.
        if picked.is_some_and(Picked::is_gone) {
            return ContextLimit::Chars(usize::MAX);
        }
        let order = picked.map_or_else(|| self.providers(), |picked| picked.order.clone());
        let offer = Route::forecast(&order).map(|first| self.offer(first, first.model(), limit, None));
        match offer {
            Some(offer) if offer.is_per_token() => ContextLimit::Tokens(offer.room()),
            _ => ContextLimit::Chars(self.config.max_context_chars),
        }
    }
}

impl Offer {
    /// Whether whatever is asked costs the same by both.
    pub(super) fn costs_like(&self, other: &Self) -> bool {
        let terms = |offer: &Self| (offer.window, offer.limit, offer.thoughts);
        self.price == other.price && terms(self) == terms(other)
    }

    pub(super) const fn is_per_token(&self) -> bool {
        self.price.rate.is_per_token()
    }

    /// Tokens of a context that leaves room for the answer.
    pub(super) fn room(&self) -> u64 {
        u64::from(self.window - self.limit.min(self.window / 2))
    }

    /// How much of what was said before goes along.
    pub(super) fn history(&self) -> Room {
        if self.is_per_token() { Room::Tokens(self.room()) } else { Room::Flat }
    }

    /// Most characters of a message, where only a flat price limits them otherwise.
    pub(super) fn most_chars(&self, flat: usize) -> usize {
        if !self.is_per_token() {
            return flat;
        }
        let room = u32::try_from(self.room()).unwrap_or(u32::MAX);
        usize::try_from(room.saturating_mul(CHARS_PER_TOKEN).min(MOST_CHARS)).unwrap_or(usize::MAX)
    }

    fn most_bytes(&self) -> usize {
        2 * self.most_chars(0)
    }

    /// What a reply costs to a context of this size.
    pub(super) fn quote(&self, input: Counted) -> Quoted {
        let Self { price, model, window, limit, thoughts, .. } = self;
        let mut input = input.with_tool_prompt(self.tool_prompt);
        if !self.caches {
            input.writes = CacheWrites::Never;
        }
        let left = u64::from(*window).saturating_sub(input.total());
        let limit = u32::try_from(left).unwrap_or(u32::MAX).clamp(1, (*limit).max(1));
        let output = limit.saturating_add(*thoughts);
        let rate = &price.rate;
        let of = |output: u32| {
            let used = TokenUse { input: input.total(), output: u64::from(output), ..TokenUse::default() };
            rate.cost_of_new(used, input.writes)
        };
        let ceiling = rate.ceiling(input.upper(), u64::from(output), input.writes);
        Quoted {
            price: price.clone(),
            model: model.clone(),
            input,
            output,
            least: of(limit.min(SHORT_ANSWER)).min(ceiling),
            about: of(limit.min(USUAL_ANSWER)).min(ceiling),
            ceiling,
        }
    }

    /// What a usual reply costs, where nothing is known of what is asked.
    pub(super) fn usual(&self) -> Quoted {
        self.quote(Counted { text: USUAL_CONTEXT, turns: 1, ..Counted::default() })
    }

    /// What a reply costs at the least, where nothing is known of what is asked.
    pub(super) fn short(&self) -> Amount {
        self.quote(Counted { turns: 1, ..Counted::default() }).least
    }

    pub(super) fn info(&self) -> PriceInfo {
        info_of(&self.price)
    }
}

impl Quoted {
    /// That there is a price for all that it asks a provider to cache.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `cache_control.ttl`.
    pub(super) fn with_priced_writes(self) -> AppResult<Self> {
        if self.price.rate.has_price_of(self.input.writes) {
            return Ok(self);
        }
        let problem = "This model has no price for a cache of 1h here: leave it out, or use 5m.";
        Err(AppError::invalid("cache_control.ttl", problem))
    }

    /// The same, at no more than the caller wants to pay.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `field`, where no reply can be had for that.
    pub(super) fn at_most(mut self, most: Option<Amount>, field: &str) -> AppResult<Self> {
        let Some(most) = most else { return Ok(self) };
        if most < self.least {
            let problem = fill(Text::MaximumTooLow, &[("least", &self.least.as_price())]);
            return Err(AppError::invalid(field, problem));
        }
        self.ceiling = self.ceiling.min(most);
        self.about = self.about.min(self.ceiling);
        Ok(self)
    }

    /// What is held for it.
    pub(super) fn to_hold(&self) -> Quote {
        let Self { ceiling, least, model, price, .. } = self;
        Quote { ceiling: *ceiling, least: *least, version: price.version.clone(), model: model.clone() }
    }
}

fn info_of(price: &ChatPrice) -> PriceInfo {
    let version = price.version.clone();
    match &price.rate {
        ChatRate::Flat(credits) => {
            PriceInfo { kind: PriceKind::Flat, version, credits: Some(*credits), ..PriceInfo::default() }
        }
        ChatRate::PerToken(rates) => PriceInfo {
            kind: PriceKind::Tokens,
            version,
            credits: None,
            rates: Some(rates_of(rates.base)),
            per_call: Some(rates.per_call).filter(|credits| credits.is_positive()),
            tiers: rates
                .tiers
                .iter()
                .map(|tier| TierInfo { above_input_tokens: tier.above_input_tokens, rates: rates_of(tier.rates) })
                .collect(),
        },
    }
}

fn rates_of(Rates { input, cached_input, cache_write, cache_write_1h, output, reasoning }: Rates) -> RateInfo {
    let amount = |micros: u64| Amount::from_micros(i64::try_from(micros).unwrap_or(i64::MAX));
    RateInfo {
        input: amount(input),
        cached_input: amount(cached_input),
        cache_write: amount(cache_write),
        cache_write_1h: cache_write_1h.map(amount),
        output: amount(output),
        reasoning: amount(reasoning),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credits::server::prices::TokenRates;

    /// 1 credit for 1,000 tokens of input, 4 for 1,000 of output.
    fn offer(window: u32, limit: u32) -> Offer {
        let base = Rates {
            input: 1_000_000_000,
            cached_input: 500_000_000,
            cache_write: 1_250_000_000,
            cache_write_1h: None,
            output: 4_000_000_000,
            reasoning: 4_000_000_000,
        };
        let rate = ChatRate::PerToken(TokenRates { base, per_call: Amount::ZERO, tiers: Vec::new() });
        let price = ChatPrice::new(rate, None);
        let (provider, model) = ("p".to_owned(), "m".to_owned());
        Offer { price, provider, model, window, limit, thoughts: 0, caches: true, tool_prompt: 350 }
    }

    fn input(text: u64) -> Counted {
        Counted { text, turns: 1, ..Counted::default() }
    }

    #[test]
    fn a_quote_is_between_a_short_answer_and_the_longest() {
        let quoted = offer(10_000, 1000).quote(input(400));
        assert_eq!(quoted.least.to_string(), "0.656");
        assert_eq!(quoted.about.to_string(), "1.6");
        // 400 and a quarter, 4 for the turn and 16.
        assert_eq!(quoted.ceiling.to_string(), "4.52");
        let short = offer(10_000, 20).quote(input(400));
        assert_eq!((short.least, short.about), (short.about, short.least), "no answer is longer than the limit");
    }

    #[test]
    fn what_may_be_written_to_the_cache_is_in_the_quote_of_who_keeps_one() {
        let marked = |writes| Counted { writes, ..input(400) };
        let plain = offer(10_000, 1000).quote(input(400));
        let quoted = offer(10_000, 1000).quote(marked(CacheWrites::Usual));
        // A quarter more for each of the 400 tokens, and for the 520 that it may turn out to be.
        assert_eq!((quoted.least - plain.least).to_string(), "0.1");
        assert_eq!((quoted.ceiling - plain.ceiling).to_string(), "0.13");
        let without = Offer { caches: false, ..offer(10_000, 1000) }.quote(marked(CacheWrites::OneHour));
        assert_eq!((without.least, without.ceiling), (plain.least, plain.ceiling));
        assert!(without.with_priced_writes().is_ok() && quoted.with_priced_writes().is_ok());
        let refused = offer(10_000, 1000).quote(marked(CacheWrites::OneHour)).with_priced_writes().unwrap_err();
        assert!(matches!(refused, AppError::InvalidInput { field, .. } if field == "cache_control.ttl"));
    }

    #[test]
    fn what_a_provider_says_itself_of_tools_is_in_what_it_costs_at_most() {
        let quoted = |has_tools| offer(10_000, 1000).quote(Counted { has_tools, ..input(400) });
        assert_eq!((quoted(true).ceiling - quoted(false).ceiling).to_string(), "0.35");
        assert_eq!((quoted(true).least, quoted(true).about), (quoted(false).least, quoted(false).about));
    }

    #[test]
    fn what_is_left_of_the_window_limits_the_answer() {
        let quoted = offer(1000, 800).quote(input(900));
        assert_eq!(quoted.output, 100);
        assert_eq!(offer(1000, 800).quote(input(5000)).output, 1);
        assert_eq!(offer(1000, 800).room(), 500);
        assert_eq!(offer(10_000, 800).room(), 9200);
    }

    #[test]
    fn nobody_pays_more_than_they_want_to_and_too_little_is_refused() {
        let quoted = || offer(10_000, 1000).quote(input(400));
        assert_eq!(quoted().at_most(Some(Amount::credits(2)), "maxCredits").unwrap().ceiling, Amount::credits(2));
        assert_eq!(quoted().at_most(Some(Amount::credits(9)), "maxCredits").unwrap().ceiling, quoted().ceiling);
        assert_eq!(quoted().at_most(None, "maxCredits").unwrap().ceiling, quoted().ceiling);
        let refused = quoted().at_most(Some(Amount::from_micros(655_999)), "maxCredits").unwrap_err();
        assert!(matches!(refused, AppError::InvalidInput { field, .. } if field == "maxCredits"));
    }

    #[test]
    fn a_flat_price_is_the_same_whatever_is_asked() {
        let price = ChatPrice::new(ChatRate::Flat(Amount::credits(2)), None);
        let quoted = Offer { price, ..offer(1000, 800) }.quote(input(900_000));
        assert_eq!([quoted.least, quoted.about, quoted.ceiling], [Amount::credits(2); 3]);
    }
}
