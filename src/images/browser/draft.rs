//! The prompt that is being written, kept in this browser until another takes its place.

use leptos::prelude::ReadValue;

use crate::layout::WorkspaceContext;
use crate::platform::browser::storage;

fn key_of(workspace: WorkspaceContext) -> String {
    format!("draft/{}/images", workspace.facts.read_value().profile.id)
}

/// What was written last.
pub(super) fn find(workspace: WorkspaceContext) -> String {
    storage::find(&key_of(workspace))
}

/// Keeps what is written now.
pub(super) fn keep(workspace: WorkspaceContext, text: &str) {
    storage::keep(&key_of(workspace), text);
}
