//! Sending a message: the request is checked, the order of providers and the context chosen, the price held.
//!
//! What was answered before is `given.rs`, what it costs `quoting.rs`, what is stored `beginning.rs`; writing the reply is `reply/`.

mod beginning;
mod checks;
mod given;
mod quoting;

use std::sync::Arc;

use self::checks::check_message;
pub(super) use self::checks::{check_maximum, parse_id};
use super::Chat;
use super::attachments::{self, Image, Sent};
use super::context::{Room, build_context};
use super::conversations::check_system_prompt;
use super::image_messages::{self, ImageMessage};
use super::image_text::ImageText;
use super::models::Picked;
use super::order::{ask_effort, only_seeing};
use super::providers::{GuardedProvider, Sampling, Turn};
use super::reply::{self, ReplyJob};
use super::response_cache::{self, Found};
use super::store::Past;
use crate::account::server::caller::Caller;
use crate::chat::{ChatRequest, DoneEvent};
use crate::credits::server::store::{Idempotency, WorkKind};
use crate::flags::Flag;
use crate::generation::{Begun, Delivery, Payer, ReleaseReason, Route, check_key_of, outlive_handler};
use crate::platform::amount::Amount;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::uploads::on_bytes;
use crate::platform::ids::{ConversationId, MessageId};
use crate::platform::limits::Quota;
use crate::platform::trace::StepKind;

/// A message that was taken.
#[derive(Debug, Clone, Copy)]
pub struct Accepted {
    /// The id of the reply, which is also the id of its job.
    pub reply: MessageId,
    /// It is this request that the job works for, not one before it.
    pub is_new: bool,
    /// What the user may still ask.
    pub quota: Quota,
}

impl Chat {
    /// Asks for a reply: holds its price, stores the message and starts the job that writes it. The same
    /// `idempotency_key` with the same `body` returns the same reply.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`], [`AppError::NotFound`] for somebody else's conversation, [`AppError::RateLimited`],
    /// [`AppError::InsufficientCredits`], [`AppError::IdempotencyMismatch`], [`AppError::Unavailable`], [`AppError::SwitchedOff`],
    /// [`AppError::Paused`].
    pub async fn send_message(
        &self,
        caller: &Caller,
        mut request: ChatRequest<ImageText>,
        idempotency_key: Option<String>,
    ) -> AppResult<Accepted> {
        let (picked, unknown) = match self.pick(request.provider.as_deref(), request.model.as_deref()) {
            Ok(picked) => (picked, None),
            // It may have been answered before, by one that is gone.
            Err(error) if idempotency_key.is_some() => (None, Some(error)),
            Err(error) => return Err(error),
        };
        let order = self.order_of(picked.as_ref());
        let open = self.generation.open(WorkKind::Chat, &order, caller);
        let text = check_message(self, &request.message, Route::forecast(&open))?;
        let conversation = parse_id("conversationId", request.conversation_id.as_deref())?;
        let replaces = parse_id("replaces", request.replaces.as_deref())?;
        if replaces.is_some() && conversation.is_none() {
            return Err(AppError::invalid("replaces", "Say which conversation the replaced message is in."));
        }
        if request.system_prompt.is_some() && conversation.is_some() {
            let message = "A system prompt begins a conversation. Change that of this one with PATCH.";
            return Err(AppError::invalid("systemPrompt", message));
        }
        let system_prompt = request.system_prompt.as_deref().map(check_system_prompt).transpose()?;
        request.system_prompt = system_prompt.filter(|prompt| !prompt.is_empty());
        let idempotency = match idempotency_key {
            Some(key) => {
                let bytes = request.images.iter().map(ImageText::len).sum();
                let (checked, checked_request) =
                    on_bytes(bytes, move || (check_key_of(key, &request), request)).await?;
                request = checked_request;
                Some(checked?)
            }
            None => None,
        };
        let mut order = unknown.map_or(Ok(order), Err);
        if image_messages::read_command(&text).is_some() {
            order?;
            let system_prompt = request.system_prompt;
            let max_credits = request.max_credits;
            let message = ImageMessage { text, conversation, replaces, system_prompt, max_credits };
            return self.send_image_message(caller, message, idempotency).await;
        }
        let sent = attachments::read(std::mem::take(&mut request.images)).await?;
        if !sent.is_empty() {
            order = order.and_then(|order| only_seeing(order, "images"));
        }
        let mut sampling = Sampling { max_output_tokens: self.config.max_output_tokens, ..Sampling::default() };
        ask_effort(picked.as_ref(), &mut sampling);
        let terms = Terms {
            picked,
            fresh: request.fresh == Some(true),
            sampling,
            delivery: None,
            max_credits: request.max_credits,
        };
        let question =
            Question::Message(Message { text, sent, conversation, replaces, system_prompt: request.system_prompt });
        ask(self, caller, question, terms, order, idempotency).await
    }

