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
use crate::chat::{DoneEvent, TokenEvent, Usage};
use crate::platform::http::event_stream::Event;
use crate::platform::ids::{MessageId, UserId};

/// Writes one response: a single message with a single text.
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
    /// What was said so far.
    text: String,
    /// What is kept of the question.
    input: Option<String>,
    /// What is kept of the answer, once it is whole.
    whole: Option<String>,
}

impl ResponseWriter {
    pub fn of(read: Read, responses: Responses, user: UserId, previous: Option<MessageId>) -> (Wanted, Self) {
        let Read { wanted, mut shape, kept, places } = read;
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
        let output = json!([self.item(status, &json!([part(&self.text)]))]);
        let response = self.response(status, output, Some(done));
        self.whole = Some(response.to_string());
        response
    }

    fn item(&self, status: &str, content: &Value) -> Value {
        json!({
            "id": self.item_name(), "type": "message", "status": status, "role": "assistant", "content": content,
        })
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
        data["output_index"] = 0.into();
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
        let item = self.item("in_progress", &json!([]));
        vec![
            self.event("response.created", json!({ "response": response })),
            self.event("response.in_progress", json!({ "response": response })),
            self.event("response.output_item.added", json!({ "output_index": 0, "item": item })),
            self.part_event("response.content_part.added", json!({ "part": part("") })),
        ]
    }

    fn token(&mut self, data: &str) -> Option<Event> {
        let TokenEvent { text } = serde_json::from_str(data).ok()?;
        self.text.push_str(&text);
        Some(self.part_event("response.output_text.delta", json!({ "delta": text, "logprobs": [] })))
    }

    fn end(&mut self, done: &DoneEvent) -> Vec<Event> {
        let status = status_of(done);
        let text = self.text.clone();
        let response = self.finish(done);
        let item = response["output"][0].clone();
        vec![
            self.part_event("response.output_text.done", json!({ "text": text, "logprobs": [] })),
            self.part_event("response.content_part.done", json!({ "part": part(&text) })),
            self.event("response.output_item.done", json!({ "output_index": 0, "item": item })),
            self.event(&format!("response.{status}"), json!({ "response": response })),
        ]
    }

    fn break_off(&mut self, error: &V1Error) -> Vec<Event> {
        let mut problem = error.body()["error"].take();
        if problem["code"].is_null() {
            problem["code"] = problem["type"].clone();
        }
        let output =
            if self.text.is_empty() { json!([]) } else { json!([self.item("incomplete", &json!([part(&self.text)]))]) };
        let mut response = self.response("failed", output, None);
        response["error"] = problem.clone();
        // Some clients read the fields, some the object, and some nothing but the response.
        let mut told = problem.clone();
        told["error"] = problem;
        vec![self.event("error", told), self.event("response.failed", json!({ "response": response }))]
    }

    fn whole(&mut self, text: &str, done: &DoneEvent) -> Value {
        text.clone_into(&mut self.text);
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
