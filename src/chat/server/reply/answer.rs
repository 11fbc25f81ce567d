//! Where the text of a reply comes from: providers are asked, one after the other, until one answers; then it is followed to its
//! end.

use std::future::ready;
use std::pin::pin;
use std::time::Duration;

use futures::{StreamExt, stream};
use tokio::time::Instant;

use super::super::context_window::{Counted, estimate_tokens, fit};
use super::super::providers::{
    CallPiece, Finish, GuardedProvider, ProviderError, ProviderEvent, ProviderRequest, Sampling, Thought, TokenStream,
    Turn,
};
use super::super::thoughts::Thoughts;
use super::mind::Mind;
use super::{Draft, Ending, ending_of};
use crate::chat::{ChatEvent, CutReason, FallbackEvent, ShortenedEvent, ThinkingEvent, Usage};
use crate::credits::server::prices::CacheWrites;
use crate::generation::{Fallback, PendingAttempt, Silence, Tokens, timeout_awake};
use crate::platform::error::AppError;
use crate::usage::Outcome;

/// A provider that is at work without a word has so many times as long as one that is silent.
const PATIENCE_WITH_WORK: u32 = 10;
/// After the first word, silence is no end before this, however short the timeout: an answer may be whole by then.
const LEAST_PAUSE: Duration = Duration::from_millis(2500);

