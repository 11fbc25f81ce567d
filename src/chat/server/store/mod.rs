//! The port to conversations and messages.

mod mongo;
mod sqlite;

use async_trait::async_trait;
pub use mongo::MongoChatStore;
pub use sqlite::SqliteChatStore;

use super::attachments::Image;
use super::versions::Versions;
use crate::chat::{
    Author, Conversation, ConversationChange, ConversationSummary, CutReason, ImageRef, MAX_PINNED, Message,
    MessageState, Thinking, ToolCall, Usage,
};
use crate::credits::server::store::{HoldEnd, HoldId, HoldOutcome, NewHold};
use crate::credits::{Balance, Page};
use crate::platform::amount::Amount;
use crate::platform::db::{StoreError, StoreResult};
use crate::platform::ids::{AttachmentId, ConversationId, MessageId, UserId};
use crate::platform::secret::SecretHash;

/// A user's message and the reply that is about to be written.
#[derive(Debug, Clone)]
pub struct NewExchange {
    pub user: UserId,
    pub conversation: ConversationId,
    /// Makes the conversation with this title; else it must be there and belong to the user.
    pub new_title: Option<String>,
    /// A new conversation that no list shows; see [`ChatStore::forget_hidden`].
    pub hidden: bool,
    /// What the model is told first in the conversation that is made.
    pub system_prompt: Option<String>,
    /// What is asked in the conversation from now on, as it is picked by, or [`crate::chat::ANY_MODEL`]; `None`: as before.
    pub picked: Option<String>,
    /// The user's message that this one takes the place of, with all that follow it: they are kept as another version.
    pub replaces: Option<MessageId>,
    pub message_id: MessageId,
    pub text: String,
    pub images: Vec<Image>,
    pub reply_id: MessageId,
    pub provider: String,
    pub model: String,
    /// An answer that is known already: the reply is stored as ended.
    pub answer: Option<FinishedReply>,
}

/// What comes before a question in the model's context.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Past {
    pub system_prompt: Option<String>,
    /// Oldest first.
    pub messages: Vec<PastMessage>,
}

/// What was said before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastMessage {
    pub author: Author,
    pub content: String,
    pub images: Vec<ImageRef>,
}

/// How a reply ended.
#[derive(Debug, Clone)]
pub struct FinishedReply {
    pub id: MessageId,
    pub state: MessageState,
    pub text: String,
    /// Tools that it calls.
    pub calls: Vec<ToolCall>,
    /// What was thought before it.
    pub thinking: Option<Thinking>,
    pub provider: String,
    pub model: String,
    /// The provider that should have answered and did not.
    pub fallback_from: Option<String>,
    /// It was given before, to the same question.
    pub cached: bool,
    /// Why it ends before its end, if it does.
    pub cut: Option<CutReason>,
    /// What is charged for it.
    pub credits: Amount,
    pub error_code: Option<&'static str>,
    pub usage: Option<Usage>,
    /// Which price it had, if it had one.
    pub price_version: Option<String>,
}

/// Which conversations are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConversationFilter {
    /// Their title or a message contains this, from the beginning of a word on; empty: whatever they contain.
    pub query: String,
    /// Those that are pinned, or those that are not.
    pub pinned: Option<bool>,
}

/// What came of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    Done,
    NotFound,
    /// [`crate::chat::MAX_PINNED`] are pinned already.
    TooManyPinned,
}

/// A conversation that begins as a part of another one.
#[derive(Debug, Clone, Copy)]
pub struct NewBranch {
    pub user: UserId,
    pub id: ConversationId,
    /// The other one.
    pub of: ConversationId,
    /// The last message that comes along.
    pub until: MessageId,
}

/// Which messages of a conversation are wanted; oldest first, whichever they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The last ones before a message, or of all; at most so many.
    Before(Option<MessageId>, usize),
    /// The first ones after a message, or of all; at most so many.
    After(Option<MessageId>, usize),
}

impl Part {
    pub const ALL: Self = Self::After(None, usize::MAX);

    /// Between which two ids, how many, and whether they are counted from the end.
    fn bounds(self) -> (MessageId, MessageId, usize, bool) {
        match self {
            Self::Before(end, most) => (MessageId::min(), end.unwrap_or(MessageId::max()), most, true),
            Self::After(start, most) => (start.unwrap_or(MessageId::min()), MessageId::max(), most, false),
        }
    }

    /// Messages with their places that were read in its direction, one more than wanted if there are more, in their order; and where
    /// the next part begins.
    fn cut(self, mut messages: Vec<(i64, Message)>) -> (Vec<(i64, Message)>, Option<String>) {
        let (_, _, most, from_end) = self.bounds();
        let more = messages.len() > most;
        messages.truncate(most);
        let next = messages.last().filter(|_| more).map(|(_, last)| last.id.clone());
        if from_end {
            messages.reverse();
        }
        (messages, next)
    }
}

/// A reply with what surrounds it.
#[derive(Debug, Clone)]
pub struct StoredReply {
    pub conversation: ConversationId,
    pub message: Message,
}

