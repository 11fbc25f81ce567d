//! Images in SQLite.

mod avatars;
mod making;
mod rows;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Params, params};

use self::avatars::queue_strays;
use self::making::{begin, finish};
use self::rows::{IMAGE, look_up, read_image};
use super::{Assignment, FinishedImage, Found, ImageCounts, ImageFilter, ImageStore, NewImage, Stray};
use crate::credits::Page;
use crate::images::Image;
use crate::platform::db::sqlite::{Durability, Lane, Sqlite};
use crate::platform::db::{StoreResult, now_millis, to_i64};
use crate::platform::ids::{ConversationId, ImageId, MessageId, RunId, UserId};

/// [`ImageStore`] over the embedded database.
pub struct SqliteImageStore {
    db: Sqlite,
}

impl SqliteImageStore {
    #[must_use]
    pub const fn new(db: Sqlite) -> Self {
        Self { db }
    }

    /// Turns the images that a condition selects into entries of the queue.
    async fn delete_where<P>(&self, condition: &'static str, params: Vec<P>) -> StoreResult<Vec<ImageId>>
    where
        P: Params + Send + 'static,
    {
        self.db
            .write(Durability::Durable, move |connection| {
                let mut delete = connection.prepare_cached(&format!(
                    "UPDATE images SET state = 'deleted', prompt = '', placeholder = NULL, favorite = 0, credits = 0, bytes = 0,
                         remote_id = NULL, run = NULL, conversation_id = NULL, reply_id = NULL, user_id = NULL,
                         cleanup_at = {now}, cleanup_tries = 0
                     WHERE state <> 'deleted' AND {condition} RETURNING id",
                    now = now_millis()
                ))?;
                let mut deleted = Vec::new();
                for params in params {
                    let mut rows = delete.query(params)?;
                    while let Some(row) = rows.next()? {
                        deleted.push(row.get(0)?);
                    }
                }
                Ok(deleted)
            })
            .await
    }
}

#[async_trait]
impl ImageStore for SqliteImageStore {
    async fn begin(&self, image: NewImage) -> StoreResult<bool> {
        self.db.write(Durability::Relaxed, move |connection| begin(connection, &image)).await
    }

