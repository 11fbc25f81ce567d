//! What an exchange finds in its conversation: what was said before, and the message that it replaces.

use futures::TryStreamExt;
use mongodb::bson::doc;
use serde::Deserialize;
use uuid::Uuid;

use super::MongoChatStore;
use super::documents::StoredConversation;
use crate::chat::server::store::PastMessage;
use crate::chat::{Author, ImageRef, MessageState};
use crate::platform::db::StoreResult;
use crate::platform::db::mongo::{run, to_bson};

impl MongoChatStore {
    /// What was said in a conversation before `end`, oldest first, at most `limit` messages.
    pub(super) async fn said_before(
        &self,
        conversation: Uuid,
        end: Uuid,
        limit: usize,
    ) -> StoreResult<Vec<PastMessage>> {
        #[derive(Deserialize)]
        struct Said {
            author: Author,
            content: String,
            #[serde(default)]
            images: Vec<ImageRef>,
        }
        let said = doc! {
            "conversation": to_bson(conversation),
            "_id": { "$lt": to_bson(end) },
            "content": { "$ne": "" },
            "state": { "$ne": MessageState::Running.as_str() },
        };
        let messages = self.messages.clone_with_type::<Said>();
        let mut past: Vec<Said> = run(async move {
            let newest = messages
                .find(said)
                .sort(doc! { "_id": -1 })
                .projection(doc! { "author": 1, "content": 1, "images": 1 });
            newest.limit(i64::try_from(limit).unwrap_or(i64::MAX)).await?.try_collect().await
        })
        .await?;
        past.reverse();
        Ok(past.into_iter().map(|Said { author, content, images }| PastMessage { author, content, images }).collect())
    }

    /// Whether the message is one of the user's own in this conversation.
    pub(super) async fn can_be_replaced(&self, conversation: Uuid, message: Uuid) -> StoreResult<bool> {
        let messages = self.messages.clone();
        let own = doc! { "_id": to_bson(message), "conversation": to_bson(conversation), "author": "user" };
        Ok(run(async move { messages.find_one(own).await }).await?.is_some())
    }

    /// The conversation was there when the exchange began: it is as new as its newest message.
    pub(super) async fn touch(&self, user: Uuid, id: Uuid, now: i64) -> StoreResult<Option<StoredConversation>> {
        let conversations = self.conversations.clone();
        let update = doc! { "$set": { "updatedAt": now } };
        let owned = doc! { "_id": to_bson(id), "user": to_bson(user) };
        run(async move { conversations.find_one_and_update(owned, update).await }).await
    }
}
