//! The state that signed-in pages share: who is here, what can be spent, which conversations there are.

use leptos::prelude::*;

use crate::account::Profile;
use crate::chat::{ConversationSummary, ProviderInfo, Workspace};
use crate::page_data::use_preloaded;

/// One copy for the whole app; pages get it from [`use_workspace`].
#[derive(Debug, Clone, Copy)]
pub struct WorkspaceContext {
    /// Who is signed in.
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
    /// Takes what the page handler loaded, and provides it to everything below. Each page that hydrates comes with it.
    pub fn provide() -> Self {
        let (profile, workspace) = match use_preloaded() {
            Some(Ok(Workspace { profile, available, chat_credits, max_message_chars, providers, conversations })) => {
                (Some(profile), (available, chat_credits, max_message_chars, providers, conversations))
            }
            _ => Default::default(),
        };
        let (available, chat_credits, max_message_chars, providers, conversations) = workspace;
        let context = Self {
            profile: Signal::stored(profile),
            available: RwSignal::new(available),
            chat_credits: Signal::stored(chat_credits),
            max_message_chars: Signal::stored(max_message_chars),
            providers: Signal::stored(providers),
            conversations: RwSignal::new(conversations),
        };
        provide_context(context);
        context
    }
}
