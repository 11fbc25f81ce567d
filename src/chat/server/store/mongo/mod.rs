//! Conversations in MongoDB. No step needs the one before to be undone: messages are stored before the conversation
//! that shows them, and deleted before it.

mod conversations;
mod documents;
mod ending;
mod exchange;
mod files;
mod leaving;
mod paths;
mod search;

use std::sync::atomic::AtomicBool;

use async_trait::async_trait;
use mongodb::bson::{self, Document, doc};
use mongodb::{Collection, options::ReturnDocument};
use serde::Deserialize;

use self::conversations::{parse_cursor, write_cursor};
use self::documents::{StoredAttachment, StoredConversation, StoredMessage, new_messages, stored_hash};
use self::ending::{Ending, gather_ends};
use self::files::StoredFile;
use self::paths::within;
use super::{Changed, ChatStore, ConversationFilter, FinishedReply, NewBranch, NewExchange, Part, Past, StoredReply};
use crate::chat::server::attachments::Image;
use crate::chat::server::search::Wanted;
use crate::chat::server::versions::Versions;
use crate::chat::{Conversation, ConversationChange, ConversationSummary, MessageState};
use crate::credits::Page;
use crate::platform::amount::{Amount, micros};
use crate::platform::db::StoreResult;
use crate::platform::db::mongo::{Durability, Gather, Inserts, Mongo, from_bson, run, to_bson};
use crate::platform::ids::{AttachmentId, ConversationId, MessageId, UserId};
use crate::platform::secret::SecretHash;

/// Places of the first message and its reply.
const NEW_PLACES: i64 = 2;

/// [`ChatStore`] over MongoDB.
pub struct MongoChatStore {
    mongo: Mongo,
    conversations: Collection<StoredConversation>,
    messages: Collection<StoredMessage>,
    /// Messages that begin an exchange, and conversations that begin with one.
    new_messages: Inserts<StoredMessage>,
    new_conversations: Inserts<StoredConversation>,
    /// Ends of replies.
    ends: Gather<Ending, bool>,
    /// For what a charge depends on: it must not be lost when the charge is not.
    durable_messages: Collection<StoredMessage>,
    durable_conversations: Collection<StoredConversation>,
    attachments: Collection<StoredAttachment>,
    files: Collection<StoredFile>,
    /// How far what was there before the index of searches has come into it.
    meta: Collection<Document>,
    /// All of it has.
    all_flagged: AtomicBool,
}

impl MongoChatStore {
    #[must_use]
    pub fn new(mongo: &Mongo) -> Self {
        let (conversations, messages) =
            (mongo.collection("conversations", Durability::Relaxed), mongo.collection("messages", Durability::Relaxed));
        Self {
            mongo: mongo.clone(),
            new_messages: Inserts::new("new messages", messages.clone()),
            new_conversations: Inserts::new("new conversations", conversations.clone()),
            ends: gather_ends(mongo),
            conversations,
            messages,
            durable_messages: mongo.collection("messages", Durability::Durable),
            durable_conversations: mongo.collection("conversations", Durability::Durable),
            attachments: mongo.collection("attachments", Durability::Relaxed),
            files: mongo.collection("attachmentFiles", Durability::Relaxed),
            meta: mongo.collection("meta", Durability::Relaxed),
            all_flagged: AtomicBool::new(false),
        }
    }
}

#[async_trait]
impl ChatStore for MongoChatStore {
    async fn begin_exchange(&self, exchange: NewExchange, history: usize) -> StoreResult<Option<Past>> {
        let now = self.mongo.now();
        let (mut last_place, mut after) = (NEW_PLACES, None);
        let mut past = Past { system_prompt: exchange.system_prompt.clone(), messages: Vec::new() };
        if exchange.new_title.is_none() {
            let Some(found) = self.touch(&exchange, now).await? else { return Ok(None) };
            past.system_prompt = found.system_prompt;
            last_place = found.last_place;
            after = match exchange.replaces {
                None => found.versions.goes_on_after(),
                Some(message) => {
                    let Some(place) = self.find_replaced(exchange.conversation, message).await? else {
                        return Ok(None);
                    };
                    Some(found.versions.before(place))
                }
            };
            let places = after.map_or_else(|| found.versions.shown(), |after| found.versions.up_to(after));
            // Without this exchange itself, and whatever comes after it.
            if history > 0 {
                past.messages = self.said_in(exchange.conversation, &places.below(last_place - 1), history).await?;
            }
        }
        let NewExchange { user, conversation, message_id, .. } = exchange;
        self.insert_images(&exchange.images, user, conversation, message_id).await?;
        self.new_messages.insert(new_messages(&exchange, last_place, now).into()).await?;
        if let Some(title) = exchange.new_title.filter(|_| !exchange.hidden) {
            let conversation = StoredConversation {
                id: to_bson(exchange.conversation),
                user: to_bson(exchange.user),
                title,
                system_prompt: exchange.system_prompt,
                picked: exchange.picked,
                pin: None,
                share: None,
                last_place,
                versions: Versions::default(),
                created_at: now,
                updated_at: now,
                unindexed: Some(true),
            };
            self.new_conversations.insert(vec![conversation]).await?;
        }
        if let Some(after) = after {
            // Only now: cut off here, what was shown before is shown still.
            let place = last_place - 1;
            self.change_versions(user, conversation, |versions| match exchange.replaces {
                Some(_) => versions.begin(place, after),
                None => versions.go_on(place, after),
            })
            .await?;
        }
        Ok(Some(past))
    }

