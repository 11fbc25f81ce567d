//! What is asked of a provider that embeds, and what it answers.

use serde::Serialize;

/// Texts, or what they were cut into.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum EmbeddingInput {
    Texts(Vec<String>),
    Tokens(Vec<Vec<u32>>),
}

impl EmbeddingInput {
    /// How many vectors that makes.
    #[must_use]
    pub const fn count(&self) -> usize {
        match self {
            Self::Texts(all) => all.len(),
            Self::Tokens(all) => all.len(),
        }
    }

    /// Bytes of it, for an estimate.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Texts(all) => all.iter().map(String::len).sum(),
            Self::Tokens(all) => all.iter().map(|tokens| tokens.len() * 4).sum(),
        }
    }
}

/// What a provider is asked.
#[derive(Debug, Clone)]
pub struct EmbeddingRequest {
    pub input: EmbeddingInput,
    /// Length of the vectors, where that is chosen.
    pub dimensions: Option<u32>,
}

/// What it answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// One for each input, in their order.
    pub vectors: Vec<Vec<f32>>,
    /// What was used, where it says so.
    pub tokens: Option<u32>,
}
