//! What Gemini answers.

use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;

use super::super::http::{Event, Progress};
use super::super::{Finish, ProviderError, ProviderEvent};
use crate::chat::Usage;
use crate::generation::{Refusal, brief};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Chunk {
    #[serde(default)]
    candidates: Vec<Candidate>,
    prompt_feedback: Option<PromptFeedback>,
    usage_metadata: Option<UsageMetadata>,
    error: Option<ErrorDetails>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    content: Option<AnswerContent>,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct AnswerContent {
    #[serde(default)]
    parts: Vec<AnswerPart>,
}

#[derive(Deserialize)]
struct AnswerPart {
    #[serde(default)]
    text: String,
    /// What the model thought, not what it says.
    #[serde(default)]
    thought: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PromptFeedback {
    block_reason: Option<String>,
}

/// In tokens; what is zero may be absent.
#[derive(Deserialize)]
struct UsageMetadata {
    #[serde(default, rename = "promptTokenCount")]
    prompt: u32,
    #[serde(default, rename = "candidatesTokenCount")]
    candidates: u32,
    #[serde(default, rename = "thoughtsTokenCount")]
    thoughts: u32,
}

#[derive(Deserialize)]
struct ErrorDetails {
    #[serde(default)]
    message: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    details: Vec<ErrorDetail>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ErrorDetail {
    reason: Option<String>,
    /// Of `google.rpc.RetryInfo`: `33s`, or `34.4s`.
    retry_delay: Option<String>,
}

#[derive(Deserialize)]
struct ErrorBody {
    error: ErrorDetails,
}

/// Understands one chunk of the answer.
pub(super) fn read_event(data: &str, progress: &mut Progress) -> Vec<Event> {
    let chunk: Chunk = match serde_json::from_str(data) {
        Ok(chunk) => chunk,
        Err(error) => return vec![Err(ProviderError::Malformed(format!("a chunk: {error}")))],
    };
    if let Some(error) = chunk.error {
        let text = format!("broke off: {} {}", error.status, brief(&error.message));
        return vec![Err(ProviderError::Malformed(text))];
    }
    if let Some(usage) = chunk.usage_metadata {
        progress.usage =
            Some(Usage { input_tokens: usage.prompt, output_tokens: usage.candidates.saturating_add(usage.thoughts) });
    }
    if let Some(reason) = chunk.prompt_feedback.and_then(|feedback| feedback.block_reason) {
        return vec![Err(ProviderError::Blocked(brief(&reason)))];
    }
    let Some(candidate) = chunk.candidates.into_iter().next() else { return Vec::new() };
    let parts = candidate.content.map(|content| content.parts).unwrap_or_default();
    let text: String = parts.into_iter().filter(|part| !part.thought).map(|part| part.text).collect();
    let mut events = Vec::new();
    if !text.is_empty() {
        events.push(Ok(ProviderEvent::Token(text)));
    }
    match candidate.finish_reason.as_deref() {
        None => {}
        Some("STOP") => progress.finish = Some(Finish::Whole),
        Some("MAX_TOKENS") => progress.finish = Some(Finish::Limit),
        Some(
            reason @ ("SAFETY" | "RECITATION" | "LANGUAGE" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII"
            | "IMAGE_SAFETY" | "MODEL_ARMOR"),
        ) => events.push(Err(ProviderError::Blocked(reason.to_owned()))),
        Some(reason) => events.push(Err(ProviderError::Malformed(format!("ended with {}", brief(reason))))),
    }
    events
}

/// What an answer means that is no success.
pub(super) fn refused(Refusal { status, retry_after, body }: &Refusal) -> ProviderError {
    let error = read_error(body);
    let (name, message) = error.as_ref().map_or(("", ""), |error| (error.status.as_str(), error.message.as_str()));
    let text = format!("{status} {} {}", brief(name), brief(message));
    let details = error.as_ref().map_or(&[][..], |error| &error.details);
    let is_key_invalid = details.iter().any(|detail| detail.reason.as_deref() == Some("API_KEY_INVALID"));
    match *status {
        StatusCode::TOO_MANY_REQUESTS => {
            let delay = details.iter().find_map(|detail| read_delay(detail.retry_delay.as_deref()?));
            ProviderError::RateLimited { retry_after: delay.or(*retry_after) }
        }
        StatusCode::GATEWAY_TIMEOUT => ProviderError::Timeout,
        // A wrong key, and a region that Google does not serve, are 400 like a bad request.
        StatusCode::BAD_REQUEST if !is_key_invalid && name != "FAILED_PRECONDITION" => ProviderError::Rejected(text),
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => ProviderError::Rejected(text),
        _ => ProviderError::Unavailable(text),
    }
}

/// Sometimes the error comes in a list of one.
fn read_error(body: &[u8]) -> Option<ErrorDetails> {
    // The list first: serde also takes a list for the fields of a struct.
    let listed = serde_json::from_slice::<Vec<ErrorBody>>(body).ok().and_then(|list| list.into_iter().next());
    listed.or_else(|| serde_json::from_slice(body).ok()).map(|body| body.error)
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
        assert_eq!(read_error(key).unwrap().details[0].reason.as_deref(), Some("API_KEY_INVALID"));
        let listed = br#"[{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED",
            "details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.4s"}]}}]"#;
        let delay = read_error(listed).unwrap().details[0].retry_delay.clone().unwrap();
        assert_eq!(read_delay(&delay), Some(Duration::from_millis(34_400)));
        assert!(read_error(b"<html>").is_none());
    }
}
