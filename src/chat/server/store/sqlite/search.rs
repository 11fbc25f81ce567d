//! The index over what was said, and the conversations that a search finds by it.

use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::paths::read_versions;
use super::rows::{SUMMARY, read_summary};
use crate::chat::ConversationSummary;
use crate::chat::server::search::{Wanted, index_words, snippet};
use crate::credits::Page;
use crate::platform::db::StoreResult;
use crate::platform::ids::{ConversationId, UserId};

/// Texts that are indexed in one step: few, so that no other write waits long.
pub(super) const BATCH: usize = 64;

/// A text that waits to be indexed.
pub(super) struct Pending {
    /// The message, or the conversation whose title it is.
    source: Uuid,
    /// `None`: there is nothing to index of it.
    text: Option<PendingText>,
}

struct PendingText {
    conversation: ConversationId,
    /// The title, if it is one: it may be another by now.
    title: Option<String>,
    /// What the index keeps.
    words: String,
}

/// The newest of what waits, with its words. A reply that is being written is left waiting.
pub(super) fn read_pending(connection: &Connection) -> StoreResult<Vec<Pending>> {
    let snapshot = connection.unchecked_transaction()?;
    let mut sources = snapshot.prepare_cached(
        "SELECT source FROM search_pending
         WHERE NOT EXISTS (SELECT 1 FROM messages WHERE id = source AND state = 'running')
         ORDER BY source DESC LIMIT ?1",
    )?;
    let sources: Vec<Uuid> =
        sources.query_map([i64::try_from(BATCH).unwrap_or(i64::MAX)], |row| row.get(0))?.collect::<Result<_, _>>()?;
    let mut message = snapshot.prepare_cached(
        "SELECT c.user_id, c.id, m.content FROM messages m JOIN conversations c ON c.id = m.conversation_id
         WHERE m.id = ?1 AND c.hidden = 0",
    )?;
    let mut title =
        snapshot.prepare_cached("SELECT user_id, id, title FROM conversations WHERE id = ?1 AND hidden = 0")?;
    let mut pending = Vec::with_capacity(sources.len());
    for source in sources {
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        let said: Option<(UserId, ConversationId, String)> = message.query_row([source], read).optional()?;
        let (found, is_title) = match said {
            Some(said) => (Some(said), false),
            None => (title.query_row([source], read).optional()?, true),
        };
        let text = found.map(|(user, conversation, text)| PendingText {
            conversation,
            words: marked(user, &index_words(&text)),
            title: is_title.then_some(text),
        });
        pending.push(Pending { source, text });
    }
    Ok(pending)
}

/// Puts texts into the index; what has changed meanwhile goes on waiting.
pub(super) fn index(connection: &Connection, pending: &[Pending]) -> StoreResult<()> {
    let mut still_waits = connection.prepare_cached("DELETE FROM search_pending WHERE source = ?1")?;
    let mut is_title = connection.prepare_cached("SELECT 1 FROM conversations WHERE id = ?1 AND title = ?2")?;
    let mut forget = connection.prepare_cached("DELETE FROM search_documents WHERE source = ?1")?;
    let mut document =
        connection.prepare_cached("INSERT INTO search_documents (source, conversation_id) VALUES (?1, ?2)")?;
    let mut words = connection.prepare_cached("INSERT INTO search (rowid, words) VALUES (?1, ?2)")?;
    for Pending { source, text } in pending {
        if let Some(title) = text.as_ref().and_then(|text| text.title.as_ref())
            && !is_title.exists(params![source, title])?
        {
            continue;
        }
        // Deleted, or indexed by another process.
        if still_waits.execute([source])? == 0 {
            continue;
        }
        forget.execute([source])?;
        let Some(text) = text.as_ref().filter(|text| !text.words.is_empty()) else { continue };
        let id = document.insert(params![source, text.conversation])?;
        words.execute(params![id, text.words])?;
    }
    Ok(())
}

/// Words as the index has them: each with a mark of its user, so that the words of others are other words.
fn marked(user: UserId, words: &[String]) -> String {
    let mark = mark(user);
    words.iter().map(|word| format!("{mark}{word}")).collect::<Vec<_>>().join(" ")
}

/// The random half of the user's id. Two with the same one would only make each other's searches slower.
fn mark(user: UserId) -> String {
    let (_, mark) = Uuid::from(user).as_u64_pair();
    format!("{mark:016x}")
}

/// The conversations of a user in which it is found, the one that was active last first, after `before`.
pub(super) fn search(
    connection: &Connection,
    user: UserId,
    wanted: &Wanted,
    pinned: Option<bool>,
    before: (i64, ConversationId),
    limit: usize,
) -> StoreResult<Page<ConversationSummary>> {
    let snapshot = connection.unchecked_transaction()?;
    let (whole, beginning) = wanted.words();
    let phrase = format!("\"{}\" *", marked(user, &[whole, &[beginning.to_owned()]].concat()));
    let mut found = snapshot.prepare_cached(
        "SELECT c.updated_at, c.id, d.source, c.versions FROM search s
         CROSS JOIN search_documents d ON d.id = s.rowid CROSS JOIN conversations c ON c.id = d.conversation_id
         WHERE s.words MATCH ?1 AND c.user_id = ?2 AND c.hidden = 0 AND (?3 IS NULL OR c.pinned = ?3)
           AND (c.updated_at, c.id) < (?4, ?5)
         ORDER BY c.updated_at DESC, c.id DESC, d.source = c.id, d.source DESC",
    )?;
    let mut said = snapshot.prepare_cached("SELECT content, place FROM messages WHERE id = ?1")?;
    let mut summary = snapshot.prepare_cached(&format!("SELECT {SUMMARY} FROM conversations c WHERE c.id = ?1"))?;
    let mut rows = found.query(params![phrase, user, pinned, before.0, before.1])?;
    let (mut items, mut last) = (Vec::<ConversationSummary>::new(), None::<(i64, ConversationId)>);
    while let Some(row) = rows.next()? {
        let (updated_at, conversation, source): (i64, ConversationId, Uuid) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if last.is_some_and(|(_, last)| last == conversation) {
            continue;
        }
        let text: Option<(String, i64)> = said.query_row([source], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        if let Some((_, place)) = text
            && !read_versions(row.get(3)?)?.shown().contains(place)
        {
            // Another version is shown in its place.
            continue;
        }
        let text = text.map(|(text, _)| text);
        let mut rows = summary.query([conversation])?;
        let Some(row) = rows.next()? else { continue };
        let mut item = read_summary(row)?;
        let searched = text.as_ref().unwrap_or(&item.title);
        // The index knows no punctuation, and may not know yet of another title.
        let Some(range) = wanted.find(searched) else { continue };
        item.message_id = text.as_ref().map(|_| source.to_string());
        item.snippet = text.map(|text| snippet(&text, &range));
        if items.len() == limit {
            let next_cursor = last.map(|(time, id)| format!("{time}_{id}"));
            return Ok(Page { items, next_cursor });
        }
        last = Some((updated_at, conversation));
        items.push(item);
    }
    Ok(Page { items, next_cursor: None })
}
