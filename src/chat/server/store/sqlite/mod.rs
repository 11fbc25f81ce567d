//! Conversations in SQLite. Writes are relaxed: they are on disk when the charge that comes with them or follows them is.

mod conversations;
mod exchange;
mod leaving;
mod paths;
mod rows;
mod search;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use self::conversations::{
    branch_conversation, change_conversation, count_other_pinned, find_owned, list, parse_cursor, read_conversation,
};
use self::exchange::{begin_exchange, begin_paid, find_replaced, finish, finish_paid, running_replies, said_in};
use self::leaving::AT_A_TIME;
use self::paths::{choose_version, read_versions};
use self::rows::{MESSAGE, read_message};
use super::{Changed, ChatStore, ConversationFilter, FinishedReply, NewBranch, NewExchange, Part, Past, StoredReply};
use crate::chat::server::attachments::Image;
use crate::chat::server::search::Wanted;
use crate::chat::{Conversation, ConversationChange, ConversationSummary, MAX_PINNED};
use crate::credits::server::store::{HoldEnd, HoldId, HoldOutcome, NewHold, SqliteCreditStore};
use crate::credits::{Balance, Page};
use crate::platform::amount::Amount;
use crate::platform::db::StoreResult;
use crate::platform::db::sqlite::{Durability, Lane, Sqlite};
use crate::platform::ids::{AttachmentId, ConversationId, MessageId, UserId};
use crate::platform::secret::SecretHash;

/// So much of what is new is indexed before a search, at most: after an update, all that there is waits.
const NEW_BATCHES: usize = 4;

/// [`ChatStore`] over the embedded database.
pub struct SqliteChatStore {
    db: Sqlite,
    /// In the same database: what is paid for is stored with its payment.
    credits: SqliteCreditStore,
}

impl SqliteChatStore {
    #[must_use]
    pub const fn new(db: Sqlite, credits: SqliteCreditStore) -> Self {
        Self { db, credits }
    }
}

#[async_trait]
impl ChatStore for SqliteChatStore {
    async fn begin_exchange(&self, exchange: NewExchange, history: usize) -> StoreResult<Option<Past>> {
        self.db.write(Durability::Relaxed, move |connection| begin_exchange(connection, &exchange, history)).await
    }

    async fn begin_paid(
        &self,
        hold: NewHold,
        exchange: NewExchange,
        history: usize,
    ) -> StoreResult<Option<(HoldOutcome, Option<Past>)>> {
        let credits = self.credits.clone();
        let begin = move |connection: &Connection| begin_paid(connection, &credits, &hold, &exchange, history);
        self.db.write(Durability::Durable, begin).await.map(Some)
    }

    async fn find_past(
        &self,
        user: UserId,
        conversation: ConversationId,
        replaces: Option<MessageId>,
        history: usize,
    ) -> StoreResult<Option<Past>> {
        self.db
            .read(move |connection| {
                let Some(owned) = find_owned(connection, user, conversation)? else { return Ok(None) };
                let mut places = owned.versions.shown();
                if let Some(message) = replaces {
                    let Some(place) = find_replaced(connection, conversation, message)? else { return Ok(None) };
                    places = owned.versions.up_to(owned.versions.before(place));
                }
                let messages = said_in(connection, conversation, &places, history)?;
                Ok(Some(Past { system_prompt: owned.system_prompt, messages }))
            })
            .await
    }

