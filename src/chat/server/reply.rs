//! Writing a reply: one job from the first provider asked to the settled or released hold.

use std::time::Duration;

use futures::StreamExt;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::providers::{
    ChatProvider, GuardedProvider, ProviderError, ProviderEvent, ProviderRequest, Sampling, TokenStream, Turn,
};
use super::response_cache::{KeptAnswer, Lead};
use super::store::FinishedReply;
use crate::app::state::AppState;
use crate::chat::{ChatEvent, DoneEvent, ErrorEvent, FallbackEvent, MessageState, StartEvent, TokenEvent, Usage};
use crate::credits::ReleaseReason;
use crate::credits::server::store::{Hold, HoldEnd, WorkKind};
use crate::platform::db::keep_trying;
use crate::platform::error::AppError;
use crate::platform::http::request_id::in_request;
use crate::platform::jobs::{Job, JobEvent, Position, StopReason};
use crate::upstream::{Next, Route};
use crate::usage::Outcome;
use crate::usage::server::service::{Asked, Trial};

/// How often the text so far is kept, so that a crash loses at most this much of it.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// A reply to write.
pub(super) struct Writing {
    pub id: Uuid,
    /// Its price.
    pub hold: Hold,
    pub conversation: Uuid,
    pub turns: Vec<Turn>,
    pub sampling: Sampling,
    /// The provider that the user wants the answer of, and the model if not its own. Another provider's is not kept.
    pub picked: Option<(String, Option<String>)>,
    /// Others wait for this answer, and it is kept for whoever asks the same.
    pub lead: Option<Lead>,
}

impl Writing {
    /// Another model of this provider than its own: a picked one belongs to the provider that was picked with it.
    fn picked_model(&self, provider: &GuardedProvider) -> Option<String> {
        picked_model(self.picked.as_ref(), provider)
    }
}

/// The model of `picked`, where it is one of this provider's.
pub(super) fn picked_model(picked: Option<&(String, Option<String>)>, provider: &GuardedProvider) -> Option<String> {
    picked.filter(|(name, _)| name == provider.name()).and_then(|(_, model)| model.clone())
}

/// Why the text is as it is.
enum Ending {
    Whole { usage: Option<Usage> },
    Stopped,
    Broken(AppError),
}

/// A reply on its way.
struct Draft<'a> {
    state: &'a AppState,
    job: &'a Job,
    writing: &'a Writing,
    route: Route<dyn ChatProvider>,
    text: String,
    /// What it was asked, for the record.
    trial: Trial,
    saved: Instant,
}

/// Starts the job. Whatever happens in it, the hold is ended by it or, if the process dies, by the sweeper.
pub(super) fn start(state: &AppState, writing: Writing, route: Route<dyn ChatProvider>) {
    let state = state.clone();
    state.clone().jobs.spawn(writing.id, writing.hold.user, WorkKind::Chat, |job| {
        let id = writing.hold.request_id.clone();
        in_request(id, async move {
            let mut draft = Draft {
                state: &state,
                job: &job,
                writing: &writing,
                route,
                text: String::new(),
                trial: Trial::begin(),
                saved: Instant::now(),
            };
            draft.publish(&ChatEvent::Start(StartEvent {
                message_id: writing.id.to_string(),
                conversation_id: writing.conversation.to_string(),
                provider: draft.route.provider().name().to_owned(),
                model: draft.model(),
                credits: writing.hold.amount,
            }));
            let ending = draft.write().await;
            draft.finish(ending).await;
        })
    });
}

