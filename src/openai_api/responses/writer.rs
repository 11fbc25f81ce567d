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
use super::super::sequence::{Part, Sequence, Step};
use super::super::tools::text_of_call;
use super::request::Read;
use super::store::StoredResponse;
use super::{Responses, response_name};
use crate::chat::{CallEvent, DoneEvent, ThinkingEvent, TokenEvent, ToolCall, Usage};
use crate::platform::db::keep_trying;
use crate::platform::http::event_stream::Event;
use crate::platform::ids::{MessageId, UserId};

/// What the places of later texts and thoughts begin with, in their names.
const FAR: usize = 1_000_000;

/// Writes one response: what was thought, if that is asked for, messages with a text each, and calls of tools.
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
    /// Tools that are called with a text.
    custom: Vec<String>,
    /// What was thought, said and called so far.
    sequence: Sequence,
    /// What is kept of the question.
    input: Option<String>,
    /// What is kept of the answer, once it is whole.
    whole: Option<String>,
}

impl ResponseWriter {
    pub fn of(read: Read, responses: Responses, user: UserId, previous: Option<MessageId>) -> (Wanted, Self) {
        let Read { wanted, mut shape, kept, places, tells_thoughts, custom } = read;
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
            custom,
            sequence: Sequence::default(),
            input: kept,
            whole: None,
        };
        (wanted, writer)
    }

    /// The first text has the name of the response.
    fn item_name(&self, at: usize) -> String {
        let id = Uuid::from(self.id).simple();
        let is_first = !self.sequence.parts.iter().take(at).any(|part| matches!(part, Part::Text(_)));
        match self.sequence.parts.get(at) {
            Some(Part::Call(call)) if self.is_custom(call) => format!("ctc_{id}_{at}"),
            Some(Part::Call(_)) => format!("fc_{id}_{at}"),
            Some(Part::Thought { .. }) if at == 0 => format!("rs_{id}"),
            Some(Part::Thought { .. }) => format!("rs_{id}_{}", FAR + at),
            _ if is_first => format!("msg_{id}"),
            // Far from those of the question.
            _ => format!("msg_{id}_{}", FAR + at),
        }
    }

    fn is_custom(&self, call: &ToolCall) -> bool {
        self.custom.contains(&call.name)
    }

    /// What a custom tool is called with.
    fn text_of(&self, at: usize) -> Option<String> {
        match self.sequence.parts.get(at) {
            Some(Part::Call(call)) if self.is_custom(call) => Some(text_of_call(&call.arguments)),
            _ => None,
        }
    }

    /// A part of the answer, with or without what is in it.
    fn item(&self, at: usize, status: &str, is_empty: bool) -> Value {
        let id = self.item_name(at);
        match self.sequence.parts.get(at) {
            Some(Part::Call(call)) if self.is_custom(call) => json!({
                "id": id, "type": "custom_tool_call", "status": status, "call_id": call.id, "name": call.name,
                "input": if is_empty { String::new() } else { text_of_call(&call.arguments) },
            }),
            Some(Part::Call(ToolCall { id: call_id, name, arguments })) => json!({
                "id": id, "type": "function_call", "status": status, "call_id": call_id, "name": name,
                "arguments": if is_empty { "" } else { arguments },
            }),
            Some(Part::Thought { text, seal }) => json!({
                "id": id, "type": "reasoning", "status": status,
                "summary": if is_empty || text.is_empty() { json!([]) } else { json!([summary(text)]) },
                "encrypted_content": seal.as_deref().filter(|_| !is_empty),
            }),
            Some(Part::Text(text)) if !is_empty => json!({
                "id": id, "type": "message", "status": status, "role": "assistant", "content": [part(text)],
            }),
            _ => json!({ "id": id, "type": "message", "status": status, "role": "assistant", "content": [] }),
        }
    }

    fn output(&self, status: &str) -> Value {
        (0..self.sequence.parts.len()).map(|at| self.item(at, status, false)).collect()
    }

    /// The events of what happens to the parts.
    fn write(&mut self, steps: Vec<Step>, status: &str) -> Vec<Event> {
        let mut events = Vec::new();
        for step in steps {
            match step {
                Step::ThoughtBegins(at) | Step::TextBegins(at) | Step::CallBegins(at) => {
                    let item = self.item(at, "in_progress", true);
                    let added = json!({ "output_index": at, "item": item });
                    events.push(self.event("response.output_item.added", added));
                    if matches!(step, Step::TextBegins(_)) {
                        let begun = json!({ "content_index": 0, "part": part("") });
                        events.push(self.item_event("response.content_part.added", at, begun));
                    }
                    if matches!(step, Step::ThoughtBegins(_)) {
                        let begun = json!({ "summary_index": 0, "part": summary("") });
                        events.push(self.item_event("response.reasoning_summary_part.added", at, begun));
                    }
                }
                Step::Thought(at, text) => {
                    let delta = json!({ "summary_index": 0, "delta": text });
                    events.push(self.item_event("response.reasoning_summary_text.delta", at, delta));
                }
                // It comes with the whole item.
                Step::Seal(..) => {}
                Step::ThoughtEnds(at) => {
                    let text = match self.sequence.parts.get(at) {
                        Some(Part::Thought { text, .. }) => text.clone(),
                        _ => String::new(),
                    };
                    let done = json!({ "summary_index": 0, "text": text });
                    events.push(self.item_event("response.reasoning_summary_text.done", at, done));
                    let done = json!({ "summary_index": 0, "part": summary(&text) });
                    events.push(self.item_event("response.reasoning_summary_part.done", at, done));
                    events.push(self.item_done(at, "completed"));
                }
                // Its text is known once it is whole.
                Step::Arguments(at, _) if self.text_of(at).is_some() => {}
                Step::Arguments(at, text) => {
                    let delta = json!({ "delta": text });
                    events.push(self.item_event("response.function_call_arguments.delta", at, delta));
                }
                Step::TextEnds(at) => {
                    let text = match self.sequence.parts.get(at) {
                        Some(Part::Text(text)) => text.clone(),
                        _ => String::new(),
                    };
                    let done = json!({ "content_index": 0, "text": text, "logprobs": [] });
                    events.push(self.item_event("response.output_text.done", at, done));
                    let done = json!({ "content_index": 0, "part": part(&text) });
                    events.push(self.item_event("response.content_part.done", at, done));
                    events.push(self.item_done(at, status));
                }
                Step::CallEnds(at) => {
                    if let Some(text) = self.text_of(at) {
                        let delta = json!({ "delta": text });
                        events.push(self.item_event("response.custom_tool_call_input.delta", at, delta));
                        let done = json!({ "input": text });
                        events.push(self.item_event("response.custom_tool_call_input.done", at, done));
                    } else if let Some(Part::Call(call)) = self.sequence.parts.get(at) {
                        let done = json!({ "name": call.name, "arguments": call.arguments });
                        events.push(self.item_event("response.function_call_arguments.done", at, done));
                    }
                    events.push(self.item_done(at, status));
                }
            }
        }
        events
    }

    fn item_done(&mut self, at: usize, status: &str) -> Event {
        let item = self.item(at, status, false);
        self.event("response.output_item.done", json!({ "output_index": at, "item": item }))
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

    /// An event, whose name and number are also in its data.
    fn event(&mut self, name: &str, mut data: Value) -> Event {
        data["type"] = name.into();
        data["sequence_number"] = self.next.into();
        self.next += 1;
        Event::named(name, &data.to_string())
    }

    fn item_event(&mut self, name: &str, at: usize, mut data: Value) -> Event {
        data["item_id"] = self.item_name(at).into();
        data["output_index"] = at.into();
        self.event(name, data)
    }
}

