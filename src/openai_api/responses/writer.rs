//! The answer as a client of Responses reads it, whole or in events; and as it is kept.

use std::mem::take;

use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::answer::Dialect;
use super::super::chunks::receipt;
use super::super::error::V1Error;
use super::super::request::Wanted;
use super::request::Read;
use super::store::StoredResponse;
use super::{Responses, response_name};
use crate::chat::{DoneEvent, ThinkingEvent, TokenEvent, Usage};
use crate::platform::http::event_stream::Event;
use crate::platform::ids::{MessageId, UserId};

/// Writes one response: what was thought, if that is asked for, and a single message with a single text.
pub struct ResponseWriter {
    responses: Responses,
    user: UserId,
    previous: Option<MessageId>,
    shape: Value,
    places: Vec<String>,
    own_limit: Option<u32>,
    id: MessageId,
    /// Milliseconds since 1970.
    created_at: i64,
    /// Number of the next event.
    next: u64,
    tells_thoughts: bool,
    /// What was thought before the text, as far as it is told.
    thought: String,
    seal: Option<String>,
    open: Open,
    /// What was said so far.
    text: String,
    /// What is kept of the question.
    input: Option<String>,
    /// What is kept of the answer, once it is whole.
    whole: Option<String>,
}

/// Which item is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Nothing,
    Thought,
    Message,
}

impl ResponseWriter {
    pub fn of(read: Read, responses: Responses, user: UserId, previous: Option<MessageId>) -> (Wanted, Self) {
        let Read { wanted, mut shape, kept, places, tells_thoughts } = read;
        shape["model"] = Value::Null;
        let created_at = responses.chat.generation.database.now();
        let writer = Self {
            responses,
            user,
            previous,
            shape,
            places,
            own_limit: wanted.own_limit,
            // Another one where it fails before anybody answers.
            id: MessageId::now_v7(),
            created_at,
            next: 0,
            tells_thoughts,
            thought: String::new(),
            seal: None,
            open: Open::Nothing,
            text: String::new(),
            input: kept,
            whole: None,
        };
        (wanted, writer)
    }

    fn item_name(&self) -> String {
        format!("msg_{}", Uuid::from(self.id).simple())
    }

    /// The response as it stands.
    fn response(&self, status: &str, output: Value, done: Option<&DoneEvent>) -> Value {
        let mut response = self.shape.clone();
        response["id"] = response_name(self.id).into();
        response["created_at"] = (self.created_at / 1000).into();
        response["status"] = status.into();
        response["error"] = Value::Null;
        response["incomplete_details"] = match status {
            "incomplete" => json!({ "reason": "max_output_tokens" }),
            _ => Value::Null,
        };
        response["output"] = output;
        response["usage"] = done.map_or(Value::Null, |done| usage_of(done.usage));
        if let Some(done) = done {
            response["tessera"] = receipt(done, self.own_limit);
        }
        response
    }

    /// The end of a response, which is also kept.
    fn finish(&mut self, done: &DoneEvent) -> Value {
        let status = status_of(done);
        let output = self.output(status);
        let response = self.response(status, output, Some(done));
        self.whole = Some(response.to_string());
        response
    }

    fn item(&self, status: &str, content: &Value) -> Value {
        json!({
            "id": self.item_name(), "type": "message", "status": status, "role": "assistant", "content": content,
        })
    }

    const fn has_thought(&self) -> bool {
        !self.thought.is_empty() || self.seal.is_some()
    }

    fn thought_name(&self) -> String {
        format!("rs_{}", Uuid::from(self.id).simple())
    }

    fn thought_item(&self, status: &str) -> Value {
        let summary = if self.thought.is_empty() { json!([]) } else { json!([summary(&self.thought)]) };
        json!({
            "id": self.thought_name(), "type": "reasoning", "status": status, "summary": summary,
            "encrypted_content": self.seal,
        })
    }

    /// All items.
    fn output(&self, status: &str) -> Value {
        let thought = self.has_thought().then(|| self.thought_item("completed"));
        let message = self.item(status, &json!([part(&self.text)]));
        thought.into_iter().chain([message]).collect()
    }

    fn thought_event(&mut self, name: &str, mut data: Value) -> Event {
        data["item_id"] = self.thought_name().into();
        data["output_index"] = 0.into();
        data["summary_index"] = 0.into();
        self.event(name, data)
    }

    /// The events that end a thought, if one is open.
    fn end_thought(&mut self) -> Vec<Event> {
        if self.open != Open::Thought {
            return Vec::new();
        }
        let (text, item) = (self.thought.clone(), self.thought_item("completed"));
        vec![
            self.thought_event("response.reasoning_summary_text.done", json!({ "text": text })),
            self.thought_event("response.reasoning_summary_part.done", json!({ "part": summary(&text) })),
            self.event("response.output_item.done", json!({ "output_index": 0, "item": item })),
        ]
    }

    /// The events until the message is open.
    fn open_message(&mut self) -> Vec<Event> {
        if self.open == Open::Message {
            return Vec::new();
        }
        let mut events = self.end_thought();
        self.open = Open::Message;
        let item = self.item("in_progress", &json!([]));
        let at = self.message_index();
        events.push(self.event("response.output_item.added", json!({ "output_index": at, "item": item })));
        events.push(self.part_event("response.content_part.added", json!({ "part": part("") })));
        events
    }

    fn message_index(&self) -> usize {
        usize::from(self.has_thought())
    }

