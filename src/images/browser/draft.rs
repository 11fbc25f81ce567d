//! The prompt that is being written, kept in this browser until another takes its place.

use leptos::prelude::ReadValue;

use crate::chat::draft_storage;
use crate::layout::WorkspaceContext;

fn key_of(workspace: WorkspaceContext) -> String {
    format!("draft/{}/images", workspace.facts.read_value().profile.id)
}

/// What was written last.
pub(super) fn find(workspace: WorkspaceContext) -> String {
    draft_storage().and_then(|kept| kept.get_item(&key_of(workspace)).ok().flatten()).unwrap_or_default()
}

/// Keeps what is written now.
pub(super) fn keep(workspace: WorkspaceContext, text: &str) {
    if let Some(kept) = draft_storage() {
        // It fails where there is no room left, and then there is nothing better to do.
        drop(kept.set_item(&key_of(workspace), text));
    }
}
