//! Embeddings: texts as vectors, for programs. One hold and one charge for each call; what came to nothing is free, and so is what
//! the connection did not take.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::Chat;
use super::providers::{Embedded, EmbeddingInput, EmbeddingRequest, GuardedProvider, ProviderError};
use super::tokens::TokenCount;
use crate::account::server::caller::Caller;
use crate::credits::server::prices::{CacheWrites, TokenUse};
use crate::credits::server::store::{Idempotency, WorkKind};
use crate::generation::{
    Begun, KEYS_LIVE, Payer, PendingAttempt, Quote, ReleaseReason, Reserved, TextSizes, Tokens, outlive_handler,
};
use crate::i18n::{Text, t};
use crate::platform::amount::Amount;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::request_id::{current_request_id, in_request};
use crate::platform::ids::{UserId, WorkId};
use crate::platform::limits::Quota;
use crate::usage::Outcome;

/// Between two signs of life of the work.
const RENEW_EVERY: Duration = Duration::from_secs(8);
/// Larger answers are not kept for their key.
const MOST_KEPT: usize = 1024 * 1024;

/// How soon after the charge an answer is kept, at the latest.
const KEPT_WITHIN: Duration = Duration::from_millis(250);

/// What came of a call, to be paid for when the connection takes it.
pub struct Delivered {
    pub embedded: Embedded,
    pub model: String,
    /// What is told that was used.
    pub tokens: u32,
    pub quota: Quota,
    pub payment: Payment,
}

/// What came of the wish for embeddings.
pub enum Embeddings {
    New(Box<Delivered>),
    /// The same request came before: its answer, as it was kept.
    Kept(Vec<u8>, Quota),
}

/// A hold that is settled when the answer is taken, and else released.
pub struct Payment {
    chat: Chat,
    user: UserId,
    open: Option<(Reserved, Amount)>,
    is_keyed: bool,
}

impl Payment {
    /// What was charged; `None` where it could not be, and nothing may leave.
    pub async fn take(mut self, answer: Vec<u8>) -> Option<Amount> {
        let (hold, price) = self.open.take()?;
        let (chat, user, is_keyed) = (self.chat.clone(), self.user, self.is_keyed);
        // The connection may go away in the middle of it.
        let settled = outlive_handler(async move {
            hold.mark_published().await?;
            let id = hold.id();
            let charged = hold.settle(price).await?.charged;
            if is_keyed && charged.is_positive() && answer.len() <= MOST_KEPT {
                chat.cache.put_of(&user.to_string(), &key_of(id), answer, KEYS_LIVE).await;
            }
            Ok(charged)
        });
        settled.await.ok().filter(|charged| charged.is_positive())
    }
}

impl Drop for Payment {
    fn drop(&mut self) {
        if let Some((hold, _)) = self.open.take() {
            tokio::spawn(in_request(
                current_request_id(),
                async move { hold.cancel(ReleaseReason::Undelivered).await },
            ));
        }
    }
}

fn key_of(id: WorkId) -> String {
    format!("embedding:{id}")
}

impl Chat {
    /// Those that embed and are open to somebody.
    #[must_use]
    pub fn embedders(&self, caller: &Caller) -> Vec<Arc<GuardedProvider>> {
        let mut open = self.generation.open(WorkKind::Chat, &self.providers(), caller);
        open.retain(|provider| provider.embedding_model().is_some());
        open
    }