    /// An event, whose name and number are also in its data.
    fn event(&mut self, name: &str, mut data: Value) -> Event {
        data["type"] = name.into();
        data["sequence_number"] = self.next.into();
        self.next += 1;
        Event::named(name, &data.to_string())
    }

    fn part_event(&mut self, name: &str, mut data: Value) -> Event {
        data["item_id"] = self.item_name().into();
        data["output_index"] = self.message_index().into();
        data["content_index"] = 0.into();
        self.event(name, data)
    }
}

impl Dialect for ResponseWriter {
    fn open(&mut self, id: MessageId, model: String) {
        self.id = id;
        self.shape["model"] = model.into();
    }

    fn begin(&mut self) -> Vec<Event> {
        let response = self.response("in_progress", json!([]), None);
        let mut events = vec![
            self.event("response.created", json!({ "response": response })),
            self.event("response.in_progress", json!({ "response": response })),
        ];
        if !self.tells_thoughts {
            events.extend(self.open_message());
        }
        events
    }

    fn token(&mut self, data: &str) -> Vec<Event> {
        let Ok(TokenEvent { text }) = serde_json::from_str(data) else { return Vec::new() };
        let mut events = self.open_message();
        self.text.push_str(&text);
        events.push(self.part_event("response.output_text.delta", json!({ "delta": text, "logprobs": [] })));
        events
    }

    /// What is thought in the middle of the text is left out: the items before it are closed.
    fn thought(&mut self, piece: &ThinkingEvent) -> Vec<Event> {
        if !self.tells_thoughts || self.open == Open::Message {
            return Vec::new();
        }
        let mut events = Vec::new();
        if self.open == Open::Nothing {
            self.open = Open::Thought;
            let item = self.thought_item("in_progress");
            events.push(self.event("response.output_item.added", json!({ "output_index": 0, "item": item })));
            let part = json!({ "part": summary("") });
            events.push(self.thought_event("response.reasoning_summary_part.added", part));
        }
        self.take_thought(piece);
        if !piece.text.is_empty() {
            let delta = json!({ "delta": piece.text });
            events.push(self.thought_event("response.reasoning_summary_text.delta", delta));
        }
        events
    }

    fn end(&mut self, done: &DoneEvent) -> Vec<Event> {
        let status = status_of(done);
        let mut events = self.open_message();
        let (text, at) = (self.text.clone(), self.message_index());
        let response = self.finish(done);
        let item = response["output"][at].clone();
        events.extend([
            self.part_event("response.output_text.done", json!({ "text": text, "logprobs": [] })),
            self.part_event("response.content_part.done", json!({ "part": part(&text) })),
            self.event("response.output_item.done", json!({ "output_index": at, "item": item })),
            self.event(&format!("response.{status}"), json!({ "response": response })),
        ]);
        events
    }

    fn break_off(&mut self, error: &V1Error) -> Vec<Event> {
        let mut problem = error.body()["error"].take();
        if problem["code"].is_null() {
            problem["code"] = problem["type"].clone();
        }
        let output = if self.text.is_empty() { json!([]) } else { self.output("incomplete") };
        let mut response = self.response("failed", output, None);
        response["error"] = problem.clone();
        // Some clients read the fields, some the object, and some nothing but the response.
        let mut told = problem.clone();
        told["error"] = problem;
        vec![self.event("error", told), self.event("response.failed", json!({ "response": response }))]
    }

    fn whole(&mut self, text: &str, done: &DoneEvent) -> Value {
        text.clone_into(&mut self.text);
        if self.tells_thoughts {
            done.thoughts.iter().for_each(|piece| self.take_thought(piece));
        }
        self.finish(done)
    }

    fn refuse(&self, error: V1Error) -> Response {
        error.into_response()
    }

    fn place(&self, turn: usize) -> String {
        self.places.get(turn).cloned().unwrap_or_else(|| "input".to_owned())
    }

    fn keep(mut self) -> BoxFuture<'static, ()> {
        let Some((input, response)) = take(&mut self.input).zip(take(&mut self.whole)) else {
            return std::future::ready(()).boxed();
        };
        let Self { responses, user, previous, id, created_at, .. } = self;
        async move {
            let stored = StoredResponse { id, user, previous, input, response, created_at };
            if let Err(error) = responses.store.add(stored, responses.chat.config.attachment_quota).await {
                tracing::error!(%error, %id, "a response is not kept");
            }
        }
        .boxed()
    }
}

impl ResponseWriter {
    fn take_thought(&mut self, piece: &ThinkingEvent) {
        self.thought.push_str(&piece.text);
        // One item has one.
        if piece.seal.is_some() {
            self.seal.clone_from(&piece.seal);
        }
    }
}

fn summary(text: &str) -> Value {
    json!({ "type": "summary_text", "text": text })
}

fn part(text: &str) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": [] })
}

const fn status_of(done: &DoneEvent) -> &'static str {
    if done.cut { "incomplete" } else { "completed" }
}

/// Where nobody said it, zeros: clients reckon with numbers.
fn usage_of(usage: Option<Usage>) -> Value {
    let Usage { input_tokens, output_tokens, cached_input_tokens, reasoning_tokens, .. } = usage.unwrap_or_default();
    json!({
        "input_tokens": input_tokens,
        "input_tokens_details": { "cached_tokens": cached_input_tokens.unwrap_or(0), "cache_write_tokens": 0 },
        "output_tokens": output_tokens,
        "output_tokens_details": { "reasoning_tokens": reasoning_tokens.unwrap_or(0) },
        "total_tokens": u64::from(input_tokens) + u64::from(output_tokens),
    })
}
