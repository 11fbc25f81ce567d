//! Conversations in MongoDB. No step needs the one before to be undone: messages are stored before the conversation
//! that shows them, and deleted before it.

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::bson::{self, Document, doc};
use mongodb::{Collection, options::ReturnDocument};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ChatStore, FinishedReply, NewExchange, PastMessage, StoredReply};
use crate::chat::{Author, Conversation, ConversationSummary, Message, MessageState, Usage};
use crate::credits::Page;
use crate::server::db::mongo::{Durability, Mongo, from_bson, run, to_bson};
use crate::server::db::{StoreResult, now_millis, rfc3339};

/// A conversation as it is stored, without its messages.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredConversation {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    user: bson::Uuid,
    title: String,
    created_at: i64,
    updated_at: i64,
}

/// A message as it is stored. The user is in it too, so that whose it is can be seen without the conversation.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredMessage {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    conversation: bson::Uuid,
    user: bson::Uuid,
    author: Author,
    content: String,
    state: MessageState,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(default)]
    fallback: bool,
    #[serde(default)]
    cached: bool,
    #[serde(default)]
    credits: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error_code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    created_at: i64,
    /// There is no conversation that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hidden: Option<bool>,
}

impl StoredConversation {
    fn summary(self) -> StoreResult<ConversationSummary> {
        Ok(ConversationSummary {
            id: from_bson(self.id).to_string(),
            title: self.title,
            created_at: rfc3339(self.created_at)?,
            updated_at: rfc3339(self.updated_at)?,
        })
    }
}

impl StoredMessage {
    fn read(self) -> StoreResult<Message> {
        Ok(Message {
            id: from_bson(self.id).to_string(),
            author: self.author,
            content: self.content,
            html: None,
            state: self.state,
            credits: self.credits,
            cached: self.cached,
            provider: self.provider,
            model: self.model,
            error_code: self.error_code,
            usage: self.usage,
            created_at: rfc3339(self.created_at)?,
        })
    }
}

/// [`ChatStore`] over MongoDB.
pub struct MongoChatStore {
    conversations: Collection<StoredConversation>,
    messages: Collection<StoredMessage>,
    /// For what a charge depends on: it must not be lost when the charge is not.
    durable_messages: Collection<StoredMessage>,
    durable_conversations: Collection<StoredConversation>,
}

impl MongoChatStore {
    #[must_use]
    pub fn new(mongo: &Mongo) -> Self {
        Self {
            conversations: mongo.collection("conversations", Durability::Relaxed),
            messages: mongo.collection("messages", Durability::Relaxed),
            durable_messages: mongo.collection("messages", Durability::Durable),
            durable_conversations: mongo.collection("conversations", Durability::Durable),
        }
    }

    async fn find_owned(&self, user: Uuid, id: Uuid) -> StoreResult<Option<StoredConversation>> {
        let conversations = self.conversations.clone();
        run(async move { conversations.find_one(doc! { "_id": to_bson(id), "user": to_bson(user) }).await }).await
    }

    /// What was said in a conversation before `end`, oldest first, at most `limit` messages.
    async fn said_before(&self, conversation: Uuid, end: Uuid, limit: usize) -> StoreResult<Vec<PastMessage>> {
        #[derive(Deserialize)]
        struct Said {
            author: Author,
            content: String,
        }
        let said = doc! {
            "conversation": to_bson(conversation),
            "_id": { "$lt": to_bson(end) },
            "content": { "$ne": "" },
            "state": { "$ne": MessageState::Running.as_str() },
        };
        let messages = self.messages.clone_with_type::<Said>();
        let mut past: Vec<Said> = run(async move {
            let newest = messages.find(said).sort(doc! { "_id": -1 }).projection(doc! { "author": 1, "content": 1 });
            newest.limit(i64::try_from(limit).unwrap_or(i64::MAX)).await?.try_collect().await
        })
        .await?;
        past.reverse();
        Ok(past.into_iter().map(|Said { author, content }| PastMessage { author, content }).collect())
    }

