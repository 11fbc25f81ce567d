//! Writing a reply: one job from the first provider asked to the settled or released hold.

mod answer;
mod calls;
mod closing;
mod meter;
mod mind;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use self::meter::Meter;
use self::mind::Mind;
use super::Chat;
use super::answer_limit::AnswerLimit;
use super::events::error_event;
use super::providers::{ChatProvider, Finish, Sampling, Turn};
use super::quote::Quoted;
use super::response_cache::{KeptAnswer, Leader};
use super::store::FinishedReply;
use super::thoughts::{Thoughts, after_unopened};
use crate::chat::{
    ChatAnswer, ChatEvent, CutReason, DoneEvent, MessageState, StartEvent, Thinking, TokenEvent, ToolCall, Usage,
    UsageEvent,
};
use crate::credits::server::store::WorkKind;
use crate::generation::{Closed, Delivery, PendingAttempt, ReleaseReason, Reserved, Route, TextSizes, encode};
use crate::platform::amount::Amount;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::request_id::in_request;
use crate::platform::ids::{ConversationId, MessageId};
use crate::platform::jobs::{Job, StopReason};
use crate::usage::Outcome;

/// How often the text so far is kept, so that a crash loses at most this much of it.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// A reply to write.
pub(super) struct ReplyJob {
    /// Its price, put aside.
    pub hold: Reserved,
    pub quoted: Quoted,
    pub conversation: ConversationId,
    pub turns: Vec<Turn>,
    pub sampling: Sampling,
    /// It is a program's, which is not to take an answer to half of it for one to all.
    pub must_fit: bool,
    /// Others wait for this answer, and it is kept for those who ask the same.
    pub leader: Option<Arc<Leader>>,
    /// The connection that alone can see it, if it is for one.
    pub delivery: Option<Delivery<DoneEvent>>,
}

impl ReplyJob {
    /// The reply has the id of its hold.
    fn id(&self) -> MessageId {
        self.hold.id().into()
    }
}

/// Why the text is as it is.
enum Ending {
    Ended {
        finish: Finish,
        usage: Option<Usage>,
    },
    /// No more of it is paid for.
    Cut(CutReason),
    Stopped,
    Broken(AppError),
}

/// What a reply has come to.
struct Conclusion {
    state: MessageState,
    credits: Amount,
    error: Option<AppError>,
    usage: Option<Usage>,
    cut: Option<CutReason>,
}

/// A reply on its way.
struct Draft<'a> {
    chat: &'a Chat,
    job: &'a Job,
    work: &'a ReplyJob,
    route: Route<dyn ChatProvider>,
    text: String,
    calls: Vec<ToolCall>,
    limit: AnswerLimit,
    meter: Meter,
    thoughts: Thoughts,
    mind: Mind,
    /// Not all of what was said fits into the model that is asked.
    is_shortened: bool,
    /// Who watches was told that the model thinks.
    is_thinking: bool,
    /// It is written down that some of it has left, or that was tried.
    is_marked: bool,
    /// What it was asked, for the record.
    attempt: PendingAttempt,
    saved: Instant,
}

/// Starts the job. Whatever happens in it, the hold is ended by it or, if the process dies, by the sweeper.
pub(super) fn start(chat: &Chat, work: ReplyJob, mut route: Route<dyn ChatProvider>) {
    let is_special = |turn: &Turn| !turn.images.is_empty() || turn.cache_controls().next().is_some();
    if work.turns.iter().any(is_special) || work.sampling.is_special() {
        route.mark_special();
    }
    let chat = chat.clone();
    chat.clone().generation.jobs.spawn(work.id(), work.hold.user(), WorkKind::Chat, |job| {
        let id = work.hold.request_id().to_owned();
        in_request(id, async move {
            let mut draft = Draft {
                chat: &chat,
                job: &job,
                work: &work,
                route,
                text: String::new(),
                calls: Vec::new(),
                limit: AnswerLimit::of_tokens(work.sampling.max_output_tokens),
                meter: Meter::new(work.hold.clone(), work.quoted.clone()),
                thoughts: Thoughts::default(),
                mind: Mind::default(),
                is_shortened: false,
                is_thinking: false,
                is_marked: false,
                attempt: PendingAttempt::begin(),
                saved: Instant::now(),
            };
            draft.publish(&ChatEvent::Start(StartEvent {
                message_id: work.id().to_string(),
                conversation_id: work.conversation.to_string(),
                provider: draft.route.provider().name().to_owned(),
                model: draft.model(),
                credits: work.hold.ceiling(),
            }));
            let ending = draft.write().await;
            draft.finish(ending).await;
        })
    });
}

