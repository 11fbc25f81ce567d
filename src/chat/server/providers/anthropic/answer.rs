//! What Anthropic answers.

use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::super::decoder::{Counts, Said, SaidCall, Told};
use super::super::{Finish, ProviderError, Seal};
use super::{REDACTED, SEALS};
use crate::generation::{Fault, Refusal, brief};
use crate::platform::lenient::{self, All, First, Odd};

/// An event, or a whole message.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Event {
    #[serde(rename = "type")]
    kind: Odd<String>,
    message: Odd<First<Start>>,
    index: Odd<Option<u32>>,
    /// In boxes: JSON that is nested without end is read on the stack.
    content_block: Odd<First<Box<Block>>>,
    delta: Odd<First<Box<Block>>>,
    usage: Option<Odd<First<MessageUsage>>>,
    error: Odd<Fault>,
    /// Of a whole message.
    content: Odd<All<Block>>,
    stop_reason: Odd<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Start {
    usage: Option<Odd<First<MessageUsage>>>,
}

/// A block, the beginning of one, or what goes on of it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Block {
    #[serde(rename = "type")]
    kind: Odd<String>,
    text: Odd<String>,
    thinking: Odd<String>,
    signature: Odd<String>,
    /// Of a thought that is not told.
    data: Odd<String>,
    id: Odd<String>,
    name: Odd<String>,
    input: Value,
    partial_json: Odd<String>,
    stop_reason: Odd<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct MessageUsage {
    #[serde(rename = "input_tokens")]
    input: Option<Odd<Option<u32>>>,
    #[serde(rename = "cache_creation_input_tokens")]
    cache_written: Option<Odd<Option<u32>>>,
    cache_creation: Odd<First<CacheCreation>>,
    #[serde(rename = "cache_read_input_tokens")]
    cache_read: Option<Odd<Option<u32>>>,
    #[serde(rename = "output_tokens")]
    output: Option<Odd<Option<u32>>>,
    output_tokens_details: Odd<First<OutputDetails>>,
}

