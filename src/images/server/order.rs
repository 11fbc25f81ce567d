//! Asking for an image: what may be asked and of whom, what is held for it.
//!
//! Making it is `making.rs`.

use std::sync::Arc;

use uuid::Uuid;

use super::generate::{self, ImageJob};
use super::providers::GuardedImageProvider;
use super::store::NewImage;
use crate::account::server::caller::Caller;
use crate::app::state::AppState;
use crate::chat::server::store::NewExchange;
use crate::credits::server::store::{Idempotency, WorkKind};
use crate::generation::{Begun, Payer, ReleaseReason, await_begin, choose_order, outlive_handler};
use crate::i18n::{Text, fill, t};
use crate::images::{AspectRatio, ImageRequest, MOST_RUNNING};
use crate::platform::error::{AppError, AppResult};
use crate::platform::limits::Quota;

/// An image that was ordered.
#[derive(Debug, Clone)]
pub struct AcceptedImage {
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
pub struct ImageSpec {
    pub prompt: String,
    pub aspect_ratio: AspectRatio,
    pub seed: u32,
    /// Whom to ask, one after the other; never empty.
    order: Vec<Arc<GuardedImageProvider>>,
    /// The message that asks for it and the reply that shows it, if it is made in a conversation.
    pub exchange: Option<NewExchange>,
}

impl ImageSpec {
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
pub async fn generate_image(
    state: &AppState,
    caller: &Caller,
    wish: ImageSpec,
    idempotency: Option<Idempotency>,
) -> AppResult<AcceptedImage> {
    let quota = state.generation.admit(caller).await?;
    let sending = Sending { id: Uuid::now_v7(), payer: Payer::new(caller, idempotency), wish };
    let shared = state.clone();
    let (id, first) = outlive_handler(async move { sending.send(&shared).await }).await?;
    if first.is_none() {
        await_begin(|| state.images.find(caller.id, id)).await?;
    }
    Ok(AcceptedImage { id, is_new: first.is_some(), first, quota })
}

struct Sending {
    id: Uuid,
    payer: Payer,
    wish: ImageSpec,
}

impl Sending {
    /// Returns the image's id, and if it is a new one, who is asked first for it.
    async fn send(mut self, state: &AppState) -> AppResult<(Uuid, Option<(&'static str, String)>)> {
        // Dropped with all that it claims, should there be nothing to make.
        let route = state.generation.plan(WorkKind::Image, self.wish.order.clone())?;
        let price = state.config.credits.image;
        let hold = match state.generation.begin(&self.payer, WorkKind::Image, self.id, price).await? {
            Begun::New(hold) => hold,
            Begun::Repeated(id) => return Ok((id, None)),
        };
        let exchange = self.wish.exchange.take();
        let shown_in = exchange.as_ref().map(|exchange| (exchange.conversation, exchange.reply_id));
        let (provider, model) = (route.provider().name(), route.provider().model());
        // The reply that shows it names whoever makes it, not who rests.
        let exchange =
            exchange.map(|exchange| NewExchange { provider: provider.to_owned(), model: model.clone(), ..exchange });
        let run = Uuid::now_v7();
        let new = NewImage {
            id: self.id,
            user: self.payer.user,
            shown_in,
            prompt: self.wish.prompt.clone(),
            aspect_ratio: self.wish.aspect_ratio,
            seed: self.wish.seed,
            provider: provider.to_owned(),
            model: model.clone(),
            is_ai: route.provider().is_ai(),
            run,
        };
        if let Err(error) = begin(state, new, exchange).await {
            // Where a store failed, what it did is not known; then the sweeper ends the hold as well.
            match self.forget(state, shown_in).await {
                Ok(()) => hold.cancel(ReleaseReason::NeverStarted).await,
                Err(error) => tracing::error!(%error, "a hold is left to the sweeper"),
            }
            return Err(error);
        }
        let ImageSpec { prompt, aspect_ratio, seed, .. } = self.wish;
        let resumes = None;
        generate::start(state, ImageJob { run, hold, shown_in, prompt, aspect_ratio, seed, resumes }, route);
        Ok((self.id, Some((provider, model))))
    }

    /// Takes back what may have been stored of an image that could not begin.
    async fn forget(&self, state: &AppState, shown_in: Option<(Uuid, Uuid)>) -> AppResult<()> {
        state.images.delete(self.payer.user, vec![self.id]).await?;
        if let Some((_, reply)) = shown_in {
            state.chats.abandon_reply(reply).await?;
        }
        Ok(())
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
