//! The running meter: what a reply has come to, whether the next piece of it is paid for, and what it comes to in the end.
//!
//! Tokens are counted here as they are published. What the provider says of them counts where it can be so beside that.

use std::time::Duration;

use futures::FutureExt;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::super::context_window::Counted;
use super::super::quote::Quoted;
use super::super::tokens::TokenCount;
use crate::chat::{CutReason, Usage};
use crate::credits::server::prices::{CacheWrites, ChatPrice, TokenUse};
use crate::generation::{Extended, Reserved};
use crate::platform::amount::Amount;
use crate::platform::error::{AppError, AppResult};

/// How often the running amount is told, at most.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// A hold grows by such a part of its ceiling.
const STEPS: i64 = 4;
/// How often more is asked for where others take what was there a moment ago.
const TRIES: usize = 3;
/// A provider's count and ours may differ so many times.
const LIKELY: u64 = 3;
/// What a provider may add to a context by itself.
const OVERHEAD: u64 = 256;
/// No more tokens of output than these are nothing.
const NOTHING: u32 = 16;
/// A piece with no more tokens than these is published whole or not at all.
const SMALL_PIECE: u64 = 8;

/// What one reply has used.
pub(super) struct Meter {
    hold: Reserved,
    quoted: Quoted,
    /// The price of who answers in the place of the one that was quoted.
    other: Option<ChatPrice>,
    /// What was sent to who is asked now.
    input: Counted,
    /// Most tokens that it was told it may make.
    limit: u32,
    text: TokenCount,
    thoughts: u64,
    /// What the provider has said so far.
    said: Option<Usage>,
    /// More is being asked for, beside the tokens. Says whether it is held.
    more: Option<JoinHandle<bool>>,
    /// There was no more the last time.
    is_short: bool,
    told: Option<Instant>,
}

impl Meter {
    pub(super) fn new(hold: Reserved, quoted: Quoted) -> Self {
        let (input, limit) = (quoted.input, quoted.output);
        Self {
            hold,
            quoted,
            other: None,
            input,
            limit,
            text: TokenCount::default(),
            thoughts: 0,
            said: None,
            more: None,
            is_short: false,
            told: None,
        }
    }

    pub(super) const fn is_per_token(&self) -> bool {
        self.quoted.price.rate.is_per_token()
    }

    /// Somebody else is asked. Nobody pays more for that than what was quoted, and what it costs is less where that one is cheaper.
    pub(super) fn fall_back(&mut self, price: ChatPrice) {
        self.other = Some(price).filter(|price| price.rate.is_per_token() == self.is_per_token());
    }

    /// What of so much may be written to a cache, as there is a price for it.
    pub(super) fn priced(&self, writes: CacheWrites) -> CacheWrites {
        let rate = &self.other.as_ref().unwrap_or(&self.quoted.price).rate;
        if !self.is_per_token() || rate.has_price_of(writes) { writes } else { writes.min(CacheWrites::Usual) }
    }

    /// A provider is asked, with this context. Returns how many tokens it may make: as many as what is held pays for, so that
    /// one that keeps limits ends by itself.
    pub(super) fn ask(&mut self, input: Counted) -> Option<u32> {
        if !self.is_per_token() {
            return None;
        }
        (self.input, self.said, self.thoughts) = (input, None, 0);
        self.limit = self.affordable(self.hold.held()).clamp(1, self.quoted.output);
        Some(self.limit)
    }

    /// Tokens of an answer that so much pays for.
    fn affordable(&self, amount: Amount) -> u32 {
        let (mut least, mut most) = (0, self.quoted.output);
        while least < most {
            let middle = most - (most - least) / 2;
            if self.dearest(middle) <= amount { least = middle } else { most = middle - 1 }
        }
        least
    }

    /// What so many tokens cost, all of them thought or none.
    fn dearest(&self, output: u32) -> Amount {
        let output = u64::from(output);
        self.cost_of_new(output, 0).max(self.cost_of_new(output, output))
    }

    /// What so many tokens of output cost, with input of which the provider knew nothing.
    fn cost_of_new(&self, output: u64, reasoning: u64) -> Amount {
        let used = TokenUse { input: self.input(), output, reasoning, ..TokenUse::default() };
        self.quoted.price.rate.cost_of_new(used, self.quoted.input.writes)
    }

    /// The provider says what it has used so far.
    pub(super) const fn said(&mut self, usage: Usage) {
        self.said = Some(usage);
    }

    /// Whether the provider says that it has made something, of whatever kind.
    pub(super) fn has_made(&self) -> bool {
        self.said.is_some_and(|said| said.output_tokens > NOTHING)
    }

    /// So many bytes of thoughts have come, which nobody reads.
    pub(super) fn thought(&mut self, bytes: usize) {
        self.thoughts = bytes as u64 / 4;
    }

    /// Tokens of the context, as far as the quote reckons with them.
    fn input(&self) -> u64 {
        match self.said.filter(|said| self.can_have_read(said.input_tokens)) {
            Some(said) => u64::from(said.input_tokens).min(self.quoted.input.upper()),
            None => self.input.total(),
        }
    }

