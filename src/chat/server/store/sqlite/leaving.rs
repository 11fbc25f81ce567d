//! All that a user has said: read for an export, and deleted.

use async_trait::async_trait;
use rusqlite::{OptionalExtension, params};

use super::SqliteChatStore;
use super::rows::{MESSAGE, read_message};
use crate::chat::Message;
use crate::chat::server::store::AllOfUser;
use crate::platform::db::sqlite::{Durability, Lane};
use crate::platform::db::{StoreResult, to_i64};
use crate::platform::ids::{ConversationId, MessageId, UserId};

/// Messages that are deleted in one write, and pages of the index that are written anew: no other waits long.
pub(super) const AT_A_TIME: u32 = 200;
/// A step of a merge that changes less has found nothing to do.
const NOTHING: i64 = 2;

#[async_trait]
impl AllOfUser for SqliteChatStore {
    async fn list_ids(&self, user: UserId, after: ConversationId, limit: usize) -> StoreResult<Vec<ConversationId>> {
        self.db
            .read_in(Lane::Slow, move |connection| {
                let mut ids = connection.prepare_cached(
                    "SELECT id FROM conversations WHERE user_id = ?1 AND id > ?2 AND hidden = 0 ORDER BY id LIMIT ?3",
                )?;
                let found = ids.query_map(params![user, after, to_i64(limit)], |row| row.get(0))?;
                Ok(found.collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn read_all(
        &self,
        user: UserId,
        id: ConversationId,
        after: i64,
        limit: usize,
    ) -> StoreResult<Vec<(i64, Message)>> {
        self.db
            .read_in(Lane::Slow, move |connection| {
                let mut found = connection.prepare_cached(&format!(
                    "SELECT {MESSAGE} FROM messages m JOIN conversations c ON c.id = m.conversation_id
                     WHERE m.conversation_id = ?1 AND c.user_id = ?2 AND m.place > ?3 ORDER BY m.place LIMIT ?4"
                ))?;
                let mut rows = found.query(params![id, user, after, to_i64(limit)])?;
                let mut messages = Vec::new();
                while let Some(row) = rows.next()? {
                    messages.push((row.get(15)?, read_message(row)?));
                }
                Ok(messages)
            })
            .await
    }

    async fn read_hidden(&self, user: UserId, after: MessageId, limit: usize) -> StoreResult<Vec<Message>> {
        self.db
            .read_in(Lane::Slow, move |connection| {
                let mut found = connection.prepare_cached(&format!(
                    "SELECT {MESSAGE} FROM conversations c JOIN messages m ON m.conversation_id = c.id
                     WHERE c.user_id = ?1 AND c.hidden = 1 AND m.id > ?2 ORDER BY m.id LIMIT ?3"
                ))?;
                let mut rows = found.query(params![user, after, to_i64(limit)])?;
                let mut messages = Vec::new();
                while let Some(row) = rows.next()? {
                    messages.push(read_message(row)?);
                }
                Ok(messages)
            })
            .await
    }

    async fn delete_of_user(&self, user: UserId) -> StoreResult<()> {
        let mut deleted = false;
        while self.delete_some_of(user).await? {
            deleted = true;
        }
        self.db
            .write(Durability::Durable, move |connection| {
                connection.prepare_cached("DELETE FROM attachment_files WHERE user_id = ?1")?.execute([user])?;
                Ok(())
            })
            .await?;
        if deleted { self.merge_index().await } else { Ok(()) }
    }
}

impl SqliteChatStore {
    /// Deletes some messages of a conversation, and it with the last. Whether there was any.
    async fn delete_some_of(&self, user: UserId) -> StoreResult<bool> {
        self.db
            .write(Durability::Durable, move |connection| {
                let next: Option<ConversationId> = connection
                    .prepare_cached("SELECT id FROM conversations WHERE user_id = ?1 LIMIT 1")?
                    .query_row([user], |row| row.get(0))
                    .optional()?;
                let Some(id) = next else { return Ok(false) };
                let messages = connection
                    .prepare_cached(&format!(
                        "DELETE FROM messages WHERE id IN (
                             SELECT id FROM messages WHERE conversation_id = ?1 LIMIT {AT_A_TIME})"
                    ))?
                    .execute([id])?;
                if messages == 0 {
                    connection.prepare_cached("DELETE FROM conversations WHERE id = ?1")?.execute([id])?;
                }
                Ok(true)
            })
            .await
    }

    /// Writes the index of searches anew, without the words of what was deleted: until then they are only marked there.
    async fn merge_index(&self) -> StoreResult<()> {
        // The first step, with a minus, takes all parts of the index together; the others go on with that.
        let mut step = -i64::from(AT_A_TIME);
        loop {
            let changed = self.db.write(Durability::Relaxed, move |connection| {
                let changes = || connection.query_row("SELECT total_changes()", [], |row| row.get::<_, i64>(0));
                let before = changes()?;
                connection.prepare_cached("INSERT INTO search (search, rank) VALUES ('merge', ?1)")?.execute([step])?;
                Ok(changes()? - before)
            });
            if changed.await? < NOTHING && step > 0 {
                return Ok(());
            }
            step = step.abs();
        }
    }
}
