//! What stands in the composer, kept in this browser: for each user and each conversation, until it is sent.

use leptos::prelude::*;

use super::thread::Thread;
use crate::platform::browser::storage;

fn key_of(thread: Thread) -> String {
    let facts = thread.workspace.facts.read_value();
    let conversation = thread.conversation.read_untracked();
    format!("draft/{}/{}", facts.profile.id, conversation.as_deref().unwrap_or_default())
}

/// What was left unsent in the conversation that is shown.
pub(super) fn find(thread: Thread) -> String {
    storage::find(&key_of(thread))
}

/// Keeps what is unsent there now.
pub(super) fn keep(thread: Thread, text: &str) {
    storage::keep(&key_of(thread), text);
}
