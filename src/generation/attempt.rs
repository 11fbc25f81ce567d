//! The record of an attempt at a provider: when it begins and ends, and what is put down where the provider said nothing.

use std::fmt::Display;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::{Generation, Provider, Reserved};
use crate::credits::server::store::WorkKind;
use crate::platform::db::now_millis;
use crate::platform::ids::AttemptId;
use crate::platform::trace::StepKind;
use crate::usage::server::prices::PriceTable;
pub use crate::usage::server::prices::Tokens;
use crate::usage::{Attempt, Outcome};

/// About so many bytes of text are a token.
const BYTES_PER_TOKEN: usize = 4;
/// An image is about so many tokens: between the 258 of a small one for Gemini and some 1,500 of a large one for `OpenAI`.
const TOKENS_PER_IMAGE: usize = 1000;

/// How much text there was, for an estimate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextSizes {
    /// Bytes of the context.
    pub input_bytes: usize,
    /// Images of the context.
    pub input_images: usize,
    /// Bytes of the answer, as far as it came.
    pub output_bytes: usize,
}

/// An attempt that is under way.
pub struct PendingAttempt {
    began: Instant,
    at: i64,
    first_token: Option<Duration>,
    said: Option<Tokens>,
    is_refused: bool,
    /// Whoever puts it down uses this id, so that it is put down once.
    id: Option<AttemptId>,
}

/// What is put down about the use of an attempt.
struct Used {
    tokens: Tokens,
    is_estimated: bool,
    cost_micros: Option<i64>,
}

impl PendingAttempt {
    /// A provider is asked now.
    #[must_use]
    pub fn begin() -> Self {
        Self { began: Instant::now(), at: now_millis(), first_token: None, said: None, is_refused: false, id: None }
    }

    /// One that was under way for this work when its server died: nobody knows more of it than what was stored. `at` is when
    /// it began, by the clock that says `now`, in milliseconds since 1970.
    #[must_use]
    pub fn cut_off(work: &Reserved, at: i64, now: i64) -> Self {
        let ago = Duration::from_millis(u64::try_from(now - at).unwrap_or(0));
        let began = Instant::now().checked_sub(ago).unwrap_or_else(Instant::now);
        // Several servers may find it: an id of this work that is no other's.
        let id = Uuid::from_u128(Uuid::from(work.id()).as_u128() ^ 1).into();
        Self { began, at, first_token: None, said: None, is_refused: false, id: Some(id) }
    }

    /// It did not even begin to answer: that costs nothing.
    pub const fn refused(&mut self) {
        self.is_refused = true;
    }

    /// Whether it has begun to answer, which costs something.
    #[must_use]
    pub const fn was_taken(&self) -> bool {
        !self.is_refused
    }

    /// Its first token is there.
    pub fn first_token(&mut self) {
        self.first_token = Some(self.began.elapsed());
    }

    /// It says what it has used so far.
    pub const fn said(&mut self, tokens: Tokens) {
        self.said = Some(tokens);
    }

    /// What a reply used: what the provider said; else, or if the answer went on after it, an estimate.
    fn used_for_text(
        &self,
        model: &str,
        is_free: bool,
        sizes: TextSizes,
        outcome: Outcome,
        prices: &PriceTable,
    ) -> Used {
        if self.is_refused {
            return Used { tokens: Tokens::default(), is_estimated: false, cost_micros: Some(0) };
        }
        let input = tokens(sizes.input_bytes + sizes.input_images * TOKENS_PER_IMAGE * BYTES_PER_TOKEN);
        let output = tokens(sizes.output_bytes);
        let (tokens, is_estimated) = match self.said {
            Some(said) if outcome == Outcome::Ok || said.output >= output => (said, false),
            Some(said) => (Tokens { output, ..said }, true),
            None => (Tokens { input, output, ..Tokens::default() }, true),
        };
        let cost_micros = if is_free { Some(0) } else { prices.find(model, self.at).map(|price| price.cost(tokens)) };
        Used { tokens, is_estimated, cost_micros }
    }

    /// What an image used.
    fn used_for_image(model: &str, is_free: bool, outcome: Outcome, prices: &PriceTable) -> Used {
        let cost_micros = match outcome {
            _ if is_free => Some(0),
            Outcome::Ok => prices.find_image(model),
            // Whether it was paid for is not known.
            Outcome::Timeout | Outcome::Stopped | Outcome::Malformed | Outcome::Cut => None,
            _ => Some(0),
        };
        Used { tokens: Tokens::default(), is_estimated: false, cost_micros }
    }

    fn end(&self, work: &Reserved, provider: &'static str, model: String, used: &Used, outcome: Outcome) -> Attempt {
        Attempt {
            id: self.id.unwrap_or_else(AttemptId::now_v7),
            request_id: work.request_id().to_owned(),
            reply: work.id(),
            user: work.user(),
            key: work.key(),
            provider: provider.to_owned(),
            model,
            input_tokens: used.tokens.input,
            output_tokens: used.tokens.output,
            is_estimated: used.is_estimated,
            cost_micros: used.cost_micros,
            latency_ms: millis(self.began.elapsed()),
            first_token_ms: self.first_token.map(millis),
            outcome,
            price_version: Some(work.price_version().to_owned()).filter(|version| !version.is_empty()),
            at: self.at,
        }
    }
}