/// A message that stands in a place.
struct Version {
    place: i64,
    id: MessageId,
    /// There is no answer to it, and none is being written.
    is_unanswered: bool,
}

/// Which places have to be looked up for the versions of these messages.
fn places_of_versions(versions: &Versions, messages: &[(i64, Message)]) -> Vec<i64> {
    if versions.is_empty() {
        return Vec::new();
    }
    let asked = messages.iter().filter(|(_, message)| message.author == Author::User);
    asked.map(|(place, _)| versions.of(*place)).filter(|places| places.len() > 1).flatten().collect()
}

/// The messages, with the ids of their versions. A version without an answer is not offered.
fn with_versions(versions: &Versions, messages: Vec<(i64, Message)>, known: &[Version]) -> Vec<Message> {
    let name = |(place, mut message): (i64, Message)| {
        if message.author == Author::User && !known.is_empty() {
            let places = versions.of(place);
            let offered = |version: &&Version| {
                places.contains(&version.place) && (version.place == place || !version.is_unanswered)
            };
            message.versions = known.iter().filter(offered).map(|version| version.id.to_string()).collect();
            if message.versions.len() < 2 {
                message.versions.clear();
            }
        }
        message
    };
    messages.into_iter().map(name).collect()
}

fn parse_image_id(image: &ImageRef) -> StoreResult<AttachmentId> {
    image.id.parse().map_err(|_| StoreError::Corrupt(format!("image {:?}", image.id)))
}

/// All that a user has said, to be read whole, and deleted.
#[async_trait]
pub trait AllOfUser: Send + Sync {
    /// The conversations of a user after this one, in the order of their ids. Those that no list shows are not among them.
    async fn list_ids(&self, user: UserId, after: ConversationId, limit: usize) -> StoreResult<Vec<ConversationId>>;
    /// The messages of a conversation that stand after a place, with their places: all, whichever versions are shown.
    async fn read_all(
        &self,
        user: UserId,
        id: ConversationId,
        after: i64,
        limit: usize,
    ) -> StoreResult<Vec<(i64, Message)>>;
    /// The messages of a user after this one, in the order of their ids, that belong to conversations which no list shows.
    async fn read_hidden(&self, user: UserId, after: MessageId, limit: usize) -> StoreResult<Vec<Message>>;
    /// Deletes all conversations of a user, with their messages and images, and leaves nothing of them in the index of searches.
    async fn delete_of_user(&self, user: UserId) -> StoreResult<()>;
}

