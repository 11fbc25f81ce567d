//! What one sees of chat: replies and conversations, and how they are stopped, changed and deleted.
//!
//! Sending is `send/`, writing a reply `reply/`, following one `subscribe.rs`.

use futures::future::try_join_all;

use super::Chat;
use super::attachments::Image;
use super::choices::terms_of;
use super::providers::local::SMALL_MODEL;
use super::store::{ConversationFilter, NewExchange, Part, Past, StoredReply};
use crate::account::server::caller::Caller;
use crate::chat::{
    ChatAnswer, Conversation, ConversationSummary, LatestMessage, MOST_SHOWN, Message, MessageState, Overview,
    Workspace, problem_of,
};
use crate::credits::Page;
use crate::credits::server::notices::told::{Told, expiring};
use crate::credits::server::store::{HoldEnd, WorkKind};
use crate::generation::Route;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::request_id::current_request_id;
use crate::platform::ids::{AttachmentId, ConversationId, MessageId, UserId};

/// Conversations in the sidebar, and in a page of the list.
pub const CONVERSATIONS_PAGE: usize = 50;
/// Messages that a page shows of a conversation at first.
pub const MESSAGES_PAGE: usize = 40;

impl Chat {
    /// Ends a running reply, whichever server writes it. One that has ended stays as it is.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for somebody else's reply.
    pub async fn stop_reply(&self, user: UserId, id: MessageId) -> AppResult<()> {
        self.find_reply(user, id).await?;
        let request = async { Ok(self.store.request_stop(user, id).await?) };
        self.generation.stop(id, request, self.await_end(user, id)).await
    }

    /// Waits until a reply has ended and returns it.
    ///
    /// # Errors
    /// What ended the reply, if it is not whole.
    pub async fn await_reply(&self, user: UserId, id: MessageId) -> AppResult<ChatAnswer> {
        // What is written here is not read back; and an error says more than its code, which is all that is stored.
        if let Some(job) = self.generation.jobs.get(id).filter(|job| job.user() == user) {
            job.closed().await;
            if let Some(answer) = job.left::<AppResult<ChatAnswer>>() {
                return answer.clone();
            }
        }
        let StoredReply { message, conversation } = self.await_end(user, id).await?;
        match message.state {
            MessageState::Complete | MessageState::Stopped => {}
            MessageState::Running => return Err(AppError::Unavailable),
            MessageState::Incomplete | MessageState::Failed => {
                return Err(AppError::from_code(message.error_code.as_deref().unwrap_or_default()));
            }
        }
        let balance = self.generation.credits.balance(user.into(), &current_request_id()).await?;
        Ok(ChatAnswer {
            reply: message.content,
            remaining_credits: balance.available,
            credits: message.credits,
            cached: message.cached,
            cut_reason: message.cut_reason,
            fallback: message.fallback_from.is_some(),
            provider: message.provider.unwrap_or_default(),
            model: message.model.unwrap_or_default(),
            conversation_id: conversation.to_string(),
            message_id: message.id,
        })
    }
}

fn has(all: &[ConversationSummary], id: &str) -> bool {
    all.iter().any(|known| known.id == id)
}

fn last_days() -> Vec<String> {
    let today = jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    [0, 1, 7].map(|days| today.saturating_sub(jiff::Span::new().days(days)).to_string()).to_vec()
}