    /// Whether the message is one of the user's own in this conversation.
    async fn can_be_replaced(&self, conversation: Uuid, message: Uuid) -> StoreResult<bool> {
        let messages = self.messages.clone();
        let own = doc! { "_id": to_bson(message), "conversation": to_bson(conversation), "author": "user" };
        Ok(run(async move { messages.find_one(own).await }).await?.is_some())
    }

    /// The conversation was there when the exchange began: it is as new as its newest message.
    async fn touch(&self, user: Uuid, id: Uuid, now: i64) -> StoreResult<bool> {
        let conversations = self.conversations.clone();
        let update = doc! { "$set": { "updatedAt": now } };
        let owned = doc! { "_id": to_bson(id), "user": to_bson(user) };
        Ok(run(async move { conversations.update_one(owned, update).await }).await?.matched_count == 1)
    }
}

fn new_messages(exchange: &NewExchange, now: i64) -> [StoredMessage; 2] {
    let message = |id: Uuid, author, content: &str, state| StoredMessage {
        id: to_bson(id),
        conversation: to_bson(exchange.conversation),
        user: to_bson(exchange.user),
        author,
        content: content.to_owned(),
        state,
        provider: None,
        model: None,
        fallback: false,
        cached: false,
        credits: 0,
        error_code: None,
        usage: None,
        created_at: now,
        hidden: exchange.hidden.then_some(true),
    };
    let mut reply = message(exchange.reply_id, Author::Assistant, "", MessageState::Running);
    reply.provider = Some(exchange.provider.clone());
    reply.model = Some(exchange.model.clone());
    if let Some(answer) = &exchange.answer {
        reply.content.clone_from(&answer.text);
        reply.state = answer.state;
        reply.cached = answer.cached;
        reply.credits = answer.credits;
        reply.usage = answer.usage;
    }
    [message(exchange.message_id, Author::User, &exchange.text, MessageState::Complete), reply]
}

