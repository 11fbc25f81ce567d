//! What stands in the composer, kept in this browser: for each user and each conversation, until it is sent.

use leptos::prelude::*;
use web_sys::Storage;

use super::thread::Thread;

/// Nothing where the browser keeps nothing; a draft then lasts as long as the page.
pub fn storage() -> Option<Storage> {
    // There is none on the server.
    if cfg!(target_arch = "wasm32") { window().local_storage().ok().flatten() } else { None }
}

fn key_of(thread: Thread) -> String {
    let facts = thread.workspace.facts.read_value();
    let conversation = thread.conversation.read_untracked();
    format!("draft/{}/{}", facts.profile.id, conversation.as_deref().unwrap_or_default())
}

/// What was left unsent in the conversation that is shown.
pub(super) fn find(thread: Thread) -> String {
    storage().and_then(|kept| kept.get_item(&key_of(thread)).ok().flatten()).unwrap_or_default()
}

/// Keeps what is unsent there now.
pub(super) fn keep(thread: Thread, text: &str) {
    if let Some(kept) = storage() {
        let key = key_of(thread);
        // It fails where there is no room left, and then there is nothing better to do.
        drop(if text.is_empty() { kept.remove_item(&key) } else { kept.set_item(&key, text) });
    }
}

/// Forgets the drafts of everybody: who signs out leaves nothing behind.
pub fn forget_all() {
    if let Some(kept) = storage() {
        // As above.
        drop(kept.clear());
    }
}
