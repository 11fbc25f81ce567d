//! The browser's side of `/api/chat`: sends, watches, stops, and says what went wrong. What the events do to the page is
//! in `thread.rs`. It compiles for the server too, which never runs it.

use std::time::Duration;

use gloo_net::http::{Request, RequestBuilder, Response};
use leptos::prelude::window;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, ReadableStreamDefaultReader};

use crate::chat::{ChatEvent, ChatRequest, Conversation, ConversationSummary, Message, ProviderInfo};
use crate::i18n::{Text, fill, t};
use crate::platform::browser::json::{read_answer, read_json};
use crate::platform::error::{AppError, AppResult};
use crate::platform::sse::{SseEvent, SseParser};

/// Why the server did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChatFailure {
    /// HTTP status; 0 when there was no answer at all.
    pub status: u16,
    /// [`crate::platform::error::AppError::code`].
    pub code: String,
    /// For people.
    pub message: String,
    /// Seconds until the same may be tried again, if the server says so.
    pub retry_after: Option<u32>,
}

impl ChatFailure {
    /// Whether the same request can succeed a moment later.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self.status, 0 | 429 | 502..=504)
    }

    /// There was no answer.
    #[must_use]
    pub fn unreachable() -> Self {
        Self { message: t(Text::Unreachable).to_owned(), ..Self::default() }
    }

    async fn of(response: Response) -> Self {
        #[derive(Deserialize)]
        struct Failure {
            code: String,
            error: String,
        }
        let status = response.status();
        let retry_after = response.headers().get("retry-after").and_then(|seconds| seconds.parse().ok());
        // A proxy in between answers with a page of its own.
        let Ok(body) = response.text().await else { return Self::unreachable() };
        match read_json(&body) {
            Some(Failure { code, error }) => Self { status, code, message: error, retry_after },
            None => Self {
                status,
                message: fill(Text::AnsweredWithStatus, &[("status", &status.to_string())]),
                ..Self::default()
            },
        }
    }
}

/// The events of a reply while its connection lasts. Dropping it closes the connection; the reply goes on.
pub struct EventStream {
    reader: ReadableStreamDefaultReader,
    parser: SseParser,
    abort: AbortController,
}

impl EventStream {
    fn open(response: &Response, abort: AbortController) -> Result<Self, ChatFailure> {
        let body = response.body().ok_or_else(ChatFailure::unreachable)?;
        Ok(Self { reader: body.get_reader().unchecked_into(), parser: SseParser::new(), abort })
    }

    /// The events that came next, perhaps none (a keep-alive); `None` when the connection is over, for whatever reason.
    pub async fn next(&mut self) -> Option<Vec<SseEvent>> {
        let result = JsFuture::from(self.reader.read()).await.ok()?;
        let value = js_sys::Reflect::get(&result, &JsValue::from_str("value")).ok()?;
        let bytes = value.dyn_into::<js_sys::Uint8Array>().ok()?.to_vec();
        self.parser.push(&bytes).ok()
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.abort.abort();
    }
}

/// Sends a message; the events of its reply come back. Sending it again with the same `key` charges nothing more and
/// gives the events of the same reply.
///
/// # Errors
/// What the server said, or that it cannot be reached.
pub async fn send(request: &ChatRequest, key: &str) -> Result<EventStream, ChatFailure> {
    let abort = AbortController::new().map_err(|_| ChatFailure::unreachable())?;
    let builder = streaming(Request::post("/api/chat"), &abort).header("Idempotency-Key", key);
    let body = serde_json::to_string(request).map_err(|_| ChatFailure::unreachable())?;
    let builder = builder.header("Content-Type", "application/json");
    let request = builder.body(body).map_err(|_| ChatFailure::unreachable())?;
    let response = request.send().await.map_err(|_| ChatFailure::unreachable())?;
    if response.ok() { EventStream::open(&response, abort) } else { Err(ChatFailure::of(response).await) }
}

/// Watches a reply, from its start or from after the event `last_id`; `None` when there is nothing more to see.
///
/// # Errors
/// What the server said, or that it cannot be reached.
pub async fn watch(message: &str, last_id: Option<&str>) -> Result<Option<EventStream>, ChatFailure> {
    let abort = AbortController::new().map_err(|_| ChatFailure::unreachable())?;
    let mut builder = streaming(Request::get(&format!("/api/chat/{message}/events")), &abort);
    if let Some(id) = last_id {
        builder = builder.header("Last-Event-ID", id);
    }
    let response = builder.send().await.map_err(|_| ChatFailure::unreachable())?;
    match response.status() {
        204 => Ok(None),
        _ if response.ok() => EventStream::open(&response, abort).map(Some),
        _ => Err(ChatFailure::of(response).await),
    }
}

