//! The answer as a client of Anthropic reads it, whole or in events.

use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::answer::Dialect;
use super::super::chunks::{receipt, token_text};
use super::super::error::V1Error;
use super::super::sequence::{Part, Sequence, Step};
use super::error::{MessagesError, body_of};
use crate::chat::{CallEvent, DoneEvent, ThinkingEvent, ToolCall, Usage};
use crate::platform::http::event_stream::Event;
use crate::platform::ids::MessageId;

/// Writes one answer: what was thought, if that is asked for, blocks of text and calls of tools.
pub struct MessageWriter {
    id: MessageId,
    model: String,
    own_limit: Option<u32>,
    /// The field of each turn.
    places: Vec<String>,
    thoughts: Thoughts,
    sequence: Sequence,
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

impl MessageWriter {
    pub fn new(own_limit: Option<u32>, places: Vec<String>, thoughts: Thoughts) -> Self {
        Self { id: MessageId::min(), model: String::new(), own_limit, places, thoughts, sequence: Sequence::default() }
    }

    /// What is told of a piece of what was thought.
    fn told<'a>(&self, piece: &'a ThinkingEvent) -> (&'a str, Option<&'a str>) {
        let seal = piece.seal.as_deref();
        match self.thoughts {
            Thoughts::No => ("", None),
            Thoughts::Sealed => ("", seal),
            Thoughts::Told => (&piece.text, seal),
        }
    }

    /// The events of what happens to the blocks.
    fn write(&self, steps: Vec<Step>) -> Vec<Event> {
        let written = steps.into_iter().map(|step| match step {
            Step::ThoughtBegins(at) => {
                let block = json!({ "type": "thinking", "thinking": "", "signature": "" });
                event("content_block_start", json!({ "index": at, "content_block": block }))
            }
            Step::Thought(at, text) => {
                let delta = json!({ "type": "thinking_delta", "thinking": text });
                event("content_block_delta", json!({ "index": at, "delta": delta }))
            }
            Step::Seal(at, seal) => {
                let delta = json!({ "type": "signature_delta", "signature": seal });
                event("content_block_delta", json!({ "index": at, "delta": delta }))
            }
            Step::TextBegins(at) => {
                event("content_block_start", json!({ "index": at, "content_block": { "type": "text", "text": "" } }))
            }
            Step::CallBegins(at) => {
                let block = match self.sequence.parts.get(at) {
                    Some(Part::Call(call)) => block_of(call, &json!({})),
                    _ => Value::Null,
                };
                event("content_block_start", json!({ "index": at, "content_block": block }))
            }
            Step::Arguments(at, text) => {
                let delta = json!({ "type": "input_json_delta", "partial_json": text });
                event("content_block_delta", json!({ "index": at, "delta": delta }))
            }
            Step::ThoughtEnds(at) | Step::TextEnds(at) | Step::CallEnds(at) => {
                event("content_block_stop", json!({ "index": at }))
            }
        });
        written.collect()
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
        vec![event("message_start", json!({ "message": message })), event("ping", json!({}))]
    }

    /// Written by hand: one of these leaves for every token.
    fn token(&mut self, data: &str) -> Vec<Event> {
        let Some(text) = token_text(data) else { return Vec::new() };
        let steps = self.sequence.text("");
        let mut events = self.write(steps);
        let index = self.sequence.parts.len() - 1;
        let delta = format!(
            "{{\"type\":\"content_block_delta\",\"index\":{index},\"delta\":{{\"type\":\"text_delta\",\"text\":{text}}}}}"
        );
        events.push(Event::named("content_block_delta", &delta));
        events
    }

    fn thought(&mut self, piece: &ThinkingEvent) -> Vec<Event> {
        let (text, seal) = self.told(piece);
        if text.is_empty() && seal.is_none() {
            return Vec::new();
        }
        let steps = self.sequence.thought(text, seal);
        self.write(steps)
    }

    fn call(&mut self, call: CallEvent) -> Vec<Event> {
        let steps = self.sequence.call(call);
        self.write(steps)
    }

    fn end(&mut self, done: &DoneEvent) -> Vec<Event> {
        let steps = self.sequence.end(&done.calls);
        let delta = json!({ "stop_reason": stop_reason(done), "stop_sequence": null });
        let end = json!({
            "delta": delta, "usage": usage_of(done.usage), "tessera": receipt(done, self.own_limit),
        });
        let mut events = self.write(steps);
        events.extend([event("message_delta", end), event("message_stop", json!({}))]);
        events
    }

