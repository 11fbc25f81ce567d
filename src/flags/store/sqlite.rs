//! Flags in SQLite.

use async_trait::async_trait;
use rusqlite::{Row, params};
use uuid::Uuid;

use super::{FlagStore, StoredSetting, corrupt, read_count};
use crate::audit::Actor;
use crate::flags::counts::{Counted, Sum};
use crate::platform::db::StoreResult;
use crate::platform::db::sqlite::{Durability, Sqlite};

/// [`FlagStore`] over the embedded database.
pub struct SqliteFlagStore {
    db: Sqlite,
}

impl SqliteFlagStore {
    #[must_use]
    pub const fn new(db: Sqlite) -> Self {
        Self { db }
    }
}

fn read_setting(row: &Row<'_>) -> StoreResult<StoredSetting> {
    let changed_by: String = row.get(4)?;
    Ok(StoredSetting {
        name: row.get(0)?,
        version: row.get(1)?,
        value: row.get(2)?,
        changed_at: row.get(3)?,
        changed_by: Actor::parse(&changed_by).ok_or_else(|| corrupt(&changed_by))?,
    })
}

fn read_counted(row: &Row<'_>) -> StoreResult<Counted> {
    let (span, kind): (String, String) = (row.get(0)?, row.get(2)?);
    let sum = Sum { asked: row.get(4)?, failed: row.get(5)?, cost_micros: row.get(6)? };
    read_count(&span, row.get(1)?, &kind, row.get(3)?, sum)
}

#[async_trait]
impl FlagStore for SqliteFlagStore {
    async fn list(&self) -> StoreResult<Vec<StoredSetting>> {
        self.db
            .read(|connection| {
                let mut found =
                    connection.prepare_cached("SELECT name, version, value, changed_at, changed_by FROM flags")?;
                let mut rows = found.query([])?;
                let mut settings = Vec::new();
                while let Some(row) = rows.next()? {
                    settings.push(read_setting(row)?);
                }
                Ok(settings)
            })
            .await
    }

    async fn put(&self, setting: StoredSetting) -> StoreResult<bool> {
        self.db
            .write(Durability::Durable, move |connection| {
                let StoredSetting { name, version, value, changed_at, changed_by } = setting;
                let sql = if version == 1 {
                    "INSERT INTO flags (name, version, value, changed_at, changed_by) VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT DO NOTHING"
                } else {
                    "UPDATE flags SET version = ?2, value = ?3, changed_at = ?4, changed_by = ?5
                     WHERE name = ?1 AND version = ?2 - 1"
                };
                let values = params![name, version, value, changed_at, changed_by.to_string()];
                Ok(connection.prepare_cached(sql)?.execute(values)? == 1)
            })
            .await
    }

    async fn keep_counts(&self, server: Uuid, counts: Vec<Counted>) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                let mut keep = connection.prepare_cached(
                    "INSERT INTO provider_counts (span, starts_at, kind, provider, server, asked, failed, cost_micros)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                     ON CONFLICT DO UPDATE SET asked = excluded.asked, failed = excluded.failed,
                         cost_micros = excluded.cost_micros",
                )?;
                for Counted { span, at, kind, provider, sum } in counts {
                    let Sum { asked, failed, cost_micros } = sum;
                    let (span, kind, server) = (span.as_str(), kind.as_str(), server.as_bytes());
                    keep.execute(params![span, at, kind, provider, server, asked, failed, cost_micros])?;
                }
                Ok(())
            })
            .await
    }

    async fn counts(&self, day: i64, since: i64) -> StoreResult<Vec<Counted>> {
        self.db
            .read(move |connection| {
                let mut found = connection.prepare_cached(
                    "SELECT span, starts_at, kind, provider, asked, failed, cost_micros FROM provider_counts
                     WHERE span = 'day' AND starts_at = ?1
                     UNION ALL
                     SELECT span, starts_at, kind, provider, asked, failed, cost_micros FROM provider_counts
                     WHERE span = 'minute' AND starts_at >= ?2",
                )?;
                let mut rows = found.query(params![day, since])?;
                let mut counts = Vec::new();
                while let Some(row) = rows.next()? {
                    counts.push(read_counted(row)?);
                }
                Ok(counts)
            })
            .await
    }

    async fn forget_counts(&self, before: i64) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                let mut forget =
                    connection.prepare_cached("DELETE FROM provider_counts WHERE span = ?1 AND starts_at < ?2")?;
                for span in ["minute", "day"] {
                    forget.execute(params![span, before])?;
                }
                Ok(())
            })
            .await
    }
}
