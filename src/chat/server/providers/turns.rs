//! What a model gets to see: turns, with the calls of tools, their results and what was thought before them.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::super::attachments::Image;
use super::caching::{CacheControl, CacheMark};
pub use crate::chat::ToolCall;

/// Who said something in the context that a model gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    System,
    User,
    Assistant,
    /// What a tool that was called gave: [`Turn::result`].
    Tool,
}

/// One turn of the context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    pub role: Role,
    /// Who of several says it.
    pub name: Option<String>,
    pub content: String,
    /// Only for who sees: [`ChatProvider::sees_images`](super::ChatProvider::sees_images).
    pub images: Vec<Image>,
    /// How closely each of them is to be looked at, as far as that was said.
    pub details: Vec<Option<ImageDetail>>,
    /// Tools that the assistant calls, after what it says.
    pub calls: Vec<ToolCall>,
    /// What it thought before that, for the kind of provider that it is of.
    pub thoughts: Vec<Thought>,
    /// Of a turn of [`Role::Tool`]: which call its content is the result of.
    pub result: Option<ToolResult>,
    /// Up to where it is to be cached, in order.
    pub cache: Vec<CacheMark>,
}

/// How closely a model looks at an image: `OpenAI`'s `detail`. Others look as they always do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImageDetail {
    Auto,
    Low,
    High,
    /// As large as it was sent.
    Original,
}

/// Which call a turn is the result of. One turn for each call, in a row after the assistant's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolResult {
    pub call_id: String,
    /// The call failed.
    pub is_error: bool,
    /// All up to its end is to be cached.
    pub cache: Option<CacheControl>,
}

/// What a model thought, as its provider wants it back in the same round of tools. Never sent back as text to any other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Thought {
    /// What may be shown of it; may be empty.
    pub text: String,
    pub seal: Option<Seal>,
}

/// What a provider wants back unchanged: Anthropic's `signature` (or the `data` of a redacted thought, which has no text),
/// Gemini's `thoughtSignature`, the `encrypted_content` of `OpenAI`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// The kind of provider that it is of, as in its configuration: `anthropic`, `gemini`, `openai`.
    pub kind: Cow<'static, str>,
    pub data: String,
}

impl Seal {
    /// As clients keep it: with the kind, so that nobody else is sent it.
    #[must_use]
    pub fn told(&self) -> String {
        format!("{}.{}", self.kind, self.data)
    }

    /// What a client sends back; nothing where it is none of ours.
    #[must_use]
    pub fn read(told: &str) -> Option<Self> {
        let (kind, data) = told.split_once('.')?;
        let is_kind = !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_lowercase());
        (is_kind && !data.is_empty()).then(|| Self { kind: Cow::Owned(kind.to_owned()), data: data.to_owned() })
    }
}

/// What stands in an id between the id and a seal.
const SEALED: &str = "__sealed_";

impl Seal {
    /// The id of a call with this in it: whatever a client speaks, it sends that back. Of letters, digits, `_` and `-`.
    #[must_use]
    pub fn with_id(&self, id: &str) -> String {
        let data = BASE64_URL_SAFE_NO_PAD.encode(&self.data);
        format!("{id}{SEALED}{}_{data}", self.kind)
    }

    /// The id as it was, and what is in it.
    #[must_use]
    pub fn of_id(told: &str) -> (&str, Option<Self>) {
        let Some((id, sealed)) = told.split_once(SEALED) else { return (told, None) };
        let seal = sealed.split_once('_').and_then(|(kind, data)| {
            let data = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(data).ok()?).ok()?;
            Some(Self { kind: Cow::Owned(kind.to_owned()), data })
        });
        (id, seal)
    }
}

