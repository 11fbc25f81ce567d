//! What came into the conversation elsewhere, in another tab or on another device: put onto the screen where nothing else moves.

use leptos::prelude::*;

use super::client;
use super::thread::{Entry, Thread};
use crate::chat::Message;

/// Loads the newest messages, and changes what is not as it is on the screen.
pub(super) async fn catch_up(thread: Thread, turn: u32) {
    let conversation = thread.conversation.get_untracked().unwrap_or_default();
    let Ok(stored) = client::load_conversation(&conversation, "", 0).await else { return };
    if !thread.is_at(turn) || thread.busy.get_untracked() {
        return;
    }
    let shown = thread.entries.get_untracked();
    let Some(start) = stored.messages.first().and_then(|first| shown.iter().position(|entry| is_of(entry, first)))
    else {
        // Nothing of what is shown is among the newest.
        thread.show(stored);
        return thread.attach();
    };
    let mut entries = shown[..start].to_vec();
    for (at, message) in stored.messages.into_iter().enumerate() {
        match shown.get(start + at).filter(|entry| is_of(entry, &message)) {
            Some(entry) => {
                if *entry.message.read_untracked() != message {
                    entry.message.set(message);
                }
                entries.push(entry.clone());
            }
            None => entries.push(thread.entry(message)),
        }
    }
    thread.entries.set(entries);
    thread.attach();
}

/// Whether a message is the one of an entry. What was sent from here has no id yet.
fn is_of(entry: &Entry, message: &Message) -> bool {
    let shown = entry.message.read_untracked();
    if shown.id.is_empty() {
        shown.author == message.author && shown.content == message.content
    } else {
        shown.id == message.id
    }
}
