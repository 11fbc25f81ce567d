//! The steps of an exchange: what was said before, the question with its running reply, and how that one ends.

use rusqlite::{Connection, OptionalExtension, params};

use super::conversations::{Owned, find_owned};
use super::paths::{list_places, read_versions, save_versions, within};
use super::rows::{author_name, calls_json, images_json, parse_author, read_images};
use crate::chat::server::attachments::Image;
use crate::chat::server::store::{FinishedReply, NewExchange, Past, PastMessage};
use crate::chat::server::versions::Places;
use crate::chat::{Author, CutReason, MessageState};
use crate::credits::Balance;
use crate::credits::server::store::{HoldEnd, HoldId, HoldOutcome, NewHold, SqliteCreditStore};
use crate::platform::db::{StoreResult, now_millis, to_i64};
use crate::platform::ids::{ConversationId, MessageId, UserId};

/// What was said in these places, oldest first, at most `history` messages.
pub(super) fn said_in(
    connection: &Connection,
    conversation: ConversationId,
    places: &Places,
    history: usize,
) -> StoreResult<Vec<PastMessage>> {
    let mut past = connection.prepare_cached(&format!(
        "SELECT m.author, m.content, m.images FROM messages m
         WHERE m.conversation_id = ?1 AND m.place <= ?2 AND m.content <> '' AND m.state <> 'running' AND {}
         ORDER BY m.place DESC LIMIT ?4",
        within(3)
    ))?;
    let limit = to_i64(history);
    let mut rows = past.query(params![conversation, places.end(), list_places(places)?, limit])?;
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

/// Where a message that can be replaced stands: one of the user's own in this conversation.
pub(super) fn find_replaced(
    connection: &Connection,
    conversation: ConversationId,
    message: MessageId,
) -> StoreResult<Option<i64>> {
    Ok(connection
        .prepare_cached("SELECT place FROM messages WHERE id = ?1 AND conversation_id = ?2 AND author = 'user'")?
        .query_row(params![message, conversation], |row| row.get(0))
        .optional()?)
}

/// The replies that are being written in a user's conversation; only those that are shown no more when the message `from`,
/// which can be, is replaced.
pub(super) fn running_replies(
    connection: &Connection,
    user: UserId,
    conversation: ConversationId,
    from: Option<MessageId>,
) -> StoreResult<Vec<MessageId>> {
    let Some(Owned { versions, .. }) = find_owned(connection, user, conversation)? else { return Ok(Vec::new()) };
    let mut places = None;
    if let Some(message) = from {
        let Some(place) = find_replaced(connection, conversation, message)? else { return Ok(Vec::new()) };
        places = Some(versions.through(place).since(place));
    }
    let mut running =
        connection.prepare_cached("SELECT id, place FROM messages WHERE conversation_id = ?1 AND state = 'running'")?;
    let mut rows = running.query([conversation])?;
    let mut replies = Vec::new();
    while let Some(row) = rows.next()? {
        let place = row.get(1)?;
        if places.as_ref().is_none_or(|places| places.contains(place)) {
            replies.push(row.get(0)?);
        }
    }
    Ok(replies)
}

/// Whether the reply was running and has ended so now, or had ended just so before.
pub(super) fn finish(connection: &Connection, reply: &FinishedReply) -> StoreResult<bool> {
    let changed = connection
        .prepare_cached(
            "UPDATE messages SET state = ?2, content = ?3, provider = ?4, model = ?5, fallback_from = ?6, credits = ?7,
                 error_code = ?8, input_tokens = ?9, output_tokens = ?10, cached = ?11, cut = ?12, cut_reason = ?13,
                 cached_input_tokens = ?14, reasoning_tokens = ?15, tokens_estimated = ?16, price_version = ?17,
                 calls = ?18, thoughts = ?19, thought_ms = ?20, cache_write_tokens = ?21, cache_write_1h_tokens = ?22
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
            reply.cut.is_some(),
            reply.cut.map(CutReason::as_str),
            reply.usage.and_then(|usage| usage.cached_input_tokens),
            reply.usage.and_then(|usage| usage.reasoning_tokens),
            reply.usage.is_some_and(|usage| usage.estimated),
            reply.price_version,
            calls_json(&reply.calls)?,
            reply.thinking.as_ref().map(|thinking| &thinking.text),
            reply.thinking.as_ref().map(|thinking| thinking.millis),
            reply.usage.and_then(|usage| usage.cache_write_tokens),
            reply.usage.and_then(|usage| usage.cache_write_1h_tokens),
        ])?;
    if changed == 1 {
        return Ok(true);
    }
    Ok(connection
        .prepare_cached("SELECT 1 FROM messages WHERE id = ?1 AND state = ?2 AND content = ?3 AND credits = ?4")?
        .exists(params![reply.id, reply.state.as_str(), reply.text, reply.credits])?)
}