impl Draft<'_> {
    fn publish(&self, event: &ChatEvent) {
        self.job.publish(encode(event, self.text.len() as u64));
    }

    /// The model that answers.
    fn model(&self) -> String {
        self.route.provider().model()
    }

    /// Puts down what came of the attempt that is over.
    fn record(&self, outcome: Outcome) {
        let ReplyJob { hold, turns, sampling, .. } = self.work;
        let sizes = TextSizes {
            input_bytes: turns.iter().map(Turn::bytes).sum::<usize>() + sampling.texts().map(str::len).sum::<usize>(),
            input_images: turns.iter().map(|turn| turn.images.len()).sum(),
            output_bytes: self.text.len() + self.calls_bytes() + self.mind.bytes(),
        };
        let provider = self.route.provider();
        self.chat.generation.record_text(&self.attempt, hold, provider.provider(), self.model(), sizes, outcome);
    }

    /// Publishes a piece. With the first that can be read the price stands, whatever becomes of the reply's row: so that is
    /// written down before it leaves. Says how the reply ends, if it does by this piece.
    async fn append(&mut self, mut text: String, now: Instant) -> Option<Ending> {
        let is_last = self.limit.take(&mut text);
        let cut = match self.pay_for(&mut text).await {
            Ok(cut) => cut,
            Err(ending) => {
                self.record(Outcome::Stopped);
                return Some(ending);
            }
        };
        if cut.is_some() && text.trim().is_empty() {
            self.record(Outcome::Stopped);
            return cut.map(Ending::Cut);
        }
        if !(text.trim().is_empty() && self.is_blank())
            && let Err(ending) = self.mark_published().await
        {
            return Some(ending);
        }
        self.mind.speaks(now);
        if !(text.trim().is_empty() && self.is_blank()) {
            self.tell_thoughts();
        }
        self.text.push_str(&text);
        let told = self.meter.count(&text, now);
        self.publish(&ChatEvent::Token(TokenEvent { text }));
        if let Some(credits) = told {
            self.publish(&ChatEvent::Usage(UsageEvent { credits }));
        }
        if now.saturating_duration_since(self.saved) >= SAVE_EVERY {
            self.saved = now;
            let (chat, id, text) = (self.chat.clone(), self.work.id(), self.text.clone());
            // Beside the tokens, not between them.
            tokio::spawn(async move {
                if let Err(error) = chat.store.save_partial(id, text).await {
                    tracing::warn!(%error, "the text so far could not be kept");
                }
            });
        }
        // Returning drops the stream, which ends the work upstream too.
        if let Some(reason) = cut {
            self.record(Outcome::Stopped);
            return Some(Ending::Cut(reason));
        }
        is_last.then(|| self.ended(Finish::Limit, None))
    }

    /// With the first that can be read or acted on the price stands: that is written down before it leaves. What is for one
    /// connection has left when that has taken it.
    async fn mark_published(&mut self) -> Result<(), Ending> {
        let is_seen = self.work.delivery.as_ref().is_none_or(Delivery::is_taken);
        if self.is_marked || !is_seen {
            return Ok(());
        }
        self.is_marked = true;
        self.work.hold.mark_published().await.map_err(|error| {
            self.record(Outcome::Stopped);
            Ending::Broken(error)
        })
    }

    /// White space is no answer; a call of a tool is one.
    fn is_blank(&self) -> bool {
        self.text.trim().is_empty() && self.calls.is_empty()
    }

    /// What an ending comes to: what is stored of it, and charged.
    async fn result_of(&mut self, ending: Ending) -> Conclusion {
        let blank = self.is_blank();
        self.meter.thought(self.mind.bytes());
        let free = |state, error, cut| Conclusion { state, credits: Amount::ZERO, error, usage: None, cut };
        let (state, said, cut) = match ending {
            Ending::Broken(error) => {
                let state = if blank { MessageState::Failed } else { MessageState::Incomplete };
                return free(state, Some(error), None);
            }
            Ending::Stopped if blank => return free(MessageState::Stopped, None, None),
            Ending::Cut(reason) if blank => {
                return free(MessageState::Failed, Some(self.unpaid(reason)), Some(reason));
            }
            Ending::Ended { finish, .. } if blank => {
                let cut = (finish == Finish::Limit).then_some(CutReason::Length);
                return free(MessageState::Failed, Some(self.empty(finish).shown()), cut);
            }
            Ending::Stopped => (MessageState::Stopped, None, None),
            Ending::Cut(reason) => (MessageState::Complete, None, Some(reason)),
            Ending::Ended { finish: Finish::Whole | Finish::Calls, usage } => (MessageState::Complete, usage, None),
            Ending::Ended { finish: Finish::Limit, usage } => {
                (MessageState::Complete, usage, Some(self.meter.limit_reason().await))
            }
        };
        let (credits, usage) = self.meter.close(said).await;
        Conclusion { state, credits, error: None, usage, cut }
    }

    /// Stores the result, then settles or releases: what is charged for can be shown.
    async fn finish(mut self, ending: Ending) {
        let Conclusion { mut state, mut credits, error, usage, cut } = self.result_of(ending).await;
        let mut text = std::mem::take(&mut self.text);
        let mut calls = std::mem::take(&mut self.calls);
        // Known only now; from the next answer on it is known before.
        let parts = after_unopened(&text).map(|(thought, answer)| (thought.trim().to_owned(), answer.to_owned()));
        let is_less = parts.is_some();
        let mut thinking = self.mind.thinking().filter(|_| !text.trim().is_empty() || !calls.is_empty());
        let mut thoughts = self.mind.all();
        if let Some((thought, answer)) = parts {
            self.route.provider().learn_unopened(true);
            thinking.get_or_insert_default().text.push_str(&thought);
            thoughts = thinking.clone().map(Thinking::piece).into_iter().collect();
            text = answer;
        }
        let whole = is_less.then(|| text.clone());
        let mut reason = reason_of(state);
        if credits.is_positive() && !self.deliver(&text, &calls, thoughts.clone(), credits, cut, usage).await {
            // Nobody has read it, and nobody will.
            text.clear();
            calls.clear();
            thoughts.clear();
            thinking = None;
            (state, credits, reason) = (MessageState::Stopped, Amount::ZERO, ReleaseReason::Undelivered);
        }
        let reply = FinishedReply {
            id: self.work.id(),
            state,
            text,
            calls: calls.clone(),
            thinking,
            provider: self.route.provider().name().to_owned(),
            model: self.model(),
            fallback_from: self.route.fallback_from().map(str::to_owned),
            cached: false,
            cut,
            credits,
            error_code: error.as_ref().map(AppError::code),
            usage,
            price_version: Some(self.meter.price_version().to_owned()).filter(|version| !version.is_empty()),
        };
        let kept = self.work.leader.as_ref().filter(|_| {
            // One that was stopped or cut is not whole, and who stands in does so for this once.
            reply.state == MessageState::Complete && cut.is_none() && reply.fallback_from.is_none()
        });
        let kept = kept.map(|leader| {
            let FinishedReply { text, provider, model, .. } = reply.clone();
            (leader.clone(), KeptAnswer { text, provider, model, usage })
        });
        // An answer without a word by what was chosen, or one that was blocked: the operator pays for it all the same.
        let is_chosen = matches!(
            error,
            Some(
                AppError::InvalidInput { .. }
                    | AppError::ProviderRefused(_)
                    | AppError::InsufficientCredits { .. }
                    | AppError::OverOwnBudget { .. }
            )
        );
        if is_chosen && self.attempt.was_taken() {
            self.work.hold.count_free_work().await;
        }
        let answer = self.answer_of(&reply);
        let closed = self.close_books(reply, credits, reason).await;
        // Only what was paid for is given to others.
        if let (Ok((Closed { charged, .. }, _)), Some((leader, answer))) = (&closed, kept)
            && charged.is_positive()
        {
            // Whoever watches need not wait for a cache that is far. Until it is kept, who asks the same waits for it.
            tokio::spawn(async move { leader.keep(&answer).await });
        }
        if let Ok((Closed { charged, available, .. }, true)) = &closed {
            let left: Option<AppResult<ChatAnswer>> = match &error {
                Some(error) => Some(Err(error.clone())),
                None if *charged == credits => Some(Ok(ChatAnswer { remaining_credits: *available, ..answer })),
                None => None,
            };
            if let Some(left) = left {
                self.job.leave(left);
            }
        }
        self.publish(&match closed {
            Ok((Closed { charged, available, .. }, _)) => match error {
                None if charged == credits => ChatEvent::Done(DoneEvent {
                    thoughts: if whole.is_some() { thoughts } else { Vec::new() },
                    reply: whole,
                    calls,
                    cached: false,
                    cut: cut.is_some(),
                    cut_reason: cut,
                    remaining_credits: available,
                    credits: charged,
                    usage,
                }),
                // It was given up for dead meanwhile, which is free.
                None => error_event(&AppError::Unavailable),
                Some(error) => error_event(&error),
            },
            Err(_) => error_event(&AppError::Unavailable),
        });
    }
}

const fn ending_of(reason: StopReason) -> Ending {
    match reason {
        StopReason::User => Ending::Stopped,
        StopReason::Shutdown => Ending::Broken(AppError::Unavailable),
    }
}

/// Why a reply that ended so is free, if it is.
const fn reason_of(state: MessageState) -> ReleaseReason {
    match state {
        MessageState::Stopped => ReleaseReason::Stopped,
        MessageState::Incomplete => ReleaseReason::Incomplete,
        _ => ReleaseReason::Failed,
    }
}
