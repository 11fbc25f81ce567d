//! `/image …` in a conversation: the image is made as any other, and a reply shows it.
//!
//! The reply has a job of its own that only waits for the image's. It is ended by whoever ends the image, so that a
//! crash leaves neither behind.

use uuid::Uuid;

use super::reply;
use super::send::Accepted;
use super::store::{FinishedReply, NewExchange};
use crate::account::server::caller::Caller;
use crate::app::state::AppState;
use crate::chat::{ChatEvent, DoneEvent, MessageState, StartEvent, title_of};
use crate::credits::server::store::{Idempotency, WorkKind};
use crate::generation::{Payer, encode};
use crate::images::server::order::{ImageSpec, generate_image};
use crate::images::server::store::Found;
use crate::images::server::subscribe;
use crate::images::{AspectRatio, Image, ImageRequest, ImageStatus};
use crate::platform::db::keep_trying;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::request_id::{current_request_id, in_request};
use crate::platform::jobs::Job;

/// A message that asks for an image.
pub struct ImageMessage {
    /// All of it.
    pub text: String,
    pub conversation: Option<Uuid>,
    pub replaces: Option<Uuid>,
    /// Of the conversation that begins.
    pub system_prompt: Option<String>,
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

/// Orders the image of a message, and stores the message and the reply that is going to show it.
///
/// # Errors
/// As [`generate_image`], and [`AppError::NotFound`] for somebody else's conversation.
pub async fn send_message(
    state: &AppState,
    caller: &Caller,
    message: ImageMessage,
    idempotency: Option<Idempotency>,
) -> AppResult<Accepted> {
    let (aspect_ratio, prompt) = read_command(&message.text).ok_or(AppError::Internal)?;
    let request = ImageRequest {
        prompt: prompt.to_owned(),
        aspect_ratio: aspect_ratio.map(|ratio| ratio.as_str().to_owned()),
        ..ImageRequest::default()
    };
    let mut wish = ImageSpec::read(state, request)?;
    // In this order: ids order a conversation.
    let (message_id, reply_id) = (Uuid::now_v7(), Uuid::now_v7());
    let conversation = message.conversation.unwrap_or_else(Uuid::now_v7);
    let (provider, model) = (wish.first().name().to_owned(), wish.first().model());
    wish.exchange = Some(NewExchange {
        user: caller.id,
        conversation,
        new_title: message.conversation.is_none().then(|| title_of(prompt)),
        system_prompt: message.system_prompt,
        hidden: false,
        replaces: message.replaces,
        message_id,
        text: message.text,
        images: Vec::new(),
        reply_id,
        provider,
        model,
        answer: None,
    });
    let repeats = idempotency.clone();
    let ordered = match generate_image(state, caller, wish, idempotency).await {
        // Sent again, after the message that it replaces was replaced.
        Err(AppError::NotFound) => return repeated(state, caller, repeats).await?.ok_or(AppError::NotFound),
        ordered => ordered?,
    };
    let asked = |reply, is_new| Accepted { reply, is_new, quota: ordered.quota };
    let Some((provider, model)) = ordered.first else {
        let reply = reply_of(state, ordered.id).await?.ok_or(AppError::NotFound)?;
        return Ok(asked(reply, false));
    };
    let start = StartEvent {
        message_id: reply_id.to_string(),
        conversation_id: conversation.to_string(),
        provider: provider.to_owned(),
        model,
        credits: state.config.credits.image,
    };
    let (shared, user, image) = (state.clone(), caller.id, ordered.id);
    state.jobs.spawn(reply_id, user, WorkKind::Chat, |job| {
        in_request(current_request_id(), async move { follow(&shared, &job, user, image, reply_id, start).await })
    });
    Ok(asked(reply_id, true))
}

/// The answer to the same request before.
async fn repeated(state: &AppState, caller: &Caller, key: Option<Idempotency>) -> AppResult<Option<Accepted>> {
    let repeated = state.generation.find_repeated(&Payer::new(caller, key)).await?;
    let Some(image) = repeated else { return Ok(None) };
    let Some(reply) = reply_of(state, image).await? else { return Ok(None) };
    Ok(Some(Accepted { reply, is_new: false, quota: state.generation.admit(caller).await? }))
}

async fn reply_of(state: &AppState, image: Uuid) -> AppResult<Option<Uuid>> {
    Ok(match state.images.look_up(image).await? {
        Found::Running(image) => image.shown_in.map(|(_, reply)| reply),
        Found::Ended { shown_in, .. } => shown_in.map(|(_, reply)| reply),
        Found::Nothing => None,
    })
}

/// Tells the reply's watchers what becomes of the image, and tells the image when the reply is to stop.
async fn follow(state: &AppState, job: &Job, user: Uuid, image: Uuid, reply_id: Uuid, start: StartEvent) {
    job.publish(encode(&ChatEvent::Start(start), 0));
    if let Some(making) = state.jobs.get(image) {
        tokio::select! {
            reason = job.stopped() => {
                making.stop(reason);
                making.closed().await;
            }
            () = making.closed() => {}
        }
    }
    let end = match shown(state, user, image).await {
        Ok(done) => ChatEvent::Done(done),
        Err(error) => {
            // Whoever made the image has ended the reply, unless it was deleted.
            end_reply(state, user, image, reply_id).await;
            reply::error_event(&error)
        }
    };
    job.publish(encode(&end, 0));
}

async fn shown(state: &AppState, user: Uuid, image: Uuid) -> AppResult<DoneEvent> {
    let image = subscribe::await_end(state, user, image).await?;
    if image.status != ImageStatus::Complete {
        return Err(subscribe::error_of(&image).unwrap_or(AppError::Internal));
    }
    let balance = state.credits.balance(user, &current_request_id()).await?;
    Ok(DoneEvent {
        reply: Some(to_markdown(&image)),
        cached: false,
        remaining_credits: balance.available,
        credits: image.credits,
        usage: None,
    })
}

/// Ends the reply that shows an image as the image ended. Whoever ends the image calls this; twice does no harm.
pub(crate) async fn end_reply(state: &AppState, user: Uuid, image: Uuid, reply: Uuid) {
    let ended = async {
        let found = keep_trying(|| state.images.find(user, image)).await?;
        let Some(image) = found.filter(|image| image.status != ImageStatus::Running) else {
            return keep_trying(|| state.chats.abandon_reply(reply)).await.map(drop);
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
            credits: image.credits,
            usage: None,
        };
        keep_trying(|| state.chats.finish_reply(finished.clone())).await.map(drop)
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