    /// Tokens of the answer with this text of it, as far as the quote reckons with them.
    fn output(&self, text: TokenCount) -> u64 {
        let said = self.said.filter(|said| self.can_have_made(said.output_tokens));
        let said = said.map_or(0, |said| u64::from(said.output_tokens));
        (text.total() + self.thoughts).max(said).min(u64::from(self.quoted.output))
    }

    fn cost_with(&self, text: TokenCount) -> Amount {
        self.cost_of_new(self.output(text), 0)
    }

    /// What it has cost so far.
    fn cost(&self) -> Amount {
        self.cost_with(self.text).min(self.hold.held())
    }

    fn text_with(&self, piece: &str) -> TokenCount {
        let mut text = self.text;
        text.push(piece);
        text
    }

    /// Whether the next piece is within what is held. Where that will soon be used up, more is asked for meanwhile.
    pub(super) fn covers(&mut self, piece: &str) -> bool {
        if !self.is_per_token() {
            return true;
        }
        let (cost, held) = (self.cost_with(self.text_with(piece)), self.hold.held());
        if cost > held {
            return false;
        }
        if let Some(extended) = self.more.as_mut().and_then(FutureExt::now_or_never) {
            self.is_short = !extended.unwrap_or(false);
            self.more = None;
        }
        let is_half = cost.micros() > held.micros() / 2;
        if is_half && held < self.hold.ceiling() && self.more.is_none() && !self.is_short {
            let (own, to) = (self.hold.clone(), self.next_step());
            self.more = Some(tokio::spawn(async move { matches!(own.extend(to).await, Ok(Extended::Held)) }));
        }
        true
    }

    fn next_step(&self) -> Amount {
        let (held, ceiling) = (self.hold.held(), self.hold.ceiling());
        (held + Amount::from_micros((ceiling.micros() / STEPS).max(1))).min(ceiling)
    }