impl Dialect for ResponseWriter {
    const TURNS: &str = "input";

    fn open(&mut self, id: MessageId, model: String) {
        self.id = id;
        self.shape["model"] = model.into();
    }

    fn begin(&mut self) -> Vec<Event> {
        let response = self.response("in_progress", json!([]), None);
        vec![
            self.event("response.created", json!({ "response": response })),
            self.event("response.in_progress", json!({ "response": response })),
        ]
    }

    fn token(&mut self, data: &str) -> Vec<Event> {
        let Ok(TokenEvent { text }) = serde_json::from_str(data) else { return Vec::new() };
        let steps = self.sequence.text(&text);
        let mut events = self.write(steps, "completed");
        let delta = json!({ "content_index": 0, "delta": text, "logprobs": [] });
        let at = self.sequence.parts.len() - 1;
        events.push(self.item_event("response.output_text.delta", at, delta));
        events
    }

    /// What is thought in the middle of the text is left out: the items before it are closed.
    fn thought(&mut self, piece: &ThinkingEvent) -> Vec<Event> {
        let steps = self.take_thought(piece);
        self.write(steps, "completed")
    }

    fn call(&mut self, call: CallEvent) -> Vec<Event> {
        let steps = self.sequence.call(call);
        self.write(steps, "completed")
    }

    fn end(&mut self, done: &DoneEvent) -> Vec<Event> {
        let status = status_of(done);
        let steps = self.sequence.end(&done.calls);
        let mut events = self.write(steps, status);
        let response = self.finish(done);
        events.push(self.event(&format!("response.{status}"), json!({ "response": response })));
        events
    }

    fn break_off(&mut self, error: &V1Error) -> Vec<Event> {
        let mut problem = error.body()["error"].take();
        if problem["code"].is_null() {
            problem["code"] = problem["type"].clone();
        }
        let output = self.output("incomplete");
        let mut response = self.response("failed", output, None);
        response["error"] = problem.clone();
        // Some clients read the fields, some the object, and some nothing but the response.
        let mut told = problem.clone();
        told["error"] = problem;
        vec![self.event("error", told), self.event("response.failed", json!({ "response": response }))]
    }

    fn whole(&mut self, text: &str, done: &DoneEvent) -> Value {
        for piece in &done.thoughts {
            self.take_thought(piece);
        }
        if !text.is_empty() || done.calls.is_empty() {
            self.sequence.text(text);
        }
        self.sequence.end(&done.calls);
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
            let quota = responses.chat.config.attachment_quota;
            // It is paid for.
            if let Err(error) = keep_trying(|| responses.store.add(stored.clone(), quota)).await {
                tracing::error!(%error, %id, "a response is not kept");
            }
        }
        .boxed()
    }
}

impl ResponseWriter {
    fn take_thought(&mut self, piece: &ThinkingEvent) -> Vec<Step> {
        let is_begun = self.sequence.parts.iter().any(|part| !matches!(part, Part::Thought { .. }));
        if !self.tells_thoughts || is_begun || (piece.text.is_empty() && piece.seal.is_none()) {
            return Vec::new();
        }
        self.sequence.thought(&piece.text, piece.seal.as_deref())
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
    let Usage { input_tokens, output_tokens, cached_input_tokens, cache_write_tokens, reasoning_tokens, .. } =
        usage.unwrap_or_default();
    let written = cache_write_tokens.unwrap_or(0);
    json!({
        "input_tokens": input_tokens,
        "input_tokens_details": { "cached_tokens": cached_input_tokens.unwrap_or(0), "cache_write_tokens": written },
        "output_tokens": output_tokens,
        "output_tokens_details": { "reasoning_tokens": reasoning_tokens.unwrap_or(0) },
        "total_tokens": u64::from(input_tokens) + u64::from(output_tokens),
    })
}
