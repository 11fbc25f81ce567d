//! The port to chat providers: a stream of tokens, then what it used. Dropping the stream cancels upstream.

mod anthropic;
mod caching;
mod decoder;
mod effort;
mod embedding;
mod frames;
mod gemini;
mod http;
pub mod local;
mod openai;
mod sight;
mod spec;
mod tools;
mod turns;
mod windows;

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

pub use self::caching::{CacheControl, CacheMark, CacheTtl};
pub use self::effort::Effort;
pub use self::embedding::{Embedded, EmbeddingInput, EmbeddingRequest};
pub use self::http::build_client;
pub use self::spec::{Key, ModelSpec, ProviderKind, ProviderSpec};
pub use self::tools::{AnswerFormat, Tool, ToolChoice, Toolbox};
pub use self::turns::{ImageDetail, Role, Seal, Thought, ToolCall, ToolResult, Turn};
use crate::chat::Usage;
use crate::credits::server::prices::CacheWrites;
pub use crate::generation::ProviderError;
use crate::generation::{Guarded, Provider, ProviderRow};

/// A row of [`PROVIDERS`].
pub type ChatProviderRow = ProviderRow<dyn ChatProvider>;

/// The chat providers of this version. Those that are configured are asked in this order, unless `CHAT_PROVIDERS` sets
/// another.
pub const PROVIDERS: &[ChatProviderRow] = &[gemini::GEMINI, openai::OPENAI, anthropic::ANTHROPIC, local::LOCAL];

/// The kinds of providers that `providers.toml` may have.
pub const KINDS: &[ProviderKind] = &[gemini::KIND, openai::KIND, anthropic::KIND, local::KIND];

/// Longest reply, in tokens, where nothing else is set.
pub const MAX_OUTPUT_TOKENS: u32 = 1024;

/// How a model draws its words. What is not set is the provider's own.
#[derive(Debug, Clone)]
pub struct Sampling {
    /// At most what is configured.
    pub max_output_tokens: u32,
    /// 0 to 2.
    pub temperature: Option<f32>,
    /// Above 0, up to 1.
    pub top_p: Option<f32>,
    /// -2 to 2.
    pub frequency_penalty: Option<f32>,
    /// -2 to 2.
    pub presence_penalty: Option<f32>,
    /// The same for the same answer, as far as the model can.
    pub seed: Option<i64>,
    /// The reply ends before any of these; at most four.
    pub stop: Vec<String>,
    /// Tools that may be called, for who can: [`ChatProvider::calls_tools`].
    pub toolbox: Arc<Toolbox>,
    /// For who can: [`ChatProvider::takes_formats`].
    pub format: Option<AnswerFormat>,
    /// All of the context is to be cached, for who can: [`ChatProvider::caches_prompts`].
    pub cache: Option<CacheControl>,
    /// Fields of `OpenAI`'s, as they are, for providers that speak as it does.
    pub passed_on: Map<String, Value>,
    /// It is not to think, whatever effort is named: of who can be told so.
    pub no_thoughts: bool,
    /// What who asks calls the limit and the texts that end an answer.
    pub names: FieldNames,
}

/// What can leave an answer without a word, in the words of who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldNames {
    pub limit: &'static str,
    pub stop: &'static str,
}

impl Default for FieldNames {
    fn default() -> Self {
        Self { limit: "max_completion_tokens", stop: "stop" }
    }
}

impl Sampling {
    /// What a model reads of it.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let schema = self.format.as_ref().and_then(AnswerFormat::schema).map(RawValue::get);
        self.toolbox.texts().chain(schema)
    }

    /// What it asks a provider to cache, besides that of the turns.
    pub fn cache_controls(&self) -> impl Iterator<Item = CacheControl> {
        self.toolbox.tools.iter().filter_map(|tool| tool.cache).chain(self.cache)
    }

    /// Nothing is to be cached for longer than is usual.
    pub fn shorten_caches(&mut self) {
        if self.cache_controls().any(|control| control.writes() == CacheWrites::OneHour) {
            let tools = &mut Arc::make_mut(&mut self.toolbox).tools;
            tools
                .iter_mut()
                .filter_map(|tool| tool.cache.as_mut())
                .chain(&mut self.cache)
                .for_each(CacheControl::shorten);
        }
    }

    /// The first of these that is asked for and does something.
    #[must_use]
    pub fn first_of(&self, fields: &[&'static str]) -> Option<&'static str> {
        let is_set = |number: Option<f32>| number.is_some_and(|number| number != 0.0);
        fields.iter().copied().find(|field| match *field {
            "frequency_penalty" => is_set(self.frequency_penalty),
            "presence_penalty" => is_set(self.presence_penalty),
            other => self.passed_on.contains_key(other),
        })
    }

    /// Whether more is asked for than words: a provider may refuse that, which says nothing of how it is.
    #[must_use]
    pub fn is_special(&self) -> bool {
        let has_more = self.no_thoughts || self.format.is_some() || self.cache.is_some();
        has_more || !self.passed_on.is_empty() || !self.toolbox.is_empty()
    }
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            max_output_tokens: MAX_OUTPUT_TOKENS,
            temperature: None,
            top_p: None,
            frequency_penalty: None,
            presence_penalty: None,
            seed: None,
            stop: Vec::new(),
            toolbox: Arc::default(),
            format: None,
            cache: None,
            passed_on: Map::new(),
            no_thoughts: false,
            names: FieldNames::default(),
        }
    }
}