/// Conversations and their messages. What belongs to somebody else is not there.
#[async_trait]
pub trait ChatStore: AllOfUser {
    /// Stores the message and the running reply and returns what came before, at most `history` messages; `None`
    /// when the conversation or the replaced message is not there.
    async fn begin_exchange(&self, exchange: NewExchange, history: usize) -> StoreResult<Option<Past>>;
    /// Puts the price of the reply aside and, if that was done, stores the exchange in the same step: what became of the hold,
    /// and what [`ChatStore::begin_exchange`] returns. `None`, and nothing is done, where the credits are kept apart.
    async fn begin_paid(
        &self,
        _hold: NewHold,
        _exchange: NewExchange,
        _history: usize,
    ) -> StoreResult<Option<(HoldOutcome, Option<Past>)>> {
        Ok(None)
    }
    /// What was said in a conversation before the message `replaces`, or up to now: what [`ChatStore::begin_exchange`]
    /// would return.
    async fn find_past(
        &self,
        user: UserId,
        conversation: ConversationId,
        replaces: Option<MessageId>,
        history: usize,
    ) -> StoreResult<Option<Past>>;
    /// Keeps what a running reply has so far.
    async fn save_partial(&self, reply: MessageId, text: String) -> StoreResult<()>;
    /// Says who writes a running reply from now on.
    async fn assign_reply(&self, reply: MessageId, provider: String, model: String) -> StoreResult<()>;
    /// Ends a running reply; `false` when it ended otherwise or is gone. The same end again is `true` again, so that
    /// one whose answer was lost on the way can be repeated.
    async fn finish_reply(&self, reply: FinishedReply) -> StoreResult<bool>;
    /// Ends a running reply and settles its hold in the same step: how the hold has ended, and the balance now. `None`, and
    /// nothing is charged, where [`ChatStore::finish_reply`] says `false`, where there is no such hold, and where the credits are kept
    /// apart.
    async fn finish_paid(&self, _reply: FinishedReply, _hold: HoldId) -> StoreResult<Option<(HoldEnd, Balance)>> {
        Ok(None)
    }
    /// Ends a reply that nobody writes any more: incomplete with text, failed without, free either way. Returns what
    /// the reply costs, which is more than 0 if it had ended well before; `None` when there is no such reply.
    async fn abandon_reply(&self, reply: MessageId) -> StoreResult<Option<Amount>>;
    /// Asks the server that writes this reply to stop; `false` when none writes it.
    async fn request_stop(&self, user: UserId, reply: MessageId) -> StoreResult<bool>;
    /// The replies that are being written in a conversation; only those that are shown no more when the message `from` is
    /// replaced.
    async fn running_replies(
        &self,
        user: UserId,
        conversation: ConversationId,
        from: Option<MessageId>,
    ) -> StoreResult<Vec<MessageId>>;
    /// Which of these running replies should stop: those that were asked to, and those that were deleted.
    async fn stop_requests(&self, replies: Vec<MessageId>) -> StoreResult<Vec<MessageId>>;
    /// A message of this user.
    async fn find_message(&self, user: UserId, id: MessageId) -> StoreResult<Option<StoredReply>>;
    /// What all replies of a conversation were charged, in all versions; 0 for somebody else's.
    async fn sum_charged(&self, user: UserId, id: ConversationId) -> StoreResult<Amount>;
    /// The conversations in which these messages of the user are shown, with their titles.
    async fn find_titles(
        &self,
        user: UserId,
        messages: Vec<MessageId>,
    ) -> StoreResult<Vec<(MessageId, ConversationId, String)>>;
    /// An image that this user sent. It goes with its message.
    async fn find_attachment(&self, user: UserId, id: AttachmentId) -> StoreResult<Option<Image>>;
    /// Bytes of all images that this user has sent; those of branches are the same.
    async fn image_bytes(&self, user: UserId) -> StoreResult<u64>;
    /// Deletes bytes of images from before `before`, in milliseconds since 1970, that nothing shows any more, and gives
    /// back to the disk what was deleted.
    async fn forget_unshown(&self, before: i64) -> StoreResult<()>;
    /// A conversation with a part of the messages that are shown; `next_cursor` is the message where the next part begins.
    async fn find_part(&self, user: UserId, id: ConversationId, part: Part) -> StoreResult<Option<Conversation>>;
    /// A conversation with all messages that are shown.
    async fn find_conversation(&self, user: UserId, id: ConversationId) -> StoreResult<Option<Conversation>> {
        self.find_part(user, id, Part::ALL).await
    }
    /// The newest first; `None` for a cursor that is none of ours. A query finds what has ended: see
    /// [`crate::chat::server::search`].
    async fn list_conversations(
        &self,
        user: UserId,
        filter: &ConversationFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> StoreResult<Option<Page<ConversationSummary>>>;
    /// The pinned conversations, then from a cursor on a page of the others, as [`ChatStore::list_conversations`] says of both.
    async fn list_sidebar(
        &self,
        user: UserId,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Page<ConversationSummary>> {
        let of = |pinned| ConversationFilter { pinned: Some(pinned), ..ConversationFilter::default() };
        let (pinned, others) = (of(true), of(false));
        let (pinned, others) = tokio::try_join!(
            self.list_conversations(user, &pinned, None, MAX_PINNED),
            self.list_conversations(user, &others, after, limit),
        )?;
        let next_cursor = others.as_ref().and_then(|page| page.next_cursor.clone());
        Ok(Page { items: [pinned, others].into_iter().flatten().flat_map(|page| page.items).collect(), next_cursor })
    }
    /// All of the change or nothing.
    async fn change_conversation(
        &self,
        user: UserId,
        id: ConversationId,
        change: ConversationChange,
    ) -> StoreResult<Changed>;
    /// Shows the version of what was said that has this message; `false` where there is no such message.
    async fn choose_version(&self, user: UserId, id: ConversationId, message: MessageId) -> StoreResult<bool>;
    /// Copies what has been said up to a message; the copies are free. `None` where there is no such message.
    async fn branch_conversation(&self, branch: NewBranch) -> StoreResult<Option<ConversationSummary>>;
    /// Lets those who have the secret read it, and no longer those who had the one before; without a secret nobody; `false`
    /// where there is none.
    async fn share_conversation(
        &self,
        user: UserId,
        id: ConversationId,
        share: Option<SecretHash>,
    ) -> StoreResult<bool>;
    /// The conversation that is shared by this secret, with a part of its messages.
    async fn find_shared_part(&self, share: SecretHash, part: Part) -> StoreResult<Option<Conversation>>;
    /// The conversation that is shared by this secret, whole.
    async fn find_shared(&self, share: SecretHash) -> StoreResult<Option<Conversation>> {
        self.find_shared_part(share, Part::ALL).await
    }
    /// Whether the conversation that is shared by this secret shows this message, or a copy of it.
    async fn is_shared(&self, share: SecretHash, message: MessageId) -> StoreResult<bool>;
    /// Indexes some of what is not yet, so that searches find it, the newest first; how much there was. 0: all is.
    async fn index_pending(&self) -> StoreResult<usize>;
    /// Deletes the hidden conversations that began before `before`, in milliseconds since 1970, and are not being written.
    async fn forget_hidden(&self, before: i64) -> StoreResult<()>;
    /// Deletes it with its messages; the ids of its running replies, or `None` where there is none.
    async fn delete_conversation(&self, user: UserId, id: ConversationId) -> StoreResult<Option<Vec<MessageId>>>;
}
