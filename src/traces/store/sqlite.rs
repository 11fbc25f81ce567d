//! Traces in SQLite. A power cut may lose the last ones, which nothing depends on.

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Row, params};

use super::{MOST_FOUND, TraceStore};
use crate::platform::db::sqlite::{Durability, Lane, Sqlite};
use crate::platform::db::{StoreError, StoreResult};
use crate::platform::ids::UserId;
use crate::platform::trace::TraceRecord;

/// What is deleted in one go.
const AT_A_TIME: usize = 500;

/// [`TraceStore`] over the embedded database.
pub struct SqliteTraceStore {
    db: Sqlite,
}

impl SqliteTraceStore {
    #[must_use]
    pub const fn new(db: Sqlite) -> Self {
        Self { db }
    }
}

fn read_trace(row: &Row<'_>) -> StoreResult<TraceRecord> {
    let steps: String = row.get(7)?;
    Ok(TraceRecord {
        id: row.get(0)?,
        request_id: row.get(1)?,
        what: row.get(2)?,
        user: row.get(3)?,
        at: row.get(4)?,
        status: row.get(5)?,
        took: row.get(6)?,
        steps: serde_json::from_str(&steps).map_err(|error| StoreError::Corrupt(format!("a trace: {error}")))?,
        cut: row.get(8)?,
        parent: None,
        is_kept: true,
    })
}

#[async_trait]
impl TraceStore for SqliteTraceStore {
    async fn record(&self, traces: Vec<TraceRecord>) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                let mut insert = connection.prepare_cached(
                    "INSERT INTO traces (id, request_id, what, user_id, at, status, took, steps, cut)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (id) DO NOTHING",
                )?;
                for trace in traces {
                    let steps = serde_json::to_string(&trace.steps)
                        .map_err(|error| StoreError::Corrupt(format!("a trace: {error}")))?;
                    insert.execute(params![
                        trace.id,
                        trace.request_id,
                        trace.what,
                        trace.user,
                        trace.at,
                        trace.status,
                        trace.took,
                        steps,
                        trace.cut,
                    ])?;
                }
                Ok(())
            })
            .await
    }

    async fn find(&self, request_id: &str) -> StoreResult<Vec<TraceRecord>> {
        let request_id = request_id.to_owned();
        self.db
            .read(move |connection| {
                let mut found = connection.prepare_cached(
                    "SELECT id, request_id, what, user_id, at, status, took, steps, cut FROM traces
                     WHERE request_id = ?1 ORDER BY at DESC, id DESC LIMIT ?2",
                )?;
                let mut rows = found.query(params![request_id, MOST_FOUND])?;
                let mut traces = Vec::new();
                while let Some(row) = rows.next()? {
                    traces.push(read_trace(row)?);
                }
                traces.reverse();
                Ok(traces)
            })
            .await
    }

    async fn forget_before(&self, millis: i64) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                connection.prepare_cached("DELETE FROM traces WHERE at < ?1")?.execute([millis])?;
                Ok(())
            })
            .await
    }

    async fn keep_newest_of(&self, user: UserId, most: u32) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                connection
                    .prepare_cached(
                        "DELETE FROM traces WHERE user_id = ?1 AND id <=
                             (SELECT id FROM traces WHERE user_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                    )?
                    .execute(params![user, most])?;
                Ok(())
            })
            .await
    }

    async fn keep_newest(&self, most: u32) -> StoreResult<()> {
        let bound = self
            .db
            .read_in(Lane::Slow, move |connection| {
                let mut bound =
                    connection.prepare_cached("SELECT at FROM traces ORDER BY at DESC LIMIT 1 OFFSET ?1")?;
                Ok(bound.query_row([most], |row| row.get::<_, i64>(0)).optional()?)
            })
            .await?;
        let Some(bound) = bound else { return Ok(()) };
        // In small pieces: whoever moves credits shares the writer.
        loop {
            let deleted = self
                .db
                .write(Durability::Relaxed, move |connection| {
                    let mut delete = connection.prepare_cached(
                        "DELETE FROM traces WHERE id IN (SELECT id FROM traces WHERE at <= ?1 ORDER BY at LIMIT ?2)",
                    )?;
                    Ok(delete.execute(params![bound, AT_A_TIME])?)
                })
                .await?;
            if deleted < AT_A_TIME {
                return Ok(());
            }
        }
    }

    async fn forget_user(&self, user: UserId) -> StoreResult<()> {
        self.db
            .write(Durability::Durable, move |connection| {
                connection.prepare_cached("DELETE FROM traces WHERE user_id = ?1")?.execute([user])?;
                Ok(())
            })
            .await
    }
}
