//! What the list of conversations asks of the HTTP API.

use serde::Deserialize;

use crate::chat::{ConversationChange, ConversationSummary, Overview, ShareLink};
use crate::credits::Page;
use crate::i18n::{Text, t};
use crate::platform::browser::api::{Failure, delete, get, patch, post};
use crate::platform::query::address;

/// Changes what a change names.
pub async fn change_conversation(id: &str, change: &ConversationChange) -> Result<(), Failure> {
    patch(&path(id)).json(change).send().await.map(drop)
}

/// Deletes a conversation with its messages.
pub async fn delete_conversation(id: &str) -> Result<(), Failure> {
    delete(&path(id)).send().await.map(drop)
}

/// Makes a new link to a conversation.
pub async fn share_conversation(id: &str) -> Result<String, Failure> {
    post(&format!("{}/share", path(id))).send().await?.data::<ShareLink>().map(|link| link.url)
}

/// Ends the link to a conversation.
pub async fn unshare_conversation(id: &str) -> Result<(), Failure> {
    delete(&format!("{}/share", path(id))).send().await.map(drop)
}

/// What the model is told first in a conversation; empty: nothing.
pub async fn load_system_prompt(id: &str) -> Result<String, Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Prompted {
        system_prompt: Option<String>,
    }
    let conversation = get(&format!("{}?limit=1", path(id))).send().await?.data::<Prompted>()?;
    Ok(conversation.system_prompt.unwrap_or_default())
}

/// The newest conversations that contain a text.
pub async fn search_conversations(text: &str) -> Result<Page<ConversationSummary>, Failure> {
    get(&address("/api/conversations", &[("q", text)])).send().await?.data()
}

/// What may have changed since the answer that `tag` names, and its own tag; a conversation is asked about if `id` is one.
pub async fn load_overview(id: &str, tag: &str) -> Result<(Overview, String), Failure> {
    let query = if id.is_empty() { "" } else { "?conversation=" };
    let request = get(&format!("/api/overview{query}{id}"));
    let request = if tag.is_empty() { request } else { request.header("If-None-Match", tag) };
    request.send_for_tag().await
}

/// The conversations after those that the list has.
pub async fn load_conversations(cursor: &str) -> Result<Page<ConversationSummary>, Failure> {
    get(&address("/api/conversations", &[("pinned", "false"), ("cursor", cursor)])).send().await?.data()
}

/// Why the server refused, in its own words; where it could not do it at all, that it cannot just now.
pub fn text_of(failure: Failure) -> String {
    if (400..500).contains(&failure.status) { failure.text } else { t(Text::Unavailable).to_owned() }
}

fn path(id: &str) -> String {
    format!("/api/conversations/{id}")
}
