//! Any server that speaks `OpenAI`'s chat completions: `POST {base}/chat/completions` with `stream: true`.
//!
//! Shapes: <https://platform.openai.com/docs/api-reference/chat-streaming>.

mod answer;
mod body;
mod embeddings;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) use answer::read_piece;
use answer::refused;
use async_trait::async_trait;
use body::{Body, OPTIONAL, is_sent};
use reqwest::header::{AUTHORIZATION, HeaderMap};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::http::{ask, build_client, read_answer};
use super::sight::Sight;
use super::windows::{LearnedWindow, known_window};
use super::{
    ChatProvider, ChatProviderRow, Embedded, EmbeddingRequest, ModelSpec, ProviderError, ProviderKind, ProviderRequest,
    ProviderSpec, TokenStream,
};
use crate::generation::{Learned, Provider, ProviderConfig, Refusal, read_body, unreachable_error};
use crate::platform::config::Reader;

/// An OpenAI-compatible server.
pub const OPENAI: ChatProviderRow = ChatProviderRow {
    name: "openai",
    needs: "OPENAI_API_KEY or OPENAI_BASE_URL",
    read: |reader, _| Some(Arc::new(OpenAiConfig::read(reader)?)),
};

/// The same in `providers.toml`.
pub const KIND: ProviderKind = ProviderKind {
    name: "openai",
    fields: &["base_url", "key", "headers", "leave_out", "list", "embeds", "model"],
    base_url: Some("https://api.openai.com/v1"),
    needs_key: false,
    build: |provider, model, http| Ok(Arc::new(OpenAiProvider::of(provider, model, http)?)),
    list: Some(|provider| (provider.address("models"), provider.headers_with(AUTHORIZATION, "Bearer "))),
};

const DEFAULT_MODEL: &str = "gpt-5.4-mini";

/// An OpenAI-compatible server. There when `OPENAI_API_KEY` or `OPENAI_BASE_URL` is set.
#[derive(Debug, Clone)]
pub struct OpenAiConfig {
    /// What it is called here.
    pub name: &'static str,
    /// `OPENAI_API_KEY` (none: compatible servers often need no key).
    pub api_key: Option<SecretString>,
    /// `OPENAI_MODEL` (gpt-5.4-mini).
    pub model: String,
    /// `OPENAI_CONTEXT_TOKENS` (what is known of the model): how many tokens it takes, shown where one picks a model.
    pub context_tokens: Option<u32>,
    /// `OPENAI_BASE_URL` (<https://api.openai.com/v1>).
    pub base_url: Url,
    /// `OPENAI_SEES_IMAGES` (true): false for a model that does not; else it is found out.
    pub sees_images: bool,
    /// Most tokens of an answer; `None`: only what is set for all models.
    pub max_output_tokens: Option<u32>,
    /// False for a model that calls no tools.
    pub calls_tools: bool,
    /// `OPENAI_EMBEDDING_MODEL`, or `embeds` of the file (none): it embeds, for programs.
    pub embedding_model: Option<String>,
}

impl OpenAiConfig {
    fn read(reader: &mut Reader) -> Option<Self> {
        let api_key = reader.text("OPENAI_API_KEY").map(SecretString::from);
        let configured = api_key.is_some() || reader.text("OPENAI_BASE_URL").is_some();
        let base_url = reader.url("OPENAI_BASE_URL", "https://api.openai.com/v1");
        let model = reader.text("OPENAI_MODEL").unwrap_or(DEFAULT_MODEL).to_owned();
        let context_tokens = reader.window("OPENAI_CONTEXT_TOKENS");
        let sees_images = reader.parsed("OPENAI_SEES_IMAGES", true, "true or false");
        let embedding_model = reader.text("OPENAI_EMBEDDING_MODEL").map(str::to_owned);
        let (name, max_output_tokens) = (OPENAI.name, None);
        let calls_tools = true;
        configured.then_some(Self {
            name,
            api_key,
            model,
            context_tokens,
            base_url,
            sees_images,
            max_output_tokens,
            calls_tools,
            embedding_model,
        })
    }
}

impl ProviderConfig<dyn ChatProvider> for OpenAiConfig {
    fn build(&self) -> Result<Arc<dyn ChatProvider>, String> {
        Ok(Arc::new(OpenAiProvider::new(self.clone(), build_client(HeaderMap::new())?)))
    }
}

/// A client of one OpenAI-compatible server.
pub struct OpenAiProvider {
    config: OpenAiConfig,
    url: String,
    http: reqwest::Client,
    /// What this server does not take.
    learned: Learned,
    window: LearnedWindow,
    sight: Sight,
    thinks_unopened: AtomicBool,
}

