//! The state that signed-in pages share: who is here, what can be spent, which conversations there are.

use leptos::prelude::*;

use crate::account::Profile;
use crate::chat::server_fns::load_workspace;
use crate::chat::{ConversationSummary, ProviderInfo};
use crate::page_data::use_page_data;

/// One copy for the whole app; pages get it from [`use_workspace`].
#[derive(Debug, Clone, Copy)]
pub struct WorkspaceContext {
    /// Who is signed in; `None` while it is loading.
    pub profile: Signal<Option<Profile>>,
    /// Credits that can be spent. Whoever learns of a new balance sets it, and the header follows.
    pub available: RwSignal<i64>,
    /// Price of a reply, in credits.
    pub chat_credits: Signal<i64>,
    /// Most characters of a message.
    pub max_message_chars: Signal<usize>,
    /// The providers in the order in which they are asked.
    pub providers: Signal<Vec<ProviderInfo>>,
    /// The newest conversations, newest first.
    pub conversations: RwSignal<Vec<ConversationSummary>>,
}

/// The workspace that [`crate::app::App`] provides.
#[must_use]
pub fn use_workspace() -> WorkspaceContext {
    expect_context()
}

impl WorkspaceContext {
    /// Loads the workspace and provides it to everything below.
    pub fn provide() -> Self {
        let data = use_page_data(|| (), |()| load_workspace());
        let workspace = Memo::new(move |_| data.get().and_then(Result::ok));
        let loaded = workspace.get_untracked();
        let (available, conversations) =
            loaded.map(|loaded| (loaded.available, loaded.conversations)).unwrap_or_default();
        let context = Self {
            profile: Signal::derive(move || workspace.with(|loaded| loaded.as_ref().map(|loaded| loaded.profile.clone()))),
            available: RwSignal::new(available),
            chat_credits: Signal::derive(move || {
                workspace.with(|loaded| loaded.as_ref().map_or(1, |loaded| loaded.chat_credits))
            }),
            max_message_chars: Signal::derive(move || {
                workspace.with(|loaded| loaded.as_ref().map_or(1_000, |loaded| loaded.max_message_chars))
            }),
            providers: Signal::derive(move || {
                workspace.with(|loaded| loaded.as_ref().map(|loaded| loaded.providers.clone()).unwrap_or_default())
            }),
            conversations: RwSignal::new(conversations),
        };
        // The first run changes nothing: both signals were made from what is there.
        Effect::new(move |ran: Option<()>| {
            if let (Some(loaded), Some(())) = (workspace.get(), ran) {
                context.available.set(loaded.available);
                context.conversations.set(loaded.conversations);
            }
        });
        provide_context(context);
        context
    }
}
