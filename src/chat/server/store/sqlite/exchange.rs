//! The steps of an exchange: what was said before, the question with its running reply, and how that one ends.

use rusqlite::{Connection, OptionalExtension, params};

use super::rows::{author_name, images_json, parse_author, read_images};
use crate::chat::server::attachments::Image;
use crate::chat::server::store::{FinishedReply, NewExchange, Past, PastMessage};
use crate::chat::{Author, MessageState};
use crate::platform::db::{StoreResult, now_millis};
use crate::platform::ids::{ConversationId, MessageId, UserId};

/// What was said before a message, or up to now, oldest first, at most `history` messages.
pub(super) fn said_before(
    connection: &Connection,
    conversation: ConversationId,
    end: Option<MessageId>,
    history: usize,
) -> StoreResult<Vec<PastMessage>> {
    let mut past = connection.prepare_cached(
        "SELECT author, content, images FROM messages
         WHERE conversation_id = ?1 AND (?3 IS NULL OR place < (SELECT place FROM messages WHERE id = ?3))
             AND content <> '' AND state <> 'running' ORDER BY place DESC LIMIT ?2",
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
pub(super) fn can_be_replaced(
    connection: &Connection,
    conversation: ConversationId,
    message: MessageId,
) -> StoreResult<bool> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM messages WHERE id = ?1 AND conversation_id = ?2 AND author = 'user'")?
        .exists(params![message, conversation])?)
}

/// The replies that are being written in a user's conversation, from a message on that can be replaced.
pub(super) fn running_replies(
    connection: &Connection,
    user: UserId,
    conversation: ConversationId,
    from: Option<MessageId>,
) -> StoreResult<Vec<MessageId>> {
    if let Some(message) = from
        && !can_be_replaced(connection, conversation, message)?
    {
        return Ok(Vec::new());
    }
    let mut running = connection.prepare_cached(
        "SELECT m.id FROM messages m JOIN conversations c ON c.id = m.conversation_id
         WHERE c.id = ?1 AND c.user_id = ?2 AND c.hidden = 0 AND m.state = 'running'
             AND m.place >= coalesce((SELECT place FROM messages WHERE id = ?3), 0)",
    )?;
    Ok(running.query_map(params![conversation, user, from], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

/// Whether the reply was running and has ended so now, or had ended just so before.
pub(super) fn finish(connection: &Connection, reply: &FinishedReply) -> StoreResult<bool> {
    let changed = connection
        .prepare_cached(
            "UPDATE messages SET state = ?2, content = ?3, provider = ?4, model = ?5, fallback_from = ?6, credits = ?7,
                 error_code = ?8, input_tokens = ?9, output_tokens = ?10, cached = ?11, cut = ?12
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
            reply.cut,
        ])?;
    if changed == 1 {
        return Ok(true);
    }
    Ok(connection
        .prepare_cached("SELECT 1 FROM messages WHERE id = ?1 AND state = ?2 AND content = ?3 AND credits = ?4")?
        .exists(params![reply.id, reply.state.as_str(), reply.text, reply.credits])?)
}

pub(super) fn begin_exchange(
    connection: &Connection,
    exchange: &NewExchange,
    history: usize,
) -> StoreResult<Option<Past>> {
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
            .prepare_cached(
                "DELETE FROM messages
                 WHERE conversation_id = ?1 AND place >= (SELECT place FROM messages WHERE id = ?2)",
            )?
            .execute(params![exchange.conversation, replaced])?;
    }
    let messages = said_before(connection, exchange.conversation, None, history)?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO messages (id, conversation_id, author, content, state, provider, model, created_at, images, place)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,
             (SELECT coalesce(max(place), 0) + 1 FROM messages WHERE conversation_id = ?2))",
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
            .prepare_cached("INSERT INTO attachment_files (id, user_id, size, bytes) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![image.id, exchange.user, image.bytes.len(), &image.bytes[..]])?;
        connection
            .prepare_cached("INSERT INTO attachments (id, message_id, media_type, file_id) VALUES (?1, ?2, ?3, ?1)")?
            .execute(params![image.id, exchange.message_id, image.media_type])?;
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
