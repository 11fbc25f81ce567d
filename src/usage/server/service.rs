//! The rules of the record: when an attempt begins and ends, and what is put down where the provider said nothing.

use std::time::{Duration, Instant};

use uuid::Uuid;

use super::prices::PriceTable;
use crate::app::config::ProviderName;
use crate::chat::Usage;
use crate::platform::db::now_millis;
use crate::usage::{Attempt, Outcome};

/// About so many bytes of text are a token.
const BYTES_PER_TOKEN: usize = 4;
/// An image is about so many tokens: between the 258 of a small one for Gemini and some 1,500 of a large one for `OpenAI`.
const TOKENS_PER_IMAGE: usize = 1000;
/// How long attempts are kept: a year can be compared with the one before.
pub const KEPT: Duration = Duration::from_hours(24 * 400);

/// Who is asked what, for whom.
pub struct Asked<'a> {
    pub request_id: &'a str,
    pub reply: Uuid,
    pub user: Uuid,
    pub provider: &'static str,
    pub model: String,
    /// Bytes of the context.
    pub input_bytes: usize,
    /// Images of the context.
    pub input_images: usize,
    /// Bytes of the answer, as far as it came.
    pub output_bytes: usize,
}

/// An attempt that is under way.
pub struct Trial {
    began: Instant,
    at: i64,
    first_token: Option<Duration>,
    said: Option<Usage>,
    is_refused: bool,
}

impl Trial {
    /// A provider is asked now.
    #[must_use]
    pub fn begin() -> Self {
        Self { began: Instant::now(), at: now_millis(), first_token: None, said: None, is_refused: false }
    }

    /// It did not even begin to answer: that costs nothing.
    pub const fn refused(&mut self) {
        self.is_refused = true;
    }

    /// Its first token is there.
    pub fn first_token(&mut self) {
        self.first_token = Some(self.began.elapsed());
    }

    /// It says what it has used so far.
    pub const fn said(&mut self, usage: Usage) {
        self.said = Some(usage);
    }

    /// The record of it, now that it is over.
    #[must_use]
    pub fn end(&self, asked: Asked<'_>, outcome: Outcome, prices: &PriceTable) -> Attempt {
        let (usage, is_estimated) = self.used(&asked, outcome);
        let cost = if self.is_refused || asked.provider == ProviderName::Local.as_str() {
            Some(0)
        } else {
            prices.find(&asked.model, self.at).map(|price| price.cost(usage.input_tokens, usage.output_tokens))
        };
        Attempt {
            id: Uuid::now_v7(),
            request_id: asked.request_id.to_owned(),
            reply: asked.reply,
            user: asked.user,
            provider: asked.provider.to_owned(),
            model: asked.model,
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            is_estimated,
            cost_micros: cost,
            latency_ms: millis(self.began.elapsed()),
            first_token_ms: self.first_token.map(millis),
            outcome,
            at: self.at,
        }
    }

    /// What the provider said; else, or if the answer went on after it, an estimate.
    fn used(&self, asked: &Asked<'_>, outcome: Outcome) -> (Usage, bool) {
        if self.is_refused {
            return (Usage { input_tokens: 0, output_tokens: 0 }, false);
        }
        let input_tokens = tokens(asked.input_bytes + asked.input_images * TOKENS_PER_IMAGE * BYTES_PER_TOKEN);
        let output_tokens = tokens(asked.output_bytes);
        match self.said {
            Some(said) if outcome == Outcome::Ok || said.output_tokens >= output_tokens => (said, false),
            Some(said) => (Usage { output_tokens, ..said }, true),
            None => (Usage { input_tokens, output_tokens }, true),
        }
    }
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

    fn asked(provider: &'static str, model: &str) -> Asked<'static> {
        let model = model.to_owned();
        let (reply, user) = (Uuid::nil(), Uuid::nil());
        Asked { request_id: "r", reply, user, provider, model, input_bytes: 400, input_images: 0, output_bytes: 41 }
    }

    fn tokens_of(attempt: &Attempt) -> (u32, u32, bool) {
        (attempt.input_tokens, attempt.output_tokens, attempt.is_estimated)
    }

    #[test]
    fn what_the_provider_says_counts_and_the_rest_is_estimated() {
        let prices = PriceTable::parse("priced=1/10").unwrap();
        let end = |trial: &Trial, outcome| trial.end(asked("openai", "priced"), outcome, &prices);
        let mut trial = Trial::begin();
        let silent = end(&trial, Outcome::Ok);
        assert_eq!((tokens_of(&silent), silent.cost_micros), ((100, 11, true), Some(210)));
        trial.said(Usage { input_tokens: 90, output_tokens: 5 });
        assert_eq!(tokens_of(&end(&trial, Outcome::Ok)), (90, 5, false));
        assert_eq!(tokens_of(&end(&trial, Outcome::Stopped)), (90, 11, true), "it has written more since");
        trial.said(Usage { input_tokens: 90, output_tokens: 30 });
        assert_eq!(tokens_of(&end(&trial, Outcome::Blocked)), (90, 30, false));
    }

    #[test]
    fn an_unknown_price_is_not_zero_but_a_refusal_and_the_own_model_are() {
        let prices = PriceTable::parse("").unwrap();
        let mut trial = Trial::begin();
        assert_eq!(trial.end(asked("openai", "unheard-of"), Outcome::Ok, &prices).cost_micros, None);
        assert_eq!(trial.end(asked("local", "unheard-of"), Outcome::Ok, &prices).cost_micros, Some(0));
        trial.refused();
        let refused = trial.end(asked("openai", "unheard-of"), Outcome::Unavailable, &prices);
        assert_eq!((tokens_of(&refused), refused.cost_micros), ((0, 0, false), Some(0)));
    }

    #[test]
    fn outcomes_are_found_by_their_names() {
        assert_eq!(Outcome::parse("rate_limited"), Some(Outcome::RateLimited));
        assert_eq!(Outcome::parse("fine"), None);
    }
}