/// What was written to the cache, by how long it stays there.
#[derive(Default, Deserialize)]
#[serde(default)]
struct CacheCreation {
    #[serde(rename = "ephemeral_5m_input_tokens")]
    for_five_minutes: Odd<Option<u32>>,
    #[serde(rename = "ephemeral_1h_input_tokens")]
    for_an_hour: Odd<Option<u32>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OutputDetails {
    thinking_tokens: Odd<Option<u32>>,
}

impl MessageUsage {
    /// Nothing where one of them is told and cannot be read.
    fn read(self, is_last: bool) -> Option<Counts> {
        let Self { input, cache_written, cache_read, output, .. } = self;
        let (Odd(First(details)), Odd(First(creation))) = (self.output_tokens_details, self.cache_creation);
        let is_told = |count: &Option<Odd<Option<u32>>>| count.as_ref().is_none_or(|Odd(count)| count.is_some());
        // Those of the cache may be null.
        if !is_told(&input) || !is_told(&output) {
            return None;
        }
        let [input, cache_written, cache_read, output] =
            [input, cache_written, cache_read, output].map(|count| count.and_then(|Odd(count)| count));
        let CacheCreation { for_five_minutes: Odd(short), for_an_hour: Odd(cache_written_1h) } =
            creation.unwrap_or_default();
        // Where only the parts are told, they are all of it.
        let parts = [short, cache_written_1h].into_iter().flatten().reduce(u32::saturating_add);
        let cache_written = cache_written.or(parts);
        let reasoning = details.and_then(|details| details.thinking_tokens.0);
        let is_last = is_last && output.is_some();
        Some(Counts { input, cache_written, cache_written_1h, cache_read, output, reasoning, is_last })
    }
}

fn told(usage: Option<Odd<First<MessageUsage>>>, is_last: bool) -> Told {
    let Some(Odd(First(usage))) = usage else { return Told::Nothing };
    usage.and_then(|usage| usage.read(is_last)).map_or(Told::Oddly, Told::Partly)
}

/// Understands one event.
pub(in super::super) fn read_piece(json: &str) -> Result<Said, serde_json::Error> {
    let event: Event = lenient::read(json)?;
    let kind = event.kind.0.trim().to_owned();
    let mut said = Said::default();
    if event.error.0.is_set() {
        said.error = Some(broke_off(&event.error.0));
        return Ok(said);
    }
    match kind.as_str() {
        "message_start" => said.usage = told(event.message.0.0.and_then(|message| message.usage), false),
        "message_stop" => said.is_end = true,
        // All of it at once.
        "message" | "completion" => {
            said.is_message = true;
            said.usage = told(event.usage, true);
            said.finish = read_finish(&event.stop_reason.0);
            event.content.0.0.into_iter().for_each(|block| block.read(None, &mut said));
        }
        "" | "content_block_start" | "content_block_delta" | "message_delta" => {
            said.usage = told(event.usage, true);
            for block in [event.content_block.0.0, event.delta.0.0].into_iter().flatten() {
                said.finish = said.finish.or_else(|| read_finish(&block.stop_reason.0));
                block.read(Some(event.index.0.unwrap_or(0)), &mut said);
            }
        }
        // What is new says nothing here.
        _ => {}
    }
    Ok(said)
}

impl Block {
    /// Says what it has; `at` is its place, where it is not whole.
    fn read(self, at: Option<u32>, said: &mut Said) {
        let kind = self.kind.0.trim().to_owned();
        let is_text = kind.is_empty() || kind.starts_with("text");
        if is_text {
            said.text.push_str(&self.text.0);
        }
        let data = if self.data.0.is_empty() { self.signature.0 } else { format!("{REDACTED}{}", self.data.0) };
        said.thinks |= kind.contains("thinking") || !self.thinking.0.is_empty();
        if kind == "tool_use" {
            let is_told = self.input.as_object().is_some_and(|input| !input.is_empty());
            let arguments = if is_told { self.input.to_string() } else { String::new() };
            said.calls.push(SaidCall {
                place: at,
                id: self.id.0,
                name: self.name.0,
                arguments,
                is_whole: at.is_none(),
            });
        } else if !self.partial_json.0.is_empty() {
            said.calls.push(SaidCall { place: at, arguments: self.partial_json.0, ..SaidCall::default() });
        }
        said.think(&self.thinking.0, (!data.is_empty()).then(|| Seal { kind: SEALS.into(), data }));
    }
}

/// What the stop reasons mean. One that is not known can be the end of anything, and is no end of an answer.
fn read_finish(reason: &str) -> Option<Result<Finish, ProviderError>> {
    Some(match reason.trim() {
        "" => return None,
        "end_turn" | "stop_sequence" | "pause_turn" => Ok(Finish::Whole),
        "max_tokens" | "model_context_window_exceeded" => Ok(Finish::Limit),
        "tool_use" => Ok(Finish::Calls),
        "refusal" => Err(ProviderError::Blocked(reason.to_owned())),
        _ => Err(ProviderError::Malformed(format!("ended with {:?}", brief(reason)))),
    })
}

/// What an error in the middle of a stream means.
fn broke_off(fault: &Fault) -> ProviderError {
    let text = brief(&fault.text());
    if fault.is("overloaded_error") || fault.is("api_error") {
        ProviderError::Unavailable(text)
    } else {
        fault.broke_off()
    }
}

/// What an answer means that is no success.
pub(super) fn refused(refusal: &Refusal) -> ProviderError {
    let (fault, status) = (refusal.fault(), refusal.status);
    let text = brief(&format!("{status} {}", fault.text()));
    if let Some(window) = fault.too_long() {
        return ProviderError::TooLong { reason: text, window };
    }
    match status {
        StatusCode::TOO_MANY_REQUESTS => ProviderError::RateLimited { retry_after: refusal.retry_after },
        StatusCode::GATEWAY_TIMEOUT => ProviderError::Timeout,
        // What the operator has to pay, and not whoever asks.
        StatusCode::BAD_REQUEST if text.to_ascii_lowercase().contains("credit balance") => {
            ProviderError::Unavailable(text)
        }
        StatusCode::BAD_REQUEST if fault.is_blocked() => ProviderError::Blocked(text),
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
            ProviderError::Rejected(text)
        }
        _ => ProviderError::Unavailable(text),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::decoder::Decoder;
    use super::super::super::{CallHead, CallPiece, ProviderEvent, Thought};
    use super::*;
    use crate::chat::Usage;

    fn events(pieces: &[Value]) -> Vec<Result<ProviderEvent, ProviderError>> {
        let mut decoder = Decoder::new(read_piece);
        for piece in pieces {
            decoder.push(format!("event: {}\ndata: {piece}\n\n", piece["type"].as_str().unwrap()).as_bytes());
        }
        decoder.end();
        let all = std::iter::from_fn(|| decoder.next());
        all.filter(|event| !matches!(event, Ok(ProviderEvent::Alive { .. }))).collect()
    }

    fn delta(at: u32, delta: &Value) -> Value {
        json!({"type": "content_block_delta", "index": at, "delta": delta})
    }

    fn block(at: u32, block: &Value) -> Value {
        json!({"type": "content_block_start", "index": at, "content_block": block})
    }

    #[test]
    fn thoughts_text_calls_and_usage_come_as_they_are_told() {
        let usage = json!({"input_tokens": 9, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 5, "output_tokens": 1,
            "cache_creation": {"ephemeral_5m_input_tokens": 1, "ephemeral_1h_input_tokens": 2}});
        let told = events(&[
            json!({"type": "message_start", "message": {"content": [], "usage": usage}}),
            json!({"type": "ping"}),
            block(0, &json!({"type": "thinking", "thinking": "", "signature": ""})),
            delta(0, &json!({"type": "thinking_delta", "thinking": "Use the tool"})),
            delta(0, &json!({"type": "signature_delta", "signature": "c2ln"})),
            block(1, &json!({"type": "redacted_thinking", "data": "x"})),
            block(2, &json!({"type": "text", "text": ""})),
            delta(2, &json!({"type": "text_delta", "text": "Let me look."})),
            block(3, &json!({"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}})),
            delta(3, &json!({"type": "input_json_delta", "partial_json": ""})),
            delta(3, &json!({"type": "input_json_delta", "partial_json": "{\"city\":1}"})),
            json!({"type": "unheard-of", "delta": {"text": "x"}}),
            json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"},
                "usage": {"output_tokens": 25, "output_tokens_details": {"thinking_tokens": 11}}}),
            json!({"type": "message_stop"}),
        ]);
        let first = Usage {
            cached_input_tokens: Some(5),
            cache_write_tokens: Some(3),
            cache_write_1h_tokens: Some(2),
            ..Usage::of(17, 1)
        };
        let last = Usage { reasoning_tokens: Some(11), output_tokens: 25, ..first };
        let seal = |data: &str| Some(Seal { kind: SEALS.into(), data: data.to_owned() });
        let thought = |text: &str, seal| ProviderEvent::Thought(Thought { text: text.to_owned(), seal });
        let head = CallHead { id: "toolu_1".to_owned(), name: "get_weather".to_owned() };
        let call = |begins, arguments: &str| {
            ProviderEvent::Call(CallPiece { index: 0, begins, arguments: arguments.to_owned() })
        };
        let expected = [
            ProviderEvent::Usage(first),
            thought("Use the tool", None),
            thought("", seal("c2ln")),
            thought("", seal("redacted.x")),
            ProviderEvent::Token("Let me look.".to_owned()),
            call(Some(head), ""),
            call(None, "{\"city\":1}"),
            ProviderEvent::Usage(last),
            ProviderEvent::Done { finish: Finish::Calls, usage: Some(last) },
        ];
        assert_eq!(told, expected.map(Ok));
    }

    #[test]
    fn what_was_used_at_the_beginning_is_not_what_was_used_in_the_end() {
        let told = events(&[
            json!({"type": "message_start", "message": {"usage": {"input_tokens": 9, "output_tokens": 1}}}),
            delta(0, &json!({"type": "text_delta", "text": "Hello"})),
            json!({"type": "message_delta", "delta": {"stop_reason": "max_tokens"}}),
        ]);
        assert_eq!(told.last(), Some(&Ok(ProviderEvent::Done { finish: Finish::Limit, usage: None })));
    }

    #[test]
    fn parts_of_what_was_written_to_the_cache_are_all_of_it_where_no_sum_is_told() {
        let told = events(&[
            json!({"type": "message_start", "message": {"usage": {"input_tokens": 9, "output_tokens": 1,
                "cache_creation": {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 4}}}}),
            delta(0, &json!({"type": "text_delta", "text": "Hello"})),
        ]);
        let usage = Usage { cache_write_tokens: Some(34), cache_write_1h_tokens: Some(4), ..Usage::of(43, 1) };
        assert_eq!(told.first(), Some(&Ok(ProviderEvent::Usage(usage))));
    }

    #[test]
    fn an_error_in_the_middle_says_what_it_is() {
        let error = |kind: &str| {
            let error = json!({"type": "error", "error": {"type": kind, "message": "no"}, "request_id": "req_1"});
            events(&[error]).pop().unwrap().unwrap_err()
        };
        assert!(matches!(error("overloaded_error"), ProviderError::Unavailable(_)));
        assert!(matches!(error("invalid_request_error"), ProviderError::Rejected(_)));
        assert!(matches!(error("who knows"), ProviderError::Malformed(_)));
        let refused = events(&[json!({"type": "message_delta", "delta": {"stop_reason": "refusal"}})]);
        assert!(matches!(refused[..], [Err(ProviderError::Blocked(_))]));
    }

    #[test]
    fn a_refusal_says_whose_fault_it_is() {
        let refusal = |status: u16, kind: &str, message: &str| {
            let body = json!({"type": "error", "error": {"type": kind, "message": message}});
            let status = StatusCode::from_u16(status).unwrap();
            refused(&Refusal { status, retry_after: None, body: body.to_string().into_bytes() })
        };
        for (status, kind, message, failure) in [
            (400, "invalid_request_error", "max_tokens: too many", false),
            (400, "invalid_request_error", "A maximum of 4 blocks with cache_control may be provided. Found 5.", false),
            (400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API.", true),
            (401, "authentication_error", "invalid x-api-key", true),
            (402, "billing_error", "no", true),
            (404, "not_found_error", "model: claude-0", true),
            (413, "request_too_large", "no", false),
            (429, "rate_limit_error", "no", true),
            (500, "api_error", "no", true),
            (504, "timeout_error", "no", true),
            (529, "overloaded_error", "Overloaded", true),
        ] {
            assert_eq!(refusal(status, kind, message).is_failure(), failure, "{status} {message}");
        }
        let long = refusal(400, "invalid_request_error", "prompt is too long: 208310 tokens > 200000 maximum");
        assert!(matches!(long, ProviderError::TooLong { window: Some(200_000), .. }), "{long:?}");
    }
}