/// Stops a reply, for whoever watches it.
///
/// # Errors
/// What the server said, or that it cannot be reached.
pub async fn stop(message: &str) -> Result<(), ChatFailure> {
    let request = Request::post(&format!("/api/chat/{message}/stop"));
    let response = request.send().await.map_err(|_| ChatFailure::unreachable())?;
    if response.ok() { Ok(()) } else { Err(ChatFailure::of(response).await) }
}

/// Begins a conversation with what has been said in another one up to a message.
///
/// # Errors
/// What the server said, or that it cannot be reached.
pub async fn branch(conversation: &str, message: &str) -> Result<ConversationSummary, ChatFailure> {
    let request = Request::post(&format!("/api/conversations/{conversation}/branch"));
    let body = format!("{{\"messageId\":\"{message}\"}}");
    let request = request.header("Content-Type", "application/json").body(body);
    let response = request.map_err(|_| ChatFailure::unreachable())?.send().await;
    let response = response.map_err(|_| ChatFailure::unreachable())?;
    if !response.ok() {
        return Err(ChatFailure::of(response).await);
    }
    let text = response.text().await.map_err(|_| ChatFailure::unreachable())?;
    read_answer(&text).map_err(|_| ChatFailure::unreachable())
}

/// A conversation with its messages.
///
/// # Errors
/// What the server said, or that it cannot be reached.
pub async fn load_conversation(id: &str) -> AppResult<Conversation> {
    load(&format!("/api/conversations/{id}")).await
}

/// One message, once its reply has ended.
///
/// # Errors
/// As [`load_conversation`].
pub async fn load_message(id: &str) -> AppResult<Message> {
    load(&format!("/api/chat/{id}")).await
}

/// Who can be asked, and how they are.
///
/// # Errors
/// As [`load_conversation`].
pub async fn load_providers() -> AppResult<Vec<ProviderInfo>> {
    load("/api/providers").await
}

async fn load<T: DeserializeOwned>(path: &str) -> AppResult<T> {
    let response = Request::get(path).send().await.map_err(|_| AppError::Unavailable)?;
    read_answer(&response.text().await.map_err(|_| AppError::Unavailable)?)
}

fn streaming(builder: RequestBuilder, abort: &AbortController) -> RequestBuilder {
    builder.header("Accept", "text/event-stream").abort_signal(Some(&abort.signal()))
}

/// The event that the server sent; `None` for one that this version does not know.
#[must_use]
pub fn parse_event(event: &SseEvent) -> Option<ChatEvent> {
    let data = &event.data;
    match &*event.event {
        "start" => read_json(data).map(ChatEvent::Start),
        "token" => read_json(data).map(ChatEvent::Token),
        "fallback" => read_json(data).map(ChatEvent::Fallback),
        "done" => read_json(data).map(ChatEvent::Done),
        "error" => read_json(data).map(ChatEvent::Error),
        _ => None,
    }
}

/// A key that no other request of this user has: time and chance. `crypto.randomUUID` is missing where a site is not
/// served over https.
#[must_use]
pub fn new_idempotency_key() -> String {
    let chance = || format!("{:08x}", (js_sys::Math::random() * f64::from(u32::MAX)).to_bits());
    format!("{:x}-{}{}", js_sys::Date::now().to_bits(), chance(), chance())
}

/// Waits.
pub async fn sleep(time: Duration) {
    let millis = i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
    let promise = js_sys::Promise::new(&mut |resolve, _| {
        // It fails only where there is no window, and then nobody waits.
        drop(window().set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, millis));
    });
    drop(JsFuture::from(promise).await);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::server::reply::job_event;
    use crate::chat::{DoneEvent, ErrorEvent, FallbackEvent, StartEvent, TokenEvent, Usage};
    use crate::platform::jobs::Position;

    /// What the server writes is what the browser reads.
    #[test]
    fn every_event_is_read_back() {
        let usage = Some(Usage { input_tokens: 3, output_tokens: 4 });
        for event in [
            ChatEvent::Start(StartEvent {
                message_id: "m".to_owned(),
                conversation_id: "c".to_owned(),
                provider: "p".to_owned(),
                model: "o".to_owned(),
                credits: 1,
            }),
            ChatEvent::Token(TokenEvent { text: "a\n\"b\"".to_owned() }),
            ChatEvent::Fallback(FallbackEvent { from: "a".to_owned(), to: "b".to_owned() }),
            ChatEvent::Done(DoneEvent { reply: None, cached: true, remaining_credits: 9, credits: 0, usage }),
            ChatEvent::Error(ErrorEvent {
                code: "provider_failed".to_owned(),
                error: "It failed.".to_owned(),
                charged: false,
            }),
        ] {
            let sent = job_event(&event, Position::End);
            let sent = SseEvent { id: None, event: sent.name.into_owned(), data: sent.data };
            assert_eq!(parse_event(&sent), Some(event));
        }
    }

    #[test]
    fn an_unknown_event_is_ignored() {
        let event = SseEvent { id: None, event: "news".to_owned(), data: "{}".to_owned() };
        assert_eq!(parse_event(&event), None);
    }
}