    async fn find_past(
        &self,
        user: UserId,
        conversation: ConversationId,
        replaces: Option<MessageId>,
        history: usize,
    ) -> StoreResult<Option<Past>> {
        if replaces.is_none() {
            return self.find_all_past(user, conversation, history).await;
        }
        let Some(found) = self.find_owned(user, conversation).await? else { return Ok(None) };
        let places = match replaces {
            None => found.versions.shown(),
            Some(message) => match self.find_replaced(conversation, message).await? {
                Some(place) => found.versions.up_to(found.versions.before(place)),
                None => return Ok(None),
            },
        };
        let messages = self.said_in(conversation, &places, history).await?;
        Ok(Some(Past { system_prompt: found.system_prompt, messages }))
    }

    async fn save_partial(&self, reply: MessageId, text: String) -> StoreResult<()> {
        let messages = self.messages.clone();
        let running = doc! { "_id": to_bson(reply), "state": MessageState::Running.as_str() };
        run(async move { messages.update_one(running, doc! { "$set": { "content": text } }).await }).await?;
        Ok(())
    }

    async fn assign_reply(&self, reply: MessageId, provider: String, model: String) -> StoreResult<()> {
        let messages = self.messages.clone();
        let running = doc! { "_id": to_bson(reply), "state": MessageState::Running.as_str() };
        let assigned = doc! { "$set": { "provider": provider, "model": model } };
        run(async move { messages.update_one(running, assigned).await }).await?;
        Ok(())
    }

    async fn finish_reply(&self, reply: FinishedReply) -> StoreResult<bool> {
        let ending = Ending::of(reply)?;
        if self.ends.run(ending.clone()).await? {
            return Ok(true);
        }
        let messages = self.messages.clone();
        Ok(run(async move { messages.find_one(ending.ended()).await }).await?.is_some())
    }

    async fn abandon_reply(&self, reply: MessageId) -> StoreResult<Option<Amount>> {
        #[derive(Deserialize)]
        struct Price {
            #[serde(default, with = "micros")]
            charged: Amount,
        }
        let messages = self.durable_messages.clone_with_type::<Price>();
        let running = doc! { "$eq": ["$state", MessageState::Running.as_str()] };
        let (incomplete, failed) = (MessageState::Incomplete.as_str(), MessageState::Failed.as_str());
        let ended = doc! { "$cond": [{ "$eq": ["$content", ""] }, failed, incomplete] };
        let update = vec![doc! { "$set": {
            "errorCode": { "$cond": [running.clone(), "unavailable", "$errorCode"] },
            "unindexed": { "$cond": [running.clone(), true, "$unindexed"] },
            "state": { "$cond": [running, ended, "$state"] },
        } }];
        let found = run(async move {
            let update = messages.find_one_and_update(doc! { "_id": to_bson(reply) }, update);
            update.return_document(ReturnDocument::After).projection(doc! { "charged": 1 }).await
        })
        .await?;
        Ok(found.map(|price| price.charged))
    }

    async fn request_stop(&self, user: UserId, reply: MessageId) -> StoreResult<bool> {
        let messages = self.messages.clone();
        let running = doc! { "_id": to_bson(reply), "user": to_bson(user), "state": MessageState::Running.as_str() };
        let stop = doc! { "$set": { "stopRequested": true } };
        Ok(run(async move { messages.update_one(running, stop).await }).await?.matched_count == 1)
    }

    async fn running_replies(
        &self,
        user: UserId,
        conversation: ConversationId,
        from: Option<MessageId>,
    ) -> StoreResult<Vec<MessageId>> {
        self.find_running(user, conversation, from).await
    }

    async fn stop_requests(&self, replies: Vec<MessageId>) -> StoreResult<Vec<MessageId>> {
        let ids: Vec<bson::Uuid> = replies.iter().copied().map(to_bson).collect();
        let going_on = self.find_ids(doc! { "_id": { "$in": ids }, "stopRequested": { "$ne": true } }).await?;
        Ok(replies.into_iter().filter(|id| !going_on.contains(id)).collect())
    }

    async fn find_message(&self, user: UserId, id: MessageId) -> StoreResult<Option<StoredReply>> {
        let messages = self.messages.clone();
        let own = doc! { "_id": to_bson(id), "user": to_bson(user) };
        let found = run(async move { messages.find_one(own).projection(doc! { "words": 0 }).await }).await?;
        let Some(found) = found else { return Ok(None) };
        Ok(Some(StoredReply { conversation: from_bson(found.conversation), message: found.read()? }))
    }