impl Chat {
    /// What every signed-in page shows around its content. `picked` is the provider that the browser remembers, `after`
    /// where the list begins, `shown` the conversation that is open: wherever it stands, its page has to know it.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn load_workspace(
        &self,
        caller: &Caller,
        picked: Option<&str>,
        after: Option<&str>,
        shown: Option<ConversationId>,
    ) -> AppResult<Workspace> {
        let request_id = current_request_id();
        let account = async { Ok(self.generation.credits.account(caller.id.into(), &request_id).await?) };
        let (account, mut listed, budget_notice) =
            tokio::try_join!(account, self.load_list(caller.id, after), self.find_budget_notice(caller))?;
        if let Some(shown) = shown.filter(|shown| !has(&listed.items, &shown.to_string())) {
            let found = self.store.find_part(caller.id, shown, Part::Before(None, 0)).await?;
            listed.items.extend(found.map(|found| found.summary()));
        }
        let now = self.models.now();
        let open = self.generation.open(WorkKind::Chat, &now.providers, caller);
        // It may be gone since, or be called otherwise.
        let picked = picked.and_then(|picked| now.pick(picked));
        let effort = picked.as_ref().and_then(|picked| picked.effort).map(|effort| effort.as_str().to_owned());
        let picked = picked.map(|picked| picked.choice);
        let providers = self.list_choices(&now, caller.into(), MOST_SHOWN, picked.as_deref());
        let picked = providers.iter().find(|provider| Some(&provider.name) == picked.as_ref());
        let closed = self.generation.why_closed(WorkKind::Chat, &now.providers, caller);
        let problem = closed.or_else(|| problem_of(&providers, picked));
        let terms: Vec<_> = providers.iter().map(terms_of).collect();
        // Who is asked may not be among the first that are listed.
        let first = || Some(self.info(now.model_of(Route::forecast(&open)?)?));
        let own = picked.cloned().or_else(first).as_ref().map(terms_of).unwrap_or_default();
        Ok(Workspace {
            profile: caller.profile.clone(),
            available: account.balance.available,
            announcement: String::new(),
            notice: expiring(account.lots.as_slice(), self.generation.database.now()).map(Told::notice),
            chat_credits: own.credits,
            max_message_chars: own.max_message_chars,
            terms,
            provider: picked.map(|provider| provider.name.clone()),
            effort,
            problem,
            budget_notice,
            sees_images: now.models.iter().any(|model| model.provider.sees_images()),
            has_more: now.models.len() > MOST_SHOWN || now.aliases.len() > MOST_SHOWN,
            small_model: !providers.is_empty()
                && providers.iter().all(|provider| provider.name == "local" && provider.model == SMALL_MODEL),
            providers,
            days: last_days(),
            conversations: listed.items,
            next_cursor: listed.next_cursor,
        })
    }

    /// What may have changed since a page was loaded; `shown` is the conversation that it shows.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn load_overview(&self, caller: &Caller, shown: Option<ConversationId>) -> AppResult<Overview> {
        let (user, request_id) = (caller.id, current_request_id());
        let balance = async { Ok(self.generation.credits.balance(user.into(), &request_id).await?) };
        let (balance, mut listed, budget_notice) =
            tokio::try_join!(balance, self.load_list(user, None), self.find_budget_notice(caller))?;
        let found = match shown {
            Some(shown) => self.store.find_part(user, shown, Part::Before(None, 1)).await?,
            None => None,
        };
        if let Some(found) = &found
            && !has(&listed.items, &found.id)
        {
            listed.items.push(found.summary());
        }
        let last = found.and_then(|found| found.messages.into_iter().last());
        Ok(Overview {
            available: balance.available,
            budget_notice,
            conversations: listed.items,
            next_cursor: listed.next_cursor,
            latest: last.map(|last| LatestMessage { id: last.id, state: last.state }),
        })
    }

    /// The pinned conversations and, from `after` on, a page of the others.
    async fn load_list(&self, user: UserId, after: Option<&str>) -> AppResult<Page<ConversationSummary>> {
        Ok(self.store.list_sidebar(user, after, CONVERSATIONS_PAGE).await?)
    }

    /// A conversation with the newest of its messages, or those before the message that `cursor` names, rendered.
    ///
    /// # Errors
    /// [`AppError::NotFound`] also for somebody else's, [`AppError::InvalidInput`] naming `cursor`.
    pub async fn load_conversation(
        &self,
        user: UserId,
        id: &str,
        cursor: Option<&str>,
        limit: usize,
    ) -> AppResult<Conversation> {
        let id = id.parse().map_err(|_| AppError::NotFound)?;
        let part = Part::Before(cursor.map(parse_message_cursor).transpose()?, limit);
        let mut conversation = self.store.find_part(user, id, part).await?.ok_or(AppError::NotFound)?;
        conversation.offered = conversation.picked.as_deref().and_then(|picked| self.find_terms(user, picked));
        self.renderer.render(&mut conversation.messages).await?;
        Ok(conversation)
    }
}

