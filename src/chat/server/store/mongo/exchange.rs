//! What an exchange finds in its conversation: what was said before, and the message that it replaces.

use futures::TryStreamExt;
use mongodb::bson::{self, Document, doc};
use mongodb::options::ReturnDocument;
use serde::Deserialize;

use super::MongoChatStore;
use super::documents::StoredConversation;
use super::paths::within;
use crate::chat::server::store::{NewExchange, Past, PastMessage};
use crate::chat::server::versions::Places;
use crate::chat::{Author, ImageRef, MessageState};
use crate::platform::db::mongo::{from_bson, run, to_bson};
use crate::platform::db::{StoreResult, to_i64};
use crate::platform::ids::{ConversationId, MessageId, UserId};

/// A message, as far as models are told of it.
#[derive(Deserialize)]
struct Said {
    author: Author,
    content: String,
    #[serde(default)]
    images: Vec<ImageRef>,
}

impl From<Said> for PastMessage {
    fn from(Said { author, content, images }: Said) -> Self {
        Self { author, content, images }
    }
}

/// What selects all that was said in a conversation, in whatever version.
fn said_in_all(conversation: ConversationId) -> Document {
    doc! {
        "conversation": to_bson(conversation),
        "content": { "$ne": "" },
        "state": { "$ne": MessageState::Running.as_str() },
    }
}

/// The fields of [`Said`].
fn of_said() -> Document {
    doc! { "author": 1, "content": 1, "images": 1 }
}

impl MongoChatStore {
    /// What was said in these places of a conversation, oldest first, at most `limit` messages.
    pub(super) async fn said_in(
        &self,
        conversation: ConversationId,
        places: &Places,
        limit: usize,
    ) -> StoreResult<Vec<PastMessage>> {
        let mut said = said_in_all(conversation);
        said.extend(within(places));
        let messages = self.messages.clone_with_type::<Said>();
        let mut past: Vec<Said> = run(async move {
            let newest = messages.find(said).sort(doc! { "place": -1 }).projection(of_said());
            newest.limit(to_i64(limit)).await?.try_collect().await
        })
        .await?;
        past.reverse();
        Ok(past.into_iter().map(PastMessage::from).collect())
    }

    /// What was said in a conversation up to now, with one look where nothing in it has versions.
    pub(super) async fn find_all_past(
        &self,
        user: UserId,
        conversation: ConversationId,
        history: usize,
    ) -> StoreResult<Option<Past>> {
        let newest = vec![
            doc! { "$match": said_in_all(conversation) },
            doc! { "$sort": { "place": -1 } },
            doc! { "$limit": i64::try_from(history.max(1)).unwrap_or(i64::MAX) },
            doc! { "$project": of_said() },
        ];
        let look = [
            doc! { "$match": { "_id": to_bson(conversation), "user": to_bson(user) } },
            doc! { "$unionWith": { "coll": "messages", "pipeline": newest } },
        ];
        let conversations = self.conversations.clone_with_type::<Document>();
        let found: Vec<Document> = run(async move { conversations.aggregate(look).await?.try_collect().await }).await?;
        let mut found = found.into_iter();
        // The conversation comes first; without it, what was said is somebody else's.
        let Some(first) = found.next().filter(|first| first.contains_key("title")) else { return Ok(None) };
        let owned: StoredConversation = bson::deserialize_from_document(first)?;
        if !owned.versions.is_empty() {
            let messages = self.said_in(conversation, &owned.versions.shown(), history).await?;
            return Ok(Some(Past { system_prompt: owned.system_prompt, messages }));
        }
        let said = found.rev().map(|said| Ok(bson::deserialize_from_document::<Said>(said)?.into()));
        Ok(Some(Past { system_prompt: owned.system_prompt, messages: said.collect::<StoreResult<_>>()? }))
    }

    /// The place of a message that can be replaced: one of the user's own in this conversation.
    pub(super) async fn find_replaced(
        &self,
        conversation: ConversationId,
        message: MessageId,
    ) -> StoreResult<Option<i64>> {
        #[derive(Deserialize)]
        struct Place {
            place: i64,
        }
        let messages = self.messages.clone_with_type::<Place>();
        let own = doc! { "_id": to_bson(message), "conversation": to_bson(conversation), "author": "user" };
        let found = run(async move { messages.find_one(own).projection(doc! { "place": 1 }).await }).await?;
        Ok(found.map(|found| found.place))
    }

    /// The replies that are being written in a user's conversation; only those that are shown no more when the message `from`,
    /// which can be, is replaced.
    pub(super) async fn find_running(
        &self,
        user: UserId,
        conversation: ConversationId,
        from: Option<MessageId>,
    ) -> StoreResult<Vec<MessageId>> {
        let mut running = doc! {
            "conversation": to_bson(conversation),
            "user": to_bson(user),
            "state": MessageState::Running.as_str(),
            "hidden": { "$ne": true },
        };
        if let Some(message) = from {
            let Some(place) = self.find_replaced(conversation, message).await? else { return Ok(Vec::new()) };
            let Some(found) = self.find_owned(user, conversation).await? else { return Ok(Vec::new()) };
            running.extend(within(&found.versions.through(place).since(place)));
        }
        self.find_ids(running).await
    }

    /// The ids of the messages that are like this.
    pub(super) async fn find_ids(&self, like: Document) -> StoreResult<Vec<MessageId>> {
        #[derive(Deserialize)]
        struct Id {
            #[serde(rename = "_id")]
            id: bson::Uuid,
        }
        let messages = self.messages.clone_with_type::<Id>();
        let found: Vec<Id> =
            run(async move { messages.find(like).projection(doc! { "_id": 1 }).await?.try_collect().await }).await?;
        Ok(found.into_iter().map(|found| from_bson(found.id)).collect())
    }

    /// The conversation was there when the exchange began: it is as new as its newest message. Gives out the next two
    /// places in it, which end with its `last_place`.
    pub(super) async fn touch(&self, exchange: &NewExchange, now: i64) -> StoreResult<Option<StoredConversation>> {
        let conversations = self.conversations.clone();
        let mut set = doc! { "updatedAt": now };
        if let Some(picked) = &exchange.picked {
            set.insert("picked", picked);
        }
        let update = doc! { "$set": set, "$inc": { "lastPlace": 2_i64 } };
        let owned = doc! { "_id": to_bson(exchange.conversation), "user": to_bson(exchange.user) };
        run(async move {
            conversations.find_one_and_update(owned, update).return_document(ReturnDocument::After).await
        })
        .await
    }
}
