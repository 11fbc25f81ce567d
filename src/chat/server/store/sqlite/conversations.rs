//! Reading conversations, changing them, and beginning one as a part of another.

use rusqlite::{Connection, Params, params};

use super::paths::{list_places, name_versions, place_of, read_versions, within};
use super::rows::{MESSAGE, SUMMARY, images_json, read_images, read_message, read_summary};
use crate::chat::server::store::{Changed, NewBranch, Part, parse_image_id};
use crate::chat::server::versions::Versions;
use crate::chat::{Conversation, ConversationChange, ConversationSummary, ImageRef, branch_title};
use crate::credits::Page;
use crate::platform::db::{StoreResult, now_millis, rfc3339};
use crate::platform::ids::{AttachmentId, ConversationId, MessageId, UserId};

/// A conversation that people see.
pub(super) struct Owned {
    pub title: String,
    pub system_prompt: Option<String>,
    pub picked: Option<String>,
    pub versions: Versions,
}

pub(super) fn find_owned(
    connection: &Connection,
    user: UserId,
    conversation: ConversationId,
) -> StoreResult<Option<Owned>> {
    let mut found = connection.prepare_cached(
        "SELECT title, system_prompt, versions, picked FROM conversations WHERE id = ?1 AND user_id = ?2 AND hidden = 0",
    )?;
    let mut rows = found.query(params![conversation, user])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let versions = read_versions(row.get(2)?)?;
    Ok(Some(Owned { title: row.get(0)?, system_prompt: row.get(1)?, picked: row.get(3)?, versions }))
}

/// The conversation that a condition on `c` selects, with a part of its messages.
pub(super) fn read_conversation(
    connection: &Connection,
    condition: &str,
    params: impl Params,
    part: Part,
) -> StoreResult<Option<Conversation>> {
    // One snapshot, so that the messages are those of this very conversation.
    let snapshot = connection.unchecked_transaction()?;
    let mut found = snapshot.prepare_cached(&format!(
        "SELECT {SUMMARY}, c.system_prompt, c.versions, c.picked FROM conversations c WHERE c.hidden = 0 AND {condition}"
    ))?;
    let mut rows = found.query(params)?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (id, system_prompt): (ConversationId, _) = (row.get(0)?, row.get(6)?);
    let (versions, picked) = (read_versions(row.get(7)?)?, row.get(8)?);
    let ConversationSummary { title, pinned, shared, created_at, updated_at, .. } = read_summary(row)?;
    let (start, end, most, from_end) = part.bounds();
    let order = if from_end { "DESC" } else { "ASC" };
    let mut messages = snapshot.prepare_cached(&format!(
        "SELECT {MESSAGE} FROM messages m WHERE m.conversation_id = ?1
             AND m.place > coalesce((SELECT place FROM messages WHERE id = ?2 AND conversation_id = ?1), -1)
             AND m.place < coalesce((SELECT place FROM messages WHERE id = ?3 AND conversation_id = ?1), ?5)
             AND {}
         ORDER BY m.place {order} LIMIT ?4",
        within(6)
    ))?;
    let limit = i64::try_from(most.saturating_add(1)).unwrap_or(i64::MAX);
    let places = list_places(&versions.shown())?;
    let mut rows = messages.query(params![id, start, end, limit, i64::MAX, places])?;
    let mut messages = Vec::new();
    while let Some(row) = rows.next()? {
        messages.push((row.get(15)?, read_message(row)?));
    }
    let (messages, next_cursor) = part.cut(messages);
    let messages = name_versions(&snapshot, id, &versions, messages)?;
    let id = id.to_string();
    Ok(Some(Conversation {
        id,
        title,
        pinned,
        shared,
        system_prompt,
        picked,
        offered: None,
        created_at,
        updated_at,
        next_cursor,
        messages,
    }))
}

/// The last row of the page before: time of change and id.
pub(super) fn parse_cursor(cursor: Option<&str>) -> Option<(i64, ConversationId)> {
    match cursor {
        None => Some((i64::MAX, ConversationId::max())),
        Some(cursor) => {
            let (time, id) = cursor.split_once('_')?;
            Some((time.parse().ok()?, id.parse().ok()?))
        }
    }
}

/// The conversations of `?1`, the one that was active last first, after `?2` and `?3`, at most `?4`.
fn page_of_list(pinned: Option<bool>) -> String {
    // In the text, as the index has only those. By itself SQLite takes that of all, and looks at each whether it is pinned.
    let (index, pinned) = match pinned {
        None => ("", ""),
        Some(true) => (" INDEXED BY conversations_pinned", "AND c.pinned = 1"),
        Some(false) => ("", "AND c.pinned = 0"),
    };
    format!(
        "SELECT {SUMMARY} FROM conversations c{index}
         WHERE c.user_id = ?1 AND c.hidden = 0 {pinned} AND (c.updated_at, c.id) < (?2, ?3)
         ORDER BY c.updated_at DESC, c.id DESC LIMIT ?4"
    )
}