    async fn save_partial(&self, reply: MessageId, text: String) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                connection
                    .prepare_cached("UPDATE messages SET content = ?2 WHERE id = ?1 AND state = 'running'")?
                    .execute(params![reply, text])?;
                Ok(())
            })
            .await
    }

    async fn assign_reply(&self, reply: MessageId, provider: String, model: String) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE messages SET provider = ?2, model = ?3 WHERE id = ?1 AND state = 'running'",
                    )?
                    .execute(params![reply, provider, model])?;
                Ok(())
            })
            .await
    }

    async fn finish_reply(&self, reply: FinishedReply) -> StoreResult<bool> {
        self.db.write(Durability::Relaxed, move |connection| finish(connection, &reply)).await
    }

    async fn finish_paid(&self, reply: FinishedReply, hold: HoldId) -> StoreResult<Option<(HoldEnd, Balance)>> {
        let credits = self.credits.clone();
        self.db.write(Durability::Durable, move |connection| finish_paid(connection, &credits, &reply, hold)).await
    }

    async fn abandon_reply(&self, reply: MessageId) -> StoreResult<Option<Amount>> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE messages SET state = iif(content = '', 'failed', 'incomplete'), error_code = 'unavailable'
                         WHERE id = ?1 AND state = 'running'",
                    )?
                    .execute([reply])?;
                Ok(connection
                    .prepare_cached("SELECT credits FROM messages WHERE id = ?1")?
                    .query_row([reply], |row| row.get(0))
                    .optional()?)
            })
            .await
    }

    async fn request_stop(&self, user: UserId, reply: MessageId) -> StoreResult<bool> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                let changed = connection
                    .prepare_cached(
                        "UPDATE messages SET stop_requested = 1 WHERE id = ?1 AND state = 'running'
                         AND conversation_id IN (SELECT id FROM conversations WHERE user_id = ?2)",
                    )?
                    .execute(params![reply, user])?;
                Ok(changed == 1)
            })
            .await
    }

    async fn running_replies(
        &self,
        user: UserId,
        conversation: ConversationId,
        from: Option<MessageId>,
    ) -> StoreResult<Vec<MessageId>> {
        self.db.read(move |connection| running_replies(connection, user, conversation, from)).await
    }

    async fn stop_requests(&self, replies: Vec<MessageId>) -> StoreResult<Vec<MessageId>> {
        self.db
            .read(move |connection| {
                let mut goes_on =
                    connection.prepare_cached("SELECT 1 FROM messages WHERE id = ?1 AND stop_requested = 0")?;
                let mut stop = Vec::new();
                for reply in replies {
                    if !goes_on.exists([reply])? {
                        stop.push(reply);
                    }
                }
                Ok(stop)
            })
            .await
    }

    async fn find_message(&self, user: UserId, id: MessageId) -> StoreResult<Option<StoredReply>> {
        self.db
            .read(move |connection| {
                let mut found = connection.prepare_cached(&format!(
                    "SELECT {MESSAGE}, c.id AS conversation FROM messages m JOIN conversations c ON c.id = m.conversation_id
                     WHERE m.id = ?1 AND c.user_id = ?2"
                ))?;
                let mut rows = found.query(params![id, user])?;
                let Some(row) = rows.next()? else { return Ok(None) };
                Ok(Some(StoredReply { conversation: row.get("conversation")?, message: read_message(row)? }))
            })
            .await
    }

    async fn sum_charged(&self, user: UserId, id: ConversationId) -> StoreResult<Amount> {
        self.db
            .read(move |connection| {
                Ok(connection
                    .prepare_cached(
                        "SELECT COALESCE(SUM(m.credits), 0) FROM messages m JOIN conversations c ON c.id = m.conversation_id
                         WHERE c.id = ?1 AND c.user_id = ?2",
                    )?
                    .query_row(params![id, user], |row| row.get(0))?)
            })
            .await
    }

    async fn find_titles(
        &self,
        user: UserId,
        messages: Vec<MessageId>,
    ) -> StoreResult<Vec<(MessageId, ConversationId, String)>> {
        self.db
            .read(move |connection| {
                let mut shown = connection.prepare_cached(
                    "SELECT c.id, c.title FROM messages m JOIN conversations c ON c.id = m.conversation_id
                     WHERE m.id = ?1 AND c.user_id = ?2 AND c.hidden = 0",
                )?;
                let mut found = Vec::new();
                for message in messages {
                    let mut rows = shown.query(params![message, user])?;
                    if let Some(row) = rows.next()? {
                        found.push((message, row.get(0)?, row.get(1)?));
                    }
                }
                Ok(found)
            })
            .await
    }

    async fn find_attachment(&self, user: UserId, id: AttachmentId) -> StoreResult<Option<Image>> {
        self.db
            .read(move |connection| {
                let mut found = connection.prepare_cached(
                    "SELECT a.media_type, f.bytes FROM attachments a JOIN attachment_files f ON f.id = a.file_id
                     WHERE a.id = ?1 AND f.user_id = ?2",
                )?;
                let found = found.query_row(params![id, user], |row| {
                    Ok(Image { id, media_type: row.get(0)?, bytes: row.get::<_, Vec<u8>>(1)?.into(), same_as: None })
                });
                Ok(found.optional()?)
            })
            .await
    }

    async fn image_bytes(&self, user: UserId) -> StoreResult<u64> {
        self.db
            .read(move |connection| {
                let mut sum = connection
                    .prepare_cached("SELECT coalesce(sum(size), 0) FROM attachment_files WHERE user_id = ?1")?;
                Ok(sum.query_row([user], |row| row.get(0))?)
            })
            .await
    }

    async fn forget_unshown(&self, _before: i64) -> StoreResult<()> {
        // They go in the very step that deletes the last that shows them.
        self.db.give_back().await
    }

    async fn find_part(&self, user: UserId, id: ConversationId, part: Part) -> StoreResult<Option<Conversation>> {
        self.db
            .read(move |connection| {
                read_conversation(connection, "c.id = ?1 AND c.user_id = ?2", params![id, user], part)
            })
            .await
    }

    async fn list_conversations(
        &self,
        user: UserId,
        filter: &ConversationFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> StoreResult<Option<Page<ConversationSummary>>> {
        let Some(before) = parse_cursor(cursor) else { return Ok(None) };
        let pinned = filter.pinned;
        if filter.query.is_empty() {
            return self.db.read(move |connection| list(connection, user, pinned, before, limit).map(Some)).await;
        }
        let Some(wanted) = Wanted::new(&filter.query) else {
            return Ok(Some(Page { items: Vec::new(), next_cursor: None }));
        };
        // What was said a moment ago is found.
        for _ in 0..NEW_BATCHES {
            if self.index_pending().await? < search::BATCH {
                break;
            }
        }
        self.db
            .read_in(Lane::Slow, move |connection| {
                search::search(connection, user, &wanted, pinned, before, limit).map(Some)
            })
            .await
    }

    async fn index_pending(&self) -> StoreResult<usize> {
        let pending = self.db.read_in(Lane::Slow, search::read_pending).await?;
        let count = pending.len();
        if count > 0 {
            self.db.write(Durability::Relaxed, move |connection| search::index(connection, &pending)).await?;
        }
        Ok(count)
    }

    async fn change_conversation(
        &self,
        user: UserId,
        id: ConversationId,
        change: ConversationChange,
    ) -> StoreResult<Changed> {
        self.db
            .write(Durability::Durable, move |connection| {
                if change.pinned == Some(true)
                    && find_owned(connection, user, id)?.is_some()
                    && count_other_pinned(connection, user, id)? >= MAX_PINNED
                {
                    return Ok(Changed::TooManyPinned);
                }
                change_conversation(connection, user, id, &change)
            })
            .await
    }

    async fn choose_version(&self, user: UserId, id: ConversationId, message: MessageId) -> StoreResult<bool> {
        self.db.write(Durability::Durable, move |connection| choose_version(connection, user, id, message)).await
    }

    async fn branch_conversation(&self, branch: NewBranch) -> StoreResult<Option<ConversationSummary>> {
        self.db.write(Durability::Durable, move |connection| branch_conversation(connection, branch)).await
    }

    async fn share_conversation(
        &self,
        user: UserId,
        id: ConversationId,
        share: Option<SecretHash>,
    ) -> StoreResult<bool> {
        self.db
            .write(Durability::Durable, move |connection| {
                let changed = connection
                    .prepare_cached(
                        "UPDATE conversations SET share_hash = ?3 WHERE id = ?1 AND user_id = ?2 AND hidden = 0",
                    )?
                    .execute(params![id, user, share])?;
                Ok(changed == 1)
            })
            .await
    }

    async fn find_shared_part(&self, share: SecretHash, part: Part) -> StoreResult<Option<Conversation>> {
        self.db.read(move |connection| read_conversation(connection, "c.share_hash = ?1", params![share], part)).await
    }

    async fn is_shared(&self, share: SecretHash, message: MessageId) -> StoreResult<bool> {
        self.db
            .read(move |connection| {
                let mut found = connection.prepare_cached(
                    "SELECT m.place, c.versions FROM messages m JOIN conversations c ON c.id = m.conversation_id
                     WHERE (m.id = ?2 OR m.copy_of = ?2) AND c.share_hash = ?1 AND c.hidden = 0",
                )?;
                let mut rows = found.query(params![share, message])?;
                while let Some(row) = rows.next()? {
                    if read_versions(row.get(1)?)?.shown().contains(row.get(0)?) {
                        return Ok(true);
                    }
                }
                Ok(false)
            })
            .await
    }

    async fn forget_hidden(&self, before: i64) -> StoreResult<()> {
        // In small pieces: whoever moves credits shares the writer.
        loop {
            let forget = move |connection: &Connection| {
                let mut forget = connection.prepare_cached(
                    "DELETE FROM conversations WHERE id IN (
                         SELECT c.id FROM conversations c WHERE c.hidden = 1 AND c.created_at < ?1 AND NOT EXISTS (
                             SELECT 1 FROM messages m WHERE m.conversation_id = c.id AND m.state = 'running') LIMIT ?2)",
                )?;
                Ok(forget.execute(params![before, AT_A_TIME])?)
            };
            if self.db.write(Durability::Relaxed, forget).await? == 0 {
                return Ok(());
            }
        }
    }

    async fn delete_conversation(&self, user: UserId, id: ConversationId) -> StoreResult<Option<Vec<MessageId>>> {
        self.db
            .write(Durability::Durable, move |connection| {
                if find_owned(connection, user, id)?.is_none() {
                    return Ok(None);
                }
                let running = connection
                    .prepare_cached("SELECT id FROM messages WHERE conversation_id = ?1 AND state = 'running'")?
                    .query_map([id], |row| row.get(0))?
                    .collect::<Result<_, _>>()?;
                connection.prepare_cached("DELETE FROM conversations WHERE id = ?1")?.execute([id])?;
                Ok(Some(running))
            })
            .await
    }
}
