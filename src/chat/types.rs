//! Messages, providers and what pages show around them, as both targets and the HTTP API see them.

use serde::{Deserialize, Serialize};

use super::conversation::ConversationSummary;
use super::estimate::{ProviderInfo, ProviderTerms};
use super::thinking::Thinking;
use super::tool_call::ToolCall;
use super::usage::{CutReason, Usage};
use crate::platform::amount::Amount;

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
    /// Tools that it calls. Only in answers of `/v1`.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    #[cfg_attr(feature = "hydrate", serde(skip_deserializing))]
    pub calls: Vec<ToolCall>,
    /// What the model thought before it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub thinking: Option<Thinking>,
    /// What the user showed with it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub images: Vec<ImageRef>,
    /// Where a message of the user has others in its place: the ids of all of them, oldest first. In a conversation only.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub versions: Vec<String>,
    pub state: MessageState,
    /// What was charged. 0 for the user's own message.
    pub credits: Amount,
    pub cached: bool,
    /// It ended before its end: `cutReason` says why.
    #[serde(skip_serializing_if = "is_false", default)]
    pub cut: bool,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cut_reason: Option<CutReason>,
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
    /// Which price it had.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[cfg_attr(feature = "hydrate", serde(skip_deserializing))]
    pub price_version: Option<String>,
    /// RFC 3339, UTC.
    #[cfg_attr(feature = "hydrate", serde(skip_deserializing))]
    pub created_at: String,
}

impl Message {
    /// It is an image that was made here, and nothing else: see `server/image_messages.rs`.
    #[must_use]
    pub fn shows_image(&self) -> bool {
        self.content.starts_with("[![") && self.content.contains("](/images/")
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls it with")]
pub(super) const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// A message to a model.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChatRequest<Image = String> {
    /// 1 to 1,000 characters, unless the server is configured otherwise; where the price is per token, as many as the model
    /// takes in.
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
    /// The user's message that this one takes the place of: a version of it, as `versions` lists them. What was said from it
    /// on is kept, and not shown.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub replaces: Option<String>,
    /// What is shown with the message: data URLs, or ids of images that were sent before.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    #[cfg_attr(feature = "ssr", schema(value_type = Vec<String>))]
    pub images: Vec<Image>,
    /// For the conversation that begins with this message: what the model is told before everything else.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub system_prompt: Option<String>,
    /// It must not cost more than this, which is at least what a short reply may cost.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub max_credits: Option<Amount>,
}

/// What came of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct ChatAnswer {
    /// Markdown.
    pub reply: String,
    pub remaining_credits: Amount,
    /// What was charged.
    pub credits: Amount,
    /// The same was asked before: then it costs nothing.
    pub cached: bool,
    /// Why it ends before its end, if it does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cut_reason: Option<CutReason>,
    /// Another provider than the first in order answered.
    pub fallback: bool,
    pub provider: String,
    pub model: String,
    pub conversation_id: String,
    /// The reply's.
    pub message_id: String,
}

/// What people call a provider.
#[must_use]
pub fn provider_label(name: &str) -> &str {
    match name {
        "anthropic" => "Anthropic",
        "gemini" => "Gemini",
        "openai" => "OpenAI",
        "local" => "Local",
        "replicate" => "Replicate",
        "sketch" => "Sketch, not AI",
        other => other,
    }
}

/// The panel from which one is picked.
pub const PROVIDERS_ID: &str = "providers";

/// What the buttons are called in it that say how much a model is to think.
pub const EFFORT_NAME: &str = "picked-effort";

/// The field in it that finds one of many.
pub const FIND_MODEL_ID: &str = "find-model";

/// The panel from which one is picked to be asked the last question again.
pub const AGAIN_ID: &str = "again";

/// The field in it that finds one of many.
pub const FIND_AGAIN_ID: &str = "find-again";

/// The dialog that shows an image of a conversation.
pub const LIGHTBOX_ID: &str = "lightbox";

pub use crate::account::PROVIDER_COOKIE;

/// What every signed-in page shows around its content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workspace {
    pub profile: crate::account::Profile,
    pub available: Amount,
    /// Price of a reply of who answers now, in credits; where it is per token, that of a short one.
    pub chat_credits: Amount,
    /// Most characters of a message to who answers now.
    pub max_message_chars: usize,
    /// The same for each that can be picked, as far as they are shown at once.
    pub terms: Vec<ProviderTerms>,
    /// What can be picked, in the order in which they are asked, the first of it. Only for the HTML: the page asks for all when somebody
    /// wants to pick one.
    #[serde(skip)]
    pub providers: Vec<ProviderInfo>,
    /// There are more. For the HTML.
    #[serde(skip)]
    pub has_more: bool,
    /// Only the model that comes with Tessera answers, which is often wrong and knows English alone. For the HTML.
    #[serde(skip)]
    pub small_model: bool,
    /// What there is to tell of the credits, unless that was seen. For the HTML.
    #[serde(skip)]
    pub notice: Option<crate::credits::Notice>,
    /// What is announced on every page: HTML.
    #[serde(skip)]
    pub announcement: String,
    /// Whether one of them takes images.
    pub sees_images: bool,
    /// What the user picked; `None`: whoever can answers.
    pub provider: Option<String>,
    /// How much that one is to think; `None`: as usual.
    #[serde(default)]
    pub effort: Option<String>,
    /// Why that one cannot answer now, or why none can, for people.
    pub problem: Option<String>,
    /// How much of a budget is spent, for people, once that is worth a word.
    pub budget_notice: Option<String>,
    /// Those that are pinned, then the newest, then the one that is shown if it is none of them.
    pub conversations: Vec<ConversationSummary>,
    /// Where the ones after the newest begin.
    pub next_cursor: Option<String>,
    /// Today, yesterday and a week ago (`2026-11-22`, UTC): the server's, so that the browser groups alike.
    pub days: Vec<String>,
}

/// What was written and could not be sent: the page that is loaded next has it in the composer.
#[derive(Debug, Clone)]
pub struct Unsent(pub String);

/// What stands for whoever can answer.
pub const ANY_MODEL: &str = "tessera";
/// Models that a page lists at once, and as many aliases: the others come when somebody looks for one.
pub const MOST_SHOWN: usize = 12;
/// Most characters of a system prompt.
pub const MAX_SYSTEM_PROMPT_CHARS: usize = 4000;
/// Most conversations that a user pins.
pub const MAX_PINNED: usize = 50;
