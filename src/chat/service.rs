//! The rules of chat: what may be asked, what is put before the model, and what conversations one sees.
//!
//! Writing a reply is `reply.rs`, watching one `watch.rs`.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::answers::{self, AnswerKey, Found, KeptAnswer};
use super::providers::{GuardedProvider, Role, Sampling, Turn};
use super::reply::{self, Writing};
use super::store::{FinishedReply, NewExchange, PastMessage, StoredReply};
use super::{
    Author, ChatAnswer, ChatRequest, Conversation, ConversationSummary, MAX_TITLE_CHARS, Message, MessageState,
    ProviderInfo, Workspace, highlight, title_of,
};
use crate::account::keys::KeyGrant;
use crate::credits::Page;
use crate::credits::store::{Hold, HoldEnd, HoldOutcome, Idempotency, NewHold, SpendingKey, WorkKind};
use crate::error::{AppError, AppResult};
use crate::server::caller::Caller;
use crate::server::config::CacheScope;
use crate::server::jobs::StopReason;
use crate::server::limits::{Limit, Quota};
use crate::server::recovery::{KEYS_LIVE, lease_from_now};
use crate::server::request::current_request_id;
use crate::server::state::AppState;

/// Messages of the past that a model gets to see, at most.
const HISTORY: usize = 40;
/// Bytes of the past that a model gets to see, at most. Providers with a smaller window drop more.
pub const HISTORY_BYTES: usize = 48 * 1024;
/// How long to wait for another server to stop a reply.
const STOP_PATIENCE: Duration = Duration::from_secs(4);
/// How long the first of two equal requests may take to store its reply.
const BEGIN_PATIENCE: Duration = Duration::from_secs(5);
/// Conversations in the sidebar, and in a page of the list.
pub const CONVERSATIONS_PAGE: usize = 50;

/// A message that was taken.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// The id of the reply, which is also the id of its job.
    pub reply: Uuid,
    /// It is this request that the job works for, not one before it.
    pub is_new: bool,
    /// What the user may still ask.
    pub quota: Quota,
}

/// Asks for a reply: holds its price, stores the message and starts the job that writes it. The same
/// `idempotency_key` with the same `body` returns the same reply.
///
/// # Errors
/// [`AppError::InvalidInput`], [`AppError::NotFound`] for somebody else's conversation, [`AppError::RateLimited`],
/// [`AppError::InsufficientCredits`], [`AppError::IdempotencyMismatch`], [`AppError::Unavailable`].
pub async fn send_message(
    state: &AppState,
    caller: &Caller,
    request: ChatRequest,
    idempotency_key: Option<String>,
) -> AppResult<Asked> {
    let text = check_message(state, &request.message)?;
    let order = choose_providers(state, request.provider.as_deref())?;
    if request.model.is_some() && request.provider.is_none() {
        return Err(AppError::invalid("model", "A model needs its provider: send both."));
    }
    let conversation = parse_id("conversationId", request.conversation_id.as_deref())?;
    let replaces = parse_id("replaces", request.replaces.as_deref())?;
    if replaces.is_some() && conversation.is_none() {
        return Err(AppError::invalid("replaces", "Say which conversation the replaced message is in."));
    }
    // Over the parsed request, so that white space between the fields does not matter.
    let canonical = serde_json::to_vec(&request).map_err(|_| AppError::Internal)?;
    let idempotency = idempotency_key.map(|key| check_key(key, &canonical)).transpose()?;
    let terms = Terms {
        picked: request.provider.map(|provider| (provider, request.model)),
        fresh: request.fresh == Some(true),
        sampling: Sampling::default(),
    };
    ask(state, caller, Question::Message { text, conversation, replaces }, terms, order, idempotency).await
}

/// Asks for a reply to a context that is not a conversation of ours, as the clients of `/v1` do. The reply is kept as
/// long as an idempotency key lives, and belongs to no list.
///
/// # Errors
/// As [`send_message`].
pub async fn complete(
    state: &AppState,
    caller: &Caller,
    turns: Vec<Turn>,
    terms: Terms,
    idempotency: Option<Idempotency>,
) -> AppResult<Asked> {
    let order = choose_providers(state, terms.picked.as_ref().map(|(provider, _)| provider.as_str()))?;
    ask(state, caller, Question::Context(turns), terms, order, idempotency).await
}

