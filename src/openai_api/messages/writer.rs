//! The answer as a client of Anthropic reads it, whole or in events.

use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::answer::Dialect;
use super::super::chunks::{receipt, token_text};
use super::super::error::V1Error;
use super::error::{MessagesError, body_of};
use crate::chat::{DoneEvent, ThinkingEvent, Usage};
use crate::platform::http::event_stream::Event;
use crate::platform::ids::MessageId;

/// Writes one answer: what was thought, if that is asked for, and a block of text.
pub struct MessageWriter {
    id: MessageId,
    model: String,
    own_limit: Option<u32>,
    /// The first turn is no message.
    has_system: bool,
    thoughts: Thoughts,
    /// The number of the block that is open, or of the next.
    at: u64,
    open: Option<Block>,
}

/// What a client wants to see of what is thought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thoughts {
    /// Nothing: to whom it does not ask, the first block is the text.
    No,
    /// What it has to send back, without the text.
    Sealed,
    Told,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Thinking,
    Text,
}

impl MessageWriter {
    pub const fn new(own_limit: Option<u32>, has_system: bool, thoughts: Thoughts) -> Self {
        Self { id: MessageId::min(), model: String::new(), own_limit, has_system, thoughts, at: 0, open: None }
    }

    /// The events until a block of this kind is open, or none.
    fn turn_to(&mut self, block: Option<Block>) -> Vec<Event> {
        let mut events = Vec::new();
        if self.open == block {
            return events;
        }
        if self.open.is_some() {
            events.push(event("content_block_stop", json!({ "index": self.at })));
            self.at += 1;
        }
        self.open = block;
        events.extend(block.map(|block| {
            let block = match block {
                Block::Thinking => json!({ "type": "thinking", "thinking": "", "signature": "" }),
                Block::Text => json!({ "type": "text", "text": "" }),
            };
            event("content_block_start", json!({ "index": self.at, "content_block": block }))
        }));
        events
    }

    /// What is told of a piece of what was thought.
    fn told<'a>(&self, piece: &'a ThinkingEvent) -> (&'a str, &'a str) {
        let seal = piece.seal.as_deref().unwrap_or_default();
        match self.thoughts {
            Thoughts::No => ("", ""),
            Thoughts::Sealed => ("", seal),
            Thoughts::Told => (&piece.text, seal),
        }
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
        let mut events = vec![event("message_start", json!({ "message": message }))];
        if self.thoughts == Thoughts::No {
            events.extend(self.turn_to(Some(Block::Text)));
        }
        events.push(event("ping", json!({})));
        events
    }

    /// Written by hand: one of these leaves for every token.
    fn token(&mut self, data: &str) -> Vec<Event> {
        let Some(text) = token_text(data) else { return Vec::new() };
        let mut events = self.turn_to(Some(Block::Text));
        let at = self.at;
        let delta = format!(
            "{{\"type\":\"content_block_delta\",\"index\":{at},\"delta\":{{\"type\":\"text_delta\",\"text\":{text}}}}}"
        );
        events.push(Event::named("content_block_delta", &delta));
        events
    }

    fn thought(&mut self, piece: &ThinkingEvent) -> Vec<Event> {
        let (text, seal) = self.told(piece);
        if text.is_empty() && seal.is_empty() {
            return Vec::new();
        }
        let mut events = self.turn_to(Some(Block::Thinking));
        let delta = |delta: Value| event("content_block_delta", json!({ "index": self.at, "delta": delta }));
        if !text.is_empty() {
            events.push(delta(json!({ "type": "thinking_delta", "thinking": text })));
        }
        if !seal.is_empty() {
            events.push(delta(json!({ "type": "signature_delta", "signature": seal })));
            events.extend(self.turn_to(None));
        }
        events
    }

    fn end(&mut self, done: &DoneEvent) -> Vec<Event> {
        let delta = json!({ "stop_reason": stop_reason(done), "stop_sequence": null });
        let end = json!({
            "delta": delta, "usage": usage_of(done.usage), "tessera": receipt(done, self.own_limit),
        });
        let mut events = self.turn_to(None);
        events.extend([event("message_delta", end), event("message_stop", json!({}))]);
        events
    }

    fn break_off(&mut self, error: &V1Error) -> Vec<Event> {
        vec![Event::named("error", &body_of(error).to_string())]
    }

    fn whole(&mut self, text: &str, done: &DoneEvent) -> Value {
        let thoughts = done.thoughts.iter().map(|piece| self.told(piece)).filter(|told| *told != ("", ""));
        let thoughts = thoughts.map(|(text, seal)| json!({ "type": "thinking", "thinking": text, "signature": seal }));
        let content = thoughts.chain([json!({ "type": "text", "text": text })]).collect();
        let mut message = self.message(&Value::Array(content), Some(stop_reason(done)), &usage_of(done.usage));
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
    fn thoughts_are_told_as_they_are_asked_for() {
        let piece = |text: &str, seal: Option<&str>| ThinkingEvent {
            text: text.to_owned(),
            seal: seal.map(str::to_owned),
            millis: None,
        };
        let names = |thoughts: Thoughts| {
            let mut writer = MessageWriter::new(None, false, thoughts);
            let mut events = writer.begin();
            events.extend(writer.thought(&piece("Hm", None)));
            events.extend(writer.thought(&piece("m.", Some("anthropic.x"))));
            events.extend(writer.token(r#"{"text":"Six."}"#));
            (events.len(), writer.at)
        };
        // message_start, ping, a block of text and its delta; those of a thought are start, two deltas, signature and stop.
        assert_eq!(names(Thoughts::No), (4, 0));
        assert_eq!(names(Thoughts::Sealed), (7, 1));
        assert_eq!(names(Thoughts::Told), (9, 1));
    }

    #[test]
    fn cached_tokens_are_counted_once() {
        let usage = Usage { cached_input_tokens: Some(4), reasoning_tokens: Some(2), ..Usage::of(10, 5) };
        let told = usage_of(Some(usage));
        assert_eq!((&told["input_tokens"], &told["cache_read_input_tokens"]), (&json!(6), &json!(4)));
        assert_eq!((&told["output_tokens"], &told["output_tokens_details"]["thinking_tokens"]), (&json!(5), &json!(2)));
    }
}
