//! Referrals in SQLite.

use async_trait::async_trait;
use rusqlite::{OptionalExtension, params};

use super::ReferralStore;
use crate::platform::db::StoreResult;
use crate::platform::db::sqlite::{Durability, Sqlite};
use crate::platform::ids::UserId;

/// [`ReferralStore`] over the embedded database.
pub struct SqliteReferralStore {
    db: Sqlite,
}

impl SqliteReferralStore {
    #[must_use]
    pub const fn new(db: Sqlite) -> Self {
        Self { db }
    }
}

#[async_trait]
impl ReferralStore for SqliteReferralStore {
    async fn find_code(&self, user: UserId) -> StoreResult<Option<String>> {
        self.db
            .read(move |connection| {
                let mut known = connection.prepare_cached("SELECT code FROM invite_codes WHERE user_id = ?1")?;
                Ok(known.query_row([user], |row| row.get(0)).optional()?)
            })
            .await
    }

    async fn code_of(&self, user: UserId, new: String) -> StoreResult<String> {
        self.db
            .write(Durability::Durable, move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO invite_codes (user_id, code) VALUES (?1, ?2) ON CONFLICT (user_id) DO NOTHING",
                    )?
                    .execute(params![user, new])?;
                let mut known = connection.prepare_cached("SELECT code FROM invite_codes WHERE user_id = ?1")?;
                Ok(known.query_row([user], |row| row.get(0))?)
            })
            .await
    }

    async fn user_of(&self, code: &str) -> StoreResult<Option<UserId>> {
        let code = code.to_owned();
        self.db
            .read(move |connection| {
                let mut known = connection.prepare_cached("SELECT user_id FROM invite_codes WHERE code = ?1")?;
                Ok(known.query_row([code], |row| row.get(0)).optional()?)
            })
            .await
    }

    async fn set_inviter(&self, user: UserId, inviter: UserId) -> StoreResult<()> {
        self.db
            .write(Durability::Durable, move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO inviters (user_id, inviter_id) VALUES (?1, ?2) ON CONFLICT (user_id) DO NOTHING",
                    )?
                    .execute(params![user, inviter])?;
                Ok(())
            })
            .await
    }

    async fn inviter_of(&self, user: UserId) -> StoreResult<Option<UserId>> {
        self.db
            .read(move |connection| {
                let mut known = connection.prepare_cached("SELECT inviter_id FROM inviters WHERE user_id = ?1")?;
                Ok(known.query_row([user], |row| row.get(0)).optional()?)
            })
            .await
    }

    async fn forget(&self, user: UserId) -> StoreResult<()> {
        self.db
            .write(Durability::Durable, move |connection| {
                connection.prepare_cached("DELETE FROM invite_codes WHERE user_id = ?1")?.execute([user])?;
                let mut both =
                    connection.prepare_cached("DELETE FROM inviters WHERE user_id = ?1 OR inviter_id = ?1")?;
                both.execute([user])?;
                Ok(())
            })
            .await
    }
}
