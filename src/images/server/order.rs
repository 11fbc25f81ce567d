//! Asking for an image: what may be asked and of whom, what is held for it.
//!
//! Making it is `making.rs`.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::generate::{self, Making};
use super::providers::GuardedImageProvider;
use super::store::NewImage;
use crate::account::server::caller::Caller;
use crate::app::state::AppState;
use crate::chat::server::store::NewExchange;
use crate::credits::ReleaseReason;
use crate::credits::server::store::{HoldEnd, HoldOutcome, Idempotency, NewHold, SpendingKey, WorkKind};
use crate::generation::recovery::lease_from_now;
use crate::i18n::{Text, fill, t};
use crate::images::{AspectRatio, ImageRequest, MOST_RUNNING};
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::request_id::current_request_id;
use crate::platform::limits::Quota;
use crate::upstream::{Route, choose_order};

/// How long the first of two equal requests may take to store its image.
const BEGIN_PATIENCE: Duration = Duration::from_secs(2);

/// An image that was ordered.
#[derive(Debug, Clone)]
pub struct Ordered {
    /// Also the id of its job.
    pub id: Uuid,
    /// It is this request that the job works for, not one before it.
    pub is_new: bool,
    /// Who is asked first for it, and the model, if it is new.
    pub first: Option<(&'static str, String)>,
    /// What the user may still ask.
    pub quota: Quota,
}

/// What is to be made, checked.
pub struct Wish {
    pub prompt: String,
    pub aspect_ratio: AspectRatio,
    pub seed: u32,
    /// Whom to ask, one after the other; never empty.
    order: Vec<Arc<GuardedImageProvider>>,
    /// The message that asks for it and the reply that shows it, if it is made in a conversation.
    pub exchange: Option<NewExchange>,
}

impl Wish {
    /// Checks what a request asks for.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field.
    pub fn read(state: &AppState, request: ImageRequest) -> AppResult<Self> {
        let aspect_ratio = match request.aspect_ratio.as_deref() {
            None => AspectRatio::default(),
            Some(name) => AspectRatio::parse(name).ok_or_else(|| {
                let known = AspectRatio::ALL.map(AspectRatio::as_str).join(", ");
                AppError::invalid("aspectRatio", format!("{name:?} is not one of {known}."))
            })?,
        };
        Ok(Self {
            prompt: check_prompt(state, &request.prompt)?,
            aspect_ratio,
            seed: request.seed.unwrap_or_else(rand::random),
            order: choose_order(&state.image_providers, request.provider.as_deref())?,
            exchange: None,
        })
    }

