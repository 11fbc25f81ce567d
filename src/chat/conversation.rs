//! Conversations, as both targets and the HTTP API see them.

use serde::{Deserialize, Serialize};

use super::estimate::ProviderTerms;
use super::types::{Message, MessageState};
use crate::platform::amount::Amount;

/// A conversation as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Default))]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ConversationSummary {
    /// `UUIDv7`.
    pub id: String,
    pub title: String,
    /// It stands above the others.
    pub pinned: bool,
    /// Whoever has its link can read it.
    pub shared: bool,
    /// RFC 3339, UTC.
    #[cfg_attr(feature = "hydrate", serde(skip_deserializing))]
    pub created_at: String,
    /// RFC 3339, UTC.
    pub updated_at: String,
    /// Where a search found it in a message: a line of its text.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub snippet: Option<String>,
    /// The message with the snippet.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub message_id: Option<String>,
}

/// A conversation with its messages, or the newest of them, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Conversation {
    /// `UUIDv7`.
    pub id: String,
    pub title: String,
    /// It stands above the others.
    pub pinned: bool,
    /// Whoever has its link can read it.
    pub shared: bool,
    /// What the model is told before everything else. The page reads it where it is to be changed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(feature = "hydrate", serde(skip_deserializing))]
    pub system_prompt: Option<String>,
    /// What was asked last in it, as `GET /api/providers` names it; `tessera`: whoever could. Absent where that is not known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub picked: Option<String>,
    /// What that costs now; absent where it is not offered any more.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub offered: Option<ProviderTerms>,
    /// RFC 3339, UTC.
    #[cfg_attr(feature = "hydrate", serde(skip_deserializing))]
    pub created_at: String,
    /// RFC 3339, UTC.
    pub updated_at: String,
    /// Pass it as `cursor` to get the messages before these; there are none before the first.
    #[serde(default)]
    pub next_cursor: Option<String>,
    pub messages: Vec<Message>,
}

impl Conversation {
    /// As lists show it.
    #[must_use]
    pub fn summary(&self) -> ConversationSummary {
        ConversationSummary {
            id: self.id.clone(),
            title: self.title.clone(),
            pinned: self.pinned,
            shared: self.shared,
            created_at: self.created_at.clone(),
            updated_at: self.updated_at.clone(),
            snippet: None,
            message_id: None,
        }
    }
}

/// What a page that is looked at again wants to know: whether anything has changed meanwhile, in another tab or elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    /// Credits that can be spent.
    pub available: Amount,
    /// How much of a budget is spent, for people, once that is 50, 80 or 100%.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub budget_notice: Option<String>,
    /// The pinned ones, then the newest, then the one you named if it is not among them.
    pub conversations: Vec<ConversationSummary>,
    /// Pass it as `cursor` to `/api/conversations?pinned=false` to get older ones.
    pub next_cursor: Option<String>,
    /// The last message of the conversation you named.
    pub latest: Option<LatestMessage>,
}

/// The last message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct LatestMessage {
    /// `UUIDv7`.
    pub id: String,
    pub state: MessageState,
}

/// How far a message has come, as one text: two that are equal need no look.
#[must_use]
pub fn state_of(id: &str, state: MessageState) -> String {
    format!("{id} {}", state.as_str())
}

/// What is to change; what is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ConversationChange {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub title: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pinned: Option<bool>,
    /// Empty: none any more.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub system_prompt: Option<String>,
}

/// The link of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct ShareLink {
    /// Whoever has it can read the conversation. It is told once: only its hash is kept.
    pub url: String,
}
