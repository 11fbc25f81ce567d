//! Which messages of a conversation are shown, and the versions of those that are.

use rusqlite::{Connection, OptionalExtension, params};

use super::conversations::find_owned;
use crate::chat::Message;
use crate::chat::server::store::{Version, places_of_versions, with_versions};
use crate::chat::server::versions::{Places, Versions};
use crate::platform::db::{StoreError, StoreResult};
use crate::platform::ids::{ConversationId, MessageId, UserId};

pub(super) fn read_versions(json: Option<String>) -> StoreResult<Versions> {
    let Some(json) = json else { return Ok(Versions::default()) };
    serde_json::from_str(&json).map_err(|error| StoreError::Corrupt(format!("versions {json:?}: {error}")))
}

pub(super) fn save_versions(
    connection: &Connection,
    conversation: ConversationId,
    versions: &Versions,
) -> StoreResult<()> {
    let json = serde_json::to_string(versions).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    connection
        .prepare_cached("UPDATE conversations SET versions = ?2 WHERE id = ?1")?
        .execute(params![conversation, json])?;
    Ok(())
}

/// Whether a message `m` is in the places that the parameter with this number lists; none: it is.
pub(super) fn within(parameter: u8) -> String {
    format!(
        "(?{parameter} IS NULL OR EXISTS (
             SELECT 1 FROM json_each(?{parameter}) AS part
             WHERE m.place BETWEEN part.value ->> '$[0]' AND part.value ->> '$[1]'))"
    )
}

/// The parameter of [`within`].
pub(super) fn list_places(places: &Places) -> StoreResult<Option<String>> {
    if let [(..=1, i64::MAX)] = places.ranges() {
        return Ok(None);
    }
    serde_json::to_string(places.ranges()).map(Some).map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// The place of a message of this conversation.
pub(super) fn place_of(
    connection: &Connection,
    conversation: ConversationId,
    message: MessageId,
) -> StoreResult<Option<i64>> {
    Ok(connection
        .prepare_cached("SELECT place FROM messages WHERE id = ?1 AND conversation_id = ?2")?
        .query_row(params![message, conversation], |row| row.get(0))
        .optional()?)
}

pub(super) fn choose_version(
    connection: &Connection,
    user: UserId,
    conversation: ConversationId,
    message: MessageId,
) -> StoreResult<bool> {
    let Some(mut owned) = find_owned(connection, user, conversation)? else { return Ok(false) };
    let Some(place) = place_of(connection, conversation, message)? else { return Ok(false) };
    if owned.versions.choose(place) {
        save_versions(connection, conversation, &owned.versions)?;
    }
    Ok(true)
}

/// The messages, with the ids of their versions.
pub(super) fn name_versions(
    connection: &Connection,
    conversation: ConversationId,
    versions: &Versions,
    messages: Vec<(i64, Message)>,
) -> StoreResult<Vec<Message>> {
    let places = places_of_versions(versions, &messages);
    if places.is_empty() {
        return Ok(with_versions(versions, messages, &[]));
    }
    let places = serde_json::to_string(&places).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    let known = connection
        .prepare_cached(
            "SELECT m.place, m.id, EXISTS (
                 SELECT 1 FROM messages r WHERE r.conversation_id = ?1 AND r.place = m.place + 1
                     AND r.author = 'assistant' AND r.content = '' AND r.state <> 'running')
             FROM messages m WHERE m.conversation_id = ?1 AND m.place IN (SELECT value FROM json_each(?2))
             ORDER BY m.place",
        )?
        .query_map(params![conversation, places], |row| {
            Ok(Version { place: row.get(0)?, id: row.get(1)?, is_unanswered: row.get(2)? })
        })?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(with_versions(versions, messages, &known))
}
