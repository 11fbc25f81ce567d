//! `/image …` in a conversation: the image is made as any other, and a reply shows it.
//!
//! The reply has a job of its own that only waits for the image's. It ends with the image (`ImageListener`), so that a
//! crash leaves neither behind.

use std::sync::Arc;

use async_trait::async_trait;

use super::Chat;
use super::events::error_event;
use super::send::{Accepted, check_maximum};
use super::store::{ChatStore, FinishedReply, NewExchange};
use crate::account::server::caller::Caller;
use crate::chat::{ChatEvent, DoneEvent, MessageState, StartEvent, title_of};
use crate::credits::server::store::{Idempotency, WorkKind};
use crate::flags::Flag;
use crate::generation::{Payer, encode, outlive_handler};
use crate::images::server::listener::ImageListener;
use crate::images::server::order::{ImageSpec, Reservation};
use crate::images::server::store::{Found, ImageStore};
use crate::images::server::subscribe;
use crate::images::{AspectRatio, Image, ImageRequest, ImageStatus};
use crate::platform::amount::Amount;
use crate::platform::db::keep_trying;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::request_id::{current_request_id, in_request};
use crate::platform::ids::{ConversationId, ImageId, MessageId, UserId};
use crate::platform::jobs::Job;

/// A message that asks for an image.
pub struct ImageMessage {
    /// All of it.
    pub text: String,
    pub conversation: Option<ConversationId>,
    pub replaces: Option<MessageId>,
    /// Of the conversation that begins.
    pub system_prompt: Option<String>,
    /// It must not cost more.
    pub max_credits: Option<Amount>,
}

/// What follows `/image` in a message: `None` for any other message. An aspect ratio may come first.
#[must_use]
pub fn read_command(text: &str) -> Option<(Option<AspectRatio>, &str)> {
    let rest = text.strip_prefix("/image")?;
    if !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
        return None;
    }
    let rest = rest.trim();
    let (first, others) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    Some(match AspectRatio::parse(first) {
        Some(ratio) => (Some(ratio), others.trim()),
        None => (None, rest),
    })
}

impl Chat {
    /// Orders the image of a message, and stores the message and the reply that is going to show it.
    ///
    /// # Errors
    /// As [`crate::images::server::Images::generate_image`], and [`AppError::NotFound`] for somebody else's conversation.
    pub(super) async fn send_image_message(
        &self,
        caller: &Caller,
        mut message: ImageMessage,
        idempotency: Option<Idempotency>,
    ) -> AppResult<Accepted> {
        let (aspect_ratio, prompt) = read_command(&message.text).ok_or(AppError::Internal)?;
        let request = ImageRequest {
            prompt: prompt.to_owned(),
            aspect_ratio: aspect_ratio.map(|ratio| ratio.as_str().to_owned()),
            ..ImageRequest::default()
        };
        let mut spec = ImageSpec::read(&self.images, request, caller)?;
        check_maximum(spec.price(&self.images), message.max_credits)?;
        let quota = self.generation.admit(caller).await?;
        let payer = Payer::new(caller, idempotency);
        if let Err(off) = self.generation.flags.check(Flag::Chat, caller) {
            let reply = repeated(self, &payer).await?.ok_or(off)?;
            return Ok(Accepted { reply, is_new: false, quota });
        }
        if let Some(failed) = self.generation.find_failed(&payer).await?
            && let Some(reply) = reply_of(self, failed.into()).await?
            && let Some(failed) = self.find_failed_try(caller.id, reply).await?
        {
            (message.conversation, message.replaces) = (Some(failed.conversation), Some(failed.question));
        }
        // In this order: ids order a conversation.
        let (message_id, reply_id) = (MessageId::now_v7(), MessageId::now_v7());
        let exchange = NewExchange {
            user: caller.id,
            conversation: message.conversation.unwrap_or_else(ConversationId::now_v7),
            new_title: message.conversation.is_none().then(|| title_of(prompt)),
            system_prompt: message.system_prompt,
            picked: None,
            hidden: false,
            replaces: message.replaces,
            message_id,
            text: message.text,
            images: Vec::new(),
            reply_id,
            // Known once the image is reserved.
            provider: String::new(),
            model: String::new(),
            answer: None,
        };
        spec.shown_in = Some((exchange.conversation, reply_id));
        let (chat, payer_again) = (self.clone(), payer.clone());
        let (reply, is_new) = match outlive_handler(async move { begin(&chat, &payer, spec, exchange).await }).await {
            // Sent again, after the message that it replaces was replaced.
            Err(AppError::NotFound) => (repeated(self, &payer_again).await?.ok_or(AppError::NotFound)?, false),
            begun => begun?,
        };
        Ok(Accepted { reply, is_new, quota })
    }
}

/// Reserves the image, stores the exchange that shows it, and starts both. Returns the reply, and whether it is a new one.
async fn begin(chat: &Chat, payer: &Payer, spec: ImageSpec, mut exchange: NewExchange) -> AppResult<(MessageId, bool)> {
    let image = match chat.images.reserve(payer, spec).await? {
        Reservation::New(image) => image,
        Reservation::Repeated(id) => {
            chat.generation.await_begin(payer, id, || chat.images.store.find(payer.user, id)).await?;
            return Ok((reply_of(chat, id).await?.ok_or(AppError::NotFound)?, false));
        }
    };
    image.provider().name().clone_into(&mut exchange.provider);
    exchange.model = image.provider().model();
    let reply = exchange.reply_id;
    let start = StartEvent {
        message_id: reply.to_string(),
        conversation_id: exchange.conversation.to_string(),
        provider: exchange.provider.clone(),
        model: exchange.model.clone(),
        credits: image.price(),
    };
    if let Err(error) = chat.begin_exchange(exchange, 0).await {
        // Where a store failed, what it did is not known; then the sweeper ends the hold as well.
        match chat.store.abandon_reply(reply).await {
            Ok(_) => image.cancel().await,
            Err(error) => tracing::error!(%error, "a hold is left to the sweeper"),
        }
        return Err(error);
    }
    let (shared, user, id) = (chat.clone(), payer.user, image.id());
    image.start();
    chat.generation.jobs.spawn(reply, user, WorkKind::Chat, |job| {
        in_request(current_request_id(), async move { follow(&shared, &job, user, id, reply, start).await })
    });
    Ok((reply, true))
}

