//! What a model thought before its answer, as both targets and the HTTP API see it. It is no part of the answer: it is not copied,
//! not shared, and never sent to a model as text.

use serde::{Deserialize, Serialize};

/// What a model thought.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct Thinking {
    /// As it came, or a summary, as the provider tells it. Empty where it does not.
    #[serde(default)]
    pub text: String,
    /// How long, in milliseconds.
    #[serde(default)]
    pub millis: u32,
}

/// A piece of what a model thinks. Nothing of it is told before the first word of the answer, as it may be all there is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct ThinkingEvent {
    /// Empty: it thinks, or its provider does not tell what.
    #[serde(default)]
    pub text: String,
    /// How long it has thought, in milliseconds, where the answer has begun.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub millis: Option<u32>,
    /// What the provider wants back with it, at its end: for programs that call tools.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seal: Option<String>,
}

impl Thinking {
    /// All of it, of its pieces; nothing where there are none.
    #[must_use]
    pub fn of(pieces: &[ThinkingEvent]) -> Option<Self> {
        let mut all = Self::default();
        for piece in pieces {
            all.push(piece);
        }
        (!pieces.is_empty()).then_some(all)
    }

    /// As one piece.
    #[must_use]
    pub fn piece(self) -> ThinkingEvent {
        ThinkingEvent { text: self.text, millis: Some(self.millis), seal: None }
    }

    /// Takes a piece of it.
    pub fn push(&mut self, piece: &ThinkingEvent) {
        self.text.push_str(&piece.text);
        self.millis = piece.millis.unwrap_or(self.millis);
    }

    /// In whole seconds, at least one.
    #[must_use]
    pub fn seconds(&self) -> u32 {
        self.millis.div_ceil(1000).max(1)
    }
}