/// What a provider is asked.
#[derive(Debug, Clone)]
pub struct ProviderRequest {
    /// Oldest first; the last is the user's, the results of tools, or what the answer begins with.
    pub turns: Vec<Turn>,
    /// Another model of this provider than the configured one.
    pub model: Option<String>,
    pub sampling: Sampling,
    /// Most tokens that are paid for, with what it thinks; `None`: as many as it takes.
    pub most_output: Option<u32>,
    /// The question, and what the system says, are not to be cut where they are too long.
    pub must_fit: bool,
}

impl ProviderRequest {
    /// Most tokens of the answer, without what it thinks.
    #[must_use]
    pub fn max_output_tokens(&self) -> u32 {
        let limit = self.sampling.max_output_tokens;
        self.most_output.map_or(limit, |most| limit.min(most))
    }
}

/// A piece of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderEvent {
    Token(String),
    /// A call of a tool goes on, or begins.
    Call(CallPiece),
    /// What the model thinks goes on; the seal comes with the last of it.
    Thought(Thought),
    /// What was used so far, in case the answer is never whole.
    Usage(Usage),
    /// It is at work, though there is no text yet: perhaps it thinks.
    Alive {
        thinks: bool,
    },
    /// Not all of what was said fits: the oldest of it is left out.
    Shortened,
    /// The answer has come to its end. A stream that ends without this was broken off.
    Done {
        finish: Finish,
        usage: Option<Usage>,
    },
}

/// A piece of the call of a tool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallPiece {
    /// Which of the answer's calls, from 0 without gaps.
    pub index: usize,
    /// With the first piece of a call, and with no other.
    pub begins: Option<CallHead>,
    /// What comes next of the arguments, in JSON.
    pub arguments: String,
}

/// What a call begins with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallHead {
    pub id: String,
    pub name: String,
}

/// How an answer came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// All was said.
    Whole,
    /// It was as long as it may be.
    Limit,
    /// It waits for the results of what it calls.
    Calls,
}

/// The pieces of an answer as they come.
pub type TokenStream = BoxStream<'static, Result<ProviderEvent, ProviderError>>;

/// A provider with its breaker.
pub type GuardedProvider = Guarded<dyn ChatProvider>;

/// A source of replies.
#[async_trait]
pub trait ChatProvider: Provider {
    /// How many tokens question, context and answer may have together; `None` where nobody knows.
    fn context_tokens(&self) -> Option<u32>;
    /// How many of them to reckon with: what is known, or what it has turned out to take.
    fn window(&self) -> Option<u32> {
        self.context_tokens()
    }
    /// It has turned out to take so many.
    fn learn_window(&self, _tokens: u32) {}
    /// Whether it takes images.
    fn sees_images(&self) -> bool {
        false
    }
    /// Most tokens of an answer of its model, where somebody has said so.
    fn output_limit(&self) -> Option<u32> {
        None
    }
    /// Whether its answers have turned out to begin with thoughts that no tag begins.
    fn thinks_unopened(&self) -> bool {
        false
    }
    /// They have turned out to, or not to.
    fn learn_unopened(&self, _is_so: bool) {}
    /// Tokens that a model of it may think, on top of those of the answer.
    fn room_to_think(&self, _model: &str, _effort: Option<Effort>) -> u32 {
        0
    }
    /// Whether it takes [`Sampling::format`].
    fn takes_formats(&self) -> bool {
        false
    }
    /// Whether it takes [`Sampling::toolbox`], and turns with calls and results.
    fn calls_tools(&self) -> bool {
        false
    }
    /// Whether it caches what it is asked to: [`Turn::cache`] and its like.
    fn caches_prompts(&self) -> bool {
        false
    }
    /// Most tokens that it says itself to a model that is given tools, and counts as read.
    fn tool_prompt(&self) -> u32 {
        0
    }
    /// The first field of a request that shapes an answer and that it does not know, as `OpenAI` names it.
    fn leaves_out(&self, _sampling: &Sampling) -> Option<&'static str> {
        None
    }
    /// The model of it that embeds, where one does.
    fn embedding_model(&self) -> Option<&str> {
        None
    }
    /// Embeds, with that model. What it answers is whole.
    async fn embed(&self, _request: &EmbeddingRequest) -> Result<Embedded, ProviderError> {
        Err(ProviderError::Rejected("it does not embed".to_owned()))
    }
    /// Asks. Waits at most until the provider has accepted the request.
    async fn start(&self, request: ProviderRequest) -> Result<TokenStream, ProviderError>;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::chat::provider_label;
    use crate::images::browser::collection::painter_label;
    use crate::images::server::providers::PROVIDERS as IMAGE_PROVIDERS;

    #[test]
    fn every_provider_has_a_name_of_its_own_and_a_label() {
        let chat: Vec<_> = PROVIDERS.iter().map(|row| row.name).collect();
        let images: Vec<_> = IMAGE_PROVIDERS.iter().map(|row| row.name).collect();
        for names in [&chat, &images] {
            assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "two of {names:?} have one name");
        }
        for name in &images {
            let file = "src/images/browser/collection.rs";
            assert_ne!(painter_label(name), *name, "{name} lacks its line in `painter_label` ({file})");
        }
        for name in chat.into_iter().chain(images) {
            assert_ne!(provider_label(name), name, "{name} lacks its line in `provider_label` (src/chat/types.rs)");
        }
    }
}
