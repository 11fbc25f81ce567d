//! Conversations in SQLite. Writes are relaxed: they are on disk when the charge that follows them is.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::{ChatStore, FinishedReply, NewExchange, PastMessage, StoredReply};
use crate::chat::{Author, Conversation, ConversationSummary, Message, MessageState, Usage};
use crate::credits::Page;
use crate::server::db::sqlite::{Durability, Sqlite};
use crate::server::db::{StoreError, StoreResult, now_millis, rfc3339};

/// [`ChatStore`] over the embedded database.
pub struct SqliteChatStore {
    db: Sqlite,
}

impl SqliteChatStore {
    #[must_use]
    pub const fn new(db: Sqlite) -> Self {
        Self { db }
    }
}

const MESSAGE: &str = "m.id, m.author, m.content, m.state, m.provider, m.model, m.fallback, m.credits, m.error_code,
    m.input_tokens, m.output_tokens, m.created_at, m.cached";

fn read_message(row: &Row<'_>) -> StoreResult<(Message, bool)> {
    let (author, state): (String, String) = (row.get(1)?, row.get(3)?);
    let usage = match (row.get(9)?, row.get(10)?) {
        (Some(input_tokens), Some(output_tokens)) => Some(Usage { input_tokens, output_tokens }),
        _ => None,
    };
    let message = Message {
        id: row.get::<_, Uuid>(0)?.to_string(),
        author: parse_author(&author)?,
        content: row.get(2)?,
        html: None,
        state: MessageState::parse(&state).ok_or_else(|| StoreError::Corrupt(format!("message state {state:?}")))?,
        provider: row.get(4)?,
        model: row.get(5)?,
        credits: row.get(7)?,
        cached: row.get(12)?,
        error_code: row.get(8)?,
        usage,
        created_at: rfc3339(row.get(11)?)?,
    };
    Ok((message, row.get(6)?))
}

const fn author_name(author: Author) -> &'static str {
    match author {
        Author::User => "user",
        Author::Assistant => "assistant",
    }
}

fn parse_author(name: &str) -> StoreResult<Author> {
    match name {
        "user" => Ok(Author::User),
        "assistant" => Ok(Author::Assistant),
        other => Err(StoreError::Corrupt(format!("author {other:?}"))),
    }
}

fn read_summary(row: &Row<'_>) -> StoreResult<ConversationSummary> {
    Ok(ConversationSummary {
        id: row.get::<_, Uuid>(0)?.to_string(),
        title: row.get(1)?,
        created_at: rfc3339(row.get(2)?)?,
        updated_at: rfc3339(row.get(3)?)?,
    })
}

fn owns(connection: &Connection, user: Uuid, conversation: Uuid) -> StoreResult<bool> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM conversations WHERE id = ?1 AND user_id = ?2 AND hidden = 0")?
        .exists(params![conversation, user])?)
}

/// What was said before a message, oldest first, at most `history` messages.
fn said_before(
    connection: &Connection,
    conversation: Uuid,
    end: Uuid,
    history: usize,
) -> StoreResult<Vec<PastMessage>> {
    let mut past = connection.prepare_cached(
        "SELECT author, content FROM messages
         WHERE conversation_id = ?1 AND id < ?3 AND content <> '' AND state <> 'running' ORDER BY id DESC LIMIT ?2",
    )?;
    let mut rows = past.query(params![conversation, i64::try_from(history).unwrap_or(i64::MAX), end])?;
    let mut messages = Vec::new();
    while let Some(row) = rows.next()? {
        messages.push(PastMessage { author: parse_author(&row.get::<_, String>(0)?)?, content: row.get(1)? });
    }
    messages.reverse();
    Ok(messages)
}

/// Whether the message is one of the user's own in this conversation, and so can be replaced.
fn can_be_replaced(connection: &Connection, conversation: Uuid, message: Uuid) -> StoreResult<bool> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM messages WHERE id = ?1 AND conversation_id = ?2 AND author = 'user'")?
        .exists(params![message, conversation])?)
}

