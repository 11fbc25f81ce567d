//! Finding a conversation, reading it whole, and pinning it.

use futures::TryStreamExt;
use mongodb::bson::{Document, doc};
use serde::Deserialize;
use uuid::Uuid;

use super::MongoChatStore;
use super::documents::{StoredConversation, StoredMessage};
use crate::chat::{Conversation, ConversationSummary, MAX_PINNED};
use crate::platform::db::StoreResult;
use crate::platform::db::mongo::{run, to_bson};

impl MongoChatStore {
    pub(super) async fn find_owned(&self, user: Uuid, id: Uuid) -> StoreResult<Option<StoredConversation>> {
        self.find_one(doc! { "_id": to_bson(id), "user": to_bson(user) }).await
    }

    pub(super) async fn find_one(&self, filter: Document) -> StoreResult<Option<StoredConversation>> {
        let conversations = self.conversations.clone();
        run(async move { conversations.find_one(filter).await }).await
    }

    /// With its messages.
    pub(super) async fn read(&self, mut found: StoredConversation) -> StoreResult<Conversation> {
        let of = found.id;
        let messages = self.messages.clone();
        let messages: Vec<StoredMessage> = run(async move {
            messages.find(doc! { "conversation": of }).sort(doc! { "place": 1 }).await?.try_collect().await
        })
        .await?;
        let messages = messages.into_iter().map(StoredMessage::read).collect::<StoreResult<_>>()?;
        let system_prompt = found.system_prompt.take();
        let ConversationSummary { id, title, pinned, shared, created_at, updated_at } = found.summary()?;
        Ok(Conversation { id, title, pinned, shared, system_prompt, created_at, updated_at, messages })
    }

    /// A place that none of the user's conversations is pinned to. Which of them goes by the id of the one that is to
    /// be: those that come at the same time should not all take the same.
    pub(super) async fn free_pin(&self, user: Uuid, id: Uuid) -> StoreResult<Option<i32>> {
        #[derive(Deserialize)]
        struct Pin {
            pin: i32,
        }
        let conversations = self.conversations.clone_with_type::<Pin>();
        let pinned: Vec<Pin> = run(async move {
            let pinned = doc! { "user": to_bson(user), "pin": { "$exists": true } };
            conversations.find(pinned).projection(doc! { "_id": 0, "pin": 1 }).await?.try_collect().await
        })
        .await?;
        let places = 0..i32::try_from(MAX_PINNED).unwrap_or(i32::MAX);
        let free: Vec<i32> = places.filter(|place| pinned.iter().all(|taken| taken.pin != *place)).collect();
        let [.., chance] = id.into_bytes();
        Ok(free.get(usize::from(chance) % free.len().max(1)).copied())
    }
}

/// The last row of the page before: time of change and id.
pub(super) fn parse_cursor(cursor: &str) -> Option<(i64, Uuid)> {
    let (time, id) = cursor.split_once('_')?;
    Some((time.parse().ok()?, id.parse().ok()?))
}