impl Turn {
    /// A turn of nothing but text.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self {
            role,
            name: None,
            content: content.into(),
            images: Vec::new(),
            details: Vec::new(),
            calls: Vec::new(),
            thoughts: Vec::new(),
            result: None,
            cache: Vec::new(),
        }
    }

    /// The result of a call.
    pub fn result(call_id: impl Into<String>, content: impl Into<String>, is_error: bool) -> Self {
        let result = Some(ToolResult { call_id: call_id.into(), is_error, cache: None });
        Self { result, ..Self::new(Role::Tool, content) }
    }

    /// The text; for models that know no names, with the name before it.
    #[must_use]
    pub fn told(&self) -> Cow<'_, str> {
        match &self.name {
            Some(name) => format!("{name}: {}", self.content).into(),
            None => self.content.as_str().into(),
        }
    }

    /// Whether it calls tools, or has what came of it.
    #[must_use]
    pub fn is_of_tools(&self) -> bool {
        self.role == Role::Tool || !self.calls.is_empty()
    }

    /// How long it is.
    #[must_use]
    pub fn chars(&self) -> usize {
        let texts = self.texts().map(|text| text.chars().count());
        texts.sum::<usize>() + self.content.chars().count() + self.name.as_ref().map_or(0, |name| name.chars().count())
    }

    /// Bytes of its texts.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.content.len() + self.texts().map(str::len).sum::<usize>()
    }

    /// What a model reads of it besides its content and name.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let calls = self.calls.iter().flat_map(|call| [call.name.as_str(), call.arguments.as_str()]);
        let thoughts = self.thoughts.iter().filter(|thought| thought.seal.is_some());
        calls.chain(thoughts.map(|thought| thought.text.as_str()))
    }

    /// Bytes of what a provider gets back that it has sealed: it reads, and charges for, what nobody else can.
    #[must_use]
    pub fn sealed_bytes(&self) -> usize {
        let thoughts = self.thoughts.iter().filter_map(|thought| thought.seal.as_ref()).map(|seal| seal.data.len());
        let calls = self.calls.iter().filter_map(|call| call.id.split_once(SEALED)).map(|(_, seal)| seal.len());
        thoughts.chain(calls).sum()
    }

    /// Its images, and how closely each is to be looked at.
    pub fn shown(&self) -> impl Iterator<Item = (&Image, Option<ImageDetail>)> {
        let details = self.details.iter().copied().chain(std::iter::repeat(None));
        self.images.iter().zip(details)
    }

    /// What it asks a provider to cache.
    pub fn cache_controls(&self) -> impl Iterator<Item = CacheControl> {
        let result = self.result.as_ref().and_then(|result| result.cache);
        self.cache.iter().map(|mark| mark.control).chain(result)
    }

    /// Nothing is to be cached for longer than is usual.
    pub fn shorten_caches(&mut self) {
        let result = self.result.as_mut().and_then(|result| result.cache.as_mut());
        self.cache.iter_mut().map(|mark| &mut mark.control).chain(result).for_each(CacheControl::shorten);
    }

    /// What the kind of provider wants back of what was thought.
    pub fn thoughts_of(&self, kind: &'static str) -> impl Iterator<Item = (&str, &str)> {
        self.thoughts.iter().filter_map(move |Thought { text, seal }| {
            seal.as_ref().filter(|seal| seal.kind == kind).map(|seal| (text.as_str(), seal.data.as_str()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_goes_back_to_its_own_kind_and_to_no_other() {
        let seal = Seal { kind: "gemini".into(), data: "a.b=".to_owned() };
        assert_eq!(Seal::read(&seal.told()), Some(seal.clone()));
        for strange in ["", "c2ln", "gemini.", ".x", "EqQBCkYI.x"] {
            assert_eq!(Seal::read(strange), None, "{strange}");
        }
        assert_eq!(Seal::of_id(&seal.with_id("call_1")), ("call_1", Some(seal.clone())));
        assert_eq!(Seal::of_id("call_1"), ("call_1", None));
        assert_eq!(Seal::of_id("call_1__sealed_x"), ("call_1", None));
        let thoughts = vec![Thought { text: "Hm".to_owned(), seal: Some(seal) }, Thought::default()];
        let turn = Turn { thoughts, ..Turn::new(Role::Assistant, "x") };
        assert_eq!(turn.thoughts_of("gemini").collect::<Vec<_>>(), [("Hm", "a.b=")]);
        assert_eq!(turn.thoughts_of("anthropic").count(), 0);
    }
}