impl Draft<'_> {
    pub(super) async fn write(&mut self) -> Ending {
        // One deadline for the first sign of life, from whichever provider it comes; each gets its share of what is left until then.
        self.route.begin(self.chat.config.timeout);
        let mut has_worked = false;
        loop {
            let provider = self.route.provider().clone();
            let share = self.route.share();
            self.attempt = PendingAttempt::begin();
            self.thoughts = if provider.thinks_unopened() { Thoughts::unopened() } else { Thoughts::default() };
            self.mind = Mind::default();
            self.is_shortened = false;
            let asked = Instant::now();
            let first = tokio::select! {
                reason = self.job.stopped() => {
                    self.record(Outcome::Stopped);
                    return ending_of(reason);
                }
                first = self.ask(&provider, share) => first,
            };
            let error = match first {
                Ok((text, call, stream)) => {
                    self.attempt.first_token();
                    if self.is_shortened {
                        self.publish(&ChatEvent::Shortened(ShortenedEvent {}));
                    }
                    let mut ending = None;
                    if call.is_none() || !text.is_empty() {
                        ending = self.append(text, Instant::now()).await;
                    }
                    if let (None, Some(call)) = (&ending, call) {
                        ending = self.append_call(call, Instant::now()).await;
                    }
                    return match ending {
                        None => self.follow(stream).await,
                        Some(ending) => ending,
                    };
                }
                Err(error) => error,
            };
            tracing::warn!(provider = provider.name(), %error, "a provider did not answer");
            self.route.failed(&error);
            self.record(error.outcome());
            if asked.elapsed() > share {
                // It was at work, and the time of the others is theirs.
                self.route.prolong(self.chat.config.timeout);
            }
            // No more was paid for, and no more is by the next.
            if matches!(error, ProviderError::Empty { is_spent: true, .. }) && self.meter.is_lowered() {
                let reason = self.meter.limit_reason().await;
                return Ending::Cut(reason);
            }
            // Another one would give nothing either.
            let is_chosen = matches!(error, ProviderError::Empty { by: Some(_), .. });
            if is_chosen || !self.fall_back(&error) {
                // Where another one answers, that is paid for.
                let is_refused_after = has_worked && !self.attempt.was_taken() && !error.is_failure();
                if is_refused_after || self.is_asked_silence(&error) {
                    self.work.hold.count_free_work().await;
                }
                return Ending::Broken(error.shown());
            }
            has_worked |= self.attempt.was_taken() && !error.is_failure();
        }
    }

    /// Goes on to the next provider, if there is one that may be asked.
    fn fall_back(&mut self, error: &ProviderError) -> bool {
        let Some(Fallback { from, to }) = self.route.next(error) else { return false };
        self.is_thinking = false;
        self.meter.fall_back(self.chat.usual_offer(self.route.provider()).price);
        let (chat, id, model) = (self.chat.clone(), self.work.id(), self.model());
        let told = FallbackEvent { from: from.to_owned(), to: to.to_owned(), model: model.clone() };
        self.publish(&ChatEvent::Fallback(told));
        // For who watches on another server; the end of the reply says it once more.
        tokio::spawn(async move {
            if let Err(error) = chat.store.assign_reply(id, to.to_owned(), model).await {
                tracing::warn!(%error, "it could not be stored who answers");
            }
        });
        true
    }

    /// The first of the text, or of a call, and the stream that it came from. Silence is the end: until the first sign of life
    /// after `share`.
    async fn ask(
        &mut self,
        provider: &GuardedProvider,
        share: Duration,
    ) -> Result<(String, Option<CallPiece>, TokenStream), ProviderError> {
        let begun = timeout_awake(share, self.begin(provider)).await;
        let (mut event, mut stream) = begun.unwrap_or(Err(ProviderError::Timeout))?;
        let (pause, since) = (self.chat.config.timeout, Instant::now());
        loop {
            match event {
                ProviderEvent::Token(text) => {
                    let text = self.thoughts.take(text);
                    let thought = Thought { text: self.thoughts.thought(), seal: None };
                    self.mind.push(thought, Instant::now());
                    if !text.is_empty() {
                        return Ok((text, None, stream));
                    }
                    self.tell_thinking(self.thoughts.are_open());
                }
                ProviderEvent::Alive { thinks } => {
                    if thinks {
                        self.thoughts.are_apart();
                    }
                    self.tell_thinking(thinks);
                }
                ProviderEvent::Thought(thought) => {
                    self.thoughts.are_apart();
                    self.mind.push(thought, Instant::now());
                    self.tell_thinking(true);
                }
                ProviderEvent::Call(call) => {
                    let text = self.thoughts.end();
                    let text = if text.trim().is_empty() { String::new() } else { text };
                    return Ok((text, Some(call), stream));
                }
                ProviderEvent::Shortened => self.is_shortened = true,
                ProviderEvent::Usage(usage) => self.hear(usage),
                ProviderEvent::Done { finish, usage } => {
                    if let Some(usage) = usage {
                        self.hear(usage);
                    }
                    if self.thoughts.are_unopened() {
                        provider.learn_unopened(false);
                    }
                    let text = self.thoughts.end();
                    if text.trim().is_empty() {
                        return Err(self.empty(finish));
                    }
                    return Ok((text, None, stream::once(ready(Ok(ProviderEvent::Done { finish, usage }))).boxed()));
                }
            }
            if since.elapsed() > pause * PATIENCE_WITH_WORK {
                return Err(ProviderError::Timeout);
            }
            event = timeout_awake(pause, next_of(&mut stream)).await.unwrap_or(Err(ProviderError::Timeout))?;
        }
    }

    /// The first event, of as much of the context as the model takes. Where that is not known before, it is asked once more, with
    /// as much as it says that it takes, or else with half. A program's context is not cut: it gets the error.
    async fn begin(&mut self, provider: &GuardedProvider) -> Result<(ProviderEvent, TokenStream), ProviderError> {
        if self.work.must_fit {
            return self.begin_with(provider, self.work.turns.clone()).await;
        }
        let output = self.work.sampling.max_output_tokens;
        let room = |window: u32| window.saturating_sub(output.min(window / 2));
        let fitted = provider.window().and_then(|window| fit(&self.work.turns, room(window)));
        self.is_shortened = fitted.is_some();
        let turns = fitted.unwrap_or_else(|| self.work.turns.clone());
        let size = estimate_tokens(&turns);
        let (reason, window) = match self.begin_with(provider, turns).await {
            Err(ProviderError::TooLong { reason, window }) => (reason, window),
            begun => return begun,
        };
        tracing::warn!(provider = provider.name(), reason, "the context is too long");
        let less = window.map_or(size / 2, |window| room(window).min(size / 4 * 3));
        let Some(turns) = fit(&self.work.turns, less) else { return Err(ProviderError::TooLong { reason, window }) };
        self.is_shortened = true;
        let begun = self.begin_with(provider, turns).await;
        // What a server said is believed once it has helped: it may have repeated words of this request. Where it said nothing,
        // the window is between what was too long and what was not.
        if begun.is_ok() {
            provider.learn_window(window.unwrap_or_else(|| (size / 4 * 3).saturating_add(output)));
        }
        begun
    }

    async fn begin_with(
        &mut self,
        provider: &GuardedProvider,
        mut turns: Vec<Turn>,
    ) -> Result<(ProviderEvent, TokenStream), ProviderError> {
        let (must_fit, mut sampling) = (self.work.must_fit, self.work.sampling.clone());
        if let Some(most) = provider.output_limit() {
            sampling.max_output_tokens = sampling.max_output_tokens.min(most);
        }
        let counted = Counted::of(&turns).with(&sampling).with_tool_prompt(provider.tool_prompt());
        let writes = if provider.caches_prompts() { self.meter.priced(counted.writes) } else { CacheWrites::Never };
        // A hint, and no content: who answers in another's place may have no price for an hour.
        if writes < counted.writes {
            turns.iter_mut().for_each(Turn::shorten_caches);
            sampling.shorten_caches();
        }
        let most_output = self.meter.ask(Counted { writes, ..counted });
        let started = provider.start(ProviderRequest { turns, model: None, sampling, most_output, must_fit }).await;
        let mut stream = started.inspect_err(|_| self.attempt.refused())?;
        let first = next_of(&mut stream).await?;
        Ok((first, stream))
    }

    /// The provider says what it has used so far.
    fn hear(&mut self, usage: Usage) {
        self.attempt.said(tokens_of(usage));
        self.meter.said(usage);
    }

    /// Tells who watches that the model thinks, once.
    fn tell_thinking(&mut self, thinks: bool) {
        if thinks {
            self.mind.thinks(Instant::now());
        }
        if thinks && !self.is_thinking {
            self.is_thinking = true;
            self.publish(&ChatEvent::Thinking(ThinkingEvent::default()));
        }
    }

    /// Tells who watches what was thought: only where the price stands, and so some of the answer can be read.
    pub(super) fn tell_thoughts(&mut self) {
        for told in self.mind.tell() {
            self.publish(&ChatEvent::Thinking(told));
        }
    }

    async fn follow(&mut self, mut stream: TokenStream) -> Ending {
        let pause = self.chat.config.timeout.max(LEAST_PAUSE);
        // One timer and one waiter for the whole answer: it may have thousands of pieces.
        let (mut spoke, mut silence) = (Instant::now(), Silence::of(pause));
        let job = self.job;
        let mut stopped = pin!(job.stopped());
        loop {
            let next = tokio::select! {
                biased;
                reason = &mut stopped => {
                    self.record(Outcome::Stopped);
                    return ending_of(reason);
                }
                next = next_of(&mut stream) => next,
                () = silence.lasts() => Err(ProviderError::Timeout),
            };
            let now = silence.broken();
            let error = match next {
                Ok(ProviderEvent::Token(text)) => {
                    spoke = now;
                    match self.append(text, now).await {
                        None => continue,
                        Some(ending) => return ending,
                    }
                }
                Ok(ProviderEvent::Alive { .. } | ProviderEvent::Thought(_))
                    if now - spoke > pause * PATIENCE_WITH_WORK =>
                {
                    ProviderError::Timeout
                }
                Ok(ProviderEvent::Thought(thought)) => {
                    self.mind.push(thought, now);
                    if !self.is_blank() {
                        self.tell_thoughts();
                    }
                    continue;
                }
                Ok(ProviderEvent::Call(call)) => {
                    spoke = now;
                    match self.append_call(call, now).await {
                        None => continue,
                        Some(ending) => return ending,
                    }
                }
                Ok(ProviderEvent::Alive { .. } | ProviderEvent::Shortened) => continue,
                Ok(ProviderEvent::Usage(usage)) => {
                    self.hear(usage);
                    continue;
                }
                Ok(ProviderEvent::Done { finish, usage }) => {
                    if let Some(usage) = usage {
                        self.hear(usage);
                    }
                    if self.is_blank() && self.is_asked_silence(&self.empty(finish)) {
                        self.work.hold.count_free_work().await;
                    }
                    return self.ended(finish, usage);
                }
                Err(error) => error,
            };
            tracing::warn!(provider = self.route.provider().name(), %error, "a provider broke off");
            self.route.broke_off(&error);
            self.record(match error.outcome() {
                Outcome::Malformed | Outcome::Unavailable => Outcome::Cut,
                other => other,
            });
            // Some of it was read, and that it ends here is up to what was asked: the operator pays for it all the same.
            if !error.is_failure() {
                self.work.hold.count_free_work().await;
            }
            return Ending::Broken(error.shown_of_rest());
        }
    }

    /// Sees that a piece is paid for before it leaves: cuts it down to what is, and says why.
    pub(super) async fn pay_for(&mut self, text: &mut String) -> Result<Option<CutReason>, Ending> {
        self.meter.thought(self.mind.bytes());
        if self.meter.covers(text) {
            return Ok(None);
        }
        let covered = tokio::select! {
            biased;
            reason = self.job.stopped() => return Err(ending_of(reason)),
            covered = self.meter.cover(text) => covered.map_err(Ending::Broken)?,
        };
        if covered.is_some() {
            text.truncate(self.meter.covered_part(text));
        }
        Ok(covered)
    }

    /// To think, and to say nothing then, can be asked for: the operator pays for it all the same. One that has made nothing at all is
    /// not well. What a field of the request has made empty is counted at the end.
    fn is_asked_silence(&self, error: &ProviderError) -> bool {
        let is_made = self.mind.bytes() > 0 || self.meter.has_made();
        is_made && matches!(error, ProviderError::Empty { by: None, .. })
    }

    /// What the user is told where not a word is paid for.
    pub(super) fn unpaid(&self, reason: CutReason) -> AppError {
        let (needed, available) = (self.work.hold.ceiling(), self.work.hold.held());
        match reason {
            CutReason::Budget => AppError::OverOwnBudget { needed, available },
            CutReason::Maximum | CutReason::Length | CutReason::Credits => {
                AppError::InsufficientCredits { needed, available }
            }
        }
    }

    /// An answer without a word: by what the caller chose, where that can make it so.
    pub(super) fn empty(&self, finish: Finish) -> ProviderError {
        let Sampling { stop, max_output_tokens, names, .. } = &self.work.sampling;
        let by = match finish {
            Finish::Whole if !stop.is_empty() => Some(names.stop),
            Finish::Limit if *max_output_tokens < self.chat.config.max_output_tokens => Some(names.limit),
            Finish::Whole | Finish::Limit | Finish::Calls => None,
        };
        ProviderError::Empty { by, is_spent: finish == Finish::Limit }
    }

    /// The answer has come to its end: only now is it known that the provider is well.
    pub(super) fn ended(&mut self, finish: Finish, usage: Option<Usage>) -> Ending {
        // White space is no answer.
        if self.is_blank() {
            self.record(self.empty(finish).outcome());
        } else {
            self.route.answered();
            self.record(Outcome::Ok);
        }
        Ending::Ended { finish, usage }
    }
}

/// The next event; the end of the stream is none.
async fn next_of(stream: &mut TokenStream) -> Result<ProviderEvent, ProviderError> {
    stream.next().await.unwrap_or_else(|| Err(ProviderError::Malformed("the stream was cut".to_owned())))
}

fn tokens_of(usage: Usage) -> Tokens {
    Tokens {
        input: usage.input_tokens,
        output: usage.output_tokens,
        cached_input: usage.cached_input_tokens.unwrap_or(0),
        cache_write: usage.cache_write_tokens.unwrap_or(0),
        cache_write_1h: usage.cache_write_1h_tokens.unwrap_or(0),
    }
}
