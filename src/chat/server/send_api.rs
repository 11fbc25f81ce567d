//! `POST /api/chat`: a message, and its reply as it comes or in one piece.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::future::ready;
use futures::{FutureExt, StreamExt, stream};
use tokio::time::{Instant, sleep_until};

use super::Chat;
use super::events::error_event;
use super::image_text::{ImageText, RawText};
use super::send::Accepted;
use crate::account::server::Account;
use crate::account::server::caller::{SPEND, Scoped};
use crate::api_docs::Spending;
use crate::chat::{ChatAnswer, ChatEvent, ChatRequest};
use crate::generation::encode;
use crate::i18n::{current_language, in_language};
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::accept::wants_event_stream;
use crate::platform::http::envelope::{
    Answer, ApiError, Envelope, JsonBody, KEEP_ALIVE, idempotency_key, read_json, with_quota_of_success,
};
use crate::platform::http::event_stream::{Event, event_stream};
use crate::platform::http::keep_alive::keep_alive;
use crate::platform::http::request_id::{current_request_id, in_request};
use crate::platform::http::uploads::on_bytes;
use crate::platform::ids::{MessageId, UserId};
use crate::platform::jobs::Position;
use crate::platform::limits::Slot;

/// Send a message and get a reply.
///
/// The price is put on hold first and charged when the reply is stored: no result, no charge. With `Accept: text/event-stream`
/// the reply is streamed as events. Closing the connection doesn’t stop the reply; only `stop` does. Replies that take longer
/// than 15 s are preceded by white space (streams: by a comment); a failure after that is reported in the body of a 200.
#[utoipa::path(post, path = "/api/chat", operation_id = "send_message", tag = "Chat",
    request_body(content = ChatRequest, example = json!({"message": "What is a tessera?"})),
    responses((status = 200, description = "The complete reply, or a stream of its events.", content(
        (Envelope<ChatAnswer> = "application/json"), (ChatEvent = "text/event-stream"))), Spending))]
pub(super) async fn send(
    State(chat): State<Chat>,
    State(account): State<Account>,
    Scoped(caller): Scoped<SPEND>,
    headers: HeaderMap,
    JsonBody { bytes, permit }: JsonBody,
) -> Result<Response, ApiError> {
    let begun = Instant::now();
    let request = on_bytes(bytes.len(), move || read_request(&bytes)).await??;
    let key = idempotency_key(&headers)?;
    // Before anything is held.
    let slot = wants_event_stream(&headers).then(|| chat.generation.jobs.watchers.take(caller.id)).transpose()?;
    let user = caller.id;
    let asked = chat.clone();
    let out = account.until_out(&caller);
    let sending = in_request(current_request_id(), async move {
        let accepted = asked.send_message(&caller, request, key).await;
        // What was sent is stored; the answer may take minutes.
        drop(permit);
        accepted
    });
    let mut sending = sending.boxed();
    let Some(slot) = slot else {
        return Ok(keep_alive(begun, async move {
            let answer = async {
                let Accepted { reply, quota, .. } = sending.await?;
                let answer = Answer(chat.await_reply(user, reply).await?).into_response();
                Ok(with_quota_of_success(answer, quota))
            };
            answer.boxed().await.unwrap_or_else(|error: AppError| ApiError(error).into_response())
        })
        .await);
    };
    tokio::select! {
        biased;
        accepted = &mut sending => {
            let Accepted { reply, quota, .. } = accepted?;
            let response = stream_reply(&chat, user, reply, None, slot, out).await?;
            Ok(with_quota_of_success(response, quota))
        }
        // Somebody else may be asking the same.
        () = sleep_until(begun + KEEP_ALIVE) => {
            let events = in_language(current_language(), async move {
                let events = async {
                    let Accepted { reply, .. } = sending.await?;
                    chat.subscribe(user, reply, None).await?.ok_or(AppError::Internal)
                };
                let refused = |error| stream::once(ready(Arc::new(encode(&error_event(&error), 0)))).boxed();
                events.await.unwrap_or_else(refused)
            });
            let events = stream::once(events).flatten().map(|event| Event::from(&*event));
            let first = stream::once(ready(Event::comment()));
            Ok(event_stream(first.chain(events).take_until(out), Some(slot)))
        }
    }
}

/// The images in it stay parts of the body.
fn read_request(body: &Bytes) -> AppResult<ChatRequest<ImageText>> {
    let ChatRequest { message, provider, model, conversation_id, fresh, replaces, images, system_prompt, max_credits } =
        read_json::<ChatRequest<RawText>>(body)?;
    let images = images.into_iter().map(|image| image.kept_by(body)).collect();
    Ok(ChatRequest { message, provider, model, conversation_id, fresh, replaces, images, system_prompt, max_credits })
}

/// 204 tells a browser's `EventSource` to stop asking. The stream ends with `out` at the latest.
pub(super) async fn stream_reply(
    chat: &Chat,
    user: UserId,
    id: MessageId,
    from: Option<Position>,
    slot: Slot,
    out: impl Future<Output = ()> + Send + 'static,
) -> Result<Response, ApiError> {
    let Some(events) = chat.subscribe(user, id, from).await? else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    Ok(event_stream(events.map(|event| Event::from(&*event)).take_until(out), Some(slot)))
}
