//! Answers that were given before: to the same question, or to this very request.

use std::sync::Arc;

use uuid::Uuid;

use super::{Accepted, NewIds, Question, Sending};
use crate::chat::MessageState;
use crate::chat::server::Chat;
use crate::chat::server::config::CacheScope;
use crate::chat::server::providers::{GuardedProvider, Turn};
use crate::chat::server::response_cache::{self, AnswerKey, Found, KeptAnswer};
use crate::chat::server::store::FinishedReply;
use crate::credits::server::store::Idempotency;
use crate::generation::KEYS_LIVE;
use crate::platform::amount::Amount;
use crate::platform::error::{AppError, AppResult};

impl Sending {
    /// Whether tools may be called, or were: what a client did with them nobody else has.
    fn has_tools(&self) -> bool {
        let is_in_context = matches!(&self.question, Question::Context(turns) if turns.iter().any(Turn::is_of_tools));
        is_in_context || !self.terms.sampling.toolbox.is_empty()
    }

    /// An answer that was given before, unless a new one is wanted.
    pub(super) async fn find_answer(&mut self, chat: &Chat, order: &[Arc<GuardedProvider>]) -> AppResult<Found> {
        let owner = match chat.config.cache {
            _ if self.terms.fresh || self.has_tools() => return Ok(Found::Nothing),
            CacheScope::Off => return Ok(Found::Nothing),
            CacheScope::User => Some(self.payer.user),
            CacheScope::Shared => None,
        };
        let offer = self.offer(chat, order)?;
        let built = match &self.question {
            Question::Context(_) => None,
            Question::Message(_) => Some(self.gather(chat, offer.history()).await?),
        };
        let turns = match (&built, &self.question) {
            (Some(built), _) => built,
            (None, Question::Context(given)) => given,
            (None, Question::Message(_)) => return Ok(Found::Nothing),
        };
        // Of the model that was asked for, by whatever name.
        let first = order.first().filter(|_| self.terms.picked.is_some()).map(|first| (first.name(), first.model()));
        let picked = first.as_ref().map(|(provider, model)| (*provider, Some(model.as_str())));
        let key = AnswerKey::new(owner, picked, &self.terms.sampling, turns);
        (self.turns, self.room) = (built, Some(offer.history()));
        Ok(response_cache::find(chat, key, self.payer.user).await)
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
            cut: None,
            credits: Amount::ZERO,
            error_code: None,
            usage,
            price_version: None,
            calls: Vec::new(),
            thinking: None,
        };
        let exchange = self.exchange(ids, provider, model, Some(reply));
        chat.begin_exchange(exchange, 0).await?;
        if let Some(key) = &self.payer.idempotency {
            let given = [key.fingerprint.as_slice(), Uuid::from(ids.reply).as_bytes()].concat();
            let owner = response_cache::owner_of(self.payer.user);
            chat.cache.put_of(&owner, &self.given_key(key), given, KEYS_LIVE).await;
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
