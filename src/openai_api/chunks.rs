//! The answer as a client of `OpenAI` reads it, whole or in chunks.

use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use uuid::Uuid;

use super::answer::Dialect;
use super::error::V1Error;
use crate::chat::{CallEvent, CutReason, DoneEvent, Thinking, ThinkingEvent, ToolCall, Usage};
use crate::platform::db::now_millis;
use crate::platform::http::event_stream::Event;
use crate::platform::ids::MessageId;

/// What all parts of an answer have in common.
pub struct Completion {
    pub id: MessageId,
    pub model: String,
    /// Seconds since 1970.
    pub created: i64,
    /// Whether every chunk has a usage, which is null but in the last.
    pub with_usage: bool,
    /// The limit of tokens, where it is this server's and not what was asked for.
    pub own_limit: Option<u32>,
    /// Calls of tools that were told of.
    pub calls: usize,
    /// What was thought and has no seal yet.
    pub thought: String,
}

impl Dialect for Completion {
    fn open(&mut self, id: MessageId, model: String) {
        (self.id, self.model, self.created) = (id, model, now_millis() / 1000);
    }

    fn begin(&mut self) -> Vec<Event> {
        vec![Event::of_data(&self.first_chunk())]
    }

    fn token(&mut self, data: &str) -> Vec<Event> {
        self.token_chunk(data).map(|chunk| Event::of_data(&chunk)).into_iter().collect()
    }

    fn call(&mut self, call: CallEvent) -> Vec<Event> {
        self.calls = self.calls.max(call.index + 1);
        vec![Event::of_data(&self.call_chunk(&call))]
    }

    fn thought(&mut self, piece: &ThinkingEvent) -> Vec<Event> {
        let text = (!piece.text.is_empty()).then(|| json!({ "reasoning_content": piece.text }));
        let sealed = self.seal(piece).map(|detail| json!({ "reasoning_details": [detail] }));
        let deltas = text.into_iter().chain(sealed);
        deltas.map(|delta| Event::of_data(&self.chunk(&delta.to_string(), "null"))).collect()
    }

    fn end(&mut self, done: &DoneEvent) -> Vec<Event> {
        self.last_chunks(done).iter().map(|chunk| Event::of_data(chunk)).collect()
    }

    fn break_off(&mut self, error: &V1Error) -> Vec<Event> {
        vec![Event::of_data(&error.body().to_string())]
    }

    fn whole(&mut self, text: &str, done: &DoneEvent) -> Value {
        Self::whole(self, text, done)
    }

    fn refuse(&self, error: V1Error) -> Response {
        error.into_response()
    }

    fn place(&self, turn: usize) -> String {
        format!("messages[{turn}].content")
    }
}

impl Completion {
    /// One of which it is not known yet who answers.
    pub fn new(with_usage: bool, own_limit: Option<u32>) -> Self {
        Self {
            id: MessageId::min(),
            model: String::new(),
            created: 0,
            with_usage,
            own_limit,
            calls: 0,
            thought: String::new(),
        }
    }

    /// What is to be sent back of a thought, once it is known.
    fn seal(&mut self, piece: &ThinkingEvent) -> Option<Value> {
        self.thought.push_str(&piece.text);
        let seal = piece.seal.as_ref()?;
        let text = std::mem::take(&mut self.thought);
        Some(if text.is_empty() {
            json!({ "type": "reasoning.encrypted", "data": seal })
        } else {
            json!({ "type": "reasoning.text", "text": text, "signature": seal })
        })
    }

    /// A chunk that begins the message.
    pub fn first_chunk(&self) -> String {
        self.chunk(&json!({ "role": "assistant", "content": "" }).to_string(), "null")
    }

    /// A chunk for a `token` event, whose text goes on as it came; `None` for an event that is none.
    pub fn token_chunk(&self, data: &str) -> Option<String> {
        let text = token_text(data)?;
        Some(self.chunk(&format!("{{\"content\":{text}}}"), "null"))
    }

    /// A chunk for a call that goes on, or begins.
    fn call_chunk(&self, call: &CallEvent) -> String {
        let CallEvent { index, id, name, arguments } = call;
        let mut told = json!({ "index": index, "function": { "arguments": arguments } });
        if let (Some(id), Some(name)) = (id, name) {
            told["id"] = id.as_str().into();
            told["type"] = "function".into();
            told["function"]["name"] = name.as_str().into();
        }
        self.chunk(&json!({ "tool_calls": [told] }).to_string(), "null")
    }

