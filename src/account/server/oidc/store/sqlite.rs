//! Identities in SQLite.

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Row, params};

use super::{Identity, IdentityStore, Unlinked};
use crate::account::server::ways::{Way, remove_way};
use crate::platform::db::StoreResult;
use crate::platform::db::sqlite::{Durability, Sqlite};
use crate::platform::ids::{IdentityId, UserId};
use crate::platform::secret::SecretHash;

const IDENTITY: &str = "id, issuer, subject, user_id, shown_as, created_at";

/// [`IdentityStore`] over the embedded database.
pub struct SqliteIdentityStore {
    db: Sqlite,
}

impl SqliteIdentityStore {
    #[must_use]
    pub const fn new(db: Sqlite) -> Self {
        Self { db }
    }
}

fn read_identity(row: &Row<'_>) -> rusqlite::Result<Identity> {
    Ok(Identity {
        id: row.get(0)?,
        issuer: row.get(1)?,
        subject: row.get(2)?,
        user: row.get(3)?,
        shown_as: row.get(4)?,
        created_at: row.get(5)?,
    })
}

#[async_trait]
impl IdentityStore for SqliteIdentityStore {
    async fn find(&self, issuer: &str, subject: &str) -> StoreResult<Option<UserId>> {
        let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
        self.db
            .read(move |connection| {
                Ok(connection
                    .prepare_cached("SELECT user_id FROM identities WHERE issuer = ?1 AND subject = ?2")?
                    .query_row(params![issuer, subject], |row| row.get(0))
                    .optional()?)
            })
            .await
    }

    async fn add(&self, identity: Identity) -> StoreResult<UserId> {
        self.db
            .write(Durability::Durable, move |connection| {
                let Identity { id, issuer, subject, user, shown_as, created_at } = identity;
                connection
                    .prepare_cached(&format!(
                        "INSERT INTO identities ({IDENTITY}) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                         ON CONFLICT (issuer, subject) DO NOTHING"
                    ))?
                    .execute(params![id, issuer, subject, user, shown_as, created_at])?;
                Ok(connection
                    .prepare_cached("SELECT user_id FROM identities WHERE issuer = ?1 AND subject = ?2")?
                    .query_row(params![issuer, subject], |row| row.get(0))?)
            })
            .await
    }

    async fn list(&self, user: UserId) -> StoreResult<Vec<Identity>> {
        self.db
            .read(move |connection| {
                let mut identities = connection
                    .prepare_cached(&format!("SELECT {IDENTITY} FROM identities WHERE user_id = ?1 ORDER BY id"))?;
                let found = identities.query_map([user], read_identity)?.collect::<Result<_, _>>()?;
                Ok(found)
            })
            .await
    }

    async fn remove(&self, user: UserId, id: IdentityId) -> StoreResult<Unlinked> {
        self.db.write(Durability::Durable, move |connection| remove_way(connection, Way::Identity, user, id)).await
    }

    async fn remove_orphan(&self, issuer: &str, subject: &str, user: UserId) -> StoreResult<()> {
        let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
        self.db
            .write(Durability::Durable, move |connection| {
                connection
                    .prepare_cached(
                        "DELETE FROM identities WHERE issuer = ?1 AND subject = ?2 AND user_id = ?3
                         AND NOT EXISTS (SELECT 1 FROM users WHERE users.id = ?3)",
                    )?
                    .execute(params![issuer, subject, user])?;
                Ok(())
            })
            .await
    }

    async fn delete_of_user(&self, user: UserId) -> StoreResult<()> {
        self.db
            .write(Durability::Durable, move |connection| {
                for table in ["identities", "identities_aside"] {
                    connection.prepare_cached(&format!("DELETE FROM {table} WHERE user_id = ?1"))?.execute([user])?;
                }
                Ok(())
            })
            .await
    }

    async fn put_aside(&self, token: SecretHash, identity: Identity, expires_at: i64) -> StoreResult<()> {
        self.db
            .write(Durability::Durable, move |connection| {
                let Identity { id, issuer, subject, user, shown_as, created_at } = identity;
                connection
                    .prepare_cached(&format!(
                        "INSERT INTO identities_aside (token_hash, {IDENTITY}, expires_at)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
                    ))?
                    .execute(params![token, id, issuer, subject, user, shown_as, created_at, expires_at])?;
                Ok(())
            })
            .await
    }

    async fn take(&self, token: SecretHash, now: i64) -> StoreResult<Option<Identity>> {
        self.db
            .write(Durability::Durable, move |connection| {
                Ok(connection
                    .prepare_cached(&format!(
                        "DELETE FROM identities_aside WHERE token_hash = ?1 AND expires_at > ?2 RETURNING {IDENTITY}"
                    ))?
                    .query_row(params![token, now], read_identity)
                    .optional()?)
            })
            .await
    }

    async fn delete_expired(&self, now: i64) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                connection.prepare_cached("DELETE FROM identities_aside WHERE expires_at <= ?1")?.execute([now])?;
                Ok(())
            })
            .await
    }

    async fn set_first_password(&self, user: UserId, hash: String) -> StoreResult<bool> {
        self.db
            .write(Durability::Durable, move |connection| {
                let changed = connection
                    .prepare_cached("UPDATE users SET password_hash = ?2 WHERE id = ?1 AND password_hash = ''")?
                    .execute(params![user, hash])?;
                Ok(changed == 1)
            })
            .await
    }
}