impl OpenAiProvider {
    #[must_use]
    pub fn new(config: OpenAiConfig, http: reqwest::Client) -> Self {
        // The base URL may carry a path of its own, with or without a slash at its end.
        let url = format!("{}/chat/completions", config.base_url.as_str().trim_end_matches('/'));
        Self {
            config,
            url,
            http,
            learned: Learned::new(OPTIONAL),
            window: LearnedWindow::default(),
            sight: Sight::default(),
            thinks_unopened: AtomicBool::default(),
        }
    }

    /// A model of a provider of `providers.toml`.
    fn of(provider: &ProviderSpec, model: &ModelSpec, http: reqwest::Client) -> Result<Self, String> {
        let config = OpenAiConfig {
            name: provider.name,
            api_key: provider.secret(),
            model: model.name.clone(),
            context_tokens: model.context_tokens,
            base_url: provider.base_url.clone().ok_or("base_url is missing")?,
            sees_images: model.sees_images != Some(false),
            max_output_tokens: model.max_output_tokens,
            calls_tools: model.calls_tools != Some(false),
            embedding_model: provider.embeds.clone(),
        };
        let mut made = Self::new(config, http);
        made.learned = made.learned.without(&provider.leave_out);
        Ok(made)
    }
}

impl Provider for OpenAiProvider {
    fn name(&self) -> &'static str {
        self.config.name
    }

    fn model(&self) -> String {
        self.config.model.clone()
    }
}

#[async_trait]
impl ChatProvider for OpenAiProvider {
    fn context_tokens(&self) -> Option<u32> {
        self.config.context_tokens.or_else(|| known_window(&self.config.model))
    }

    fn window(&self) -> Option<u32> {
        self.window.within(self.context_tokens())
    }

    fn learn_window(&self, tokens: u32) {
        self.window.learn(tokens);
    }

    fn thinks_unopened(&self) -> bool {
        self.thinks_unopened.load(Ordering::Relaxed)
    }

    fn learn_unopened(&self, is_so: bool) {
        self.thinks_unopened.store(is_so, Ordering::Relaxed);
    }

    fn takes_formats(&self) -> bool {
        true
    }

    fn output_limit(&self) -> Option<u32> {
        self.config.max_output_tokens
    }

    /// As far as is known: a model that does not will refuse.
    fn calls_tools(&self) -> bool {
        self.config.calls_tools
    }

    fn embedding_model(&self) -> Option<&str> {
        self.config.embedding_model.as_deref()
    }

    async fn embed(&self, request: &EmbeddingRequest) -> Result<Embedded, ProviderError> {
        let model = self.embedding_model().unwrap_or_default();
        let url = format!("{}/embeddings", self.config.base_url.as_str().trim_end_matches('/'));
        let mut call = self.http.post(url).json(&embeddings::Body::new(request, model));
        if let Some(key) = &self.config.api_key {
            call = call.bearer_auth(key.expose_secret());
        }
        let response = call.send().await.map_err(|error| unreachable_error(&error))?;
        if !response.status().is_success() {
            return Err(refused(&Refusal::read(response).await));
        }
        embeddings::read(&read_body(response, embeddings::MOST).await?, request.input.count())
    }

    /// As far as is known: a model that does not will refuse.
    fn sees_images(&self) -> bool {
        self.config.sees_images && self.sight.is_given()
    }

    async fn start(&self, request: ProviderRequest) -> Result<TokenStream, ProviderError> {
        let model = request.model.as_deref().unwrap_or(&self.config.model);
        let shows = request.turns.iter().any(|turn| !turn.images.is_empty());
        let mut without = self.learned.refused();
        // What was too large this time is left out of this request alone.
        let mut is_lasting = true;
        loop {
            let body = Body::new(&request, model, without);
            let mut call = self.http.post(&self.url).json(&body);
            if let Some(key) = &self.config.api_key {
                call = call.bearer_auth(key.expose_secret());
            }
            let refusal = match ask(call).await? {
                Ok(response) => {
                    if is_lasting {
                        self.learned.keep(without);
                    }
                    if shows {
                        self.sight.saw();
                    }
                    return Ok(read_answer(response, read_piece));
                }
                Err(refusal) => refusal,
            };
            let (error, fault) = (refused(&refusal), refusal.fault());
            // A limit that is too small is no reason to have none.
            if matches!(error, ProviderError::Rejected(_))
                && let Some(more) = self.learned.more(without, &fault, |at| is_sent(at, without))
                && !fault.is_too_little()
            {
                is_lasting &= !fault.is_about_size();
                tracing::warn!(provider = self.config.name, %error, "asked again without what was refused");
                without = more;
                continue;
            }
            // What is passed on may be why, and may be repeated in what is said.
            let is_about_images = shows && !request.sampling.is_special();
            return Err(if is_about_images { self.sight.refused(&refusal, error) } else { error });
        }
    }
}