/// Ends a running reply and settles its hold; nothing is charged where either is not there.
pub(super) fn finish_paid(
    connection: &Connection,
    credits: &SqliteCreditStore,
    reply: &FinishedReply,
    hold: HoldId,
) -> StoreResult<Option<(HoldEnd, Balance)>> {
    if finish(connection, reply)? { credits.settle_in(connection, hold, reply.credits) } else { Ok(None) }
}

/// Puts the price aside, and where that was done begins the exchange.
pub(super) fn begin_paid(
    connection: &Connection,
    credits: &SqliteCreditStore,
    hold: &NewHold,
    exchange: &NewExchange,
    history: usize,
) -> StoreResult<(HoldOutcome, Option<Past>)> {
    let outcome = credits.hold_in(connection, hold)?;
    let is_held = matches!(outcome, HoldOutcome::Held { .. });
    let past = if is_held { begin_exchange(connection, exchange, history)? } else { None };
    Ok((outcome, past))
}

pub(super) fn begin_exchange(
    connection: &Connection,
    exchange: &NewExchange,
    history: usize,
) -> StoreResult<Option<Past>> {
    let now = now_millis();
    let mut past = Past { system_prompt: exchange.system_prompt.clone(), messages: Vec::new() };
    if let Some(title) = &exchange.new_title {
        connection
            .prepare_cached(
                "INSERT INTO conversations (id, user_id, title, system_prompt, created_at, updated_at, hidden, picked)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7)",
            )?
            .execute(params![
                exchange.conversation,
                exchange.user,
                title,
                exchange.system_prompt,
                now,
                exchange.hidden,
                exchange.picked
            ])?;
    } else {
        let touched = connection
            .prepare_cached(
                "UPDATE conversations SET updated_at = ?3, picked = coalesce(?4, picked) WHERE id = ?1 AND user_id = ?2 AND hidden = 0
                 RETURNING system_prompt, versions",
            )?
            .query_row(params![exchange.conversation, exchange.user, now, exchange.picked], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        let Some((system_prompt, versions)) = touched else { return Ok(None) };
        past.system_prompt = system_prompt;
        let mut versions = read_versions(versions)?;
        let after = match exchange.replaces {
            None => versions.goes_on_after(),
            Some(message) => {
                let Some(place) = find_replaced(connection, exchange.conversation, message)? else { return Ok(None) };
                Some(versions.before(place))
            }
        };
        let places = after.map_or_else(|| versions.shown(), |after| versions.up_to(after));
        past.messages = said_in(connection, exchange.conversation, &places, history)?;
        if let Some(after) = after {
            versions.begin(next_place(connection, exchange.conversation)?, after);
            save_versions(connection, exchange.conversation, &versions)?;
        }
    }
    insert_messages(connection, exchange, now)?;
    if let Some(answer) = &exchange.answer {
        finish(connection, answer)?;
    }
    Ok(Some(past))
}

/// The place of the next message.
fn next_place(connection: &Connection, conversation: ConversationId) -> StoreResult<i64> {
    Ok(connection
        .prepare_cached("SELECT coalesce(max(place), 0) + 1 FROM messages WHERE conversation_id = ?1")?
        .query_row([conversation], |row| row.get(0))?)
}

/// Stores the message with its images, and its running reply.
fn insert_messages(connection: &Connection, exchange: &NewExchange, now: i64) -> StoreResult<()> {
    let place = next_place(connection, exchange.conversation)?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO messages (id, conversation_id, author, content, state, provider, model, created_at, images, place)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
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
        place,
    ])?;
    for image in &exchange.images {
        insert_image(connection, exchange, image)?;
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
        place + 1,
    ])?;
    Ok(())
}

/// Stores an image of the message: one that was sent before shows the same bytes, unless they are gone meanwhile.
fn insert_image(connection: &Connection, exchange: &NewExchange, image: &Image) -> StoreResult<()> {
    let shared = connection
        .prepare_cached(
            "INSERT INTO attachments (id, message_id, media_type, file_id)
             SELECT ?1, ?2, a.media_type, a.file_id FROM attachments a JOIN attachment_files f ON f.id = a.file_id
             WHERE a.id = ?3 AND f.user_id = ?4",
        )?
        .execute(params![image.id, exchange.message_id, image.same_as, exchange.user])?;
    if shared == 0 {
        connection
            .prepare_cached("INSERT INTO attachment_files (id, user_id, size, bytes) VALUES (?1, ?2, ?3, ?4)")?
            .execute(params![image.id, exchange.user, image.bytes.len(), &image.bytes[..]])?;
        connection
            .prepare_cached("INSERT INTO attachments (id, message_id, media_type, file_id) VALUES (?1, ?2, ?3, ?1)")?
            .execute(params![image.id, exchange.message_id, image.media_type])?;
    }
    Ok(())
}