/// The message that a cursor names.
pub(super) fn parse_message_cursor(cursor: &str) -> AppResult<MessageId> {
    cursor.parse().map_err(|_| AppError::invalid("cursor", "This cursor is not valid."))
}

impl Chat {
    /// An image that the user sent.
    ///
    /// # Errors
    /// [`AppError::NotFound`] also for somebody else's.
    pub async fn load_attachment(&self, user: UserId, id: AttachmentId) -> AppResult<Image> {
        self.store.find_attachment(user, id).await?.ok_or(AppError::NotFound)
    }

    /// One message, rendered.
    ///
    /// # Errors
    /// As [`Self::load_conversation`].
    pub async fn load_message(&self, user: UserId, id: MessageId) -> AppResult<Message> {
        let mut message = self.find_reply(user, id).await?.message;
        self.renderer.render(std::slice::from_mut(&mut message)).await?;
        Ok(message)
    }
}

impl Chat {
    /// A page of the user's conversations, newest first.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `cursor` or `q`, [`AppError::RateLimited`] for too many searches at once.
    pub async fn list_conversations(
        &self,
        user: UserId,
        mut filter: ConversationFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> AppResult<Page<ConversationSummary>> {
        filter.query = filter.query.trim().to_owned();
        if filter.query.chars().count() > 200 {
            return Err(AppError::invalid("q", "A search has at most 200 characters."));
        }
        let _turn = if filter.query.is_empty() { None } else { Some(self.searches.take(user).await?) };
        let page = self.store.list_conversations(user, &filter, cursor, limit).await?;
        page.ok_or_else(|| AppError::invalid("cursor", "This cursor is not valid."))
    }

    /// Deletes a conversation. What is being written into it is stopped before, and costs what stopping costs.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn delete_conversation(&self, user: UserId, id: ConversationId) -> AppResult<()> {
        self.end_running(user, id, None).await?;
        self.settle_unsettled(user, Some(id)).await?;
        // The images first: cut off in between, the conversation is still there to be deleted again.
        self.images.delete_of_conversation(user, id).await?;
        let running = self.store.delete_conversation(user, id).await?.ok_or(AppError::NotFound)?;
        self.generation.stop_deleted(running);
        Ok(())
    }

    /// Settles the holds of replies that have ended, before their rows go, which alone say what is charged: where a server of the
    /// database was lost, a settlement may have been lost with it. Of one conversation, or of all.
    pub(super) async fn settle_unsettled(&self, user: UserId, only: Option<ConversationId>) -> AppResult<()> {
        let credits = &self.generation.credits;
        for hold in credits.open_holds(user.into()).await?.into_iter().filter(|hold| hold.kind == WorkKind::Chat) {
            let Some(reply) = self.store.find_message(user, hold.id.into()).await? else { continue };
            let is_of = only.is_none_or(|only| reply.conversation == only);
            if is_of && reply.message.state != MessageState::Running && reply.message.credits.is_positive() {
                credits.end_hold(&hold, HoldEnd::Settle(reply.message.credits), None).await?;
            }
        }
        Ok(())
    }

    /// Stores an exchange and returns what came before it. What is being written and goes by it is stopped before.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where the conversation or the message that is replaced is not there.
    pub(super) async fn begin_exchange(&self, exchange: NewExchange, history: usize) -> AppResult<Past> {
        if exchange.replaces.is_some() {
            self.end_running(exchange.user, exchange.conversation, exchange.replaces).await?;
        }
        self.store.begin_exchange(exchange, history).await?.ok_or(AppError::NotFound)
    }

    /// Ends what is being written in a conversation, or from a message on, as Stop does, before its rows go: what was read of
    /// it is paid for.
    async fn end_running(&self, user: UserId, conversation: ConversationId, from: Option<MessageId>) -> AppResult<()> {
        let running = self.store.running_replies(user, conversation, from).await?;
        try_join_all(running.into_iter().map(|id| async move {
            let request = async { Ok(self.store.request_stop(user, id).await?) };
            self.generation.stop_before_deletion(id, request, self.await_end(user, id)).await
        }))
        .await?;
        Ok(())
    }

    pub(super) async fn find_reply(&self, user: UserId, id: MessageId) -> AppResult<StoredReply> {
        self.store.find_message(user, id).await?.ok_or(AppError::NotFound)
    }
}