impl Generation {
    /// Puts down what came of asking `model` of a provider for text.
    pub fn record_text<P: Provider + ?Sized>(
        &self,
        attempt: &PendingAttempt,
        work: &Reserved,
        provider: &P,
        model: String,
        sizes: TextSizes,
        outcome: Outcome,
    ) {
        let used = attempt.used_for_text(&model, provider.is_free(), sizes, outcome, &self.prices);
        self.record(work, attempt.end(work, provider.name(), model, &used, outcome));
    }

    /// Puts down what came of asking a provider for an image.
    pub fn record_image<P: Provider + ?Sized>(
        &self,
        attempt: &PendingAttempt,
        work: &Reserved,
        provider: &P,
        outcome: Outcome,
    ) {
        let model = provider.model();
        let used = PendingAttempt::used_for_image(&model, provider.is_free(), outcome, &self.prices);
        self.record(work, attempt.end(work, provider.name(), model, &used, outcome));
    }

    fn record(&self, work: &Reserved, attempt: Attempt) {
        trace_attempt(work, &attempt);
        match work.kind() {
            WorkKind::Chat => self.metrics.attempted(&attempt),
            WorkKind::Image => self.metrics.painted(&attempt),
        }
        self.flags.count(work.kind(), &attempt);
        self.usage.record(attempt);
    }
}

fn trace_attempt(work: &Reserved, attempt: &Attempt) {
    let Attempt { provider, model, input_tokens, output_tokens, latency_ms, first_token_ms, .. } = attempt;
    let outcome = attempt.outcome.as_str();
    let mut facts: Vec<(&str, &dyn Display)> = vec![("provider", provider), ("model", model), ("outcome", &outcome)];
    if work.kind() == WorkKind::Chat {
        facts.push(("inputTokens", input_tokens));
        facts.push(("outputTokens", output_tokens));
    }
    if let Some(first_token_ms) = first_token_ms {
        facts.push(("firstTokenMs", first_token_ms));
    }
    work.trace().step_of(StepKind::Attempt, Duration::from_millis(u64::from(*latency_ms)), &facts);
}

fn tokens(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(BYTES_PER_TOKEN)).unwrap_or(u32::MAX)
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: TextSizes = TextSizes { input_bytes: 400, input_images: 0, output_bytes: 41 };

    fn tokens_of(used: &Used) -> (u32, u32, bool) {
        (used.tokens.input, used.tokens.output, used.is_estimated)
    }

    #[test]
    fn what_the_provider_says_counts_and_the_rest_is_estimated() {
        let prices = PriceTable::parse("priced=1/10").unwrap();
        let end = |attempt: &PendingAttempt, outcome| attempt.used_for_text("priced", false, SIZES, outcome, &prices);
        let mut attempt = PendingAttempt::begin();
        let silent = end(&attempt, Outcome::Ok);
        assert_eq!((tokens_of(&silent), silent.cost_micros), ((100, 11, true), Some(210)));
        attempt.said(Tokens { input: 90, output: 5, ..Tokens::default() });
        assert_eq!(tokens_of(&end(&attempt, Outcome::Ok)), (90, 5, false));
        assert_eq!(tokens_of(&end(&attempt, Outcome::Stopped)), (90, 11, true), "it has written more since");
        attempt.said(Tokens { input: 90, output: 30, ..Tokens::default() });
        assert_eq!(tokens_of(&end(&attempt, Outcome::Blocked)), (90, 30, false));
    }

    #[test]
    fn an_unknown_price_is_not_zero_but_a_refusal_and_the_own_model_are() {
        let prices = PriceTable::parse("").unwrap();
        let end = |attempt: &PendingAttempt, is_free, outcome| {
            attempt.used_for_text("unheard-of", is_free, SIZES, outcome, &prices)
        };
        let mut attempt = PendingAttempt::begin();
        assert_eq!(end(&attempt, false, Outcome::Ok).cost_micros, None);
        assert_eq!(end(&attempt, true, Outcome::Ok).cost_micros, Some(0));
        attempt.refused();
        let refused = end(&attempt, false, Outcome::Unavailable);
        assert_eq!((tokens_of(&refused), refused.cost_micros), ((0, 0, false), Some(0)));
    }

    #[test]
    fn an_image_that_may_have_been_paid_for_has_no_cost_that_is_known() {
        let prices = PriceTable::parse("").unwrap();
        let cost = |is_free, outcome| PendingAttempt::used_for_image("m", is_free, outcome, &prices).cost_micros;
        assert_eq!(cost(false, Outcome::Timeout), None);
        assert_eq!((cost(false, Outcome::Blocked), cost(true, Outcome::Timeout)), (Some(0), Some(0)));
    }
}
