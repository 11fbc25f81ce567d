//! What Gemini answers.

use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::MapAccess;
use serde::de::value::MapAccessDeserializer;
use serde_json::Value;
use uuid::Uuid;

use super::super::decoder::{Said, SaidCall, Told};
use super::super::{Finish, ProviderError, Seal};
use super::GEMINI;
use crate::chat::Usage;
use crate::generation::{Fault, Refusal, brief};
use crate::platform::lenient::{self, All, Code, First, Flag, Lenient, Odd};

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Chunk {
    candidates: Odd<First<Candidate>>,
    prompt_feedback: Odd<First<PromptFeedback>>,
    usage_metadata: Option<Odd<First<UsageMetadata>>>,
    error: Odd<Fault>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Candidate {
    content: Odd<First<AnswerContent>>,
    finish_reason: Odd<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct AnswerContent {
    parts: Odd<All<AnswerPart>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct AnswerPart {
    text: Odd<String>,
    /// What the model thought, not what it says.
    thought: Odd<Flag>,
    thought_signature: Odd<String>,
    function_call: Odd<First<FunctionCall>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FunctionCall {
    id: Odd<Code>,
    name: Odd<String>,
    args: Odd<Arguments>,
}

/// An object.
struct Arguments(String);

impl Default for Arguments {
    fn default() -> Self {
        Self("{}".to_owned())
    }
}

impl Lenient for Arguments {
    fn of_object<'de, A: MapAccess<'de>>(object: A) -> Result<Self, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(object)).map(|value| Self(value.to_string()))
    }
}

/// All of a call. What the model wants back of what it thought goes with its id, as clients send back nothing else of a call.
fn call_of(FunctionCall { id, name, args }: FunctionCall, signature: String) -> SaidCall {
    let (id, signature) = (id.0.0, signature.trim());
    let id = if id.is_empty() { format!("call_{}", Uuid::now_v7().simple()) } else { id };
    let seal = Seal { kind: GEMINI.name.into(), data: signature.to_owned() };
    let id = if signature.is_empty() { id } else { seal.with_id(&id) };
    SaidCall { place: None, id, name: name.0, arguments: args.0.0, is_whole: true }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PromptFeedback {
    block_reason: Odd<String>,
}

/// In tokens; what is zero may be absent.
#[derive(Default, Deserialize)]
#[serde(default)]
struct UsageMetadata {
    #[serde(rename = "promptTokenCount")]
    prompt: Option<Odd<Option<u32>>>,
    #[serde(rename = "candidatesTokenCount")]
    candidates: Option<Odd<Option<u32>>>,
    #[serde(rename = "thoughtsTokenCount")]
    thoughts: Option<Odd<Option<u32>>>,
    #[serde(rename = "cachedContentTokenCount")]
    cached: Odd<Option<u32>>,
}

impl UsageMetadata {
    /// Unknown where one of them cannot be read, or none is there.
    fn read(self) -> Option<Usage> {
        let Self { prompt, candidates, thoughts, cached: Odd(cached) } = self;
        if prompt.is_none() && candidates.is_none() && thoughts.is_none() {
            return None;
        }
        let reasoning = thoughts.as_ref().and_then(|Odd(count)| *count);
        let [prompt, candidates, thoughts] =
            [prompt, candidates, thoughts].map(|count| count.map_or(Some(0), |Odd(count)| count));
        Some(Usage {
            cached_input_tokens: cached,
            reasoning_tokens: reasoning,
            ..Usage::of(prompt?, candidates?.saturating_add(thoughts?))
        })
    }
}

/// Understands one chunk of the answer.
pub(in super::super) fn read_piece(json: &str) -> Result<Said, serde_json::Error> {
    let Chunk { candidates, prompt_feedback, usage_metadata, error: Odd(fault) } = lenient::read(json)?;
    let mut said = Said {
        usage: usage_metadata.map_or(Told::Nothing, |Odd(First(usage))| {
            usage.and_then(UsageMetadata::read).map_or(Told::Oddly, Told::Used)
        }),
        error: fault.is_set().then(|| fault.broke_off()),
        ..Said::default()
    };
    let blocked = prompt_feedback.0.0.map(|feedback| feedback.block_reason.0).unwrap_or_default();
    if said.error.is_none() && !["", "BLOCK_REASON_UNSPECIFIED"].contains(&blocked.as_str()) {
        said.error = Some(ProviderError::Blocked(brief(&blocked)));
    }
    let Some(Candidate { content, finish_reason }) = candidates.0.0 else { return Ok(said) };
    for part in content.0.0.map(|content| content.parts.0.0).unwrap_or_default() {
        said.thinks |= part.thought.0.0 || !part.thought_signature.0.is_empty();
        if let Some(call) = part.function_call.0.0 {
            said.calls.push(call_of(call, part.thought_signature.0));
            continue;
        }
        if part.thought.0.0 {
            said.think(&part.text.0, None);
        }
        let text = if part.thought.0.0 { String::new() } else { part.text.0 };
        if said.text.is_empty() {
            said.text = text;
        } else {
            said.text.push_str(&text);
        }
    }
    said.finish = read_finish(&finish_reason.0);
    Ok(said)
}

fn read_finish(reason: &str) -> Option<Result<Finish, ProviderError>> {
    Some(match reason.trim().to_ascii_uppercase().as_str() {
        "" | "FINISH_REASON_UNSPECIFIED" => return None,
        "STOP" => Ok(Finish::Whole),
        "MAX_TOKENS" => Ok(Finish::Limit),
        reason @ ("SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII"
        | "IMAGE_SAFETY" | "MODEL_ARMOR") => Err(ProviderError::Blocked(reason.to_owned())),
        // The model made of the prompt what it should not, which says nothing of the server.
        reason @ ("OTHER"
        | "MALFORMED_FUNCTION_CALL"
        | "UNEXPECTED_TOOL_CALL"
        | "TOO_MANY_TOOL_CALLS"
        | "MALFORMED_RESPONSE"
        | "MISSING_THOUGHT_SIGNATURE") => Err(ProviderError::Rejected(format!("ended with {reason}"))),
        reason => Err(ProviderError::Malformed(format!("ended with {}", brief(reason)))),
    })
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    error: Odd<First<ErrorDetails>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorDetails {
    details: Odd<All<ErrorDetail>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ErrorDetail {
    reason: Odd<String>,
    /// Of `google.rpc.RetryInfo`: `33s`, or `34.4s`.
    retry_delay: Odd<String>,
}

/// What an answer means that is no success.
pub(super) fn refused(refusal: &Refusal) -> ProviderError {
    let (fault, details) = (refusal.fault(), read_details(&refusal.body));
    let text = brief(&format!("{} {}", refusal.status, fault.text()));
    if let Some(window) = fault.too_long() {
        return ProviderError::TooLong { reason: text, window };
    }
    let is_key_invalid = details.iter().any(|detail| detail.reason.0 == "API_KEY_INVALID");
    match refusal.status {
        StatusCode::TOO_MANY_REQUESTS => {
            let delay = details.iter().find_map(|detail| read_delay(&detail.retry_delay.0));
            ProviderError::RateLimited { retry_after: delay.or(refusal.retry_after) }
        }
        StatusCode::GATEWAY_TIMEOUT => ProviderError::Timeout,
        // A wrong key, and a region that Google does not serve, are 400 like a bad request.
        StatusCode::BAD_REQUEST if !is_key_invalid && !fault.is("FAILED_PRECONDITION") => ProviderError::Rejected(text),
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => ProviderError::Rejected(text),
        _ => ProviderError::Unavailable(text),
    }
}

/// Sometimes the error comes in a list of one.
fn read_details(body: &[u8]) -> Vec<ErrorDetail> {
    let body: Odd<First<ErrorBody>> = serde_json::from_slice(body).unwrap_or_default();
    body.0.0.and_then(|body| body.error.0.0).map(|error| error.details.0.0).unwrap_or_default()
}

fn read_delay(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.strip_suffix('s')?.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_key_and_a_quota_are_told_from_a_bad_request() {
        let key = br#"{"error":{"code":400,"message":"API key not valid.","status":"INVALID_ARGUMENT",
            "details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#;
        assert_eq!(read_details(key)[0].reason.0, "API_KEY_INVALID");
        let listed = br#"[{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED",
            "details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.4s"}]}}]"#;
        assert_eq!(read_delay(&read_details(listed)[0].retry_delay.0), Some(Duration::from_millis(34_400)));
        assert!(read_details(b"<html>").is_empty());
    }
}
