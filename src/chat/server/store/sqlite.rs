//! Conversations in SQLite. Writes are relaxed: they are on disk when the charge that follows them is.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Params, Row, params};
use uuid::Uuid;

use super::{
    Changed, ChatStore, ConversationFilter, FinishedReply, NewBranch, NewExchange, Past, PastMessage, StoredReply,
    parse_image_id,
};
use crate::chat::server::attachments::Image;
use crate::chat::{
    Author, Conversation, ConversationChange, ConversationSummary, ImageRef, MAX_PINNED, Message, MessageState, Usage,
    branch_title,
};
use crate::credits::Page;
use crate::platform::db::sqlite::{Durability, Sqlite};
use crate::platform::db::{StoreError, StoreResult, now_millis, rfc3339};
use crate::platform::secret::SecretHash;

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

const MESSAGE: &str =
    "m.id, m.author, m.content, m.state, m.provider, m.model, m.fallback_from, m.credits, m.error_code,
    m.input_tokens, m.output_tokens, m.created_at, m.cached, m.images";

fn read_message(row: &Row<'_>) -> StoreResult<Message> {
    let (author, state): (String, String) = (row.get(1)?, row.get(3)?);
    let usage = match (row.get(9)?, row.get(10)?) {
        (Some(input_tokens), Some(output_tokens)) => Some(Usage { input_tokens, output_tokens }),
        _ => None,
    };
    Ok(Message {
        id: row.get::<_, Uuid>(0)?.to_string(),
        author: parse_author(&author)?,
        content: row.get(2)?,
        html: None,
        images: read_images(row.get(13)?)?,
        state: MessageState::parse(&state).ok_or_else(|| StoreError::Corrupt(format!("message state {state:?}")))?,
        provider: row.get(4)?,
        model: row.get(5)?,
        fallback_from: row.get(6)?,
        credits: row.get(7)?,
        cached: row.get(12)?,
        error_code: row.get(8)?,
        usage,
        created_at: rfc3339(row.get(11)?)?,
    })
}

fn read_images(json: Option<String>) -> StoreResult<Vec<ImageRef>> {
    let Some(json) = json else { return Ok(Vec::new()) };
    serde_json::from_str(&json).map_err(|error| StoreError::Corrupt(format!("images {json:?}: {error}")))
}

