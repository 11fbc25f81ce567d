//! Bookkeeping in SQLite. Triggers keep closes as they are.

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Row, params};
use uuid::Uuid;

use super::{BookStore, ClosedAccount, StoredRun};
use crate::bookkeeping::server::close::StoredClose;
use crate::platform::db::sqlite::{Durability, Lane, Sqlite};
use crate::platform::db::{StoreError, StoreResult};
use crate::platform::ids::OwnerId;

/// [`BookStore`] over the embedded database.
pub struct SqliteBookStore {
    db: Sqlite,
}

impl SqliteBookStore {
    #[must_use]
    pub const fn new(db: Sqlite) -> Self {
        Self { db }
    }
}

fn read_close(row: &Row<'_>) -> rusqlite::Result<StoredClose> {
    Ok(StoredClose {
        number: row.get(0)?,
        day: row.get(1)?,
        attempt: row.get(2)?,
        hash: row.get(3)?,
        body: row.get(4)?,
    })
}

fn unreadable(error: &serde_json::Error) -> StoreError {
    StoreError::Corrupt(format!("a closed account: {error}"))
}

#[async_trait]
impl BookStore for SqliteBookStore {
    async fn add_close(&self, close: StoredClose) -> StoreResult<bool> {
        self.db
            .write(Durability::Durable, move |connection| {
                let added = connection
                    .prepare_cached(
                        "INSERT INTO closes (number, day, attempt, hash, body) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
                    )?
                    .execute(params![close.number, close.day, close.attempt, close.hash, close.body])?;
                Ok(added == 1)
            })
            .await
    }

    async fn find_close(&self, number: i64) -> StoreResult<Option<StoredClose>> {
        self.db
            .read(move |connection| {
                let mut found = connection
                    .prepare_cached("SELECT number, day, attempt, hash, body FROM closes WHERE number = ?1")?;
                Ok(found.query_row([number], read_close).optional()?)
            })
            .await
    }

    async fn list_closes(&self, before: i64, limit: usize) -> StoreResult<Vec<StoredClose>> {
        self.db
            .read(move |connection| {
                let mut found = connection.prepare_cached(
                    "SELECT number, day, attempt, hash, body FROM closes WHERE number < ?1 ORDER BY number DESC LIMIT ?2",
                )?;
                Ok(found.query_map(params![before, limit], read_close)?.collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn keep_accounts(&self, accounts: Vec<ClosedAccount>) -> StoreResult<()> {
        // The close that makes them count is durable, and comes later.
        self.db
            .write(Durability::Relaxed, move |connection| {
                let mut insert = connection.prepare_cached(
                    "INSERT INTO closed_accounts (owner_id, attempt, close, number, books) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?;
                for ClosedAccount { owner, close, attempt, number, books } in accounts {
                    let books = serde_json::to_string(&books).map_err(|error| unreadable(&error))?;
                    insert.execute(params![owner, attempt, close, number, books])?;
                }
                Ok(())
            })
            .await
    }

    async fn closed_accounts(&self, after: OwnerId, until: OwnerId) -> StoreResult<Vec<ClosedAccount>> {
        self.db
            .read_in(Lane::Slow, move |connection| {
                let mut found = connection.prepare_cached(
                    "SELECT owner_id, attempt, close, number, books FROM closed_accounts WHERE owner_id > ?1 AND owner_id <= ?2",
                )?;
                let mut rows = found.query(params![after, until])?;
                let mut accounts = Vec::new();
                while let Some(row) = rows.next()? {
                    let books: String = row.get(4)?;
                    accounts.push(ClosedAccount {
                        owner: row.get(0)?,
                        attempt: row.get(1)?,
                        close: row.get(2)?,
                        number: row.get(3)?,
                        books: serde_json::from_str(&books).map_err(|error| unreadable(&error))?,
                    });
                }
                Ok(accounts)
            })
            .await
    }

    async fn forget_accounts(&self, accounts: Vec<(OwnerId, Uuid)>) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                let mut forget =
                    connection.prepare_cached("DELETE FROM closed_accounts WHERE owner_id = ?1 AND attempt = ?2")?;
                for account in accounts {
                    forget.execute(account)?;
                }
                Ok(())
            })
            .await
    }

    async fn add_run(&self, run: StoredRun, keep: usize) -> StoreResult<()> {
        self.db
            .write(Durability::Durable, move |connection| {
                connection
                    .prepare_cached("INSERT INTO reconciliations (id, body) VALUES (?1, ?2)")?
                    .execute(params![run.id, run.body])?;
                connection
                    .prepare_cached(
                        "DELETE FROM reconciliations WHERE id NOT IN (SELECT id FROM reconciliations ORDER BY id DESC LIMIT ?1)",
                    )?
                    .execute([keep])?;
                Ok(())
            })
            .await
    }

    async fn list_runs(&self, before: Uuid, limit: usize) -> StoreResult<Vec<StoredRun>> {
        self.db
            .read(move |connection| {
                let mut found = connection
                    .prepare_cached("SELECT id, body FROM reconciliations WHERE id < ?1 ORDER BY id DESC LIMIT ?2")?;
                let read = |row: &Row<'_>| Ok(StoredRun { id: row.get(0)?, body: row.get(1)? });
                Ok(found.query_map(params![before, limit], read)?.collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn take_lease(&self, name: &'static str, holder: Uuid, now: i64, until: i64) -> StoreResult<bool> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                let taken = connection
                    .prepare_cached(
                        "INSERT INTO leases (name, holder, until) VALUES (?1, ?2, ?4) ON CONFLICT (name)
                         DO UPDATE SET holder = ?2, until = ?4 WHERE holder = ?2 OR until <= ?3",
                    )?
                    .execute(params![name, holder, now, until])?;
                Ok(taken == 1)
            })
            .await
    }

    async fn lease_until(&self, name: &'static str) -> StoreResult<i64> {
        self.db
            .read(move |connection| {
                let mut found = connection.prepare_cached("SELECT until FROM leases WHERE name = ?1")?;
                Ok(found.query_row([name], |row| row.get(0)).optional()?.unwrap_or(0))
            })
            .await
    }
}
