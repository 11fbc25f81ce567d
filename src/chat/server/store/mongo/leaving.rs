//! All that a user has said: read for an export, and deleted.

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::bson::{self, Document, doc};
use serde::Deserialize;

use super::MongoChatStore;
use super::documents::StoredMessage;
use crate::chat::Message;
use crate::chat::server::store::AllOfUser;
use crate::platform::db::mongo::{delete_all, from_bson, run, to_bson};
use crate::platform::db::{StoreResult, to_i64};
use crate::platform::ids::{ConversationId, MessageId, UserId};

#[async_trait]
impl AllOfUser for MongoChatStore {
    async fn list_ids(&self, user: UserId, after: ConversationId, limit: usize) -> StoreResult<Vec<ConversationId>> {
        #[derive(Deserialize)]
        struct Found {
            #[serde(rename = "_id")]
            id: bson::Uuid,
        }
        let conversations = self.conversations.clone_with_type::<Found>();
        let own = doc! { "user": to_bson(user), "_id": { "$gt": to_bson(after) } };
        let found: Vec<Found> = run(async move {
            let ids = conversations.find(own).sort(doc! { "_id": 1 }).projection(doc! { "_id": 1 });
            ids.limit(to_i64(limit)).await?.try_collect().await
        })
        .await?;
        Ok(found.into_iter().map(|found| from_bson(found.id)).collect())
    }

    async fn read_all(
        &self,
        user: UserId,
        id: ConversationId,
        after: i64,
        limit: usize,
    ) -> StoreResult<Vec<(i64, Message)>> {
        let of = doc! { "conversation": to_bson(id), "user": to_bson(user), "place": { "$gt": after } };
        let found = self.find_some(of, doc! { "place": 1 }, limit).await?;
        found.into_iter().map(|message| Ok((message.place, message.read()?))).collect()
    }

    async fn read_hidden(&self, user: UserId, after: MessageId, limit: usize) -> StoreResult<Vec<Message>> {
        let of = doc! { "user": to_bson(user), "hidden": true, "_id": { "$gt": to_bson(after) } };
        let found = self.find_some(of, doc! { "_id": 1 }, limit).await?;
        found.into_iter().map(StoredMessage::read).collect()
    }

    async fn delete_of_user(&self, user: UserId) -> StoreResult<()> {
        let own = || doc! { "user": to_bson(user) };
        delete_all(&self.attachments, own()).await?;
        delete_all(&self.files, own()).await?;
        delete_all(&self.durable_messages, own()).await?;
        delete_all(&self.durable_conversations, own()).await
    }
}

impl MongoChatStore {
    async fn find_some(&self, of: Document, order: Document, limit: usize) -> StoreResult<Vec<StoredMessage>> {
        let messages = self.messages.clone();
        run(async move {
            let some = messages.find(of).sort(order).projection(doc! { "words": 0 });
            some.limit(to_i64(limit)).await?.try_collect().await
        })
        .await
    }
}