    fn break_off(&mut self, error: &V1Error) -> Vec<Event> {
        vec![Event::named("error", &body_of(error).to_string())]
    }

    fn whole(&mut self, text: &str, done: &DoneEvent) -> Value {
        let thoughts = done.thoughts.iter().map(|piece| self.told(piece)).filter(|told| *told != ("", None));
        let thoughts = thoughts
            .map(|(text, seal)| json!({ "type": "thinking", "thinking": text, "signature": seal.unwrap_or_default() }));
        let said = (!text.is_empty() || done.calls.is_empty()).then(|| json!({ "type": "text", "text": text }));
        let calls = done.calls.iter().map(|call| block_of(call, &input_of(call)));
        let content = thoughts.chain(said).chain(calls).collect();
        let mut message = self.message(&content, Some(stop_reason(done)), &usage_of(done.usage));
        message["tessera"] = receipt(done, self.own_limit);
        message
    }

    fn refuse(&self, error: V1Error) -> Response {
        MessagesError::from(error).into_response()
    }

    fn place(&self, turn: usize) -> String {
        self.places.get(turn).cloned().unwrap_or_else(|| "messages".to_owned())
    }
}

/// An event, whose name is also in its data.
fn event(name: &str, mut data: Value) -> Event {
    data["type"] = name.into();
    Event::named(name, &data.to_string())
}

const fn stop_reason(done: &DoneEvent) -> &'static str {
    match done {
        DoneEvent { cut: true, .. } => "max_tokens",
        DoneEvent { calls, .. } if !calls.is_empty() => "tool_use",
        _ => "end_turn",
    }
}

fn block_of(ToolCall { id, name, .. }: &ToolCall, input: &Value) -> Value {
    json!({ "type": "tool_use", "id": id, "name": name, "input": input })
}

/// An object; arguments that are cut off are none.
fn input_of(call: &ToolCall) -> Value {
    let read: Option<Value> = serde_json::from_str(&call.arguments).ok();
    read.filter(Value::is_object).unwrap_or_else(|| json!({}))
}

/// What was used. Anthropic counts apart what the provider still knew and what it has put into its cache; where nobody said anything,
/// there are zeros.
fn usage_of(usage: Option<Usage>) -> Value {
    let usage = usage.unwrap_or_default();
    let Usage { input_tokens, output_tokens, cached_input_tokens, reasoning_tokens, .. } = usage;
    let cached = cached_input_tokens.unwrap_or(0).min(input_tokens);
    let written = usage.cache_write_tokens.unwrap_or(0).min(input_tokens - cached);
    let for_an_hour = usage.cache_write_1h_tokens.unwrap_or(0).min(written);
    json!({
        "input_tokens": input_tokens - cached - written,
        "cache_creation_input_tokens": written,
        "cache_creation": {
            "ephemeral_5m_input_tokens": written - for_an_hour, "ephemeral_1h_input_tokens": for_an_hour,
        },
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
            let mut writer = MessageWriter::new(None, Vec::new(), thoughts);
            let mut events = writer.begin();
            events.extend(writer.thought(&piece("Hm", None)));
            events.extend(writer.thought(&piece("m.", Some("anthropic.x"))));
            events.extend(writer.token(r#"{"text":"Six."}"#));
            (events.len(), writer.sequence.parts.len() - 1)
        };
        // message_start, ping, a block of text and its delta; those of a thought are start, two deltas, signature and stop.
        assert_eq!(names(Thoughts::No), (4, 0));
        assert_eq!(names(Thoughts::Sealed), (7, 1));
        assert_eq!(names(Thoughts::Told), (9, 1));
    }

    #[test]
    fn cached_tokens_are_counted_once() {
        let usage = Usage {
            cached_input_tokens: Some(4),
            cache_write_tokens: Some(3),
            cache_write_1h_tokens: Some(2),
            reasoning_tokens: Some(2),
            ..Usage::of(10, 5)
        };
        let told = usage_of(Some(usage));
        assert_eq!((&told["input_tokens"], &told["cache_read_input_tokens"]), (&json!(3), &json!(4)));
        assert_eq!(told["cache_creation_input_tokens"], 3);
        let written = json!({ "ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 2 });
        assert_eq!(told["cache_creation"], written);
        assert_eq!((&told["output_tokens"], &told["output_tokens_details"]["thinking_tokens"]), (&json!(5), &json!(2)));
    }
}