    /// The chunks after the text.
    pub fn last_chunks(&self, done: &DoneEvent) -> Vec<String> {
        let reason = Value::from(finish_reason(done)).to_string();
        let mut last = self.chunk("{}", &reason);
        if self.says_why(done) {
            // It ends in the brace of the chunk.
            last.truncate(last.len() - 1);
            last = format!("{last},\"tessera\":{}}}", self.receipt(done));
        }
        // Who comes late gets them at once.
        let late = done.calls.iter().enumerate().skip(self.calls).map(|(index, ToolCall { id, name, arguments })| {
            let (id, name) = (Some(id.clone()), Some(name.clone()));
            self.call_chunk(&CallEvent { index, id, name, arguments: arguments.clone() })
        });
        let mut chunks: Vec<_> = late.chain([last]).collect();
        if self.with_usage {
            let mut chunk = self.head("chat.completion.chunk");
            chunk["choices"] = json!([]);
            chunk["usage"] = usage_of(done.usage);
            chunk["tessera"] = self.receipt(done);
            chunks.push(chunk.to_string());
        }
        chunks.push("[DONE]".to_owned());
        chunks
    }

    /// The whole answer.
    pub fn whole(&mut self, text: &str, done: &DoneEvent) -> Value {
        let mut answer = self.head("chat.completion");
        answer["choices"] = json!([{
            "index": 0,
            "message": message_of(text, &done.calls),
            "logprobs": null,
            "finish_reason": finish_reason(done),
        }]);
        if let Some(thinking) = Thinking::of(&done.thoughts).filter(|thinking| !thinking.text.is_empty()) {
            answer["choices"][0]["message"]["reasoning_content"] = thinking.text.into();
        }
        let sealed: Vec<_> = done.thoughts.iter().filter_map(|piece| self.seal(piece)).collect();
        if !sealed.is_empty() {
            answer["choices"][0]["message"]["reasoning_details"] = sealed.into();
        }
        answer["usage"] = usage_of(done.usage);
        answer["tessera"] = self.receipt(done);
        answer
    }

    /// Whether a limit of this server cut it off, which clients do not reckon with.
    const fn says_why(&self, done: &DoneEvent) -> bool {
        done.cut && (self.own_limit.is_some() || !is_long(done))
    }

    fn receipt(&self, done: &DoneEvent) -> Value {
        receipt(done, self.own_limit)
    }

    fn head(&self, object: &str) -> Value {
        json!({ "id": self.name(), "object": object, "created": self.created, "model": self.model })
    }

    fn name(&self) -> String {
        format!("chatcmpl-{}", Uuid::from(self.id).simple())
    }

    /// Written by hand: one of these leaves for every token.
    fn chunk(&self, delta: &str, finish_reason: &str) -> String {
        let Self { created, with_usage, .. } = self;
        let (id, model) = (self.name(), Value::from(self.model.as_str()));
        let usage = if *with_usage { ",\"usage\":null" } else { "" };
        format!(
            "{{\"id\":\"{id}\",\"object\":\"chat.completion.chunk\",\"created\":{created},\"model\":{model},\
             \"choices\":[{{\"index\":0,\"delta\":{delta},\"logprobs\":null,\"finish_reason\":{finish_reason}}}]{usage}}}"
        )
    }
}

/// What an answer cost, and which limit of this server cut it off; clients leave fields alone that they do not know.
pub(super) fn receipt(done: &DoneEvent, own_limit: Option<u32>) -> Value {
    let mut receipt =
        json!({ "credits": done.credits, "remainingCredits": done.remaining_credits, "cached": done.cached });
    if let Some(limit) = own_limit.filter(|_| done.cut && is_long(done)) {
        receipt["maxOutputTokens"] = limit.into();
    }
    if let Some(reason) = done.cut_reason.filter(|_| !is_long(done)) {
        receipt["cutReason"] = reason.as_str().into();
    }
    receipt
}

/// The text of a `token` event, in JSON as it came; `None` for an event that is none.
pub(super) fn token_text(data: &str) -> Option<&RawValue> {
    #[derive(Deserialize)]
    struct Token<'a> {
        #[serde(borrow)]
        text: &'a RawValue,
    }
    serde_json::from_str::<Token<'_>>(data).ok().map(|token| token.text)
}

/// Whether its length is why it is cut off.
const fn is_long(done: &DoneEvent) -> bool {
    matches!(done.cut_reason, None | Some(CutReason::Length))
}