/// A pattern for this very text, whatever its case.
fn containing(text: &str) -> Document {
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii_punctuation() {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    doc! { "$regex": pattern, "$options": "i" }
}

#[async_trait]
impl ChatStore for MongoChatStore {
    async fn begin_exchange(&self, exchange: NewExchange, history: usize) -> StoreResult<Option<Vec<PastMessage>>> {
        let now = now_millis();
        let mut past = Vec::new();
        if exchange.new_title.is_none() {
            if !self.touch(exchange.user, exchange.conversation, now).await? {
                return Ok(None);
            }
            if let Some(replaced) = exchange.replaces
                && !self.can_be_replaced(exchange.conversation, replaced).await?
            {
                return Ok(None);
            }
            let end = exchange.replaces.unwrap_or(exchange.message_id);
            past = self.said_before(exchange.conversation, end, history).await?;
        }
        let (messages, new) = (self.messages.clone(), new_messages(&exchange, now));
        run(async move { messages.insert_many(new).await }).await?;
        if let Some(title) = exchange.new_title.filter(|_| !exchange.hidden) {
            let conversation = StoredConversation {
                id: to_bson(exchange.conversation),
                user: to_bson(exchange.user),
                title,
                created_at: now,
                updated_at: now,
            };
            let conversations = self.conversations.clone();
            run(async move { conversations.insert_one(conversation).await }).await?;
        }
        if let Some(replaced) = exchange.replaces {
            // Only now: cut off here, both stay, and nothing is lost.
            let gone = doc! {
                "conversation": to_bson(exchange.conversation),
                "_id": { "$gte": to_bson(replaced), "$lt": to_bson(exchange.message_id) },
            };
            let messages = self.messages.clone();
            run(async move { messages.delete_many(gone).await }).await?;
        }
        Ok(Some(past))
    }

    async fn find_past(
        &self,
        user: Uuid,
        conversation: Uuid,
        replaces: Option<Uuid>,
        history: usize,
    ) -> StoreResult<Option<Vec<PastMessage>>> {
        if self.find_owned(user, conversation).await?.is_none() {
            return Ok(None);
        }
        if let Some(message) = replaces
            && !self.can_be_replaced(conversation, message).await?
        {
            return Ok(None);
        }
        self.said_before(conversation, replaces.unwrap_or(Uuid::max()), history).await.map(Some)
    }

    async fn save_partial(&self, reply: Uuid, text: String) -> StoreResult<()> {
        let messages = self.messages.clone();
        let running = doc! { "_id": to_bson(reply), "state": MessageState::Running.as_str() };
        run(async move { messages.update_one(running, doc! { "$set": { "content": text } }).await }).await?;
        Ok(())
    }

    async fn finish_reply(&self, reply: FinishedReply) -> StoreResult<bool> {
        let id = to_bson(reply.id);
        let mut set = doc! {
            "state": reply.state.as_str(),
            "content": &reply.text,
            "provider": reply.provider,
            "model": reply.model,
            "fallback": reply.fallback,
            "cached": reply.cached,
            "credits": reply.credits,
        };
        if let Some(code) = reply.error_code {
            set.insert("errorCode", code);
        }
        if let Some(usage) = reply.usage {
            set.insert("usage", bson::serialize_to_bson(&usage)?);
        }
        let messages = self.durable_messages.clone();
        let running = doc! { "_id": id, "state": MessageState::Running.as_str() };
        let ended = run(async move { messages.update_one(running, doc! { "$set": set }).await }).await?;
        if ended.modified_count == 1 {
            return Ok(true);
        }
        let messages = self.messages.clone();
        let same = doc! { "_id": id, "state": reply.state.as_str(), "content": reply.text, "credits": reply.credits };
        Ok(run(async move { messages.find_one(same).await }).await?.is_some())
    }

    async fn abandon_reply(&self, reply: Uuid) -> StoreResult<Option<i64>> {
        #[derive(Deserialize)]
        struct Price {
            credits: i64,
        }
        let messages = self.durable_messages.clone_with_type::<Price>();
        let running = doc! { "$eq": ["$state", MessageState::Running.as_str()] };
        let (incomplete, failed) = (MessageState::Incomplete.as_str(), MessageState::Failed.as_str());
        let ended = doc! { "$cond": [{ "$eq": ["$content", ""] }, failed, incomplete] };
        let update = vec![doc! { "$set": {
            "errorCode": { "$cond": [running.clone(), "unavailable", "$errorCode"] },
            "state": { "$cond": [running, ended, "$state"] },
        } }];
        let found = run(async move {
            let update = messages.find_one_and_update(doc! { "_id": to_bson(reply) }, update);
            update.return_document(ReturnDocument::After).projection(doc! { "credits": 1 }).await
        })
        .await?;
        Ok(found.map(|price| price.credits))
    }

    async fn request_stop(&self, user: Uuid, reply: Uuid) -> StoreResult<bool> {
        let messages = self.messages.clone();
        let running = doc! { "_id": to_bson(reply), "user": to_bson(user), "state": MessageState::Running.as_str() };
        let stop = doc! { "$set": { "stopRequested": true } };
        Ok(run(async move { messages.update_one(running, stop).await }).await?.matched_count == 1)
    }

    async fn stop_requests(&self, replies: Vec<Uuid>) -> StoreResult<Vec<Uuid>> {
        #[derive(Deserialize)]
        struct Id {
            #[serde(rename = "_id")]
            id: bson::Uuid,
        }
        let ids: Vec<bson::Uuid> = replies.iter().copied().map(to_bson).collect();
        let messages = self.messages.clone_with_type::<Id>();
        let going_on: Vec<Id> = run(async move {
            let going_on = doc! { "_id": { "$in": ids }, "stopRequested": { "$ne": true } };
            messages.find(going_on).projection(doc! { "_id": 1 }).await?.try_collect().await
        })
        .await?;
        let going_on: Vec<Uuid> = going_on.into_iter().map(|found| from_bson(found.id)).collect();
        Ok(replies.into_iter().filter(|id| !going_on.contains(id)).collect())
    }

    async fn find_message(&self, user: Uuid, id: Uuid) -> StoreResult<Option<StoredReply>> {
        let messages = self.messages.clone();
        let own = doc! { "_id": to_bson(id), "user": to_bson(user) };
        let Some(found) = run(async move { messages.find_one(own).await }).await? else { return Ok(None) };
        let (conversation, fallback) = (from_bson(found.conversation), found.fallback);
        Ok(Some(StoredReply { conversation, fallback, message: found.read()? }))
    }

    async fn find_conversation(&self, user: Uuid, id: Uuid) -> StoreResult<Option<Conversation>> {
        let Some(found) = self.find_owned(user, id).await? else { return Ok(None) };
        let messages = self.messages.clone();
        let messages: Vec<StoredMessage> = run(async move {
            messages.find(doc! { "conversation": to_bson(id) }).sort(doc! { "_id": 1 }).await?.try_collect().await
        })
        .await?;
        let messages = messages.into_iter().map(StoredMessage::read).collect::<StoreResult<_>>()?;
        let ConversationSummary { id, title, created_at, updated_at } = found.summary()?;
        Ok(Some(Conversation { id, title, created_at, updated_at, messages }))
    }

    async fn list_conversations(
        &self,
        user: Uuid,
        query: &str,
        cursor: Option<&str>,
        limit: usize,
    ) -> StoreResult<Option<Page<ConversationSummary>>> {
        let mut conditions = vec![doc! { "user": to_bson(user) }];
        if let Some(cursor) = cursor {
            let Some((before, before_id)) = parse_cursor(cursor) else { return Ok(None) };
            // The first bound lets the index skip what the pages before have shown.
            conditions.push(doc! { "updatedAt": { "$lte": before } });
            conditions.push(doc! { "$or": [
                { "updatedAt": { "$lt": before } },
                { "_id": { "$lt": to_bson(before_id) } },
            ] });
        }
        if !query.is_empty() {
            let (messages, pattern) = (self.messages.clone(), containing(query));
            let said = doc! { "user": to_bson(user), "content": pattern.clone() };
            let said_in = run(async move { messages.distinct("conversation", said).await }).await?;
            conditions.push(doc! { "$or": [{ "title": pattern }, { "_id": { "$in": said_in } }] });
        }
        let conversations = self.conversations.clone();
        let mut found: Vec<StoredConversation> = run(async move {
            let newest = conversations.find(doc! { "$and": conditions }).sort(doc! { "updatedAt": -1, "_id": -1 });
            newest.limit(i64::try_from(limit + 1).unwrap_or(i64::MAX)).await?.try_collect().await
        })
        .await?;
        let more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().map(|last| format!("{}_{}", last.updated_at, from_bson(last.id)));
        let items = found.into_iter().map(StoredConversation::summary).collect::<StoreResult<_>>()?;
        Ok(Some(Page { items, next_cursor: last.filter(|_| more) }))
    }

    async fn rename_conversation(&self, user: Uuid, id: Uuid, title: String) -> StoreResult<bool> {
        let conversations = self.durable_conversations.clone();
        let owned = doc! { "_id": to_bson(id), "user": to_bson(user) };
        let update = doc! { "$set": { "title": title } };
        Ok(run(async move { conversations.update_one(owned, update).await }).await?.matched_count == 1)
    }

    async fn forget_hidden(&self, before: i64) -> StoreResult<()> {
        let messages = self.messages.clone();
        let old = doc! { "hidden": true, "createdAt": { "$lt": before } };
        run(async move { messages.delete_many(old).await }).await?;
        Ok(())
    }

    async fn delete_conversation(&self, user: Uuid, id: Uuid) -> StoreResult<Option<Vec<Uuid>>> {
        if self.find_owned(user, id).await?.is_none() {
            return Ok(None);
        }
        let messages = self.durable_messages.clone();
        let running: Vec<StoredMessage> = run(async move {
            let of_conversation = doc! { "conversation": to_bson(id) };
            let running = doc! { "conversation": to_bson(id), "state": MessageState::Running.as_str() };
            let running = messages.find(running).await?.try_collect().await?;
            messages.delete_many(of_conversation).await?;
            Ok(running)
        })
        .await?;
        let conversations = self.durable_conversations.clone();
        run(async move { conversations.delete_one(doc! { "_id": to_bson(id) }).await }).await?;
        Ok(Some(running.into_iter().map(|message| from_bson(message.id)).collect()))
    }
}

/// The last row of the page before: time of change and id.
fn parse_cursor(cursor: &str) -> Option<(i64, Uuid)> {
    let (time, id) = cursor.split_once('_')?;
    Some((time.parse().ok()?, id.parse().ok()?))
}