/// The conversations of a user, the one that was active last first, after `before`.
pub(super) fn list(
    connection: &Connection,
    user: UserId,
    pinned: Option<bool>,
    before: (i64, ConversationId),
    limit: usize,
) -> StoreResult<Page<ConversationSummary>> {
    let mut found = connection.prepare_cached(&page_of_list(pinned))?;
    let limit_sql = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let mut rows = found.query(params![user, before.0, before.1, limit_sql])?;
    let (mut items, mut last) = (Vec::new(), String::new());
    while let Some(row) = rows.next()? {
        if items.len() == limit {
            return Ok(Page { items, next_cursor: Some(last) });
        }
        last = format!("{}_{}", row.get::<_, i64>(3)?, row.get::<_, ConversationId>(0)?);
        items.push(read_summary(row)?);
    }
    Ok(Page { items, next_cursor: None })
}

pub(super) fn change_conversation(
    connection: &Connection,
    user: UserId,
    id: ConversationId,
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
pub(super) fn count_other_pinned(connection: &Connection, user: UserId, id: ConversationId) -> StoreResult<usize> {
    Ok(connection
        .prepare_cached(
            "SELECT count(*) FROM conversations INDEXED BY conversations_pinned
             WHERE user_id = ?1 AND pinned = 1 AND hidden = 0 AND id <> ?2",
        )?
        .query_row(params![user, id], |row| row.get(0))?)
}

pub(super) fn branch_conversation(
    connection: &Connection,
    branch: NewBranch,
) -> StoreResult<Option<ConversationSummary>> {
    let Some(owned) = find_owned(connection, branch.user, branch.of)? else { return Ok(None) };
    let Owned { title, system_prompt, picked, versions } = owned;
    let Some(last) = place_of(connection, branch.of, branch.until)? else { return Ok(None) };
    let said: Vec<(MessageId, Option<String>)> = connection
        .prepare_cached(&format!(
            "SELECT m.id, m.images FROM messages m
             WHERE m.conversation_id = ?1 AND m.place <= ?2 AND m.state <> 'running' AND {} ORDER BY m.place",
            within(3)
        ))?
        .query_map(params![branch.of, last, list_places(&versions.up_to(last))?], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    if said.last().is_none_or(|(last, _)| *last != branch.until) {
        return Ok(None);
    }
    let (title, now) = (branch_title(&title), now_millis());
    connection
        .prepare_cached(
            "INSERT INTO conversations (id, user_id, title, system_prompt, created_at, updated_at, picked)
             VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6)",
        )?
        .execute(params![branch.id, branch.user, title, system_prompt, now, picked])?;
    let mut copy = connection.prepare_cached(
        "INSERT INTO messages (id, conversation_id, author, content, state, provider, model, fallback_from, credits,
             error_code, input_tokens, output_tokens, created_at, cached, place, cut, cut_reason, cached_input_tokens,
             reasoning_tokens, tokens_estimated, price_version, thoughts, thought_ms, cache_write_tokens,
             cache_write_1h_tokens, copy_of)
         SELECT ?1, ?2, author, content, state, provider, model, fallback_from, 0,
             error_code, input_tokens, output_tokens, created_at, cached, place, cut, cut_reason, cached_input_tokens,
             reasoning_tokens, tokens_estimated, price_version, thoughts, thought_ms, cache_write_tokens,
             cache_write_1h_tokens, coalesce(copy_of, id)
         FROM messages WHERE id = ?3",
    )?;
    for (message, images) in said {
        let id = MessageId::now_v7();
        copy.execute(params![id, branch.id, message])?;
        if images.is_some() {
            share_images(connection, read_images(images)?, id)?;
        }
    }
    Ok(Some(ConversationSummary {
        id: branch.id.to_string(),
        title,
        pinned: false,
        shared: false,
        created_at: rfc3339(now)?,
        updated_at: rfc3339(now)?,
        snippet: None,
        message_id: None,
    }))
}

/// Lets another message show the same images.
fn share_images(connection: &Connection, mut images: Vec<ImageRef>, to: MessageId) -> StoreResult<()> {
    for image in &mut images {
        let (of, id) = (parse_image_id(image)?, AttachmentId::now_v7());
        connection
            .prepare_cached(
                "INSERT INTO attachments (id, message_id, media_type, file_id)
                 SELECT ?1, ?2, media_type, file_id FROM attachments WHERE id = ?3",
            )?
            .execute(params![id, to, of])?;
        image.id = id.to_string();
    }
    connection
        .prepare_cached("UPDATE messages SET images = ?2 WHERE id = ?1")?
        .execute(params![to, images_json(&images)?])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::platform::db::sqlite::Sqlite;

    /// However many conversations a user has, a page of their list is read along an index, and nothing is sorted.
    #[tokio::test]
    async fn a_page_of_the_list_is_read_in_the_order_of_an_index() {
        let folder = TempDir::new().unwrap();
        let db = Sqlite::open(&folder.path().join("tessera.db")).unwrap();
        for (pinned, index) in [
            (None, "conversations_by_user"),
            (Some(false), "conversations_by_user"),
            (Some(true), "conversations_pinned"),
        ] {
            let steps = db.read(move |connection| {
                let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", page_of_list(pinned)))?;
                let user = [0_u8; 16];
                let steps = plan.query_map(params![user, 1, user, 25], |row| row.get::<_, String>(3))?;
                Ok(steps.collect::<Result<Vec<_>, _>>()?.join("; "))
            });
            let steps = steps.await.unwrap();
            assert!(steps.contains(index) && !steps.contains("TEMP B-TREE"), "{pinned:?}: {steps}");
        }
    }
}
