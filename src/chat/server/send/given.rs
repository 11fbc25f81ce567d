//! Answers that were given before: to the same question, or to this very request.

use uuid::Uuid;

use super::{Accepted, Message, NewIds, Question, Sending};
use crate::chat::MessageState;
use crate::chat::server::Chat;
use crate::chat::server::config::CacheScope;
use crate::chat::server::context::HISTORY;
use crate::chat::server::response_cache::{self, AnswerKey, Found, KeptAnswer};
use crate::chat::server::store::{FinishedReply, Past};
use crate::credits::server::store::Idempotency;
use crate::generation::KEYS_LIVE;
use crate::platform::amount::Amount;
use crate::platform::error::{AppError, AppResult};

impl Sending {
    /// An answer that was given before, unless a new one is wanted.
    pub(super) async fn find_answer(&self, chat: &Chat) -> AppResult<Found> {
        let owner = match chat.config.cache {
            _ if self.terms.fresh => return Ok(Found::Nothing),
            CacheScope::Off => return Ok(Found::Nothing),
            CacheScope::User => Some(self.payer.user),
            CacheScope::Shared => None,
        };
        let built;
        let turns = match &self.question {
            Question::Context(given) => given,
            Question::Message(Message { text, conversation, replaces, system_prompt, .. }) => {
                let past = match *conversation {
                    None => Past { system_prompt: system_prompt.clone(), messages: Vec::new() },
                    Some(conversation) => {
                        let past = chat.store.find_past(self.payer.user, conversation, *replaces, HISTORY).await?;
                        past.ok_or(AppError::NotFound)?
                    }
                };
                built = self.context(chat, past, text.clone()).await?;
                &built
            }
        };
        let picked = self.terms.picked.as_ref().map(|(provider, model)| (provider.as_str(), model.as_deref()));
        Ok(response_cache::find(chat, AnswerKey::new(owner, picked, &self.terms.sampling, turns)).await)
    }

    /// Gives an answer that was given before: it costs nothing, so there is nothing to hold.
    pub(super) async fn give(&self, chat: &Chat, answer: KeptAnswer) -> AppResult<Accepted> {
        // The key may be that of the very request whose answer this is.
        if let Some(accepted) = self.repeated(chat).await? {
            return Ok(accepted);
        }
        let ids = NewIds::new();
        let KeptAnswer { text, provider, model, usage } = answer;
        let reply = FinishedReply {
            id: ids.reply,
            state: MessageState::Complete,
            text,
            provider: provider.clone(),
            model: model.clone(),
            fallback_from: None,
            cached: true,
            cut: false,
            credits: Amount::ZERO,
            error_code: None,
            usage,
        };
        let exchange = self.exchange(ids, provider, model, Some(reply));
        chat.begin_exchange(exchange, 0).await?;
        if let Some(key) = &self.payer.idempotency {
            let given = [key.fingerprint.as_slice(), Uuid::from(ids.reply).as_bytes()].concat();
            chat.cache.put(&self.given_key(key), given, KEYS_LIVE).await;
        }
        Ok(self.accepted(ids.reply, true))
    }

    /// The answer that a hold was made for with this key.
    pub(super) async fn repeated(&self, chat: &Chat) -> AppResult<Option<Accepted>> {
        Ok(chat.generation.find_repeated(&self.payer).await?.map(|reply| self.accepted(reply.into(), false)))
    }

    /// The answer that was given to this key before. Keys of answers that cost something are with their holds.
    pub(super) async fn given(&self, chat: &Chat) -> AppResult<Option<Accepted>> {
        let Some(key) = &self.payer.idempotency else { return Ok(None) };
        let Some(given) = chat.cache.get(&self.given_key(key)).await else { return Ok(None) };
        let Some((fingerprint, reply)) = given.split_at_checked(key.fingerprint.len()) else { return Ok(None) };
        if fingerprint != key.fingerprint {
            return Err(AppError::IdempotencyMismatch);
        }
        Ok(Uuid::from_slice(reply).ok().map(|reply| self.accepted(reply.into(), false)))
    }

    fn given_key(&self, key: &Idempotency) -> String {
        format!("given:{}:{}", self.payer.user, key.key)
    }
}