const fn finish_reason(done: &DoneEvent) -> &'static str {
    match done {
        DoneEvent { cut: true, .. } => "length",
        DoneEvent { calls, .. } if !calls.is_empty() => "tool_calls",
        _ => "stop",
    }
}

fn message_of(text: &str, calls: &[ToolCall]) -> Value {
    let mut message = json!({ "role": "assistant", "content": text, "refusal": null, "annotations": [] });
    if !calls.is_empty() {
        let told = calls.iter().map(|ToolCall { id, name, arguments }| {
            json!({ "id": id, "type": "function", "function": { "name": name, "arguments": arguments } })
        });
        message["tool_calls"] = told.collect();
        if text.is_empty() {
            message["content"] = Value::Null;
        }
    }
    message
}

/// Where nobody said it, zeros: clients reckon with numbers.
fn usage_of(usage: Option<Usage>) -> Value {
    let Usage { input_tokens, output_tokens, cached_input_tokens, cache_write_tokens, reasoning_tokens, .. } =
        usage.unwrap_or_default();
    let mut told = json!({
        "prompt_tokens": input_tokens,
        "completion_tokens": output_tokens,
        "total_tokens": u64::from(input_tokens) + u64::from(output_tokens),
    });
    if cached_input_tokens.is_some() || cache_write_tokens.is_some() {
        told["prompt_tokens_details"] = json!({ "cached_tokens": cached_input_tokens.unwrap_or(0) });
    }
    if let Some(written) = cache_write_tokens {
        told["prompt_tokens_details"]["cache_write_tokens"] = written.into();
    }
    if let Some(thought) = reasoning_tokens {
        told["completion_tokens_details"] = json!({ "reasoning_tokens": thought });
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::amount::Amount;

    #[test]
    fn chunks_are_what_a_client_expects() {
        let completion = Completion {
            id: Uuid::nil().into(),
            model: "a \"model\"".into(),
            created: 7,
            with_usage: true,
            own_limit: Some(99),
            calls: 0,
            thought: String::new(),
        };
        let usage = Some(Usage::of(2, 5));
        let done = DoneEvent {
            reply: None,
            calls: Vec::new(),
            thoughts: Vec::new(),
            cached: false,
            cut: true,
            cut_reason: Some(CutReason::Length),
            remaining_credits: Amount::credits(9),
            credits: Amount::credits(1),
            usage,
        };
        let mut chunks = vec![completion.first_chunk(), completion.token_chunk(r#"{"text":"\u00e9\n\"x"}"#).unwrap()];
        chunks.extend(completion.last_chunks(&done));
        assert_eq!(chunks.pop().unwrap(), "[DONE]");
        let chunks: Vec<Value> = chunks.iter().map(|chunk| serde_json::from_str(chunk).unwrap()).collect();
        assert!(chunks.iter().all(|chunk| chunk["model"] == "a \"model\"" && chunk["created"] == 7));
        assert_eq!(chunks[0]["choices"][0]["delta"], json!({ "role": "assistant", "content": "" }));
        assert_eq!(chunks[1]["choices"][0]["delta"]["content"], "é\n\"x");
        assert_eq!((&chunks[1]["usage"], &chunks[1]["choices"][0]["finish_reason"]), (&Value::Null, &Value::Null));
        assert_eq!(chunks[2]["choices"][0]["finish_reason"], "length");
        assert_eq!(chunks[2]["tessera"]["maxOutputTokens"], 99);
        assert_eq!(chunks[3]["choices"], json!([]));
        assert_eq!(chunks[3]["usage"]["total_tokens"], 7);
        let mut quiet = Completion { with_usage: false, ..completion };
        let done = DoneEvent { cut: false, cut_reason: None, usage: None, ..done };
        assert!(!quiet.first_chunk().contains("usage"));
        assert_eq!(quiet.last_chunks(&done).len(), 2);
        let whole = quiet.whole("x", &done);
        assert_eq!(whole["choices"][0]["finish_reason"], "stop");
        assert_eq!(whole["choices"][0]["message"].get("reasoning_content"), None);
        let thought = ThinkingEvent { text: "Hmm.".to_owned(), ..ThinkingEvent::default() };
        let done = DoneEvent { thoughts: vec![thought], ..done };
        assert_eq!(quiet.whole("x", &done)["choices"][0]["message"]["reasoning_content"], "Hmm.");
        assert_eq!(whole["usage"], json!({ "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0 }));
        assert_eq!(whole["tessera"], json!({ "credits": 1, "remainingCredits": 9, "cached": false }));
    }
}
