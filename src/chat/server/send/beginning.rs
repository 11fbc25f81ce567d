//! What is stored when a reply begins: its hold, the message and the running reply; and what the model gets to see.

use std::sync::Arc;

use super::{Message, NewIds, Question, Sending, name_of};
use crate::chat::server::Chat;
use crate::chat::server::context::{HISTORY, Room};
use crate::chat::server::models::Picked;
use crate::chat::server::order::choose_seeing;
use crate::chat::server::providers::{ChatProvider, GuardedProvider, Role, Turn};
use crate::chat::server::store::{ChatStore, FinishedReply, NewExchange, Past};
use crate::chat::{ANY_MODEL, title_of};
use crate::credits::server::store::{NewHold, WorkKind};
use crate::generation::{Begun, Quote, Route};
use crate::platform::db::keep_trying;
use crate::platform::error::AppResult;
use crate::platform::ids::{ConversationId, MessageId};

/// What is stored of a message and its reply, and how much of what was said before is wanted for it.
pub(super) struct NewWork {
    pub exchange: NewExchange,
    history: usize,
}

impl Sending {
    /// What is to be stored where this provider is asked first.
    pub(super) fn new_work(&self, ids: NewIds, (provider, model): (String, String)) -> NewWork {
        let history = if self.turns.is_some() { 0 } else { HISTORY };
        NewWork { exchange: self.exchange(ids, provider, model, None), history }
    }

    /// Puts the price aside, and stores the message and the running reply with it where that can be one step: what came before it.
    pub(super) async fn pay(&self, chat: &Chat, quote: Quote, new: &NewWork) -> AppResult<(Begun, Option<Past>)> {
        let (generation, store, exchange, history) = (&chat.generation, &chat.store, &new.exchange, new.history);
        let place = |hold: NewHold| async move {
            // What is being written in the place of this is stopped before it is stored, and only once this is paid for.
            if exchange.replaces.is_none() {
                match store.begin_paid(hold.clone(), exchange.clone(), history).await {
                    Ok(None) => {}
                    Ok(Some(begun)) => return Ok(begun),
                    Err(error) => {
                        give_up(store.clone(), exchange.reply_id);
                        return Err(error);
                    }
                }
            }
            Ok((generation.credits.hold(hold).await?, None))
        };
        generation.begin_with(&self.payer, WorkKind::Chat, exchange.reply_id, quote, place).await
    }

    /// Stores the message and the running reply, unless that was done, and gathers the context for the model and the providers to ask.
    pub(super) async fn begin(
        &mut self,
        chat: &Chat,
        NewWork { exchange, history }: NewWork,
        stored: Option<Past>,
        order: Vec<Arc<GuardedProvider>>,
    ) -> AppResult<(Vec<Turn>, Route<dyn ChatProvider>)> {
        let reply = exchange.reply_id;
        let forecast = (exchange.provider.clone(), exchange.model.clone());
        let past = match stored {
            Some(past) => past,
            None => chat.begin_exchange(exchange, history).await?,
        };
        let mut turns = match (self.turns.take(), &mut self.question) {
            (Some(turns), _) => turns,
            (None, Question::Message(Message { text, .. })) => {
                let text = std::mem::take(text);
                self.context(chat, past, text, Room::Flat).await?
            }
            (None, Question::Context(turns)) => std::mem::take(turns),
        };
        let route = chat.generation.plan(WorkKind::Chat, choose_seeing(order, &mut turns))?;
        let first = name_of(route.provider());
        // What was shown before is known only now: who does not see it is not asked, and must not be named.
        if first != forecast {
            chat.store.assign_reply(reply, first.0, first.1).await?;
        }
        Ok((turns, route))
    }

    pub(super) fn exchange(
        &self,
        ids: NewIds,
        provider: String,
        model: String,
        answer: Option<FinishedReply>,
    ) -> NewExchange {
        let (text, conversation, replaces, system_prompt) = match &self.question {
            Question::Message(Message { text, conversation, replaces, system_prompt, .. }) => {
                (text.clone(), *conversation, *replaces, system_prompt.clone())
            }
            Question::Context(turns) => {
                let question = turns.iter().rfind(|turn| turn.role == Role::User).or(turns.last());
                (question.map(|turn| turn.content.clone()).unwrap_or_default(), None, None, None)
            }
        };
        NewExchange {
            user: self.payer.user,
            conversation: conversation.unwrap_or_else(ConversationId::now_v7),
            new_title: conversation.is_none().then(|| title_of(&text)),
            system_prompt,
            picked: Some(self.terms.picked.as_ref().map_or_else(|| ANY_MODEL.to_owned(), Picked::kept)),
            hidden: matches!(self.question, Question::Context(_)),
            replaces,
            message_id: ids.message,
            text,
            images: self.images.clone(),
            reply_id: ids.reply,
            provider,
            model,
            answer,
        }
    }
}

/// What failed may be stored all the same: it must not look as if it were being written. In its own time, as that of the request may be
/// over. The hold is left to the sweeper.
fn give_up(store: Arc<dyn ChatStore>, reply: MessageId) {
    tokio::spawn(async move {
        if let Err(error) = keep_trying(|| store.abandon_reply(reply)).await {
            tracing::error!(%error, "a reply is left to the sweeper");
        }
    });
}