    /// Who is asked first.
    #[must_use]
    pub fn first(&self) -> &GuardedImageProvider {
        &self.order[0]
    }
}

/// Orders an image: holds its price, stores that it is being made, and starts the job. The same idempotency key with the
/// same request returns the same image.
///
/// # Errors
/// [`AppError::RateLimited`], [`AppError::InsufficientCredits`], [`AppError::IdempotencyMismatch`], [`AppError::NotFound`]
/// for a conversation that is not there,
/// [`AppError::Conflict`] when too many are being made, [`AppError::Unavailable`].
pub async fn order_image(
    state: &AppState,
    caller: &Caller,
    wish: Wish,
    idempotency: Option<Idempotency>,
) -> AppResult<Ordered> {
    if state.is_shutting_down() {
        return Err(AppError::Unavailable);
    }
    let quota = caller.count_spending(state).await?;
    let (user, key) = (caller.id, caller.key.map(|key| key.spending));
    let ordering = Ordering { id: Uuid::now_v7(), user, key, wish, idempotency, request_id: current_request_id() };
    // The handler's future may be dropped at any await; a hold and what follows it must not be.
    let shared = state.clone();
    let (id, first) =
        tokio::spawn(async move { ordering.order(&shared).await }).await.map_err(|_| AppError::Internal)??;
    if first.is_none() {
        await_begin(state, user, id).await?;
    }
    Ok(Ordered { id, is_new: first.is_some(), first, quota })
}

/// A repeated request may come before the first has stored its image.
async fn await_begin(state: &AppState, user: Uuid, id: Uuid) -> AppResult<()> {
    let begun = Instant::now();
    while state.images.find(user, id).await?.is_none() {
        if begun.elapsed() > BEGIN_PATIENCE {
            return Err(AppError::NotFound);
        }
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

struct Ordering {
    id: Uuid,
    user: Uuid,
    /// The API key that pays.
    key: Option<SpendingKey>,
    wish: Wish,
    idempotency: Option<Idempotency>,
    request_id: String,
}

impl Ordering {
    /// Returns the image's id, and if it is a new one, who is asked first for it.
    async fn order(self, state: &AppState) -> AppResult<(Uuid, Option<(&'static str, String)>)> {
        let price = state.config.credits.image;
        // Dropped with all that it claims, should there be nothing to make.
        let route = Route::plan(self.wish.order.clone())?;
        let new = NewHold {
            id: self.id,
            user: self.user,
            kind: WorkKind::Image,
            amount: price,
            request_id: self.request_id,
            idempotency: self.idempotency,
            key: self.key,
            lease_until: lease_from_now(),
        };
        let hold = new.held();
        match state.credits.hold(new).await? {
            HoldOutcome::Held(_) => state.metrics.held(),
            HoldOutcome::Repeated(id) => return Ok((id, None)),
            HoldOutcome::Mismatch => return Err(AppError::IdempotencyMismatch),
            HoldOutcome::Insufficient { available } => {
                return Err(AppError::InsufficientCredits { needed: price, available });
            }
            HoldOutcome::OverBudget { left } => {
                return Err(AppError::OverBudget { needed: price, available: left });
            }
        }
        let Wish { prompt, aspect_ratio, seed, exchange, .. } = self.wish;
        let shown_in = exchange.as_ref().map(|exchange| (exchange.conversation, exchange.reply_id));
        let (provider, model) = (route.provider().name(), route.provider().model());
        // The reply that shows it names whoever makes it, not who rests.
        let exchange =
            exchange.map(|exchange| NewExchange { provider: provider.to_owned(), model: model.clone(), ..exchange });
        let run = Uuid::now_v7();
        let new = NewImage {
            id: self.id,
            user: self.user,
            shown_in,
            prompt: prompt.clone(),
            aspect_ratio,
            seed,
            provider: provider.to_owned(),
            model: model.clone(),
            is_ai: route.provider().is_ai(),
            run,
        };
        if let Err(error) = begin(state, new, exchange).await {
            // Where a store failed, what it did is not known; then the sweeper ends the hold as well.
            state.images.delete(self.user, vec![self.id]).await?;
            if let Some((_, reply)) = shown_in {
                state.chats.abandon_reply(reply).await?;
            }
            state.credits.end_hold(&hold, HoldEnd::Release, Some(ReleaseReason::NeverStarted)).await?;
            state.metrics.hold_ended(HoldEnd::Release);
            return Err(error);
        }
        let resumes = None;
        generate::start(state, Making { id: self.id, run, hold, shown_in, prompt, aspect_ratio, seed, resumes }, route);
        Ok((self.id, Some((provider, model))))
    }
}

/// Stores an image in the making, and the exchange that shows it.
async fn begin(state: &AppState, new: NewImage, exchange: Option<NewExchange>) -> AppResult<()> {
    if !state.images.begin(new).await? {
        return Err(AppError::Conflict(fill(Text::TooManyInTheMaking, &[("most", &MOST_RUNNING.to_string())])));
    }
    match exchange {
        Some(exchange) => state.chats.begin_exchange(exchange, 0).await?.map(drop).ok_or(AppError::NotFound),
        None => Ok(()),
    }
}

/// A prompt without the white space around it.
///
/// # Errors
/// [`AppError::InvalidInput`] naming `prompt`.
pub fn check_prompt(state: &AppState, prompt: &str) -> AppResult<String> {
    let most = state.config.chat.max_message_chars;
    let prompt = prompt.trim();
    if prompt.is_empty() {
        return Err(AppError::invalid("prompt", t(Text::SayWhatToPaint)));
    }
    if prompt.chars().count() > most {
        return Err(AppError::invalid("prompt", fill(Text::PromptTooLong, &[("most", &most.to_string())])));
    }
    Ok(prompt.to_owned())
}
