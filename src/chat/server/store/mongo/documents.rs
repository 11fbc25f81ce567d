//! What is stored of a conversation, of its messages and of their images.

use mongodb::bson;
use serde::{Deserialize, Serialize};

use crate::chat::server::attachments::Image;
use crate::chat::server::store::NewExchange;
use crate::chat::server::versions::Versions;
use crate::chat::{Author, ConversationSummary, CutReason, ImageRef, Message, MessageState, Thinking, ToolCall, Usage};
use crate::platform::amount::{Amount, micros};
use crate::platform::db::mongo::to_bson;
use crate::platform::db::{StoreResult, rfc3339};
use crate::platform::ids::MessageId;
use crate::platform::secret::SecretHash;

/// A conversation as it is stored, without its messages.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredConversation {
    #[serde(rename = "_id")]
    pub id: bson::Uuid,
    pub user: bson::Uuid,
    pub title: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_prompt: Option<String>,
    /// What is asked in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picked: Option<String>,
    /// Which of the user's [`crate::chat::MAX_PINNED`] places it is pinned to: an index lets each be taken once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<i32>,
    /// [`SecretHash`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<bson::Binary>,
    /// The highest place that was given to a message: messages are in the order of their places, whatever clock made
    /// their ids.
    #[serde(default)]
    pub last_place: i64,
    /// Which messages are shown.
    #[serde(default, skip_serializing_if = "Versions::is_empty")]
    pub versions: Versions,
    pub created_at: i64,
    pub updated_at: i64,
    /// Its title is not in the index of searches, or not as it is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unindexed: Option<bool>,
}

/// A message as it is stored. The user is in it too, so that whose it is can be seen without the conversation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredMessage {
    #[serde(rename = "_id")]
    pub id: bson::Uuid,
    pub conversation: bson::Uuid,
    pub user: bson::Uuid,
    pub author: Author,
    pub content: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<ToolCall>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<ImageRef>,
    pub state: MessageState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_from: Option<String>,
    #[serde(default)]
    pub cached: bool,
    #[serde(default)]
    pub cut: bool,
    /// None where it is cut: it is as long as one may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_reason: Option<String>,
    #[serde(default, with = "micros")]
    pub charged: Amount,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_version: Option<String>,
    /// What the model thought before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thinking: Option<Thinking>,
    /// Where it stands in its conversation.
    #[serde(default)]
    pub place: i64,
    /// The message that it is a copy of, in a branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy_of: Option<bson::Uuid>,
    pub created_at: i64,
    /// There is no conversation that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hidden: Option<bool>,
    /// It is not in the index of searches yet. What that has of it, the field `words`, is read by nobody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unindexed: Option<bool>,
}

/// An image of a message, apart from it: lists do not need the bytes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredAttachment {
    #[serde(rename = "_id")]
    pub id: bson::Uuid,
    pub message: bson::Uuid,
    pub conversation: bson::Uuid,
    pub user: bson::Uuid,
    pub media_type: String,
    /// Where the bytes are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<bson::Uuid>,
    /// Those of an image from before there were files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<bson::Binary>,
}

impl StoredConversation {
    pub(super) fn summary(self) -> StoreResult<ConversationSummary> {
        Ok(ConversationSummary {
            id: self.id.to_string(),
            title: self.title,
            pinned: self.pin.is_some(),
            shared: self.share.is_some(),
            created_at: rfc3339(self.created_at)?,
            updated_at: rfc3339(self.updated_at)?,
            snippet: None,
            message_id: None,
        })
    }
}

impl StoredMessage {
    pub(super) fn read(self) -> StoreResult<Message> {
        Ok(Message {
            id: self.id.to_string(),
            author: self.author,
            content: self.content,
            html: None,
            calls: self.calls,
            thinking: self.thinking,
            images: self.images,
            versions: Vec::new(),
            state: self.state,
            credits: self.charged,
            cached: self.cached,
            cut: self.cut,
            cut_reason: self.cut.then(|| self.cut_reason.as_deref().map_or(CutReason::Length, CutReason::parse)),
            provider: self.provider,
            model: self.model,
            fallback_from: self.fallback_from,
            error_code: self.error_code,
            usage: self.usage,
            price_version: self.price_version,
            created_at: rfc3339(self.created_at)?,
        })
    }
}

/// A message and its reply, at the two places that end with `last_place`.
pub(super) fn new_messages(exchange: &NewExchange, last_place: i64, now: i64) -> [StoredMessage; 2] {
    let message = |id: MessageId, author, content: &str, state| StoredMessage {
        id: to_bson(id),
        conversation: to_bson(exchange.conversation),
        user: to_bson(exchange.user),
        author,
        content: content.to_owned(),
        calls: Vec::new(),
        images: Vec::new(),
        state,
        provider: None,
        model: None,
        fallback_from: None,
        cached: false,
        cut: false,
        cut_reason: None,
        charged: Amount::ZERO,
        error_code: None,
        usage: None,
        price_version: None,
        thinking: None,
        place: if author == Author::User { last_place - 1 } else { last_place },
        copy_of: None,
        created_at: now,
        hidden: exchange.hidden.then_some(true),
        unindexed: (!exchange.hidden && state != MessageState::Running).then_some(true),
    };
    let mut reply = message(exchange.reply_id, Author::Assistant, "", MessageState::Running);
    reply.provider = Some(exchange.provider.clone());
    reply.model = Some(exchange.model.clone());
    if let Some(answer) = &exchange.answer {
        reply.content.clone_from(&answer.text);
        reply.state = answer.state;
        reply.cached = answer.cached;
        reply.charged = answer.credits;
        reply.usage = answer.usage;
        reply.thinking.clone_from(&answer.thinking);
        reply.unindexed = (!exchange.hidden).then_some(true);
    }
    let mut asked = message(exchange.message_id, Author::User, &exchange.text, MessageState::Complete);
    asked.images = exchange.images.iter().map(Image::reference).collect();
    [asked, reply]
}

pub(super) fn stored_hash(share: SecretHash) -> bson::Binary {
    bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: share.to_vec() }
}
