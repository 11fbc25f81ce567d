//! The audit log in SQLite. Triggers keep it append-only.

use std::fmt::Write;

use async_trait::async_trait;
use rusqlite::{ToSql, params, params_from_iter};

use super::{AuditFilter, AuditStore, Row, bounds};
use crate::audit::{Action, AuditEntry};
use crate::platform::db::StoreResult;
use crate::platform::db::sqlite::{Durability, Sqlite};
use crate::platform::ids::{AuditId, UserId};

/// [`AuditStore`] over the embedded database.
pub struct SqliteAuditStore {
    db: Sqlite,
}

impl SqliteAuditStore {
    #[must_use]
    pub const fn new(db: Sqlite) -> Self {
        Self { db }
    }
}

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        id: row.get(0)?,
        actor: row.get(1)?,
        action: row.get(2)?,
        target: row.get(3)?,
        before: row.get(4)?,
        after: row.get(5)?,
        request_id: row.get(6)?,
    })
}

#[async_trait]
impl AuditStore for SqliteAuditStore {
    async fn append(&self, entry: AuditEntry) -> StoreResult<()> {
        // A power cut may take sign-ins of the last moment, and nothing else.
        let durability = if entry.action.is_sign_in() { Durability::Relaxed } else { Durability::Durable };
        self.db
            .write(durability, move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO audit_log (id, actor, action, target, state_before, state_after, request_id, once)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
                    )?
                    .execute(params![
                        entry.id,
                        entry.actor.to_string(),
                        entry.action.as_str(),
                        entry.target,
                        entry.before.map(|json| json.to_string()),
                        entry.after.map(|json| json.to_string()),
                        entry.request_id,
                        entry.once,
                    ])?;
                Ok(())
            })
            .await
    }

    async fn list(&self, filter: AuditFilter, before: AuditId, limit: usize) -> StoreResult<Vec<AuditEntry>> {
        self.db
            .read(move |connection| {
                let (from, until) = bounds(&filter, before);
                let mut values: Vec<Box<dyn ToSql>> = vec![Box::new(from), Box::new(until), Box::new(limit)];
                let mut only = String::new();
                let actor = filter.actor.map(|actor| Box::new(actor.to_string()) as Box<dyn ToSql>);
                let target = filter.target.map(|target| Box::new(target) as Box<dyn ToSql>);
                let action = filter.action.map(|action| Box::new(action.as_str()) as Box<dyn ToSql>);
                for (column, value) in [("actor", actor), ("target", target), ("action", action)] {
                    if let Some(value) = value {
                        values.push(value);
                        // Writing to a string does not fail.
                        _ = write!(only, " AND {column} = ?{}", values.len());
                    }
                }
                let mut found = connection.prepare_cached(&format!(
                    "SELECT id, actor, action, target, state_before, state_after, request_id FROM audit_log
                     WHERE id >= ?1 AND id < ?2{only} ORDER BY id DESC LIMIT ?3"
                ))?;
                let rows = found.query_map(params_from_iter(values), read_row)?;
                rows.map(|row| row?.read()).collect()
            })
            .await
    }

    async fn forget_sign_ins(&self, before: i64) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                let mut forget = connection.prepare_cached("DELETE FROM audit_log WHERE action = ?1 AND id < ?2")?;
                for action in Action::ALL.into_iter().filter(|action| action.is_sign_in()) {
                    forget.execute(params![action.as_str(), AuditId::first_of(before)])?;
                }
                Ok(())
            })
            .await
    }

    async fn forget_sign_ins_of(&self, user: UserId) -> StoreResult<()> {
        self.db
            .write(Durability::Durable, move |connection| {
                let mut forget =
                    connection.prepare_cached("DELETE FROM audit_log WHERE action = ?1 AND target = ?2")?;
                for action in Action::ALL.into_iter().filter(|action| action.is_sign_in()) {
                    forget.execute(params![action.as_str(), user])?;
                }
                Ok(())
            })
            .await
    }
}