    /// Embeds, with this provider.
    ///
    /// # Errors
    /// Those of [`crate::generation::Generation::begin`]; how the provider failed, which is free.
    pub async fn embed(
        &self,
        caller: &Caller,
        provider: Arc<GuardedProvider>,
        request: EmbeddingRequest,
        idempotency: Option<Idempotency>,
    ) -> AppResult<Embeddings> {
        let quota = self.generation.admit(caller).await?;
        let is_keyed = idempotency.is_some();
        let payer = Payer::new(caller, idempotency);
        let chat = self.clone();
        outlive_handler(async move {
            let order = chat.generation.keep_open(WorkKind::Chat, &[provider], None, "model", payer.who())?;
            let provider = order.first().ok_or(AppError::Unavailable)?.clone();
            let model = provider.embedding_model().unwrap_or_default().to_owned();
            let price = chat.prices.chat(provider.name(), &model);
            let counted = count(&request.input);
            let most = price.rate.ceiling(counted + counted / 4 + 16, 0, CacheWrites::Never);
            let asked = Quote { ceiling: most, least: most, version: price.version.clone(), model: model.clone() };
            let hold = match chat.generation.begin(&payer, WorkKind::Chat, WorkId::now_v7(), asked).await? {
                Begun::New(hold) => hold,
                Begun::Repeated(id) => {
                    let key = key_of(id);
                    let kept = || async { Ok(chat.cache.get(&key).await) };
                    // It may still be on its way.
                    match chat.generation.await_begin(&payer, id, kept).await {
                        // It is kept a moment after it is paid for.
                        Err(AppError::NotFound) => sleep(KEPT_WITHIN).await,
                        awaited => awaited?,
                    }
                    let kept = chat.cache.get(&key).await;
                    let gone = || AppError::Conflict(t(Text::AnswerNotKept).to_owned());
                    return kept.map(|kept| Embeddings::Kept(kept, quota)).ok_or_else(gone);
                }
            };
            let mut payment = Payment { chat: chat.clone(), user: payer.user, open: None, is_keyed };
            let embedded = match chat.ask_embedder(&hold, order, &model, &request).await {
                Ok(embedded) => embedded,
                Err(error) => {
                    hold.release(ReleaseReason::Failed).await?;
                    return Err(error.shown());
                }
            };
            // What it says counts where it can be so.
            let likely = counted / 3..=counted.saturating_mul(3) + 16;
            let said = embedded.tokens.map(u64::from).filter(|said| *said > 0 && likely.contains(said));
            let used = said.unwrap_or(counted);
            let cost = price.rate.cost(&TokenUse { input: used, ..TokenUse::default() });
            let cost = cost.clamp(Amount::LEAST, hold.held());
            payment.open = Some((hold, cost));
            let tokens = u32::try_from(used).unwrap_or(u32::MAX);
            Ok(Embeddings::New(Box::new(Delivered { embedded, model, tokens, quota, payment })))
        })
        .await
    }

    /// Asks, and puts down what came of it.
    async fn ask_embedder(
        &self,
        hold: &Reserved,
        order: Vec<Arc<GuardedProvider>>,
        model: &str,
        request: &EmbeddingRequest,
    ) -> Result<Embedded, ProviderError> {
        let planned = self.generation.plan(WorkKind::Chat, order);
        let mut route = planned.map_err(|_| ProviderError::Unavailable("no provider".to_owned()))?;
        // How it fails at this says nothing of its answers.
        route.mark_special();
        route.begin(self.config.timeout);
        let provider = route.provider().clone();
        let mut attempt = PendingAttempt::begin();
        let asked = timeout(self.config.timeout, provider.embed(request));
        let asked = while_alive(hold, asked).await.unwrap_or(Err(ProviderError::Timeout));
        let outcome = match &asked {
            Ok(embedded) => {
                route.answered();
                if let Some(input) = embedded.tokens {
                    attempt.said(Tokens { input, ..Tokens::default() });
                }
                Outcome::Ok
            }
            Err(error) => {
                tracing::warn!(provider = provider.name(), %error, "a provider did not embed");
                route.failed(error);
                if !matches!(error, ProviderError::Malformed(_) | ProviderError::Timeout) {
                    attempt.refused();
                }
                error.outcome()
            }
        };
        let sizes = TextSizes { input_bytes: request.input.bytes(), input_images: 0, output_bytes: 0 };
        self.generation.record_text(&attempt, hold, provider.provider(), model.to_owned(), sizes, outcome);
        asked
    }
}

/// Says that the work is alive until it is done.
async fn while_alive<T>(hold: &Reserved, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = sleep(RENEW_EVERY) => {
                if let Err(error) = hold.renew().await {
                    tracing::warn!(%error, "a hold could not be renewed");
                }
            }
        }
    }
}

/// About how many tokens it has.
fn count(input: &EmbeddingInput) -> u64 {
    match input {
        EmbeddingInput::Texts(all) => all.iter().map(|text| TokenCount::of(text)).sum(),
        EmbeddingInput::Tokens(all) => all.iter().map(|tokens| tokens.len() as u64).sum(),
    }
}