    async fn sum_charged(&self, user: UserId, id: ConversationId) -> StoreResult<Amount> {
        self.sum_of_replies(user, id).await
    }

    async fn find_titles(
        &self,
        user: UserId,
        messages: Vec<MessageId>,
    ) -> StoreResult<Vec<(MessageId, ConversationId, String)>> {
        self.titles_of(user, messages).await
    }

    async fn find_attachment(&self, user: UserId, id: AttachmentId) -> StoreResult<Option<Image>> {
        self.find_image(user, id).await
    }

    async fn image_bytes(&self, user: UserId) -> StoreResult<u64> {
        self.count_image_bytes(user).await
    }

    async fn forget_unshown(&self, before: i64) -> StoreResult<()> {
        self.sweep_files(before).await
    }

    async fn find_part(&self, user: UserId, id: ConversationId, part: Part) -> StoreResult<Option<Conversation>> {
        let Some(found) = self.find_owned(user, id).await? else { return Ok(None) };
        self.read(found, part).await.map(Some)
    }

    async fn list_conversations(
        &self,
        user: UserId,
        filter: &ConversationFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> StoreResult<Option<Page<ConversationSummary>>> {
        let before = match cursor.map(parse_cursor) {
            Some(None) => return Ok(None),
            Some(before) => before,
            None => None,
        };
        if !filter.query.is_empty() {
            let Some(wanted) = Wanted::new(&filter.query) else {
                return Ok(Some(Page { items: Vec::new(), next_cursor: None }));
            };
            // What was said a moment ago is found.
            self.index_flagged().await?;
            return self.search(user, &wanted, filter.pinned, before, limit).await.map(Some);
        }
        let mut found = self.list(user, filter.pinned, before, None, limit + 1).await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().map(|last| write_cursor(last.place()));
        let items = found.into_iter().map(StoredConversation::summary).collect::<StoreResult<_>>()?;
        Ok(Some(Page { items, next_cursor: last.filter(|_| more) }))
    }

    async fn list_sidebar(
        &self,
        user: UserId,
        after: Option<&str>,
        limit: usize,
    ) -> StoreResult<Page<ConversationSummary>> {
        let before = after.and_then(parse_cursor);
        // After a cursor that is none of ours there is nothing.
        let limit = if after.is_some() && before.is_none() { 0 } else { limit };
        self.list_pinned_and_others(user, before, limit).await
    }

    async fn index_pending(&self) -> StoreResult<usize> {
        let indexed = self.index_flagged().await?;
        if indexed > 0 { Ok(indexed) } else { self.flag_older().await }
    }

    async fn change_conversation(
        &self,
        user: UserId,
        id: ConversationId,
        change: ConversationChange,
    ) -> StoreResult<Changed> {
        self.change(user, id, change).await
    }

    async fn choose_version(&self, user: UserId, id: ConversationId, message: MessageId) -> StoreResult<bool> {
        self.choose(user, id, message).await
    }

    async fn branch_conversation(&self, branch: NewBranch) -> StoreResult<Option<ConversationSummary>> {
        self.branch(branch).await
    }

    async fn share_conversation(
        &self,
        user: UserId,
        id: ConversationId,
        share: Option<SecretHash>,
    ) -> StoreResult<bool> {
        let conversations = self.durable_conversations.clone();
        let owned = doc! { "_id": to_bson(id), "user": to_bson(user) };
        let update = share.map_or_else(
            || doc! { "$unset": { "share": "" } },
            |share| doc! { "$set": { "share": stored_hash(share) } },
        );
        Ok(run(async move { conversations.update_one(owned, update).await }).await?.matched_count == 1)
    }

    async fn find_shared_part(&self, share: SecretHash, part: Part) -> StoreResult<Option<Conversation>> {
        let Some(found) = self.find_one(doc! { "share": stored_hash(share) }).await? else { return Ok(None) };
        self.read(found, part).await.map(Some)
    }

    async fn is_shared(&self, share: SecretHash, message: MessageId) -> StoreResult<bool> {
        let Some(shared) = self.find_one(doc! { "share": stored_hash(share) }).await? else { return Ok(false) };
        let messages = self.messages.clone();
        let message = to_bson(message);
        let mut its = doc! { "conversation": shared.id, "$or": [{ "_id": message }, { "copyOf": message }] };
        let shown = within(&shared.versions.shown());
        if !shown.is_empty() {
            its.insert("$and", vec![shown]);
        }
        Ok(run(async move { messages.count_documents(its).limit(1).await }).await? > 0)
    }

    async fn forget_hidden(&self, before: i64) -> StoreResult<()> {
        let messages = self.messages.clone();
        let ended = doc! { "$ne": MessageState::Running.as_str() };
        let old = doc! { "hidden": true, "createdAt": { "$lt": before }, "state": ended };
        run(async move { messages.delete_many(old).await }).await?;
        Ok(())
    }

    async fn delete_conversation(&self, user: UserId, id: ConversationId) -> StoreResult<Option<Vec<MessageId>>> {
        self.delete(user, id).await
    }
}