/// Whether the reply was running and has ended so now, or had ended just so before.
fn finish(connection: &Connection, reply: &FinishedReply) -> StoreResult<bool> {
    let changed = connection
        .prepare_cached(
            "UPDATE messages SET state = ?2, content = ?3, provider = ?4, model = ?5, fallback = ?6, credits = ?7,
                 error_code = ?8, input_tokens = ?9, output_tokens = ?10, cached = ?11
             WHERE id = ?1 AND state = 'running'",
        )?
        .execute(params![
            reply.id,
            reply.state.as_str(),
            reply.text,
            reply.provider,
            reply.model,
            reply.fallback,
            reply.credits,
            reply.error_code,
            reply.usage.map(|usage| usage.input_tokens),
            reply.usage.map(|usage| usage.output_tokens),
            reply.cached,
        ])?;
    if changed == 1 {
        return Ok(true);
    }
    Ok(connection
        .prepare_cached("SELECT 1 FROM messages WHERE id = ?1 AND state = ?2 AND content = ?3 AND credits = ?4")?
        .exists(params![reply.id, reply.state.as_str(), reply.text, reply.credits])?)
}

fn begin_exchange(
    connection: &Connection,
    exchange: &NewExchange,
    history: usize,
) -> StoreResult<Option<Vec<PastMessage>>> {
    let now = now_millis();
    if let Some(title) = &exchange.new_title {
        connection
            .prepare_cached(
                "INSERT INTO conversations (id, user_id, title, created_at, updated_at, hidden)
                 VALUES (?1, ?2, ?3, ?4, ?4, ?5)",
            )?
            .execute(params![exchange.conversation, exchange.user, title, now, exchange.hidden])?;
    } else {
        if !owns(connection, exchange.user, exchange.conversation)? {
            return Ok(None);
        }
        connection
            .prepare_cached("UPDATE conversations SET updated_at = ?2 WHERE id = ?1")?
            .execute(params![exchange.conversation, now])?;
    }
    if let Some(replaced) = exchange.replaces {
        if !can_be_replaced(connection, exchange.conversation, replaced)? {
            return Ok(None);
        }
        connection
            .prepare_cached("DELETE FROM messages WHERE conversation_id = ?1 AND id >= ?2")?
            .execute(params![exchange.conversation, replaced])?;
    }
    let messages = said_before(connection, exchange.conversation, Uuid::max(), history)?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO messages (id, conversation_id, author, content, state, provider, model, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let none: Option<&str> = None;
    insert.execute(params![
        exchange.message_id,
        exchange.conversation,
        author_name(Author::User),
        exchange.text,
        MessageState::Complete.as_str(),
        none,
        none,
        now
    ])?;
    insert.execute(params![
        exchange.reply_id,
        exchange.conversation,
        author_name(Author::Assistant),
        "",
        MessageState::Running.as_str(),
        exchange.provider,
        exchange.model,
        now
    ])?;
    if let Some(answer) = &exchange.answer {
        finish(connection, answer)?;
    }
    Ok(Some(messages))
}

#[async_trait]
impl ChatStore for SqliteChatStore {
    async fn begin_exchange(&self, exchange: NewExchange, history: usize) -> StoreResult<Option<Vec<PastMessage>>> {
        self.db.write(Durability::Relaxed, move |connection| begin_exchange(connection, &exchange, history)).await
    }

    async fn find_past(
        &self,
        user: Uuid,
        conversation: Uuid,
        replaces: Option<Uuid>,
        history: usize,
    ) -> StoreResult<Option<Vec<PastMessage>>> {
        self.db
            .read(move |connection| {
                if !owns(connection, user, conversation)? {
                    return Ok(None);
                }
                if let Some(message) = replaces
                    && !can_be_replaced(connection, conversation, message)?
                {
                    return Ok(None);
                }
                said_before(connection, conversation, replaces.unwrap_or(Uuid::max()), history).map(Some)
            })
            .await
    }

    async fn save_partial(&self, reply: Uuid, text: String) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                connection
                    .prepare_cached("UPDATE messages SET content = ?2 WHERE id = ?1 AND state = 'running'")?
                    .execute(params![reply, text])?;
                Ok(())
            })
            .await
    }

    async fn finish_reply(&self, reply: FinishedReply) -> StoreResult<bool> {
        self.db.write(Durability::Relaxed, move |connection| finish(connection, &reply)).await
    }

    async fn abandon_reply(&self, reply: Uuid) -> StoreResult<Option<i64>> {
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

    async fn request_stop(&self, user: Uuid, reply: Uuid) -> StoreResult<bool> {
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

    async fn stop_requests(&self, replies: Vec<Uuid>) -> StoreResult<Vec<Uuid>> {
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

    async fn find_message(&self, user: Uuid, id: Uuid) -> StoreResult<Option<StoredReply>> {
        self.db
            .read(move |connection| {
                let mut found = connection.prepare_cached(&format!(
                    "SELECT {MESSAGE}, c.id FROM messages m JOIN conversations c ON c.id = m.conversation_id
                     WHERE m.id = ?1 AND c.user_id = ?2"
                ))?;
                let mut rows = found.query(params![id, user])?;
                let Some(row) = rows.next()? else { return Ok(None) };
                let (message, fallback) = read_message(row)?;
                Ok(Some(StoredReply { conversation: row.get(13)?, fallback, message }))
            })
            .await
    }

    async fn find_conversation(&self, user: Uuid, id: Uuid) -> StoreResult<Option<Conversation>> {
        self.db
            .read(move |connection| {
                // One snapshot, so that the messages are those of this very conversation.
                let snapshot = connection.unchecked_transaction()?;
                let mut found = snapshot.prepare_cached(
                    "SELECT id, title, created_at, updated_at FROM conversations
                     WHERE id = ?1 AND user_id = ?2 AND hidden = 0",
                )?;
                let mut rows = found.query(params![id, user])?;
                let Some(row) = rows.next()? else { return Ok(None) };
                let summary = read_summary(row)?;
                let mut messages = snapshot.prepare_cached(&format!(
                    "SELECT {MESSAGE} FROM messages m WHERE m.conversation_id = ?1 ORDER BY m.id"
                ))?;
                let mut rows = messages.query([id])?;
                let mut messages = Vec::new();
                while let Some(row) = rows.next()? {
                    messages.push(read_message(row)?.0);
                }
                let ConversationSummary { id, title, created_at, updated_at } = summary;
                Ok(Some(Conversation { id, title, created_at, updated_at, messages }))
            })
            .await
    }

    async fn list_conversations(
        &self,
        user: Uuid,
        query: &str,
        cursor: Option<&str>,
        limit: usize,
    ) -> StoreResult<Option<Page<ConversationSummary>>> {
        let Some((before, before_id)) = parse_cursor(cursor) else { return Ok(None) };
        let pattern = format!("%{}%", query.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
        let searching = !query.is_empty();
        self.db
            .read(move |connection| {
                let mut found = connection.prepare_cached(
                    "SELECT c.id, c.title, c.created_at, c.updated_at FROM conversations c
                     WHERE c.user_id = ?1 AND c.hidden = 0 AND (c.updated_at, c.id) < (?2, ?3)
                       AND (NOT ?4 OR c.title LIKE ?5 ESCAPE '\\' OR EXISTS (
                           SELECT 1 FROM messages m WHERE m.conversation_id = c.id AND m.content LIKE ?5 ESCAPE '\\'))
                     ORDER BY c.updated_at DESC, c.id DESC LIMIT ?6",
                )?;
                let limit_sql = i64::try_from(limit + 1).unwrap_or(i64::MAX);
                let mut rows = found.query(params![user, before, before_id, searching, pattern, limit_sql])?;
                let (mut items, mut last) = (Vec::new(), String::new());
                while let Some(row) = rows.next()? {
                    if items.len() == limit {
                        return Ok(Some(Page { items, next_cursor: Some(last) }));
                    }
                    last = format!("{}_{}", row.get::<_, i64>(3)?, row.get::<_, Uuid>(0)?);
                    items.push(read_summary(row)?);
                }
                Ok(Some(Page { items, next_cursor: None }))
            })
            .await
    }

    async fn rename_conversation(&self, user: Uuid, id: Uuid, title: String) -> StoreResult<bool> {
        self.db
            .write(Durability::Durable, move |connection| {
                let changed = connection
                    .prepare_cached("UPDATE conversations SET title = ?3 WHERE id = ?1 AND user_id = ?2")?
                    .execute(params![id, user, title])?;
                Ok(changed == 1)
            })
            .await
    }

    async fn forget_hidden(&self, before: i64) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                connection
                    .prepare_cached("DELETE FROM conversations WHERE hidden = 1 AND created_at < ?1")?
                    .execute([before])?;
                Ok(())
            })
            .await
    }

    async fn delete_conversation(&self, user: Uuid, id: Uuid) -> StoreResult<Option<Vec<Uuid>>> {
        self.db
            .write(Durability::Durable, move |connection| {
                if !owns(connection, user, id)? {
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

/// The last row of the page before: time of change and id.
fn parse_cursor(cursor: Option<&str>) -> Option<(i64, Uuid)> {
    match cursor {
        None => Some((i64::MAX, Uuid::max())),
        Some(cursor) => {
            let (time, id) = cursor.split_once('_')?;
            Some((time.parse().ok()?, id.parse().ok()?))
        }
    }
}
