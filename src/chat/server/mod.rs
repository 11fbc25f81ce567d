//! Chat on the server: sending, generating, streaming and storing replies.

mod again;
mod answer_limit;
pub mod api;
pub mod attachments;
mod budget_notice;
mod choices;
pub mod config;
pub mod context;
mod context_window;
pub mod conversations;
pub mod embeddings;
mod estimate;
mod estimate_api;
mod events;
mod export;
mod forms;
mod formulas;
pub mod highlight;
pub mod image_messages;
pub mod image_text;
mod leaving;
pub mod models;
mod order;
mod overview_api;
pub mod page;
pub mod providers;
pub mod quote;
mod receipt;
pub mod recovery;
pub mod renderer;
pub mod reply;
mod response_cache;
mod sanitizer;
pub mod search;
pub mod send;
mod send_api;
pub mod service;
pub mod shared_page;
pub mod store;
pub mod subscribe;
mod thoughts;
mod tokens;
mod unsent;
pub mod versions;
pub mod work_names;

use std::ops::Deref;
use std::sync::Arc;

use self::config::ChatConfig;
use self::models::Models;
use self::providers::GuardedProvider;
use self::renderer::Renderer;
use self::search::Turns;
use self::store::ChatStore;
use crate::credits::server::prices::PriceBook;
use crate::generation::Generation;
use crate::images::server::Images;
use crate::platform::cache::Cache;
use crate::platform::site::Site;

/// Conversations and replies. Cheap to clone.
#[derive(Clone)]
pub struct Chat(Arc<ChatParts>);

/// What [`Chat`] is made of.
pub struct ChatParts {
    pub site: Site,
    pub config: ChatConfig,
    /// What a reply costs.
    pub prices: PriceBook,
    pub store: Arc<dyn ChatStore>,
    /// Who can be asked.
    pub models: Models,
    /// Answers that were given before.
    pub cache: Arc<dyn Cache>,
    pub generation: Generation,
    /// `/image …` makes one.
    pub images: Images,
    /// The HTML of answers.
    pub renderer: Renderer,
    /// Who is searching.
    pub searches: Turns,
}

impl Chat {
    #[must_use]
    pub fn new(parts: ChatParts) -> Self {
        Self(Arc::new(parts))
    }

    /// The providers, each with the first of its models, in the order in which they are asked.
    #[must_use]
    pub fn providers(&self) -> Vec<Arc<GuardedProvider>> {
        self.models.now().providers.clone()
    }
}

impl Deref for Chat {
    type Target = ChatParts;

    fn deref(&self) -> &ChatParts {
        &self.0
    }
}
