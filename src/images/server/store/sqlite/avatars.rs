//! Which picture a user shows of themselves, and the queue of files to delete.

use rusqlite::{Connection, OptionalExtension, params};

use crate::platform::db::{StoreResult, now_millis};
use crate::platform::ids::{ImageId, UserId};

/// Takes another one, or none. Returns the one before.
pub(super) fn replace(connection: &Connection, user: UserId, id: Option<ImageId>) -> StoreResult<Option<ImageId>> {
    let before = find(connection, user)?;
    match id {
        Some(id) => connection
            .prepare_cached(
                "INSERT INTO avatars (user_id, image_id) VALUES (?1, ?2)
                 ON CONFLICT (user_id) DO UPDATE SET image_id = ?2",
            )?
            .execute(params![user, id])?,
        None => connection.prepare_cached("DELETE FROM avatars WHERE user_id = ?1")?.execute([user])?,
    };
    Ok(before)
}

pub(super) fn find(connection: &Connection, user: UserId) -> StoreResult<Option<ImageId>> {
    let mut find = connection.prepare_cached("SELECT image_id FROM avatars WHERE user_id = ?1")?;
    Ok(find.query_row([user], |row| row.get(0)).optional()?)
}

/// Queues the files of ids that have no image to show.
pub(super) fn queue_strays(connection: &Connection, ids: &[ImageId]) -> StoreResult<()> {
    let mut queue = connection.prepare_cached(
        "INSERT INTO images (id, state, cleanup_at, created_at) VALUES (?1, 'deleted', ?2, ?2)
         ON CONFLICT (id) DO UPDATE SET cleanup_at = ?2, cleanup_tries = 0
         WHERE state NOT IN ('running', 'complete')",
    )?;
    for id in ids {
        queue.execute(params![id, now_millis()])?;
    }
    Ok(())
}