    /// Asks for a reply to a context that is not a conversation of ours, as the clients of `/v1` do. The reply is kept as
    /// long as an idempotency key lives, and belongs to no list.
    ///
    /// # Errors
    /// As [`Chat::send_message`].
    pub async fn complete(
        &self,
        caller: &Caller,
        turns: Vec<Turn>,
        mut terms: Terms,
        idempotency: Option<Idempotency>,
    ) -> AppResult<Accepted> {
        ask_effort(terms.picked.as_ref(), &mut terms.sampling);
        let order = self.able_to(&turns, &terms);
        ask(self, caller, Question::Context(turns), terms, order, idempotency).await
    }
}

async fn ask(
    chat: &Chat,
    caller: &Caller,
    question: Question,
    terms: Terms,
    // An error where nobody can be asked: what was answered before is given all the same.
    order: AppResult<Vec<Arc<GuardedProvider>>>,
    idempotency: Option<Idempotency>,
) -> AppResult<Accepted> {
    let quota = chat.generation.admit(caller).await?;
    let payer = Payer::new(caller, idempotency);
    let same = payer.clone();
    let sending = Sending { payer, question, images: Vec::new(), turns: None, room: None, terms, quota };
    let shared = chat.clone();
    let accepted = outlive_handler(async move { sending.send(&shared, order).await }).await?;
    if !accepted.is_new {
        let find = || chat.store.find_message(caller.id, accepted.reply);
        chat.generation.await_begin(&same, accepted.reply, find).await?;
    }
    Ok(accepted)
}

/// A provider and the model of it that would answer.
fn name_of(provider: &GuardedProvider) -> (String, String) {
    (provider.name().to_owned(), provider.model())
}

/// The ids of a message and of its reply.
#[derive(Clone, Copy)]
struct NewIds {
    message: MessageId,
    reply: MessageId,
}

impl NewIds {
    /// In this order: ids order a conversation.
    fn new() -> Self {
        Self { message: MessageId::now_v7(), reply: MessageId::now_v7() }
    }
}

/// What is asked.
enum Question {
    Message(Message),
    /// A whole context, the question last.
    Context(Vec<Turn>),
}

/// A message in a conversation, or of a new one.
struct Message {
    text: String,
    sent: Vec<Sent>,
    conversation: Option<ConversationId>,
    replaces: Option<MessageId>,
    /// Of the conversation that begins.
    system_prompt: Option<String>,
}

/// How it is to be answered.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// Who was asked for by name; `None`: whoever can answers.
    pub picked: Option<Picked>,
    /// Not with an answer that was given before.
    pub fresh: bool,
    pub sampling: Sampling,
    /// It is for one connection, and paid for once that has taken it; else it belongs to a conversation, or waits for its
    /// `Idempotency-Key`.
    pub delivery: Option<Delivery<DoneEvent>>,
    /// It must not cost more.
    pub max_credits: Option<Amount>,
}

/// A message that may be asked.
struct Sending {
    payer: Payer,
    question: Question,
    /// What was sent with a message, once it is there.
    images: Vec<Image>,
    /// What the model gets to see, once that is gathered: for the cache, or where it is paid for by its length, before it is.
    turns: Option<Vec<Turn>>,
    /// How much room there was for it.
    room: Option<Room>,
    terms: Terms,
    quota: Quota,
}

