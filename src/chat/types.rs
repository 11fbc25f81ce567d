//! Conversations, messages and the events of a running reply, as both targets and the HTTP API see them.

use serde::{Deserialize, Serialize};

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Author {
    User,
    Assistant,
}

/// How far a message has come. What the user wrote is always `complete`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum MessageState {
    /// A server is writing it right now.
    Running,
    /// Whole, and charged.
    Complete,
    /// The user stopped it: charged if there is text, free if there is none.
    Stopped,
    /// The provider or the server broke off: the text is kept, free.
    Incomplete,
    /// No text came, free.
    Failed,
}

impl MessageState {
    pub const ALL: [Self; 5] = [Self::Running, Self::Complete, Self::Stopped, Self::Incomplete, Self::Failed];

    /// The stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Stopped => "stopped",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
        }
    }

    /// The state of a stored name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// Tokens that a provider says it used. Shown and recorded, never the basis of a charge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    pub input_tokens: u32,
    pub output_tokens: u32,
}

/// An image of a message: the bytes are at `/api/chat/attachments/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ImageRef {
    /// `UUIDv7`.
    pub id: String,
    /// `image/png`, `image/jpeg`, `image/webp` or `image/gif`.
    #[cfg_attr(feature = "hydrate", serde(skip_deserializing))]
    pub media_type: String,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// `UUIDv7`. A reply's id is also the id of its job and of its hold.
    pub id: String,
    pub author: Author,
    /// Markdown as it was written.
    pub content: String,
    /// The same as safe HTML, rendered by the server; absent while the reply is running and for the user's own text.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub html: Option<String>,
    /// What the user showed with it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub images: Vec<ImageRef>,
    pub state: MessageState,
    /// What was charged. 0 for the user's own message.
    pub credits: i64,
    pub cached: bool,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub model: Option<String>,
    /// The provider that should have answered and did not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fallback_from: Option<String>,
    /// The code of the error that ended the reply.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub usage: Option<Usage>,
    /// RFC 3339, UTC.
    #[cfg_attr(feature = "hydrate", serde(skip_deserializing))]
    pub created_at: String,
}

/// A conversation as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
}

/// A conversation with its messages, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Conversation {
    /// `UUIDv7`.
    pub id: String,
    pub title: String,
    /// It stands above the others. The page, which has this from the list, does not read it again.
    #[cfg_attr(feature = "hydrate", serde(skip_deserializing))]
    pub pinned: bool,
    /// Whoever has its link can read it. From the list as well.
    #[cfg_attr(feature = "hydrate", serde(skip_deserializing))]
    pub shared: bool,
    /// What the model is told before everything else. The page reads it where it is to be changed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(feature = "hydrate", serde(skip_deserializing))]
    pub system_prompt: Option<String>,
    /// RFC 3339, UTC.
    #[cfg_attr(feature = "hydrate", serde(skip_deserializing))]
    pub created_at: String,
    /// RFC 3339, UTC.
    #[cfg_attr(feature = "hydrate", serde(skip_deserializing))]
    pub updated_at: String,
    pub messages: Vec<Message>,
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

/// A message to a model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChatRequest {
    /// 1 to 1,000 characters, unless the server is configured otherwise.
    #[serde(default)]
    #[cfg_attr(feature = "ssr", schema(required))]
    pub message: String,
    /// Asked first; the others follow if it fails.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub provider: Option<String>,
    /// One of that provider.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub model: Option<String>,
    /// Where the message belongs; without it, a new conversation begins.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub conversation_id: Option<String>,
    /// Do not answer from the cache.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fresh: Option<bool>,
    /// The user's message that this one takes the place of; it and all that follow it leave the conversation.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub replaces: Option<String>,
    /// What is shown with the message: data URLs, or ids of images that were sent before.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub images: Vec<String>,
    /// For the conversation that begins with this message: what the model is told before everything else.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub system_prompt: Option<String>,
}

/// What came of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChatAnswer {
    /// Markdown.
    pub reply: String,
    pub remaining_credits: i64,
    /// What was charged.
    pub credits: i64,
    /// The same was asked before: then it costs nothing.
    pub cached: bool,
    /// Another provider than the first in order answered.
    pub fallback: bool,
    pub provider: String,
    pub model: String,
    pub conversation_id: String,
    /// The reply's.
    pub message_id: String,
}

/// An event of a reply, sent as `text/event-stream` under its name; `data` is JSON. Each has an `id`, which
/// `Last-Event-ID` takes to go on after it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "ssr", derive(Serialize, utoipa::ToSchema))]
#[cfg_attr(feature = "ssr", serde(tag = "event", content = "data", rename_all = "lowercase"))]
pub enum ChatEvent {
    Start(StartEvent),
    Token(TokenEvent),
    Fallback(FallbackEvent),
    Done(DoneEvent),
    Error(ErrorEvent),
}

