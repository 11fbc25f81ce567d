//! Responses in SQLite.

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Row, params};

use super::{Growth, ResponseStore, StoredResponse};
use crate::platform::db::sqlite::{Durability, Lane, Sqlite};
use crate::platform::db::{StoreResult, to_i64};
use crate::platform::ids::{MessageId, UserId};

const RESPONSE: &str = "id, user_id, previous, input, response, created_at";

/// [`ResponseStore`] over the embedded database.
pub struct SqliteResponseStore {
    db: Sqlite,
    growth: Growth,
}

impl SqliteResponseStore {
    #[must_use]
    pub fn new(db: Sqlite) -> Self {
        Self { db, growth: Growth::default() }
    }
}

fn read_response(row: &Row<'_>) -> rusqlite::Result<StoredResponse> {
    Ok(StoredResponse {
        id: row.get(0)?,
        user: row.get(1)?,
        previous: row.get(2)?,
        input: row.get(3)?,
        response: row.get(4)?,
        created_at: row.get(5)?,
    })
}

#[async_trait]
impl ResponseStore for SqliteResponseStore {
    async fn add(&self, response: StoredResponse, most: u64) -> StoreResult<()> {
        let is_due = self.growth.is_due(response.user, response.bytes(), most);
        self.db
            .write(Durability::Relaxed, move |connection| {
                let bytes = to_i64(response.bytes());
                let StoredResponse { id, user, previous, input, response, created_at } = response;
                connection
                    .prepare_cached(&format!(
                        "INSERT INTO responses ({RESPONSE}, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                         ON CONFLICT (id) DO NOTHING"
                    ))?
                    .execute(params![id, user, previous, input, response, created_at, bytes])?;
                if !is_due {
                    return Ok(());
                }
                connection
                    .prepare_cached(
                        "DELETE FROM responses WHERE id IN (
                             SELECT id FROM (
                                 SELECT id, SUM(bytes) OVER (ORDER BY id DESC) AS newer FROM responses WHERE user_id = ?1)
                             WHERE newer > ?2)",
                    )?
                    .execute(params![user, i64::try_from(most).unwrap_or(i64::MAX)])?;
                Ok(())
            })
            .await
    }

    async fn find(&self, user: UserId, id: MessageId, since: i64) -> StoreResult<Option<StoredResponse>> {
        self.db
            .read(move |connection| {
                Ok(connection
                    .prepare_cached(&format!(
                        "SELECT {RESPONSE} FROM responses WHERE id = ?1 AND user_id = ?2 AND created_at > ?3"
                    ))?
                    .query_row(params![id, user, since], read_response)
                    .optional()?)
            })
            .await
    }

    async fn delete(&self, user: UserId, id: MessageId) -> StoreResult<bool> {
        self.db
            .write(Durability::Durable, move |connection| {
                let deleted = connection
                    .prepare_cached("DELETE FROM responses WHERE id = ?1 AND user_id = ?2")?
                    .execute(params![id, user])?;
                Ok(deleted == 1)
            })
            .await
    }

    async fn list(&self, user: UserId, after: MessageId, limit: usize) -> StoreResult<Vec<StoredResponse>> {
        self.db
            .read_in(Lane::Slow, move |connection| {
                let mut responses = connection.prepare_cached(&format!(
                    "SELECT {RESPONSE} FROM responses WHERE user_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3"
                ))?;
                let found = responses.query_map(params![user, after, to_i64(limit)], read_response)?;
                Ok(found.collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn delete_of_user(&self, user: UserId) -> StoreResult<()> {
        self.db
            .write(Durability::Durable, move |connection| {
                connection.prepare_cached("DELETE FROM responses WHERE user_id = ?1")?.execute([user])?;
                Ok(())
            })
            .await
    }

    async fn forget_before(&self, since: i64) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                connection.prepare_cached("DELETE FROM responses WHERE created_at <= ?1")?.execute([since])?;
                Ok(())
            })
            .await
    }
}