impl Sending {
    async fn send(mut self, chat: &Chat, order: AppResult<Vec<Arc<GuardedProvider>>>) -> AppResult<Accepted> {
        if let Some(accepted) = self.given(chat).await? {
            return Ok(accepted);
        }
        let mut order = match order.and_then(|order| self.keep_open(chat, &order)) {
            Ok(order) => order,
            // Sent again, after it was switched off, or is gone: what was taken is answered.
            Err(error) => return self.repeated(chat).await?.ok_or(error),
        };
        // Whoever is asked for by name is asked.
        if self.terms.picked.as_ref().is_none_or(|picked| picked.provider.is_none()) {
            order = chat.share(order);
        }
        self.replace_failed(chat).await?;
        if let Question::Message(Message { sent, .. }) = &self.question {
            self.images = match attachments::resolve(chat, self.payer.user, sent).await {
                Ok(images) => images,
                // Sent again, after the message that the images came with was replaced.
                Err(error) => return self.repeated(chat).await?.ok_or(error),
            };
            if let Err(error) = attachments::check_room(chat, self.payer.user, &self.images).await {
                return self.repeated(chat).await?.ok_or(error);
            }
        }
        let mut found = match self.find_answer(chat, &order).await {
            Ok(found) => found,
            // Sent again, after the message that it replaces was replaced.
            Err(AppError::NotFound) => return self.repeated(chat).await?.ok_or(AppError::NotFound),
            Err(error) => return Err(error),
        };
        if let Found::Elsewhere(question) = found {
            // Perhaps this very request, sent again: then its answer can be watched.
            if let Some(accepted) = self.repeated(chat).await? {
                return Ok(accepted);
            }
            found = response_cache::wait(chat, question, self.payer.user).await;
            // Something may have been said meanwhile, and a budget changed.
            (self.turns, self.payer.budgets) = (None, None);
        }
        let leader = match found {
            Found::Answer(answer) => {
                chat.generation.metrics.looked_up(true);
                self.payer.trace.step(StepKind::Cache, &[("found", &true)]);
                return self.give(chat, answer).await;
            }
            Found::Leader(leader) => {
                chat.generation.metrics.looked_up(false);
                self.payer.trace.step(StepKind::Cache, &[("found", &false)]);
                Some(Arc::new(leader))
            }
            Found::Elsewhere(_) | Found::Nothing => None,
        };
        // Only now: ids order a conversation and a lease runs, and others may have been waited for.
        let quoted = match self.quote(chat, &mut order).await {
            Ok(quoted) => quoted,
            // Sent again, after the price or the conversation has changed.
            Err(error) => return self.repeated(chat).await?.ok_or(error),
        };
        let ids = NewIds::new();
        let Some(first) = Route::forecast(&order) else {
            return self.repeated(chat).await?.ok_or(AppError::Unavailable);
        };
        let new = self.new_work(ids, name_of(first));
        let (begun, stored) = self.pay(chat, quoted.to_hold(), &new).await?;
        let hold = match begun {
            Begun::New(hold) => hold,
            Begun::Repeated(reply) => return Ok(self.accepted(reply.into(), false)),
        };
        let conversation = new.exchange.conversation;
        let (turns, route) = match self.begin(chat, new, stored, order).await {
            Ok(begun) => begun,
            Err(error) => {
                // If the store failed, the reply may be there all the same: it must not look as if it were being written.
                match chat.store.abandon_reply(ids.reply).await {
                    Ok(_) => hold.cancel(ReleaseReason::NeverStarted).await,
                    Err(error) => tracing::error!(%error, "a hold is left to the sweeper"),
                }
                return Err(error);
            }
        };
        let accepted = self.accepted(ids.reply, true);
        let Terms { sampling, delivery, .. } = self.terms;
        let must_fit = matches!(self.question, Question::Context(_));
        let job = ReplyJob { hold, quoted, conversation, turns, sampling, must_fit, leader, delivery };
        reply::start(chat, job, route);
        Ok(accepted)
    }

    /// That it may be asked, and of whom.
    fn keep_open(&self, chat: &Chat, order: &[Arc<GuardedProvider>]) -> AppResult<Vec<Arc<GuardedProvider>>> {
        let (brings_images, field) = match &self.question {
            Question::Message(message) => (!message.sent.is_empty(), "provider"),
            Question::Context(turns) => (turns.iter().any(|turn| !turn.images.is_empty()), "model"),
        };
        if brings_images {
            chat.generation.flags.check(Flag::Attachments, self.payer.who())?;
        }
        let picked = self.terms.picked.as_ref().and_then(|picked| picked.provider);
        chat.generation.keep_open(WorkKind::Chat, order, picked, field, self.payer.who())
    }

    /// What failed is asked anew in its place.
    async fn replace_failed(&mut self, chat: &Chat) -> AppResult<()> {
        let Question::Message(message) = &mut self.question else { return Ok(()) };
        let Some(failed) = chat.generation.find_failed(&self.payer).await? else { return Ok(()) };
        if let Some(failed) = chat.find_failed_try(self.payer.user, failed.into()).await? {
            (message.conversation, message.replaces) = (Some(failed.conversation), Some(failed.question));
            message.sent = failed.images.into_iter().map(Sent::Before).collect();
        }
        Ok(())
    }

    /// What was said, and what was shown with it.
    async fn context(&self, chat: &Chat, past: Past, text: String, room: Room) -> AppResult<Vec<Turn>> {
        let mut turns = build_context(past, text, room);
        if let Some(question) = turns.last_mut() {
            question.images.clone_from(&self.images);
        }
        attachments::fetch(chat, self.payer.user, &mut turns).await?;
        Ok(turns)
    }

    const fn accepted(&self, reply: MessageId, is_new: bool) -> Accepted {
        Accepted { reply, is_new, quota: self.quota }
    }
}
