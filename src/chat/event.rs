//! The events of a running reply, as both targets and the HTTP API see them.

use serde::{Deserialize, Serialize};

use super::types::is_false;
use super::{CutReason, ThinkingEvent, ToolCall, Usage};
use crate::platform::amount::Amount;
use crate::platform::browser::json::read_json;

/// An event of a reply, sent as `text/event-stream` under its name; `data` is JSON. Each has an `id`, which
/// `Last-Event-ID` takes to go on after it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "ssr", derive(Serialize, utoipa::ToSchema))]
#[cfg_attr(feature = "ssr", serde(tag = "event", content = "data", rename_all = "lowercase"))]
pub enum ChatEvent {
    Start(StartEvent),
    Token(TokenEvent),
    Call(CallEvent),
    Shortened(ShortenedEvent),
    Thinking(ThinkingEvent),
    Usage(UsageEvent),
    Fallback(FallbackEvent),
    Done(DoneEvent),
    Error(ErrorEvent),
}

impl ChatEvent {
    pub const START: &str = "start";
    pub const TOKEN: &str = "token";
    pub const CALL: &str = "call";
    pub const SHORTENED: &str = "shortened";
    pub const THINKING: &str = "thinking";
    pub const USAGE: &str = "usage";
    pub const FALLBACK: &str = "fallback";
    pub const DONE: &str = "done";
    pub const ERROR: &str = "error";

    /// The name under which it is sent.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Start(_) => Self::START,
            Self::Token(_) => Self::TOKEN,
            Self::Call(_) => Self::CALL,
            Self::Shortened(_) => Self::SHORTENED,
            Self::Thinking(_) => Self::THINKING,
            Self::Usage(_) => Self::USAGE,
            Self::Fallback(_) => Self::FALLBACK,
            Self::Done(_) => Self::DONE,
            Self::Error(_) => Self::ERROR,
        }
    }

    /// Whether nothing follows an event of this name.
    #[must_use]
    pub fn is_last(name: &str) -> bool {
        matches!(name, Self::DONE | Self::ERROR)
    }

    /// The event that was sent; `None` for one that this version does not know.
    #[must_use]
    pub fn parse(name: &str, data: &str) -> Option<Self> {
        match name {
            Self::START => read_json(data).map(Self::Start),
            Self::TOKEN => read_json(data).map(Self::Token),
            Self::CALL => read_json(data).map(Self::Call),
            Self::SHORTENED => read_json(data).map(Self::Shortened),
            Self::THINKING => read_json(data).map(Self::Thinking),
            Self::USAGE => read_json(data).map(Self::Usage),
            Self::FALLBACK => read_json(data).map(Self::Fallback),
            Self::DONE => read_json(data).map(Self::Done),
            Self::ERROR => read_json(data).map(Self::Error),
            _ => None,
        }
    }
}

/// The first event of every reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct StartEvent {
    pub message_id: String,
    pub conversation_id: String,
    pub provider: String,
    pub model: String,
    /// Most that it may cost.
    pub credits: Amount,
}

/// The text goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct TokenEvent {
    pub text: String,
}

/// A call of a tool goes on, or begins: then with its id and name. Only in answers of `/v1`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct CallEvent {
    /// Which of the answer's calls.
    pub index: usize,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// What comes next of the arguments, in JSON.
    pub arguments: String,
}

/// Not all of what was said fits into the model that answers: the oldest of it was left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct ShortenedEvent {}

/// What the reply has cost so far, where its price is per token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct UsageEvent {
    pub credits: Amount,
}

/// Another provider is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct FallbackEvent {
    pub from: String,
    pub to: String,
    /// The model that is asked now.
    #[serde(default)]
    pub model: String,
}

/// The reply is there, and paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct DoneEvent {
    /// The whole text, for who has not seen it come.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reply: Option<String>,
    /// Tools that it calls. Only in answers of `/v1`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub calls: Vec<ToolCall>,
    /// What the model thought before it, where `reply` is told.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub thoughts: Vec<ThinkingEvent>,
    pub cached: bool,
    /// It ended before its end: `cutReason` says why.
    #[serde(skip_serializing_if = "is_false", default)]
    pub cut: bool,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cut_reason: Option<CutReason>,
    pub remaining_credits: Amount,
    /// What was charged.
    pub credits: Amount,
    pub usage: Option<Usage>,
}

/// There is no reply, or not all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct ErrorEvent {
    /// For programs.
    pub code: String,
    /// For people.
    pub error: String,
    /// Always `false`: no result, no charge.
    pub charged: bool,
    /// For so many seconds the provider asks to be left alone.
    #[serde(rename = "retryAfterSecs", skip_serializing_if = "Option::is_none", default)]
    pub retry_after_secs: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generation::encode;

    /// What the server writes is what the browser reads.
    #[test]
    fn every_event_is_read_back() {
        let usage = Some(Usage::of(3, 4));
        for event in [
            ChatEvent::Start(StartEvent {
                message_id: "m".to_owned(),
                conversation_id: "c".to_owned(),
                provider: "p".to_owned(),
                model: "o".to_owned(),
                credits: Amount::credits(1),
            }),
            ChatEvent::Token(TokenEvent { text: "a\n\"b\"".to_owned() }),
            ChatEvent::Call(CallEvent { index: 1, name: Some("look".to_owned()), ..CallEvent::default() }),
            ChatEvent::Shortened(ShortenedEvent::default()),
            ChatEvent::Thinking(ThinkingEvent::default()),
            ChatEvent::Thinking(ThinkingEvent {
                text: "Hmm.".to_owned(),
                millis: Some(1200),
                seal: Some("a.b".to_owned()),
            }),
            ChatEvent::Usage(UsageEvent { credits: Amount::from_micros(1) }),
            ChatEvent::Fallback(FallbackEvent { from: "a".to_owned(), to: "b".to_owned(), model: "m".to_owned() }),
            ChatEvent::Done(DoneEvent {
                reply: None,
                calls: vec![ToolCall { id: "c".to_owned(), name: "look".to_owned(), arguments: "{}".to_owned() }],
                thoughts: vec![ThinkingEvent { text: "Hmm.".to_owned(), ..ThinkingEvent::default() }],
                cached: true,
                cut: true,
                cut_reason: Some(CutReason::Credits),
                remaining_credits: Amount::from_micros(9_250_000),
                credits: Amount::ZERO,
                usage,
            }),
            ChatEvent::Error(ErrorEvent {
                code: "provider_failed".to_owned(),
                error: "It failed.".to_owned(),
                charged: false,
                retry_after_secs: Some(7),
            }),
        ] {
            let sent = encode(&event, 0);
            assert_eq!(sent.name, event.name());
            assert_eq!(ChatEvent::is_last(&sent.name), matches!(event, ChatEvent::Done(_) | ChatEvent::Error(_)));
            assert_eq!(ChatEvent::parse(&sent.name, &sent.data), Some(event));
        }
    }

    #[test]
    fn an_unknown_event_is_ignored() {
        assert_eq!(ChatEvent::parse("news", "{}"), None);
    }
}
