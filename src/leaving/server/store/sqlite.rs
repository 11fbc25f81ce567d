//! Exports and erasures in SQLite.

use async_trait::async_trait;
use bytes::Bytes;
use rusqlite::{OptionalExtension, Params, Row, params};

use super::{Leaving, LeavingKind, LeavingStore, Piece};
use crate::platform::db::StoreResult;
use crate::platform::db::sqlite::{Durability, Sqlite};
use crate::platform::ids::{RunId, UserId};
use crate::platform::secret::SecretHash;

const LEAVING: &str = "user_id, kind, run, look_at, free_at, receipt, body";
/// Pieces that are deleted in one write: no other waits long.
const AT_A_TIME: u32 = 16;

/// [`LeavingStore`] over the embedded database.
pub struct SqliteLeavingStore {
    db: Sqlite,
}

impl SqliteLeavingStore {
    #[must_use]
    pub const fn new(db: Sqlite) -> Self {
        Self { db }
    }

    /// Deletes the pieces that a condition selects, some at a time.
    async fn delete_where<P>(&self, condition: &'static str, params: P) -> StoreResult<()>
    where
        P: Params + Copy + Send + 'static,
    {
        loop {
            let deleted = self.db.write(Durability::Durable, move |connection| {
                Ok(connection
                    .prepare_cached(&format!(
                        "DELETE FROM export_pieces
                         WHERE id IN (SELECT id FROM export_pieces WHERE {condition} LIMIT {AT_A_TIME})"
                    ))?
                    .execute(params)?)
            });
            if deleted.await? == 0 {
                return Ok(());
            }
        }
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Leaving> {
    let kind: String = row.get(1)?;
    Ok(Leaving {
        user: row.get(0)?,
        kind: if kind == LeavingKind::Export.as_str() { LeavingKind::Export } else { LeavingKind::Erasure },
        run: row.get(2)?,
        look_at: row.get(3)?,
        free_at: row.get(4)?,
        receipt: row.get(5)?,
        body: row.get(6)?,
    })
}

#[async_trait]
impl LeavingStore for SqliteLeavingStore {
    async fn begin(&self, new: Leaving, now: i64) -> StoreResult<bool> {
        self.db
            .write(Durability::Durable, move |connection| {
                let stored = connection
                    .prepare_cached(&format!(
                        "INSERT INTO leavings ({LEAVING}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                         ON CONFLICT (user_id, kind) DO UPDATE
                         SET run = ?3, look_at = ?4, free_at = ?5, receipt = ?6, body = ?7
                         WHERE leavings.look_at IS NULL AND leavings.free_at <= ?8"
                    ))?
                    .execute(params![
                        new.user,
                        new.kind.as_str(),
                        new.run,
                        new.look_at,
                        new.free_at,
                        new.receipt,
                        new.body,
                        now
                    ])?;
                Ok(stored == 1)
            })
            .await
    }

    async fn find(&self, user: UserId, kind: LeavingKind) -> StoreResult<Option<Leaving>> {
        self.db
            .read(move |connection| {
                Ok(connection
                    .prepare_cached(&format!("SELECT {LEAVING} FROM leavings WHERE user_id = ?1 AND kind = ?2"))?
                    .query_row(params![user, kind.as_str()], read)
                    .optional()?)
            })
            .await
    }

    async fn find_by_receipt(&self, receipt: SecretHash) -> StoreResult<Option<Leaving>> {
        self.db
            .read(move |connection| {
                Ok(connection
                    .prepare_cached(&format!("SELECT {LEAVING} FROM leavings WHERE receipt = ?1"))?
                    .query_row([receipt], read)
                    .optional()?)
            })
            .await
    }

    async fn claim(&self, kind: LeavingKind, now: i64, run: RunId, lease_until: i64) -> StoreResult<Option<Leaving>> {
        let is_due = "kind = ?1 AND look_at <= ?2";
        // Most of the time there is none, and nothing to write.
        let due = self.db.read(move |connection| {
            let sql = format!("SELECT 1 FROM leavings WHERE {is_due}");
            Ok(connection.prepare_cached(&sql)?.exists(params![kind.as_str(), now])?)
        });
        if !due.await? {
            return Ok(None);
        }
        self.db
            .write(Durability::Durable, move |connection| {
                Ok(connection
                    .prepare_cached(&format!(
                        "UPDATE leavings SET run = ?3, look_at = ?4 WHERE kind = ?1 AND user_id = (
                             SELECT user_id FROM leavings WHERE {is_due} ORDER BY look_at LIMIT 1)
                         RETURNING {LEAVING}"
                    ))?
                    .query_row(params![kind.as_str(), now, run, lease_until], read)
                    .optional()?)
            })
            .await
    }

    async fn save(&self, leaving: Leaving) -> StoreResult<bool> {
        self.db
            .write(Durability::Durable, move |connection| {
                let Leaving { user, kind, run, look_at, free_at, body, .. } = leaving;
                let saved = connection
                    .prepare_cached(
                        "UPDATE leavings SET look_at = ?4, free_at = ?5, body = ?6
                         WHERE user_id = ?1 AND kind = ?2 AND run = ?3",
                    )?
                    .execute(params![user, kind.as_str(), run, look_at, free_at, body])?;
                Ok(saved == 1)
            })
            .await
    }

    async fn renew(&self, user: UserId, kind: LeavingKind, run: RunId, lease_until: i64) -> StoreResult<bool> {
        self.db
            .write(Durability::Durable, move |connection| {
                let renewed = connection
                    .prepare_cached(
                        "UPDATE leavings SET look_at = ?4
                         WHERE user_id = ?1 AND kind = ?2 AND run = ?3 AND look_at IS NOT NULL",
                    )?
                    .execute(params![user, kind.as_str(), run, lease_until])?;
                Ok(renewed == 1)
            })
            .await
    }

    async fn delete(&self, user: UserId, kind: LeavingKind) -> StoreResult<()> {
        self.db
            .write(Durability::Durable, move |connection| {
                connection
                    .prepare_cached("DELETE FROM leavings WHERE user_id = ?1 AND kind = ?2")?
                    .execute(params![user, kind.as_str()])?;
                Ok(())
            })
            .await
    }

    async fn put_piece(&self, piece: Piece) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                let Piece { user, run, number, expires_at, bytes } = piece;
                connection
                    .prepare_cached(
                        "INSERT INTO export_pieces (run, number, user_id, expires_at, bytes) VALUES (?1, ?2, ?3, ?4, ?5)",
                    )?
                    .execute(params![run, number, user, expires_at, &bytes[..]])?;
                Ok(())
            })
            .await
    }

    async fn find_piece(&self, run: RunId, number: u32) -> StoreResult<Option<Bytes>> {
        self.db
            .read(move |connection| {
                Ok(connection
                    .prepare_cached("SELECT bytes FROM export_pieces WHERE run = ?1 AND number = ?2")?
                    .query_row(params![run, number], |row| row.get::<_, Vec<u8>>(0))
                    .optional()?
                    .map(Bytes::from))
            })
            .await
    }

    async fn delete_pieces(&self, user: UserId, except: Option<RunId>) -> StoreResult<()> {
        self.delete_where("user_id = ?1 AND run <> ?2", (user, except.unwrap_or(RunId::min()))).await
    }

    async fn delete_expired(&self, now: i64) -> StoreResult<()> {
        self.delete_where("expires_at <= ?1", [now]).await
    }
}