async fn ask(
    state: &AppState,
    caller: &Caller,
    question: Question,
    terms: Terms,
    order: Vec<Arc<GuardedProvider>>,
    idempotency: Option<Idempotency>,
) -> AppResult<Asked> {
    if state.is_shutting_down() {
        return Err(AppError::Unavailable);
    }
    let quota = check_limits(state, caller).await?;
    let (user, key) = (caller.id, caller.key.map(|key| key.spending));
    let request_id = current_request_id();
    let asking = Asking { user, key, question, terms, idempotency, request_id, quota };
    // The handler's future may be dropped at any await; a hold and what follows it must not be.
    let shared = state.clone();
    let asked =
        tokio::spawn(async move { asking.ask(&shared, order).await }).await.map_err(|_| AppError::Internal)??;
    if !asked.is_new {
        await_begin(state, user, asked.reply).await?;
    }
    Ok(asked)
}

/// A repeated request may come before the first has stored its reply.
async fn await_begin(state: &AppState, user: Uuid, reply: Uuid) -> AppResult<()> {
    let begun = Instant::now();
    while state.chats.find_message(user, reply).await?.is_none() {
        if begun.elapsed() > BEGIN_PATIENCE {
            return Err(AppError::NotFound);
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// The ids of a message and of its reply.
#[derive(Clone, Copy)]
struct NewIds {
    message: Uuid,
    reply: Uuid,
}

impl NewIds {
    /// In this order: ids order a conversation.
    fn new() -> Self {
        Self { message: Uuid::now_v7(), reply: Uuid::now_v7() }
    }
}

/// What is asked.
enum Question {
    /// A message in a conversation, or of a new one.
    Message { text: String, conversation: Option<Uuid>, replaces: Option<Uuid> },
    /// A whole context, the question last.
    Context(Vec<Turn>),
}

/// How it is to be answered.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// The provider to ask first, and another model than its own.
    pub picked: Option<(String, Option<String>)>,
    /// Not with an answer that was given before.
    pub fresh: bool,
    pub sampling: Sampling,
}

/// A message that may be asked.
struct Asking {
    user: Uuid,
    /// The API key that pays.
    key: Option<SpendingKey>,
    question: Question,
    terms: Terms,
    idempotency: Option<Idempotency>,
    request_id: String,
    quota: Quota,
}

impl Asking {
    async fn ask(mut self, state: &AppState, order: Vec<Arc<GuardedProvider>>) -> AppResult<Asked> {
        if let Some(asked) = self.given(state).await? {
            return Ok(asked);
        }
        let mut found = self.find_answer(state).await?;
        if let Found::Elsewhere(question) = found {
            // Perhaps this very request, sent again: then its answer can be watched.
            if let Some(asked) = self.repeated(state).await? {
                return Ok(asked);
            }
            found = answers::wait(state, question).await;
        }
        let lead = match found {
            Found::Answer(answer) => {
                state.metrics.looked_up(true);
                return self.give(state, answer).await;
            }
            Found::Lead(lead) => {
                state.metrics.looked_up(false);
                Some(lead)
            }
            Found::Elsewhere(_) | Found::Nothing => None,
        };
        // Only now: ids order a conversation and a lease runs, and others may have been waited for.
        let ids = NewIds::new();
        let price = state.config.credits.chat;
        let new = NewHold {
            id: ids.reply,
            user: self.user,
            kind: WorkKind::Chat,
            amount: price,
            request_id: self.request_id.clone(),
            idempotency: self.idempotency.clone(),
            key: self.key,
            lease_until: lease_from_now(),
        };
        let hold = new.held();
        match state.credits.hold(new).await? {
            HoldOutcome::Held(_) => state.metrics.held(),
            HoldOutcome::Repeated(reply) => return Ok(self.asked(reply, false)),
            HoldOutcome::Mismatch => return Err(AppError::IdempotencyMismatch),
            HoldOutcome::Insufficient { available } => {
                return Err(AppError::InsufficientCredits { needed: price, available });
            }
            HoldOutcome::OverBudget { left } => {
                return Err(AppError::OverBudget { needed: price, available: left });
            }
        }
        let wanted = order[0].name();
        let order = leave_out_resting(order);
        let picked_model = self.terms.picked.as_mut().and_then(|(_, model)| model.take());
        let model = picked_model.filter(|_| order[0].name() == wanted);
        let shown_model = model.clone().unwrap_or_else(|| order[0].model());
        let exchange = self.exchange(ids, order[0].name().to_owned(), shown_model, None);
        let conversation = exchange.conversation;
        let begun = state.chats.begin_exchange(exchange, HISTORY).await.map_err(AppError::from);
        let past = match begun.and_then(|past| past.ok_or(AppError::NotFound)) {
            Ok(past) => past,
            Err(error) => {
                if let Err(error) = undo_hold(state, &hold).await {
                    tracing::error!(%error, "a hold is left to the sweeper");
                }
                return Err(error);
            }
        };
        let id = ids.reply;
        let asked = self.asked(id, true);
        let is_picked = self.terms.picked.is_some();
        let sampling = self.terms.sampling;
        let turns = match self.question {
            Question::Message { text, .. } => build_context(past, text),
            Question::Context(turns) => turns,
        };
        reply::start(state, Writing { id, hold, conversation, turns, sampling, wanted, model, order, lead, is_picked });
        Ok(asked)
    }

    const fn asked(&self, reply: Uuid, is_new: bool) -> Asked {
        Asked { reply, is_new, quota: self.quota }
    }

    fn exchange(&self, ids: NewIds, provider: String, model: String, answer: Option<FinishedReply>) -> NewExchange {
        let (text, conversation, replaces, hidden) = match &self.question {
            Question::Message { text, conversation, replaces } => (text.clone(), *conversation, *replaces, false),
            Question::Context(turns) => {
                let asked = turns.last().map(|turn| turn.content.clone()).unwrap_or_default();
                (asked, None, None, true)
            }
        };
        NewExchange {
            user: self.user,
            conversation: conversation.unwrap_or_else(Uuid::now_v7),
            new_title: conversation.is_none().then(|| title_of(&text)),
            hidden,
            replaces,
            message_id: ids.message,
            text,
            reply_id: ids.reply,
            provider,
            model,
            answer,
        }
    }

    /// An answer that was given before, unless a new one is wanted.
    async fn find_answer(&self, state: &AppState) -> AppResult<Found> {
        let owner = match state.config.chat.cache {
            _ if self.terms.fresh => return Ok(Found::Nothing),
            CacheScope::Off => return Ok(Found::Nothing),
            CacheScope::User => Some(self.user),
            CacheScope::Shared => None,
        };
        let built;
        let turns = match &self.question {
            Question::Context(given) => given,
            Question::Message { text, conversation, replaces } => {
                let past = match *conversation {
                    None => Vec::new(),
                    Some(conversation) => {
                        let past = state.chats.find_past(self.user, conversation, *replaces, HISTORY).await?;
                        past.ok_or(AppError::NotFound)?
                    }
                };
                built = build_context(past, text.clone());
                &built
            }
        };
        let picked = self.terms.picked.as_ref().map(|(provider, model)| (provider.as_str(), model.as_deref()));
        Ok(answers::find(state, AnswerKey::new(owner, picked, &self.terms.sampling, turns)).await)
    }

    /// Gives an answer that was given before: it costs nothing, so there is nothing to hold.
    async fn give(&self, state: &AppState, answer: KeptAnswer) -> AppResult<Asked> {
        // The key may be that of the very request whose answer this is.
        if let Some(asked) = self.repeated(state).await? {
            return Ok(asked);
        }
        let ids = NewIds::new();
        let KeptAnswer { text, provider, model, usage } = answer;
        let reply = FinishedReply {
            id: ids.reply,
            state: MessageState::Complete,
            text,
            provider: provider.clone(),
            model: model.clone(),
            fallback: false,
            cached: true,
            credits: 0,
            error_code: None,
            usage,
        };
        let exchange = self.exchange(ids, provider, model, Some(reply));
        state.chats.begin_exchange(exchange, 0).await?.ok_or(AppError::NotFound)?;
        if let Some(key) = &self.idempotency {
            let given = [key.fingerprint.as_slice(), ids.reply.as_bytes()].concat();
            state.cache.put(&self.given_key(key), given, KEYS_LIVE).await;
        }
        Ok(self.asked(ids.reply, true))
    }

    /// The answer that a hold was made for with this key.
    async fn repeated(&self, state: &AppState) -> AppResult<Option<Asked>> {
        let Some(key) = &self.idempotency else { return Ok(None) };
        match state.credits.find_key(self.user, key).await? {
            Some(HoldOutcome::Repeated(reply)) => Ok(Some(self.asked(reply, false))),
            Some(_) => Err(AppError::IdempotencyMismatch),
            None => Ok(None),
        }
    }

    /// The answer that was given to this key before. Keys of answers that cost something are with their holds.
    async fn given(&self, state: &AppState) -> AppResult<Option<Asked>> {
        let Some(key) = &self.idempotency else { return Ok(None) };
        let Some(given) = state.cache.get(&self.given_key(key)).await else { return Ok(None) };
        let Some((fingerprint, reply)) = given.split_at_checked(key.fingerprint.len()) else { return Ok(None) };
        if fingerprint != key.fingerprint {
            return Err(AppError::IdempotencyMismatch);
        }
        Ok(Uuid::from_slice(reply).ok().map(|reply| self.asked(reply, false)))
    }

    fn given_key(&self, key: &Idempotency) -> String {
        format!("given:{}:{}", self.user, key.key)
    }
}

/// Gives back what was held for a reply that could not begin. If the store failed, the reply may be there all the same:
/// it must not look as if it were still being written.
async fn undo_hold(state: &AppState, hold: &Hold) -> AppResult<()> {
    state.chats.abandon_reply(hold.id).await?;
    state.credits.end_hold(hold, HoldEnd::Release, Some("Nothing was asked".to_owned())).await?;
    state.metrics.hold_ended(HoldEnd::Release);
    Ok(())
}

/// Ends a running reply, whichever server writes it. One that has ended stays as it is.
///
/// # Errors
/// [`AppError::NotFound`] for somebody else's reply.
pub async fn stop_reply(state: &AppState, user: Uuid, id: Uuid) -> AppResult<()> {
    find_reply(state, user, id).await?;
    if let Some(job) = state.jobs.get(id) {
        job.stop(StopReason::User);
        job.closed().await;
    } else if state.chats.request_stop(user, id).await? {
        // Its server looks twice a second; were it dead, the sweeper would end the reply.
        _ = timeout(STOP_PATIENCE, super::watch::await_end(state, user, id)).await;
    }
    Ok(())
}

/// Waits until a reply has ended and returns it.
///
/// # Errors
/// What ended the reply, if it is not whole.
pub async fn await_reply(state: &AppState, user: Uuid, id: Uuid) -> AppResult<ChatAnswer> {
    let StoredReply { message, conversation, fallback } = super::watch::await_end(state, user, id).await?;
    match message.state {
        MessageState::Complete | MessageState::Stopped => {}
        MessageState::Running => return Err(AppError::Unavailable),
        MessageState::Incomplete | MessageState::Failed => {
            return Err(AppError::from_code(message.error_code.as_deref().unwrap_or_default()));
        }
    }
    let balance = state.credits.balance(user, &current_request_id()).await?;
    Ok(ChatAnswer {
        reply: message.content,
        remaining_credits: balance.available,
        credits: message.credits,
        cached: message.cached,
        fallback,
        provider: message.provider.unwrap_or_default(),
        model: message.model.unwrap_or_default(),
        conversation_id: conversation.to_string(),
        message_id: message.id,
    })
}

/// What every signed-in page shows around its content.
///
/// # Errors
/// [`AppError::Unavailable`].
pub async fn load_workspace(state: &AppState, caller: &Caller) -> AppResult<Workspace> {
    let request_id = current_request_id();
    let (balance, conversations) = tokio::try_join!(
        state.credits.balance(caller.id, &request_id),
        state.chats.list_conversations(caller.id, "", None, CONVERSATIONS_PAGE),
    )?;
    Ok(Workspace {
        profile: caller.profile.clone(),
        available: balance.available,
        chat_credits: state.config.credits.chat,
        max_message_chars: state.config.chat.max_message_chars,
        providers: list_providers(state),
        conversations: conversations.map(|page| page.items).unwrap_or_default(),
    })
}

/// The providers in the order in which they are asked.
#[must_use]
pub fn list_providers(state: &AppState) -> Vec<ProviderInfo> {
    let info = |provider: &Arc<GuardedProvider>| ProviderInfo {
        name: provider.name().to_owned(),
        model: provider.model(),
        problem: provider.trouble(),
    };
    state.chat_providers.iter().map(info).collect()
}

/// A conversation with its messages rendered.
///
/// # Errors
/// [`AppError::NotFound`] also for somebody else's.
pub async fn load_conversation(state: &AppState, user: Uuid, id: &str) -> AppResult<Conversation> {
    let id = id.parse().map_err(|_| AppError::NotFound)?;
    let mut conversation = state.chats.find_conversation(user, id).await?.ok_or(AppError::NotFound)?;
    // Highlighting is work for a core, not for the async threads.
    tokio::task::spawn_blocking(move || {
        conversation.messages.iter_mut().for_each(render);
        conversation
    })
    .await
    .map_err(|_| AppError::Internal)
}

/// One message, rendered.
///
/// # Errors
/// As [`load_conversation`].
pub async fn load_message(state: &AppState, user: Uuid, id: Uuid) -> AppResult<Message> {
    let mut message = find_reply(state, user, id).await?.message;
    tokio::task::spawn_blocking(move || {
        render(&mut message);
        message
    })
    .await
    .map_err(|_| AppError::Internal)
}

fn render(message: &mut Message) {
    if message.author == Author::Assistant && message.state != MessageState::Running {
        message.html = Some(highlight::to_final_html(&message.content));
    }
}

/// A page of the user's conversations, newest first; with `query` those that contain it.
///
/// # Errors
/// [`AppError::InvalidInput`] naming `cursor` or `q`.
pub async fn list_conversations(
    state: &AppState,
    user: Uuid,
    query: &str,
    cursor: Option<&str>,
    limit: usize,
) -> AppResult<Page<ConversationSummary>> {
    let query = query.trim();
    if query.chars().count() > 200 {
        return Err(AppError::invalid("q", "A search has at most 200 characters."));
    }
    let page = state.chats.list_conversations(user, query, cursor, limit).await?;
    page.ok_or_else(|| AppError::invalid("cursor", "This cursor is not valid."))
}

/// Gives a conversation another title.
///
/// # Errors
/// [`AppError::InvalidInput`] naming `title`, [`AppError::NotFound`].
pub async fn rename_conversation(state: &AppState, user: Uuid, id: Uuid, title: &str) -> AppResult<()> {
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    if !(1..=MAX_TITLE_CHARS).contains(&title.chars().count()) || title.contains(char::is_control) {
        return Err(AppError::invalid("title", format!("A title has 1 to {MAX_TITLE_CHARS} characters.")));
    }
    if state.chats.rename_conversation(user, id, title).await? { Ok(()) } else { Err(AppError::NotFound) }
}

/// Deletes a conversation. A reply that is being written into it is stopped, free of charge.
///
/// # Errors
/// [`AppError::NotFound`].
pub async fn delete_conversation(state: &AppState, user: Uuid, id: Uuid) -> AppResult<()> {
    let running = state.chats.delete_conversation(user, id).await?.ok_or(AppError::NotFound)?;
    for job in running.into_iter().filter_map(|id| state.jobs.get(id)) {
        job.stop(StopReason::User);
    }
    Ok(())
}

/// Whether the work of a hold that nobody renews has a result to charge for. Ends the reply if it has not.
///
/// # Errors
/// [`AppError::Unavailable`].
pub async fn recover_reply(state: &AppState, id: Uuid) -> AppResult<bool> {
    // Only a reply that was charged for has a price; an abandoned one has none.
    Ok(state.chats.abandon_reply(id).await?.is_some_and(|credits| credits > 0))
}

pub(super) async fn find_reply(state: &AppState, user: Uuid, id: Uuid) -> AppResult<StoredReply> {
    state.chats.find_message(user, id).await?.ok_or(AppError::NotFound)
}

fn check_message(state: &AppState, message: &str) -> AppResult<String> {
    let most = state.config.chat.max_message_chars;
    let text = message.trim();
    if text.is_empty() {
        return Err(AppError::invalid("message", "Write a message first."));
    }
    if text.chars().count() > most {
        return Err(AppError::invalid("message", format!("A message has at most {most} characters.")));
    }
    Ok(text.to_owned())
}

/// The picked provider first, then the others in their order: whoever can answers.
fn choose_providers(state: &AppState, picked: Option<&str>) -> AppResult<Vec<Arc<GuardedProvider>>> {
    let mut order = state.chat_providers.clone();
    if let Some(name) = picked {
        let position = order
            .iter()
            .position(|provider| provider.name() == name)
            .ok_or_else(|| AppError::invalid("provider", format!("There is no provider {name:?} here.")))?;
        let first = order.remove(position);
        order.insert(0, first);
    }
    Ok(order)
}

/// Those that may be asked now; all of them if nobody may: then asking is as good as giving up.
fn leave_out_resting(order: Vec<Arc<GuardedProvider>>) -> Vec<Arc<GuardedProvider>> {
    let awake: Vec<_> = order.iter().filter(|provider| provider.may_be_asked()).cloned().collect();
    if awake.is_empty() { order } else { awake }
}

/// Counts a request against the limit of its key, if it has one, and of its user. Returns what is the less.
async fn check_limits(state: &AppState, caller: &Caller) -> AppResult<Quota> {
    let mut tightest = None;
    if let Some(KeyGrant { per_minute: Some(per_minute), spending }) = caller.key {
        tightest = Some(state.limiter.check(Limit::ApiKey(per_minute), &spending.id.to_string()).await?);
    }
    let quota = state.limiter.check(Limit::Spend, &caller.id.to_string()).await?;
    Ok(tightest.filter(|tightest| tightest.remaining < quota.remaining).unwrap_or(quota))
}

fn parse_id(field: &str, id: Option<&str>) -> AppResult<Option<Uuid>> {
    id.map(|id| id.parse().map_err(|_| AppError::invalid(field, "This is not an id."))).transpose()
}

/// The promise that a request with this body is the same as the one before with the same key.
///
/// # Errors
/// [`AppError::InvalidInput`] naming `Idempotency-Key`.
pub fn check_key(key: String, body: &[u8]) -> AppResult<Idempotency> {
    if !(1..=255).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(AppError::invalid("Idempotency-Key", "The key is 1 to 255 visible ASCII characters."));
    }
    Ok(Idempotency { key, fingerprint: Sha256::digest(body).into() })
}

fn build_context(past: Vec<PastMessage>, text: String) -> Vec<Turn> {
    let mut bytes = text.len();
    let mut turns: Vec<Turn> = past
        .into_iter()
        .rev()
        .take_while(|message| {
            bytes += message.content.len();
            bytes <= HISTORY_BYTES
        })
        .map(|message| Turn {
            role: if message.author == Author::User { Role::User } else { Role::Assistant },
            content: message.content,
        })
        .collect();
    turns.reverse();
    turns.push(Turn { role: Role::User, content: text });
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn context_keeps_the_newest_and_ends_with_the_question() {
        let past = (0..40)
            .map(|n| PastMessage {
                author: if n % 2 == 0 { Author::User } else { Author::Assistant },
                content: format!("{n}-").repeat(2000),
            })
            .collect();
        let turns = build_context(past, "now".to_owned());
        assert_eq!(turns.last().unwrap().content, "now");
        assert!(turns[turns.len() - 2].content.starts_with("39-"));
        assert!(turns.iter().map(|turn| turn.content.len()).sum::<usize>() <= HISTORY_BYTES);
    }
}