/// `NULL` where there are none.
fn images_json(images: &[ImageRef]) -> StoreResult<Option<String>> {
    if images.is_empty() {
        return Ok(None);
    }
    serde_json::to_string(images).map(Some).map_err(|error| StoreError::Corrupt(error.to_string()))
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

const SUMMARY: &str = "c.id, c.title, c.created_at, c.updated_at, c.pinned, c.share_hash IS NOT NULL";

fn read_summary(row: &Row<'_>) -> StoreResult<ConversationSummary> {
    Ok(ConversationSummary {
        id: row.get::<_, Uuid>(0)?.to_string(),
        title: row.get(1)?,
        pinned: row.get(4)?,
        shared: row.get(5)?,
        created_at: rfc3339(row.get(2)?)?,
        updated_at: rfc3339(row.get(3)?)?,
    })
}

/// Title and system prompt of a conversation that people see.
fn find_owned(
    connection: &Connection,
    user: Uuid,
    conversation: Uuid,
) -> StoreResult<Option<(String, Option<String>)>> {
    Ok(connection
        .prepare_cached("SELECT title, system_prompt FROM conversations WHERE id = ?1 AND user_id = ?2 AND hidden = 0")?
        .query_row(params![conversation, user], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

/// The conversation that a condition on `c` selects.
fn read_conversation(
    connection: &Connection,
    condition: &str,
    params: impl Params,
) -> StoreResult<Option<Conversation>> {
    // One snapshot, so that the messages are those of this very conversation.
    let snapshot = connection.unchecked_transaction()?;
    let mut found = snapshot.prepare_cached(&format!(
        "SELECT {SUMMARY}, c.system_prompt FROM conversations c WHERE c.hidden = 0 AND {condition}"
    ))?;
    let mut rows = found.query(params)?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (id, system_prompt): (Uuid, _) = (row.get(0)?, row.get(6)?);
    let ConversationSummary { title, pinned, shared, created_at, updated_at, .. } = read_summary(row)?;
    let mut messages = snapshot
        .prepare_cached(&format!("SELECT {MESSAGE} FROM messages m WHERE m.conversation_id = ?1 ORDER BY m.id"))?;
    let mut rows = messages.query([id])?;
    let mut messages = Vec::new();
    while let Some(row) = rows.next()? {
        messages.push(read_message(row)?);
    }
    let id = id.to_string();
    Ok(Some(Conversation { id, title, pinned, shared, system_prompt, created_at, updated_at, messages }))
}

/// What was said before a message, oldest first, at most `history` messages.
fn said_before(
    connection: &Connection,
    conversation: Uuid,
    end: Uuid,
    history: usize,
) -> StoreResult<Vec<PastMessage>> {
    let mut past = connection.prepare_cached(
        "SELECT author, content, images FROM messages
         WHERE conversation_id = ?1 AND id < ?3 AND content <> '' AND state <> 'running' ORDER BY id DESC LIMIT ?2",
    )?;
    let mut rows = past.query(params![conversation, i64::try_from(history).unwrap_or(i64::MAX), end])?;
    let mut messages = Vec::new();
    while let Some(row) = rows.next()? {
        messages.push(PastMessage {
            author: parse_author(&row.get::<_, String>(0)?)?,
            content: row.get(1)?,
            images: read_images(row.get(2)?)?,
        });
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
            "UPDATE messages SET state = ?2, content = ?3, provider = ?4, model = ?5, fallback_from = ?6, credits = ?7,
                 error_code = ?8, input_tokens = ?9, output_tokens = ?10, cached = ?11
             WHERE id = ?1 AND state = 'running'",
        )?
        .execute(params![
            reply.id,
            reply.state.as_str(),
            reply.text,
            reply.provider,
            reply.model,
            reply.fallback_from,
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

fn begin_exchange(connection: &Connection, exchange: &NewExchange, history: usize) -> StoreResult<Option<Past>> {
    let now = now_millis();
    let system_prompt = if let Some(title) = &exchange.new_title {
        connection
            .prepare_cached(
                "INSERT INTO conversations (id, user_id, title, system_prompt, created_at, updated_at, hidden)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6)",
            )?
            .execute(params![
                exchange.conversation,
                exchange.user,
                title,
                exchange.system_prompt,
                now,
                exchange.hidden
            ])?;
        exchange.system_prompt.clone()
    } else {
        let touched = connection
            .prepare_cached(
                "UPDATE conversations SET updated_at = ?3 WHERE id = ?1 AND user_id = ?2 AND hidden = 0
                 RETURNING system_prompt",
            )?
            .query_row(params![exchange.conversation, exchange.user, now], |row| row.get(0))
            .optional()?;
        let Some(system_prompt) = touched else { return Ok(None) };
        system_prompt
    };
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
        "INSERT INTO messages (id, conversation_id, author, content, state, provider, model, created_at, images)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
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
        now,
        images_json(&exchange.images.iter().map(Image::reference).collect::<Vec<_>>())?,
    ])?;
    for image in &exchange.images {
        connection
            .prepare_cached("INSERT INTO attachments (id, message_id, media_type, bytes) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![image.id, exchange.message_id, image.media_type, &image.bytes[..]])?;
    }
    insert.execute(params![
        exchange.reply_id,
        exchange.conversation,
        author_name(Author::Assistant),
        "",
        MessageState::Running.as_str(),
        exchange.provider,
        exchange.model,
        now,
        none,
    ])?;
    if let Some(answer) = &exchange.answer {
        finish(connection, answer)?;
    }
    Ok(Some(Past { system_prompt, messages }))
}

fn change_conversation(
    connection: &Connection,
    user: Uuid,
    id: Uuid,
    change: &ConversationChange,
) -> StoreResult<Changed> {
    let changed = connection
        .prepare_cached(
            "UPDATE conversations SET title = coalesce(?3, title), pinned = coalesce(?4, pinned),
                 system_prompt = nullif(coalesce(?5, system_prompt), '')
             WHERE id = ?1 AND user_id = ?2 AND hidden = 0",
        )?
        .execute(params![id, user, change.title, change.pinned, change.system_prompt])?;
    Ok(if changed == 1 { Changed::Done } else { Changed::NotFound })
}

/// How many others of this user are pinned.
fn count_other_pinned(connection: &Connection, user: Uuid, id: Uuid) -> StoreResult<usize> {
    Ok(connection
        .prepare_cached(
            "SELECT count(*) FROM conversations WHERE user_id = ?1 AND pinned = 1 AND hidden = 0 AND id <> ?2",
        )?
        .query_row(params![user, id], |row| row.get(0))?)
}

fn branch_conversation(connection: &Connection, branch: NewBranch) -> StoreResult<Option<ConversationSummary>> {
    let Some((title, system_prompt)) = find_owned(connection, branch.user, branch.of)? else { return Ok(None) };
    let said: Vec<(Uuid, Option<String>)> = connection
        .prepare_cached(
            "SELECT id, images FROM messages WHERE conversation_id = ?1 AND id <= ?2 AND state <> 'running' ORDER BY id",
        )?
        .query_map(params![branch.of, branch.until], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    if said.last().is_none_or(|(last, _)| *last != branch.until) {
        return Ok(None);
    }
    let (title, now) = (branch_title(&title), now_millis());
    connection
        .prepare_cached(
            "INSERT INTO conversations (id, user_id, title, system_prompt, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
        )?
        .execute(params![branch.id, branch.user, title, system_prompt, now])?;
    let mut copy = connection.prepare_cached(
        "INSERT INTO messages (id, conversation_id, author, content, state, provider, model, fallback_from, credits,
             error_code, input_tokens, output_tokens, created_at, cached)
         SELECT ?1, ?2, author, content, state, provider, model, fallback_from, 0,
             error_code, input_tokens, output_tokens, created_at, cached FROM messages WHERE id = ?3",
    )?;
    for (message, images) in said {
        let id = Uuid::now_v7();
        copy.execute(params![id, branch.id, message])?;
        if images.is_some() {
            copy_images(connection, read_images(images)?, id)?;
        }
    }
    Ok(Some(ConversationSummary {
        id: branch.id.to_string(),
        title,
        pinned: false,
        shared: false,
        created_at: rfc3339(now)?,
        updated_at: rfc3339(now)?,
    }))
}

/// Copies images for a message, as each goes with its own.
fn copy_images(connection: &Connection, mut images: Vec<ImageRef>, to: Uuid) -> StoreResult<()> {
    for image in &mut images {
        let (of, id) = (parse_image_id(image)?, Uuid::now_v7());
        connection
            .prepare_cached(
                "INSERT INTO attachments (id, message_id, media_type, bytes)
                 SELECT ?1, ?2, media_type, bytes FROM attachments WHERE id = ?3",
            )?
            .execute(params![id, to, of])?;
        image.id = id.to_string();
    }
    connection
        .prepare_cached("UPDATE messages SET images = ?2 WHERE id = ?1")?
        .execute(params![to, images_json(&images)?])?;
    Ok(())
}

#[async_trait]
impl ChatStore for SqliteChatStore {
    async fn begin_exchange(&self, exchange: NewExchange, history: usize) -> StoreResult<Option<Past>> {
        self.db.write(Durability::Relaxed, move |connection| begin_exchange(connection, &exchange, history)).await
    }

    async fn find_past(
        &self,
        user: Uuid,
        conversation: Uuid,
        replaces: Option<Uuid>,
        history: usize,
    ) -> StoreResult<Option<Past>> {
        self.db
            .read(move |connection| {
                let Some((_, system_prompt)) = find_owned(connection, user, conversation)? else { return Ok(None) };
                if let Some(message) = replaces
                    && !can_be_replaced(connection, conversation, message)?
                {
                    return Ok(None);
                }
                let messages = said_before(connection, conversation, replaces.unwrap_or(Uuid::max()), history)?;
                Ok(Some(Past { system_prompt, messages }))
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

    async fn assign_reply(&self, reply: Uuid, provider: String, model: String) -> StoreResult<()> {
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
                Ok(Some(StoredReply { conversation: row.get(14)?, message: read_message(row)? }))
            })
            .await
    }

    async fn find_attachment(&self, user: Uuid, id: Uuid) -> StoreResult<Option<Image>> {
        self.db
            .read(move |connection| {
                let mut found = connection.prepare_cached(
                    "SELECT a.media_type, a.bytes FROM attachments a JOIN messages m ON m.id = a.message_id
                     JOIN conversations c ON c.id = m.conversation_id WHERE a.id = ?1 AND c.user_id = ?2",
                )?;
                let found = found.query_row(params![id, user], |row| {
                    Ok(Image { id, media_type: row.get(0)?, bytes: row.get::<_, Vec<u8>>(1)?.into() })
                });
                Ok(found.optional()?)
            })
            .await
    }

    async fn find_conversation(&self, user: Uuid, id: Uuid) -> StoreResult<Option<Conversation>> {
        self.db
            .read(move |connection| read_conversation(connection, "c.id = ?1 AND c.user_id = ?2", params![id, user]))
            .await
    }

    async fn list_conversations(
        &self,
        user: Uuid,
        filter: &ConversationFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> StoreResult<Option<Page<ConversationSummary>>> {
        let Some((before, before_id)) = parse_cursor(cursor) else { return Ok(None) };
        let query = &filter.query;
        let pattern = format!("%{}%", query.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
        let searching = !query.is_empty();
        // In the text, so that the index over those that are pinned can be used.
        let pinned = match filter.pinned {
            None => "",
            Some(true) => "AND c.pinned = 1",
            Some(false) => "AND c.pinned = 0",
        };
        self.db
            .read(move |connection| {
                let mut found = connection.prepare_cached(&format!(
                    "SELECT {SUMMARY} FROM conversations c
                     WHERE c.user_id = ?1 AND c.hidden = 0 {pinned} AND (c.updated_at, c.id) < (?2, ?3)
                       AND (NOT ?4 OR c.title LIKE ?5 ESCAPE '\\' OR EXISTS (
                           SELECT 1 FROM messages m WHERE m.conversation_id = c.id AND m.content LIKE ?5 ESCAPE '\\'))
                     ORDER BY c.updated_at DESC, c.id DESC LIMIT ?6"
                ))?;
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

    async fn change_conversation(&self, user: Uuid, id: Uuid, change: ConversationChange) -> StoreResult<Changed> {
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

    async fn branch_conversation(&self, branch: NewBranch) -> StoreResult<Option<ConversationSummary>> {
        self.db.write(Durability::Durable, move |connection| branch_conversation(connection, branch)).await
    }

    async fn share_conversation(&self, user: Uuid, id: Uuid, share: Option<SecretHash>) -> StoreResult<bool> {
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

    async fn find_shared(&self, share: SecretHash) -> StoreResult<Option<Conversation>> {
        self.db.read(move |connection| read_conversation(connection, "c.share_hash = ?1", params![share])).await
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