/// The reply to the same request before.
async fn repeated(chat: &Chat, payer: &Payer) -> AppResult<Option<MessageId>> {
    match chat.generation.find_repeated(payer).await? {
        Some(image) => reply_of(chat, image.into()).await,
        None => Ok(None),
    }
}

async fn reply_of(chat: &Chat, image: ImageId) -> AppResult<Option<MessageId>> {
    Ok(match chat.images.store.look_up(image).await? {
        Found::Running(image) => image.shown_in.map(|(_, reply)| reply),
        Found::Ended { shown_in, .. } => shown_in.map(|(_, reply)| reply),
        Found::Nothing => None,
    })
}

/// Tells the reply's watchers what becomes of the image, and tells the image when the reply is to stop.
async fn follow(chat: &Chat, job: &Job, user: UserId, image: ImageId, reply_id: MessageId, start: StartEvent) {
    job.publish(encode(&ChatEvent::Start(start), 0));
    if let Some(making) = chat.generation.jobs.get(image) {
        tokio::select! {
            reason = job.stopped() => {
                making.stop(reason);
                making.closed().await;
            }
            () = making.closed() => {}
        }
    }
    let end = match shown(chat, user, image).await {
        Ok(done) => ChatEvent::Done(done),
        Err(error) => {
            // The job of the image has ended the reply, unless it was deleted.
            end_reply(chat.store.as_ref(), chat.images.store.as_ref(), user, image, reply_id).await;
            error_event(&error)
        }
    };
    job.publish(encode(&end, 0));
}

async fn shown(chat: &Chat, user: UserId, image: ImageId) -> AppResult<DoneEvent> {
    let image = chat.images.await_end(user, image).await?;
    if image.status != ImageStatus::Complete {
        return Err(subscribe::error_of(&image).unwrap_or(AppError::Internal));
    }
    let balance = chat.generation.credits.balance(user.into(), &current_request_id()).await?;
    Ok(DoneEvent {
        reply: Some(to_markdown(&image)),
        cached: false,
        cut: false,
        cut_reason: None,
        calls: Vec::new(),
        thoughts: Vec::new(),
        remaining_credits: balance.available,
        credits: image.credits,
        usage: None,
    })
}

/// Ends the replies that show images.
pub struct ImageReplies {
    pub replies: Arc<dyn ChatStore>,
    pub images: Arc<dyn ImageStore>,
}

#[async_trait]
impl ImageListener for ImageReplies {
    async fn image_ended(&self, user: UserId, image: ImageId, reply: MessageId) {
        end_reply(self.replies.as_ref(), self.images.as_ref(), user, image, reply).await;
    }
}

/// Ends the reply that shows an image as the image ended.
async fn end_reply(replies: &dyn ChatStore, images: &dyn ImageStore, user: UserId, image: ImageId, reply: MessageId) {
    let ended = async {
        let found = keep_trying(|| images.find(user, image)).await?;
        let Some(image) = found.filter(|image| image.status != ImageStatus::Running) else {
            return keep_trying(|| replies.abandon_reply(reply)).await.map(drop);
        };
        let finished = FinishedReply {
            id: reply,
            state: match image.status {
                ImageStatus::Complete => MessageState::Complete,
                ImageStatus::Stopped => MessageState::Stopped,
                ImageStatus::Failed | ImageStatus::Running => MessageState::Failed,
            },
            text: if image.status == ImageStatus::Complete { to_markdown(&image) } else { String::new() },
            error_code: subscribe::error_of(&image)
                .filter(|_| image.status == ImageStatus::Failed)
                .map(|error| error.code()),
            provider: image.provider,
            model: image.model,
            fallback_from: image.fallback_from,
            cached: false,
            cut: None,
            credits: image.credits,
            usage: None,
            price_version: None,
            calls: Vec::new(),
            thinking: None,
        };
        keep_trying(|| replies.finish_reply(finished.clone())).await.map(drop)
    };
    if let Err(error) = ended.await {
        tracing::error!(%error, "the reply that shows an image could not be ended");
    }
}

/// The image, as a link to its page.
fn to_markdown(image: &Image) -> String {
    // What Markdown could take for its own would end the text of the link.
    let alt: String =
        image.prompt.chars().map(|c| if c.is_control() || "[]()\\`*_<>!&".contains(c) { ' ' } else { c }).collect();
    let alt = alt.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("[![{alt}]({})](/images/{})", image.image_url, image.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_a_word_of_its_own() {
        assert_eq!(read_command("/image a fox"), Some((None, "a fox")));
        assert_eq!(read_command("/image\n 9:16  a tower "), Some((Some(AspectRatio::Tall), "a tower")));
        assert_eq!(read_command("/image"), Some((None, "")));
        assert_eq!(read_command("/image 16:10 a tower"), Some((None, "16:10 a tower")));
        for text in ["/images of foxes", "image a fox", "draw /image", "/Image a"] {
            assert_eq!(read_command(text), None, "{text}");
        }
    }
}