impl Draft<'_> {
    fn publish(&self, event: &ChatEvent) {
        let position = match event {
            ChatEvent::Done(_) | ChatEvent::Error(_) => Position::End,
            _ => Position::At(self.text.len() as u64),
        };
        self.job.publish(job_event(event, position));
    }

    /// The model that answers.
    fn model(&self) -> String {
        let provider = self.route.provider();
        self.writing.picked_model(provider).unwrap_or_else(|| provider.model())
    }

    async fn write(&mut self) -> Ending {
        // One deadline for the first token, whoever it comes from; each gets its share of what is left until then.
        let deadline = Instant::now() + self.state.config.chat.timeout;
        self.state.retries.earn();
        loop {
            let provider = self.route.provider().clone();
            let share = self.route.share(deadline);
            self.trial = Trial::begin();
            let first = tokio::select! {
                reason = self.job.stopped() => {
                    self.record(Outcome::Stopped);
                    return ending_of(reason);
                }
                first = timeout(share, self.ask(&provider)) => first.unwrap_or(Err(ProviderError::Timeout)),
            };
            let error = match first {
                Ok((token, stream)) => {
                    self.route.answered();
                    self.trial.first_token();
                    self.append(token);
                    return self.follow(stream).await;
                }
                Err(error) => error,
            };
            tracing::warn!(provider = provider.name(), %error, "a provider did not answer");
            self.route.failed(&error);
            self.record(error.outcome());
            if !self.fall_back(&error) {
                return Ending::Broken(error.shown());
            }
        }
    }

    /// Goes on to the next provider, if there is one that may be asked.
    fn fall_back(&mut self, error: &ProviderError) -> bool {
        let next = self.route.advance(error, &self.state.retries);
        if next != Next::Nobody {
            self.state.metrics.fell_back(WorkKind::Chat, next != Next::OverBudget);
        }
        let Next::Fallback { from, to } = next else { return false };
        self.publish(&ChatEvent::Fallback(FallbackEvent { from: from.to_owned(), to: to.to_owned() }));
        let (state, id, model) = (self.state.clone(), self.writing.id, self.model());
        // For who watches on another server; the end of the reply says it once more.
        tokio::spawn(async move {
            if let Err(error) = state.chats.assign_reply(id, to.to_owned(), model).await {
                tracing::warn!(%error, "it could not be stored who answers");
            }
        });
        true
    }

    /// The first token that is not empty, and the stream it came from.
    async fn ask(&mut self, provider: &GuardedProvider) -> Result<(String, TokenStream), ProviderError> {
        let request = ProviderRequest {
            turns: self.writing.turns.clone(),
            model: self.writing.picked_model(provider),
            sampling: self.writing.sampling.clone(),
        };
        let mut stream = provider.start(request).await.inspect_err(|_| self.trial.refused())?;
        while let Some(event) = stream.next().await {
            match event? {
                ProviderEvent::Token(text) if !text.is_empty() => return Ok((text, stream)),
                ProviderEvent::Token(_) => {}
                ProviderEvent::Usage(usage) => self.trial.said(usage),
                ProviderEvent::Done { .. } => return Err(ProviderError::Malformed("an empty answer".to_owned())),
            }
        }
        Err(ProviderError::Malformed("the stream was cut before the first token".to_owned()))
    }

    async fn follow(&mut self, mut stream: TokenStream) -> Ending {
        let pause = self.state.config.chat.timeout;
        loop {
            let next = tokio::select! {
                reason = self.job.stopped() => {
                    self.record(Outcome::Stopped);
                    return ending_of(reason);
                }
                next = timeout(pause, stream.next()) => next,
            };
            let error = match next {
                Ok(Some(Ok(ProviderEvent::Token(text)))) => {
                    self.append(text);
                    continue;
                }
                Ok(Some(Ok(ProviderEvent::Usage(usage)))) => {
                    self.trial.said(usage);
                    continue;
                }
                Ok(Some(Ok(ProviderEvent::Done { usage }))) => {
                    if let Some(usage) = usage {
                        self.trial.said(usage);
                    }
                    // White space is no answer.
                    self.record(if self.text.trim().is_empty() { Outcome::Malformed } else { Outcome::Ok });
                    return Ending::Whole { usage };
                }
                Ok(Some(Err(error))) => error,
                Ok(None) => ProviderError::Malformed("the stream was cut".to_owned()),
                Err(_) => ProviderError::Timeout,
            };
            tracing::warn!(provider = self.route.provider().name(), %error, "a provider broke off");
            self.route.failed(&error);
            self.record(match error.outcome() {
                Outcome::Malformed | Outcome::Unavailable => Outcome::Cut,
                other => other,
            });
            return Ending::Broken(error.shown());
        }
    }

    /// Puts down what came of the attempt that is over.
    fn record(&self, outcome: Outcome) {
        let Writing { id, hold, turns, .. } = self.writing;
        let asked = Asked {
            request_id: &hold.request_id,
            reply: *id,
            user: hold.user,
            provider: self.route.provider().name(),
            model: self.model(),
            input_images: turns.iter().map(|turn| turn.images.len()).sum(),
            input_bytes: turns.iter().map(|turn| turn.content.len()).sum(),
            output_bytes: self.text.len(),
        };
        let attempt = self.trial.end(asked, outcome, &self.state.config.usage.prices);
        self.state.metrics.attempted(&attempt);
        self.state.usage.record(attempt);
    }

    fn append(&mut self, text: String) {
        self.text.push_str(&text);
        self.publish(&ChatEvent::Token(TokenEvent { text }));
        if self.saved.elapsed() >= SAVE_EVERY {
            self.saved = Instant::now();
            let (state, id, text) = (self.state.clone(), self.writing.id, self.text.clone());
            // Beside the tokens, not between them.
            tokio::spawn(async move {
                if let Err(error) = state.chats.save_partial(id, text).await {
                    tracing::warn!(%error, "the text so far could not be kept");
                }
            });
        }
    }

    /// Stores the result, then settles or releases: what is charged for can be shown.
    async fn finish(mut self, ending: Ending) {
        let blank = self.text.trim().is_empty();
        let price = self.writing.hold.amount;
        let (state, credits, error, usage) = match ending {
            Ending::Whole { usage } if !blank => (MessageState::Complete, price, None, usage),
            Ending::Stopped if !blank => (MessageState::Stopped, price, None, None),
            Ending::Stopped => (MessageState::Stopped, 0, None, None),
            Ending::Whole { .. } => (MessageState::Failed, 0, Some(AppError::ProviderFailed), None),
            Ending::Broken(error) if blank => (MessageState::Failed, 0, Some(error), None),
            Ending::Broken(error) => (MessageState::Incomplete, 0, Some(error), None),
        };
        let reply = FinishedReply {
            id: self.writing.id,
            state,
            text: std::mem::take(&mut self.text),
            provider: self.route.provider().name().to_owned(),
            model: self.model(),
            fallback_from: self.route.fallback_from().map(str::to_owned),
            cached: false,
            credits,
            error_code: error.as_ref().map(AppError::code),
            usage,
        };
        let kept = self.writing.lead.as_ref().filter(|_| {
            // A stopped answer is not whole.
            reply.state == MessageState::Complete && !(reply.fallback_from.is_some() && self.writing.picked.is_some())
        });
        let kept = kept.map(|lead| {
            let FinishedReply { text, provider, model, .. } = reply.clone();
            (lead, KeptAnswer { text, provider, model, usage })
        });
        let closed = self.close_books(reply, credits).await;
        if let (Ok(_), Some((lead, answer))) = (&closed, &kept) {
            lead.keep(answer).await;
        }
        self.publish(&match closed {
            Ok((charged, available)) => match error {
                None if charged == credits => ChatEvent::Done(DoneEvent {
                    reply: None,
                    cached: false,
                    remaining_credits: available,
                    credits: charged,
                    usage,
                }),
                // The conversation was deleted meanwhile, or the job was given up for dead: free either way.
                None => error_event(&AppError::Unavailable),
                Some(error) => error_event(&error),
            },
            Err(_) => error_event(&AppError::Unavailable),
        });
    }

    /// Returns what was charged and what is left.
    async fn close_books(&self, reply: FinishedReply, credits: i64) -> Result<(i64, i64), AppError> {
        let (state, hold) = (self.state, &self.writing.hold);
        let stored = keep_trying(|| state.chats.finish_reply(reply.clone())).await?;
        let charge = stored && credits > 0;
        let end = if charge { HoldEnd::Settle } else { HoldEnd::Release };
        let reason = match (stored, charge) {
            (_, true) => None,
            (true, false) => Some(match reply.state {
                MessageState::Stopped => ReleaseReason::Stopped,
                MessageState::Incomplete => ReleaseReason::Incomplete,
                _ => ReleaseReason::Failed,
            }),
            (false, false) => Some(ReleaseReason::Deleted),
        };
        let ended = keep_trying(|| state.credits.end_hold(hold, end, reason)).await?;
        let (end, balance) = ended.ok_or(AppError::Internal)?;
        state.metrics.hold_ended(end);
        Ok((if end == HoldEnd::Settle { hold.amount } else { 0 }, balance.available))
    }
}

const fn ending_of(reason: StopReason) -> Ending {
    match reason {
        StopReason::User => Ending::Stopped,
        StopReason::Shutdown => Ending::Broken(AppError::Unavailable),
    }
}

/// The event that tells a watcher why there is no (whole) answer. Nothing was charged.
pub fn error_event(error: &AppError) -> ChatEvent {
    ChatEvent::Error(ErrorEvent { code: error.code().to_owned(), error: error.to_string(), charged: false })
}

/// An event as jobs carry it: the fields as JSON, without the name.
pub fn job_event(event: &ChatEvent, position: Position) -> JobEvent {
    let (name, data) = match event {
        ChatEvent::Start(event) => ("start", serde_json::to_string(event)),
        ChatEvent::Token(event) => ("token", serde_json::to_string(event)),
        ChatEvent::Fallback(event) => ("fallback", serde_json::to_string(event)),
        ChatEvent::Done(event) => ("done", serde_json::to_string(event)),
        ChatEvent::Error(event) => ("error", serde_json::to_string(event)),
    };
    // Structs of texts and numbers: there is nothing in them that JSON could not say.
    JobEvent { name: name.into(), data: data.unwrap_or_default(), position }
}
