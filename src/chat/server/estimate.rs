//! What a message is going to cost, before it is sent.

use std::sync::Arc;

use super::Chat;
use super::context::{LONG_HISTORY, build_context};
use super::context_window::{Counted, IMAGE};
use super::conversations::check_system_prompt;
use super::image_messages;
use super::order::{choose_seeing, only_seeing};
use super::providers::{GuardedProvider, Role, Turn};
use super::quote::Offer;
use super::send::parse_id;
use super::store::Past;
use crate::account::server::caller::Caller;
use crate::chat::{ContextInfo, Estimate, EstimateRequest, PriceInfo, PriceKind};
use crate::credits::server::store::WorkKind;
use crate::generation::{Quote, Route};
use crate::images::AspectRatio;
use crate::platform::amount::Amount;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::request_id::current_request_id;

impl Chat {
    /// What a message would cost now; `images` of the request is how many.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`], [`AppError::NotFound`] for somebody else's conversation, [`AppError::Unavailable`],
    /// [`AppError::SwitchedOff`], [`AppError::Paused`].
    pub async fn estimate(&self, caller: &Caller, request: EstimateRequest<usize>) -> AppResult<Estimate> {
        let user = caller.id;
        let picked = self.pick(request.provider.as_deref(), request.model.as_deref())?;
        let mut order = self.order_of(picked.as_ref());
        let conversation = parse_id("conversationId", request.conversation_id.as_deref())?;
        let replaces = parse_id("replaces", request.replaces.as_deref())?;
        let text = request.message.trim();
        let available = self.generation.credits.balance(user.into(), &current_request_id()).await?.available;
        if let Some((aspect_ratio, _)) = image_messages::read_command(text) {
            return self.estimate_image(caller, aspect_ratio.unwrap_or_default(), available);
        }
        let effort = picked.as_ref().and_then(|picked| picked.effort);
        let picked = picked.and_then(|picked| picked.provider);
        order = self.generation.keep_open(WorkKind::Chat, &order, picked, "provider", caller)?;
        if request.images > 0 {
            order = only_seeing(order, "images")?;
        }
        let past = if let Some(conversation) = conversation {
            let past = self.store.find_past(user, conversation, replaces, LONG_HISTORY).await?;
            past.ok_or(AppError::NotFound)?
        } else {
            let prompt = request.system_prompt.as_deref().map(check_system_prompt).transpose()?;
            Past { system_prompt: prompt.filter(|prompt| !prompt.is_empty()), messages: Vec::new() }
        };
        let said = past.messages.len();
        let offer = |order: &[Arc<GuardedProvider>]| {
            let first = Route::forecast(order).ok_or(AppError::Unavailable)?;
            Ok::<_, AppError>(self.offer(first, first.model(), self.config.max_output_tokens, effort))
        };
        let first = offer(&order)?;
        let mut turns = build_context(past.clone(), text.to_owned(), first.history());
        let mut asked = first;
        if asked.is_per_token() {
            // Who sees what was shown before may be somebody else.
            let seeing = offer(&choose_seeing(order, &mut turns))?;
            if (&seeing.provider, &seeing.model) != (&asked.provider, &asked.model) {
                turns = build_context(past, text.to_owned(), seeing.history());
                asked = seeing;
            }
        }
        self.check_length(text, &asked)?;
        Ok(told(&asked, &turns, said, request.images, available))
    }

    /// What `/image …` costs.
    fn estimate_image(&self, caller: &Caller, aspect_ratio: AspectRatio, available: Amount) -> AppResult<Estimate> {
        let open = self.generation.keep_open(WorkKind::Image, &self.images.providers, None, "provider", caller)?;
        let first = open.first().ok_or(AppError::Unavailable)?;
        let Quote { ceiling: price, version, model, .. } = self.images.quote(first, aspect_ratio);
        Ok(Estimate {
            about: price,
            most: price,
            least: price,
            available,
            provider: first.name().to_owned(),
            model,
            price: PriceInfo { kind: PriceKind::Flat, version, credits: Some(price), ..PriceInfo::default() },
            context: ContextInfo::default(),
        })
    }
}

/// `said` is how many messages there are before the question, which is the last of the turns.
fn told(offer: &Offer, turns: &[Turn], said: usize, images: usize, available: Amount) -> Estimate {
    let tokens = |turns: &[Turn]| narrow(Counted::of(turns).text);
    let (before, question) = turns.split_at(turns.len().saturating_sub(1));
    let (system, history) = before.split_at(before.iter().take_while(|turn| turn.role == Role::System).count());
    let mut input = Counted::of(turns);
    input.images += images as u64 * IMAGE;
    let quoted = offer.quote(input);
    Estimate {
        about: quoted.about,
        most: quoted.ceiling,
        least: quoted.least,
        available,
        provider: offer.provider.clone(),
        model: offer.model.clone(),
        price: offer.info(),
        context: ContextInfo {
            tokens: narrow(input.total()),
            window: offer.window,
            output: quoted.output,
            system: tokens(system),
            history: tokens(history),
            message: tokens(question),
            images: narrow(input.images),
            left_out: narrow((said - history.len().min(said)) as u64),
        },
    }
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
