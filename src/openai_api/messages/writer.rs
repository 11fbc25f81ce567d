//! The answer as a client of Anthropic reads it, whole or in events.

use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::answer::Dialect;
use super::super::chunks::{receipt, token_text};
use super::super::error::V1Error;
use super::error::{MessagesError, body_of};
use crate::chat::{DoneEvent, Usage};
use crate::platform::http::event_stream::Event;
use crate::platform::ids::MessageId;

/// Writes one answer: a single block of text.
pub struct MessageWriter {
    id: MessageId,
    model: String,
    own_limit: Option<u32>,
    /// The first turn is no message.
    has_system: bool,
}

impl MessageWriter {
    pub const fn new(own_limit: Option<u32>, has_system: bool) -> Self {
        Self { id: MessageId::min(), model: String::new(), own_limit, has_system }
    }

    fn message(&self, content: &Value, reason: Option<&str>, usage: &Value) -> Value {
        json!({
            "id": format!("msg_{}", Uuid::from(self.id).simple()),
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": reason,
            "stop_sequence": null,
            "stop_details": null,
            "usage": usage,
        })
    }
}

impl Dialect for MessageWriter {
    fn open(&mut self, id: MessageId, model: String) {
        (self.id, self.model) = (id, model);
    }

    fn begin(&mut self) -> Vec<Event> {
        // How many tokens came in is known at the end.
        let message = self.message(&json!([]), None, &usage_of(None));
        vec![
            event("message_start", json!({ "message": message })),
            event("content_block_start", json!({ "index": 0, "content_block": { "type": "text", "text": "" } })),
            event("ping", json!({})),
        ]
    }

    /// Written by hand: one of these leaves for every token.
    fn token(&mut self, data: &str) -> Option<Event> {
        let text = token_text(data)?;
        let delta = format!(
            "{{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":{text}}}}}"
        );
        Some(Event::named("content_block_delta", &delta))
    }

    fn end(&mut self, done: &DoneEvent) -> Vec<Event> {
        let delta = json!({ "stop_reason": stop_reason(done), "stop_sequence": null });
        let end = json!({
            "delta": delta, "usage": usage_of(done.usage), "tessera": receipt(done, self.own_limit),
        });
        vec![
            event("content_block_stop", json!({ "index": 0 })),
            event("message_delta", end),
            event("message_stop", json!({})),
        ]
    }

    fn break_off(&mut self, error: &V1Error) -> Vec<Event> {
        vec![Event::named("error", &body_of(error).to_string())]
    }

    fn whole(&mut self, text: &str, done: &DoneEvent) -> Value {
        let content = json!([{ "type": "text", "text": text }]);
        let mut message = self.message(&content, Some(stop_reason(done)), &usage_of(done.usage));
        message["tessera"] = receipt(done, self.own_limit);
        message
    }

    fn refuse(&self, error: V1Error) -> Response {
        MessagesError::from(error).into_response()
    }

    fn place(&self, turn: usize) -> String {
        format!("messages[{}].content", turn.saturating_sub(usize::from(self.has_system)))
    }
}

/// An event, whose name is also in its data.
fn event(name: &str, mut data: Value) -> Event {
    data["type"] = name.into();
    Event::named(name, &data.to_string())
}

const fn stop_reason(done: &DoneEvent) -> &'static str {
    if done.cut { "max_tokens" } else { "end_turn" }
}

/// What was used. Anthropic counts apart what the provider still knew; where nobody said anything, there are zeros.
fn usage_of(usage: Option<Usage>) -> Value {
    let Usage { input_tokens, output_tokens, cached_input_tokens, reasoning_tokens, .. } = usage.unwrap_or_default();
    let cached = cached_input_tokens.unwrap_or(0).min(input_tokens);
    json!({
        "input_tokens": input_tokens - cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
        "output_tokens": output_tokens,
        "output_tokens_details": { "thinking_tokens": reasoning_tokens.unwrap_or(0) },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_tokens_are_counted_once() {
        let usage = Usage { cached_input_tokens: Some(4), reasoning_tokens: Some(2), ..Usage::of(10, 5) };
        let told = usage_of(Some(usage));
        assert_eq!((&told["input_tokens"], &told["cache_read_input_tokens"]), (&json!(6), &json!(4)));
        assert_eq!((&told["output_tokens"], &told["output_tokens_details"]["thinking_tokens"]), (&json!(5), &json!(2)));
    }
}