    async fn assign(&self, id: ImageId, run: RunId, assignment: Assignment) -> StoreResult<bool> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                let Assignment { provider, model, is_ai, remote_id } = assignment;
                let changed = connection
                    .prepare_cached(
                        "UPDATE images SET provider = ?3, model = ?4, is_ai = ?5, remote_id = ?6
                         WHERE id = ?1 AND run = ?2 AND state = 'running'",
                    )?
                    .execute(params![id, run, provider, model, is_ai, remote_id])?;
                Ok(changed == 1)
            })
            .await
    }

    async fn learn_remote_id(&self, id: ImageId, remote_id: &str) -> StoreResult<bool> {
        let remote_id = remote_id.to_owned();
        self.db
            .write(Durability::Relaxed, move |connection| {
                let changed = connection
                    .prepare_cached(
                        "UPDATE images SET remote_id = ?2
                         WHERE id = ?1 AND state = 'running' AND coalesce(remote_id, ?2) = ?2",
                    )?
                    .execute(params![id, remote_id])?;
                Ok(changed == 1)
            })
            .await
    }

    async fn take_over(&self, id: ImageId, from: RunId, to: RunId) -> StoreResult<bool> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                let changed = connection
                    .prepare_cached("UPDATE images SET run = ?3 WHERE id = ?1 AND run = ?2 AND state = 'running'")?
                    .execute(params![id, from, to])?;
                Ok(changed == 1)
            })
            .await
    }

    async fn look_up(&self, id: ImageId) -> StoreResult<Found> {
        self.db.read(move |connection| look_up(connection, id)).await
    }

    async fn finish(&self, image: FinishedImage) -> StoreResult<bool> {
        self.db.write(Durability::Durable, move |connection| finish(connection, &image)).await
    }

    async fn request_stop(&self, user: UserId, id: ImageId) -> StoreResult<bool> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                let changed = connection
                    .prepare_cached(
                        "UPDATE images SET stop_requested = 1 WHERE id = ?1 AND user_id = ?2 AND state = 'running'",
                    )?
                    .execute(params![id, user])?;
                Ok(changed == 1)
            })
            .await
    }

    async fn stop_requests(&self, images: Vec<ImageId>) -> StoreResult<Vec<ImageId>> {
        self.db
            .read(move |connection| {
                let mut goes_on = connection.prepare_cached(
                    "SELECT 1 FROM images WHERE id = ?1 AND stop_requested = 0 AND state <> 'deleted'",
                )?;
                let mut stop = Vec::new();
                for image in images {
                    if !goes_on.exists([image])? {
                        stop.push(image);
                    }
                }
                Ok(stop)
            })
            .await
    }

    async fn find_shown(&self, conversation: ConversationId, reply: MessageId) -> StoreResult<Option<ImageId>> {
        self.db
            .read(move |connection| {
                Ok(connection
                    .prepare_cached("SELECT id FROM images WHERE conversation_id = ?1 AND reply_id = ?2")?
                    .query_row((conversation, reply), |row| row.get(0))
                    .optional()?)
            })
            .await
    }

    async fn find(&self, user: UserId, id: ImageId) -> StoreResult<Option<Image>> {
        self.db
            .read(move |connection| {
                let mut found = connection.prepare_cached(&format!(
                    "SELECT {IMAGE} FROM images WHERE id = ?1 AND user_id = ?2 AND state <> 'deleted'"
                ))?;
                let mut rows = found.query(params![id, user])?;
                rows.next()?.map(read_image).transpose()
            })
            .await
    }

    async fn find_prompts(&self, user: UserId, ids: Vec<ImageId>) -> StoreResult<Vec<(ImageId, String)>> {
        self.db
            .read(move |connection| {
                let mut there = connection.prepare_cached(
                    "SELECT prompt FROM images WHERE id = ?1 AND user_id = ?2 AND state <> 'deleted'",
                )?;
                let mut found = Vec::new();
                for id in ids {
                    let mut rows = there.query(params![id, user])?;
                    if let Some(row) = rows.next()? {
                        found.push((id, row.get(0)?));
                    }
                }
                Ok(found)
            })
            .await
    }

    async fn bytes(&self, user: UserId) -> StoreResult<u64> {
        self.db
            .read(move |connection| {
                let mut sum = connection
                    .prepare_cached("SELECT coalesce(sum(bytes), 0) FROM images WHERE user_id = ?1 AND bytes > 0")?;
                Ok(sum.query_row([user], |row| row.get(0))?)
            })
            .await
    }

    async fn count_of(&self, user: UserId) -> StoreResult<u64> {
        self.db
            .read(move |connection| {
                let mut count = connection.prepare_cached("SELECT count(*) FROM images WHERE user_id = ?1")?;
                Ok(count.query_row([user], |row| row.get(0))?)
            })
            .await
    }

    async fn neighbors(&self, user: UserId, id: ImageId) -> StoreResult<(Option<ImageId>, Option<ImageId>)> {
        self.db
            .read(move |connection| {
                let next = |condition: &str| {
                    connection
                        .prepare_cached(&format!(
                            "SELECT id FROM images
                             WHERE user_id = ?1 AND state <> 'deleted' AND state = 'complete' AND place {condition} LIMIT 1"
                        ))?
                        .query_row(params![user, id], |row| row.get(0))
                        .optional()
                };
                let this = "(SELECT place FROM images WHERE id = ?2 AND user_id = ?1)";
                let (newer, older) = (format!("> {this} ORDER BY place"), format!("< {this} ORDER BY place DESC"));
                Ok((next(&newer)?, next(&older)?))
            })
            .await
    }

    async fn list(
        &self,
        user: UserId,
        filter: &ImageFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> StoreResult<Option<Page<Image>>> {
        let Ok(before) = cursor.map_or(Ok(i64::MAX), str::parse) else { return Ok(None) };
        let query = &filter.query;
        let pattern = format!("%{}%", query.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_"));
        let searching = !query.is_empty();
        // In the text, so that the index over favorites can be used.
        let favorites = if filter.favorites_only { "AND favorite = 1" } else { "" };
        self.db
            .read(move |connection| {
                let mut found = connection.prepare_cached(&format!(
                    "SELECT {IMAGE}, place FROM images WHERE user_id = ?1 AND state <> 'deleted' {favorites} AND place < ?2
                       AND (NOT ?3 OR prompt LIKE ?4 ESCAPE '\\')
                     ORDER BY place DESC LIMIT ?5"
                ))?;
                let most = i64::try_from(limit + 1).unwrap_or(i64::MAX);
                let mut rows = found.query(params![user, before, searching, pattern, most])?;
                let (mut items, mut last) = (Vec::new(), None::<i64>);
                while let Some(row) = rows.next()? {
                    if items.len() == limit {
                        let next_cursor = last.map(|place| place.to_string());
                        return Ok(Some(Page { items, next_cursor }));
                    }
                    last = row.get("place")?;
                    items.push(read_image(row)?);
                }
                Ok(Some(Page { items, next_cursor: None }))
            })
            .await
    }

    async fn set_favorite(&self, user: UserId, id: ImageId, favorite: bool) -> StoreResult<bool> {
        self.db
            .write(Durability::Durable, move |connection| {
                let changed = connection
                    .prepare_cached(
                        "UPDATE images SET favorite = ?3 WHERE id = ?1 AND user_id = ?2 AND state <> 'deleted'",
                    )?
                    .execute(params![id, user, favorite])?;
                Ok(changed == 1)
            })
            .await
    }

    async fn delete(&self, user: UserId, ids: Vec<ImageId>) -> StoreResult<Vec<ImageId>> {
        self.delete_where("id = ?1 AND user_id = ?2", ids.into_iter().map(|id| (id, user)).collect()).await
    }

    async fn delete_of_conversation(&self, user: UserId, conversation: ConversationId) -> StoreResult<Vec<ImageId>> {
        self.delete_where("conversation_id = ?1 AND user_id = ?2", vec![(conversation, user)]).await
    }

    async fn delete_of_user(&self, user: UserId) -> StoreResult<Vec<ImageId>> {
        self.delete_where("user_id = ?1", vec![[user]]).await
    }

    async fn queue_strays(&self, ids: Vec<ImageId>) -> StoreResult<()> {
        self.db.write(Durability::Durable, move |connection| queue_strays(connection, &ids)).await
    }

    async fn strays(&self, now: i64, limit: usize) -> StoreResult<Vec<Stray>> {
        self.db
            .read(move |connection| {
                let strays = connection
                    .prepare_cached(
                        "SELECT id, cleanup_tries FROM images WHERE cleanup_at <= ?1 ORDER BY cleanup_at LIMIT ?2",
                    )?
                    .query_map(params![now, to_i64(limit)], |row| Ok(Stray { id: row.get(0)?, tries: row.get(1)? }))?
                    .collect::<Result<_, _>>()?;
                Ok(strays)
            })
            .await
    }

    async fn forget_strays(&self, ids: Vec<ImageId>) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                let mut forget = connection.prepare_cached("DELETE FROM images WHERE id = ?1 AND state = 'deleted'")?;
                let mut keep = connection
                    .prepare_cached("UPDATE images SET cleanup_at = NULL WHERE id = ?1 AND state <> 'deleted'")?;
                for id in ids {
                    forget.execute([id])?;
                    keep.execute([id])?;
                }
                Ok(())
            })
            .await
    }

    async fn postpone_stray(&self, id: ImageId, next_try: i64) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE images SET cleanup_at = ?2, cleanup_tries = cleanup_tries + 1
                         WHERE id = ?1 AND cleanup_at IS NOT NULL",
                    )?
                    .execute(params![id, next_try])?;
                Ok(())
            })
            .await
    }

    async fn known(&self, ids: Vec<ImageId>) -> StoreResult<Vec<ImageId>> {
        self.db
            .read(move |connection| {
                let mut known = connection.prepare_cached(
                    "SELECT 1 FROM images WHERE id = ?1 AND (state IN ('running', 'complete') OR cleanup_at IS NOT NULL)
                     UNION ALL SELECT 1 FROM avatars WHERE image_id = ?1",
                )?;
                let mut found = Vec::new();
                for id in ids {
                    if known.exists([id])? {
                        found.push(id);
                    }
                }
                Ok(found)
            })
            .await
    }

    async fn list_complete(&self, after: ImageId, limit: usize) -> StoreResult<Vec<ImageId>> {
        self.db
            .read_in(Lane::Slow, move |connection| {
                let mut found = connection.prepare_cached(
                    "SELECT id FROM images WHERE id > ?1 AND state = 'complete' ORDER BY id LIMIT ?2",
                )?;
                Ok(found.query_map(params![after, limit], |row| row.get(0))?.collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn set_avatar(&self, user: UserId, id: Option<ImageId>) -> StoreResult<()> {
        self.db
            .write(Durability::Durable, move |connection| {
                let before = avatars::replace(connection, user, id)?;
                queue_strays(connection, before.as_slice())
            })
            .await
    }

    async fn find_avatar(&self, user: UserId) -> StoreResult<Option<ImageId>> {
        self.db.read(move |connection| avatars::find(connection, user)).await
    }

    async fn count(&self) -> StoreResult<ImageCounts> {
        self.db
            .read(move |connection| {
                Ok(connection.query_row(
                    "SELECT (SELECT count(*) FROM images WHERE state = 'complete'),
                            (SELECT count(*) FROM images WHERE cleanup_at IS NOT NULL)",
                    [],
                    |row| Ok(ImageCounts { complete: row.get(0)?, strays: row.get(1)? }),
                )?)
            })
            .await
    }
}