/// The first event of every reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct StartEvent {
    pub message_id: String,
    pub conversation_id: String,
    pub provider: String,
    pub model: String,
    /// What is on hold for it.
    pub credits: i64,
}

/// The text goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct TokenEvent {
    pub text: String,
}

/// Another provider is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct FallbackEvent {
    pub from: String,
    pub to: String,
}

/// The reply is there, and paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct DoneEvent {
    /// The whole text, for who has not seen it come.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reply: Option<String>,
    pub cached: bool,
    pub remaining_credits: i64,
    /// What was charged.
    pub credits: i64,
    pub usage: Option<Usage>,
}

/// There is no reply, or not all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
pub struct ErrorEvent {
    /// For programs.
    pub code: String,
    /// For people.
    pub error: String,
    /// Always `false`: no result, no charge.
    pub charged: bool,
}

/// A provider that can be picked, in the order in which they are asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ProviderInfo {
    /// `local`, `openai` …
    pub name: String,
    pub model: String,
    /// How many tokens question, context and answer may have together, where that is known.
    pub context_tokens: Option<u32>,
    /// Price of a reply, in credits.
    pub credits: i64,
    /// Why it cannot answer now, for people; `None` when it can.
    pub problem: Option<String>,
    /// Whether it takes images.
    pub sees_images: bool,
}

/// What people call a provider.
#[must_use]
pub fn provider_label(name: &str) -> &str {
    match name {
        "gemini" => "Gemini",
        "openai" => "OpenAI",
        "local" => "Local",
        "replicate" => "Replicate",
        "sketch" => "Sketch, not AI",
        other => other,
    }
}

/// Why the picked provider cannot answer now; without one, why none of them can.
#[must_use]
pub fn problem_of(providers: &[ProviderInfo], picked: Option<&ProviderInfo>) -> Option<String> {
    match picked {
        Some(picked) => picked.problem.clone(),
        None if providers.iter().all(|provider| provider.problem.is_some()) => providers.first()?.problem.clone(),
        None => None,
    }
}

/// The panel from which one is picked.
pub const PROVIDERS_ID: &str = "providers";

/// The cookie that remembers which provider was picked.
pub const PROVIDER_COOKIE: &str = "provider";

/// What every signed-in page shows around its content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workspace {
    pub profile: crate::account::Profile,
    pub available: i64,
    /// Price of a reply, in credits.
    pub chat_credits: i64,
    /// Most characters of a message.
    pub max_message_chars: usize,
    /// In the order in which they are asked. Only for the HTML: the page asks for them when somebody wants to pick one.
    #[serde(skip)]
    pub providers: Vec<ProviderInfo>,
    /// Whether one of them takes images.
    pub sees_images: bool,
    /// The provider that the user picked; `None`: whoever can answers.
    pub provider: Option<String>,
    /// Why that provider cannot answer now, or why none can, for people.
    pub problem: Option<String>,
    /// Those that are pinned, then the newest.
    pub conversations: Vec<ConversationSummary>,
    /// Today, yesterday and a week ago (`2026-11-22`, UTC): the server's, so that the browser groups alike.
    pub days: Vec<String>,
}

/// Most characters of the title that a user gives.
pub const MAX_TITLE_CHARS: usize = 120;
/// Most characters of the title that a conversation gets from its first message.
const TITLE_CHARS: usize = 60;
/// Most characters of a system prompt.
pub const MAX_SYSTEM_PROMPT_CHARS: usize = 4000;
/// Most conversations that a user pins.
pub const MAX_PINNED: usize = 50;

/// What a conversation that begins with this message is called: its words on one short line.
#[must_use]
pub fn title_of(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= TITLE_CHARS {
        return line;
    }
    let cut: String = line.chars().take(TITLE_CHARS - 1).collect();
    format!("{}…", cut.trim_end())
}

/// What a branch of a conversation with this title is called.
#[must_use]
pub fn branch_title(title: &str) -> String {
    const MARK: &str = " (branch)";
    let title = title.strip_suffix(MARK).unwrap_or(title);
    let cut: String = title.chars().take(MAX_TITLE_CHARS - MARK.len()).collect();
    cut + MARK
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_is_called_after_its_conversation_and_a_branch_of_it_too() {
        assert_eq!(branch_title("Tides"), "Tides (branch)");
        assert_eq!(branch_title("Tides (branch)"), "Tides (branch)");
        assert_eq!(branch_title(&"é".repeat(MAX_TITLE_CHARS)).chars().count(), MAX_TITLE_CHARS);
    }

    #[test]
    fn a_title_is_one_short_line() {
        assert_eq!(title_of("\n  Hello there\nand more "), "Hello there and more");
        assert_eq!(title_of(&"é".repeat(100)).chars().count(), TITLE_CHARS);
        assert!(title_of(&"word ".repeat(40)).ends_with('…'));
    }
}
