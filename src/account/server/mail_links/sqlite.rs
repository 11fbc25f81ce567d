//! Links by mail in SQLite.

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Row, params};

use super::{MailLink, MailLinkStore, Purpose};
use crate::platform::db::StoreResult;
use crate::platform::db::sqlite::{Durability, Sqlite};
use crate::platform::ids::UserId;
use crate::platform::secret::SecretHash;

const LINK: &str = "user_id, purpose, email, expires_at";

/// [`MailLinkStore`] over the embedded database.
pub struct SqliteMailLinkStore {
    db: Sqlite,
}

impl SqliteMailLinkStore {
    #[must_use]
    pub const fn new(db: Sqlite) -> Self {
        Self { db }
    }
}

type Stored = (UserId, String, String, i64);

fn read_row(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn link((user, purpose, email, expires_at): Stored) -> StoreResult<MailLink> {
    Ok(MailLink { user, purpose: Purpose::stored(&purpose)?, email, expires_at })
}

#[async_trait]
impl MailLinkStore for SqliteMailLinkStore {
    async fn put(&self, hash: SecretHash, link: MailLink) -> StoreResult<()> {
        self.db
            .write(Durability::Durable, move |connection| {
                connection
                    .prepare_cached(&format!(
                        "INSERT OR REPLACE INTO mail_links ({LINK}, hash) VALUES (?1, ?2, ?3, ?4, ?5)"
                    ))?
                    .execute(params![link.user, link.purpose.as_str(), link.email, link.expires_at, hash])?;
                Ok(())
            })
            .await
    }

    async fn find(&self, hash: SecretHash, now: i64) -> StoreResult<Option<MailLink>> {
        self.db
            .read(move |connection| {
                connection
                    .prepare_cached(&format!("SELECT {LINK} FROM mail_links WHERE hash = ?1 AND expires_at > ?2"))?
                    .query_row(params![hash, now], read_row)
                    .optional()?
                    .map(link)
                    .transpose()
            })
            .await
    }

    async fn take(&self, hash: SecretHash, purposes: &[Purpose], now: i64) -> StoreResult<Option<MailLink>> {
        let purposes = purposes.to_vec();
        self.db
            .write(Durability::Durable, move |connection| {
                let mut take = connection.prepare_cached(&format!(
                    "DELETE FROM mail_links WHERE hash = ?1 AND purpose = ?2 AND expires_at > ?3 RETURNING {LINK}"
                ))?;
                for purpose in purposes {
                    let taken = take.query_row(params![hash, purpose.as_str(), now], read_row).optional()?;
                    if let Some(taken) = taken {
                        return link(taken).map(Some);
                    }
                }
                Ok(None)
            })
            .await
    }

    async fn delete_of(&self, user: UserId) -> StoreResult<()> {
        self.db
            .write(Durability::Durable, move |connection| {
                connection.prepare_cached("DELETE FROM mail_links WHERE user_id = ?1")?.execute([user])?;
                Ok(())
            })
            .await
    }

    async fn delete_expired(&self, now: i64) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                connection.prepare_cached("DELETE FROM mail_links WHERE expires_at <= ?1")?.execute([now])?;
                Ok(())
            })
            .await
    }
}