    /// Waits until the next piece is within what is held, or says why it cannot be. May be dropped.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub(super) async fn cover(&mut self, piece: &str) -> AppResult<Option<CutReason>> {
        if let Some(more) = &mut self.more {
            _ = more.await;
            self.more = None;
        }
        let cost = self.cost_with(self.text_with(piece));
        if cost <= self.hold.held() {
            return Ok(None);
        }
        let reason = self.extend_to(cost).await?;
        self.is_short = reason.is_some();
        Ok(reason.filter(|_| cost > self.hold.held()))
    }

    /// Sees that so much is held, or as much as there is; why it is less, if it is.
    async fn extend_to(&self, cost: Amount) -> AppResult<Option<CutReason>> {
        let ceiling = self.hold.ceiling();
        let mut reason = if cost > ceiling { CutReason::Maximum } else { CutReason::Credits };
        let mut to = self.next_step().max(cost).min(ceiling);
        for _ in 0..TRIES {
            if to <= self.hold.held() {
                break;
            }
            match self.hold.extend(to).await? {
                Extended::Held => break,
                Extended::Left { left, is_budget } => {
                    reason = if is_budget { CutReason::Budget } else { CutReason::Credits };
                    to = (self.hold.held() + left.max(Amount::ZERO)).min(ceiling);
                }
                // It was given up for dead.
                Extended::Ended => return Err(AppError::Unavailable),
            }
        }
        Ok((self.hold.held() < cost).then_some(reason))
    }

    /// How many bytes of a piece that is not covered are: none of a small one.
    pub(super) fn covered_part(&self, piece: &str) -> usize {
        if TokenCount::of(piece) <= SMALL_PIECE {
            return 0;
        }
        let held = self.hold.held();
        let (mut text, mut end) = (self.text, 0);
        for (at, c) in piece.char_indices() {
            text.push(c.encode_utf8(&mut [0; 4]));
            if self.cost_with(text) > held {
                break;
            }
            end = at + c.len_utf8();
        }
        end
    }

    /// A piece was published. Returns the amount so far, when it is time to tell it.
    pub(super) fn count(&mut self, piece: &str, now: Instant) -> Option<Amount> {
        if !self.is_per_token() {
            return None;
        }
        self.text.push(piece);
        let is_due = self.told.is_none_or(|told| now.saturating_duration_since(told) >= TELL_EVERY);
        is_due.then(|| {
            self.told = Some(now);
            self.cost()
        })
    }

    /// Why a reply that ended at a limit has this one: it may be that no more was paid for.
    pub(super) async fn limit_reason(&self) -> CutReason {
        if !self.is_per_token() || self.limit >= self.quoted.output {
            return CutReason::Length;
        }
        if self.hold.held() >= self.hold.ceiling() {
            return CutReason::Maximum;
        }
        match self.hold.extend(self.next_step()).await {
            Ok(Extended::Left { is_budget: true, .. }) => CutReason::Budget,
            _ => CutReason::Credits,
        }
    }

    /// Whether no more is paid for than what a provider was told that it may make.
    pub(super) const fn is_lowered(&self) -> bool {
        self.is_per_token() && self.limit < self.quoted.output
    }

    /// What the reply comes to, and of what: with the last word of the provider, if it had one.
    pub(super) async fn close(&mut self, said: Option<Usage>) -> (Amount, Option<Usage>) {
        if !self.is_per_token() {
            return (self.cheaper(&TokenUse::default(), self.hold.ceiling()), said);
        }
        if let Some(more) = self.more.take() {
            _ = more.await;
        }
        let usage = self.usage(said);
        let used = TokenUse {
            input: usage.input_tokens.into(),
            cached_input: usage.cached_input_tokens.unwrap_or(0).into(),
            cache_write: usage.cache_write_tokens.unwrap_or(0).into(),
            cache_write_1h: usage.cache_write_1h_tokens.unwrap_or(0).into(),
            output: usage.output_tokens.into(),
            reasoning: usage.reasoning_tokens.unwrap_or(0).into(),
        };
        let cost = self.cheaper(&used, self.quoted.price.rate.cost(&self.as_quoted(used)));
        if cost > self.hold.held()
            && let Err(error) = self.extend_to(cost.min(self.hold.ceiling())).await
        {
            tracing::warn!(%error, "what a reply cost beyond its hold is not charged");
        }
        (cost.clamp(Amount::LEAST, self.hold.held()), Some(usage))
    }

    /// With no more written to a cache than was quoted: who answers in another's place may keep one where that one does not.
    fn as_quoted(&self, used: TokenUse) -> TokenUse {
        match self.quoted.input.writes {
            CacheWrites::Never => TokenUse { cache_write: 0, cache_write_1h: 0, ..used },
            CacheWrites::Usual => TokenUse { cache_write_1h: 0, ..used },
            CacheWrites::OneHour => used,
        }
    }

    /// What was used costs so much, or less at the price of who answered in the end.
    fn cheaper(&mut self, used: &TokenUse, quoted: Amount) -> Amount {
        self.other = self.other.take().filter(|other| other.rate.cost(used) < quoted);
        self.other.as_ref().map_or(quoted, |other| other.rate.cost(used))
    }

    /// The version of the price, once it is known what the reply comes to.
    pub(super) fn price_version(&self) -> &str {
        self.other.as_ref().map_or_else(|| self.hold.price_version(), |other| &other.version)
    }

    /// The tokens that are charged for: what the provider says where that can be, else what was counted here. What it has read and what
    /// it has made are judged apart: whoever asks can make one of the counts odd, and is not to have thoughts for nothing by it.
    fn usage(&self, last: Option<Usage>) -> Usage {
        let counted = (self.text.total() + self.thoughts).min(u64::from(self.quoted.output));
        let (input, counted) = (narrow(self.input.total()), narrow(counted));
        // Where the provider does not say how many of them it thought.
        let thought = (self.thoughts > 0).then(|| narrow(self.thoughts));
        let said = last.or(self.said);
        let read = said.filter(|said| self.can_have_read(said.input_tokens));
        let made = said.filter(|said| self.can_have_made(said.output_tokens));
        // It may have written more since; and one number that cannot be makes the other doubtful, where it is less.
        let is_told = last.is_some() && read.is_some();
        let made = made.filter(|made| is_told || made.output_tokens >= counted);
        let usage = Usage {
            estimated: read.is_none() || made.is_none(),
            output_tokens: made.map_or(counted, |made| made.output_tokens),
            reasoning_tokens: made.and_then(|made| made.reasoning_tokens),
            ..read.map_or_else(|| Usage::of(input, 0), |read| self.within_input(read))
        };
        let thought = usage.reasoning_tokens.or(thought);
        Usage { reasoning_tokens: thought.map(|thought| thought.min(usage.output_tokens)), ..usage }
    }

    /// With parts of the input that are no more than it, and nothing written to a cache that was not asked for.
    fn within_input(&self, said: Usage) -> Usage {
        let writes = self.input.writes;
        let cached = said.cached_input_tokens.map(|cached| cached.min(said.input_tokens));
        let new = said.input_tokens - cached.unwrap_or(0);
        let written = said.cache_write_tokens.filter(|_| writes >= CacheWrites::Usual).map(|written| written.min(new));
        let for_an_hour = said.cache_write_1h_tokens.filter(|_| writes == CacheWrites::OneHour);
        Usage {
            cached_input_tokens: cached,
            cache_write_tokens: written,
            cache_write_1h_tokens: for_an_hour.map(|hour| hour.min(written.unwrap_or(0))).filter(|hour| *hour > 0),
            ..said
        }
    }

    /// Whether a provider can have read so much, beside what was counted.
    fn can_have_read(&self, tokens: u32) -> bool {
        let Counted { text, images, besides, .. } = self.input;
        let likely = text / LIKELY..=(text + images) * LIKELY + besides + OVERHEAD;
        tokens > 0 && likely.contains(&tokens.into())
    }

    /// Whether it can have made so much.
    fn can_have_made(&self, tokens: u32) -> bool {
        let likely = self.text.total() / LIKELY..=u64::from(self.limit);
        tokens > 0 && likely.contains(&tokens.into())
    }
}

fn narrow(tokens: u64) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}
