//! What a message costs: the price is chosen, and where that goes by the length of the context, that is gathered first.

use std::sync::Arc;

use super::{Message, Question, Sending};
use crate::chat::server::Chat;
use crate::chat::server::context::Room;
use crate::chat::server::context_window::Counted;
use crate::chat::server::order::choose_seeing;
use crate::chat::server::providers::{Effort, GuardedProvider, Turn};
use crate::chat::server::quote::{Offer, Quoted};
use crate::chat::server::store::Past;
use crate::generation::Route;
use crate::platform::error::{AppError, AppResult};

impl Sending {
    /// Who is asked first, and at which price.
    pub(super) fn offer(&self, chat: &Chat, order: &[Arc<GuardedProvider>]) -> AppResult<Offer> {
        let first = Route::forecast(order).ok_or(AppError::Unavailable)?;
        let sampling = &self.terms.sampling;
        Ok(chat.offer(first, first.model(), sampling.max_output_tokens, Effort::of(sampling)))
    }

    /// What the reply costs. Where that goes by its length, the context is gathered for it, and those who cannot be asked leave
    /// `order`.
    pub(super) async fn quote(&mut self, chat: &Chat, order: &mut Vec<Arc<GuardedProvider>>) -> AppResult<Quoted> {
        let mut offer = self.offer(chat, order)?;
        if self.room != Some(offer.history()) {
            self.turns = None;
        }
        let mut input = Counted::default();
        if offer.is_per_token() {
            input = self.count(chat, &offer, order).await?;
            // Who sees what was shown before may be somebody else.
            let seeing = self.offer(chat, order)?;
            if (&seeing.provider, &seeing.model) != (&offer.provider, &offer.model) {
                offer = seeing;
                self.turns = None;
                if offer.is_per_token() {
                    input = self.count(chat, &offer, order).await?;
                }
            }
        }
        if let Question::Message(Message { text, .. }) = &self.question {
            chat.check_length(text, &offer)?;
        }
        let is_whole = matches!(self.question, Question::Context(_));
        if is_whole && offer.is_per_token() && input.total() > offer.room() {
            return Err(AppError::ContextTooLong);
        }
        let quoted = offer.quote(input).with_priced_writes()?;
        quoted.at_most(self.terms.max_credits, if is_whole { "max_credits" } else { "maxCredits" })
    }

    /// What the context comes to.
    async fn count(&mut self, chat: &Chat, offer: &Offer, order: &mut Vec<Arc<GuardedProvider>>) -> AppResult<Counted> {
        if let Question::Context(turns) = &mut self.question {
            *order = choose_seeing(std::mem::take(order), turns);
            return Ok(Counted::of(turns).with(&self.terms.sampling));
        }
        let mut turns = match self.turns.take() {
            Some(turns) => turns,
            None => self.gather(chat, offer.history()).await?,
        };
        *order = choose_seeing(std::mem::take(order), &mut turns);
        let counted = Counted::of(&turns);
        (self.turns, self.room) = (Some(turns), Some(offer.history()));
        Ok(counted)
    }

    /// What was said and is asked, as far as there is room; nothing for a context that is whole as it is.
    pub(super) async fn gather(&self, chat: &Chat, room: Room) -> AppResult<Vec<Turn>> {
        let Question::Message(Message { text, conversation, replaces, system_prompt, .. }) = &self.question else {
            return Ok(Vec::new());
        };
        let past = match *conversation {
            None => Past { system_prompt: system_prompt.clone(), messages: Vec::new() },
            Some(conversation) => {
                let past = chat.store.find_past(self.payer.user, conversation, *replaces, room.messages()).await?;
                past.ok_or(AppError::NotFound)?
            }
        };
        self.context(chat, past, text.clone(), room).await
    }
}
