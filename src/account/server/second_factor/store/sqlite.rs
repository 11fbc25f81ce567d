//! Second factors and half sign-ins in SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{AuthenticatorApp, HalfSignIn, SecondFactorStore};
use crate::account::server::second_factor::SealedKey;
use crate::platform::db::StoreResult;
use crate::platform::db::sqlite::{Durability, Sqlite};
use crate::platform::ids::UserId;
use crate::platform::secret::SecretHash;

/// [`SecondFactorStore`] over the embedded database.
pub struct SqliteSecondFactorStore {
    db: Sqlite,
}

impl SqliteSecondFactorStore {
    #[must_use]
    pub const fn new(db: Sqlite) -> Self {
        Self { db }
    }
}

const HALF: &str = "user_id, password, next, tries, expires_at";

fn read_half(row: &Row<'_>) -> rusqlite::Result<HalfSignIn> {
    Ok(HalfSignIn {
        user: row.get(0)?,
        password: row.get(1)?,
        next: row.get(2)?,
        tries: row.get(3)?,
        expires_at: row.get(4)?,
    })
}

fn add_codes(connection: &Connection, user: UserId, codes: &[SecretHash]) -> rusqlite::Result<()> {
    let mut add = connection.prepare_cached("INSERT INTO recovery_codes (user_id, hash) VALUES (?1, ?2)")?;
    for code in codes {
        add.execute(params![user, code])?;
    }
    Ok(())
}

#[async_trait]
impl SecondFactorStore for SqliteSecondFactorStore {
    async fn begin(&self, user: UserId, key: SealedKey, at: i64) -> StoreResult<bool> {
        self.db
            .write(Durability::Durable, move |connection| {
                let kept = connection
                    .prepare_cached(
                        "INSERT INTO authenticator_apps (user_id, key, created_at) VALUES (?1, ?2, ?3)
                         ON CONFLICT (user_id) DO UPDATE SET key = ?2, created_at = ?3 WHERE confirmed_at IS NULL",
                    )?
                    .execute(params![user, key, at])?;
                Ok(kept == 1)
            })
            .await
    }

    async fn find(&self, user: UserId) -> StoreResult<Option<AuthenticatorApp>> {
        self.db
            .read(move |connection| {
                let found = connection
                    .prepare_cached(
                        "SELECT key, created_at, confirmed_at,
                             (SELECT count(*) FROM recovery_codes codes WHERE codes.user_id = ?1)
                         FROM authenticator_apps WHERE user_id = ?1",
                    )?
                    .query_row([user], |row| {
                        Ok(AuthenticatorApp {
                            key: row.get(0)?,
                            created_at: row.get(1)?,
                            confirmed_at: row.get(2)?,
                            codes_left: row.get(3)?,
                        })
                    })
                    .optional()?;
                Ok(found)
            })
            .await
    }

    async fn confirm(
        &self,
        user: UserId,
        key: SealedKey,
        step: i64,
        codes: Vec<SecretHash>,
        at: i64,
    ) -> StoreResult<bool> {
        self.db
            .write(Durability::Durable, move |connection| {
                let confirmed = connection
                    .prepare_cached(
                        "UPDATE authenticator_apps SET confirmed_at = ?3, last_step = ?4
                         WHERE user_id = ?1 AND key = ?2 AND confirmed_at IS NULL",
                    )?
                    .execute(params![user, key, at, step])?;
                if confirmed == 1 {
                    add_codes(connection, user, &codes)?;
                }
                Ok(confirmed == 1)
            })
            .await
    }

    async fn accept_step(&self, user: UserId, key: SealedKey, step: i64) -> StoreResult<bool> {
        self.db
            .write(Durability::Durable, move |connection| {
                let accepted = connection
                    .prepare_cached(
                        "UPDATE authenticator_apps SET last_step = ?3
                         WHERE user_id = ?1 AND key = ?2 AND confirmed_at IS NOT NULL AND last_step < ?3",
                    )?
                    .execute(params![user, key, step])?;
                Ok(accepted == 1)
            })
            .await
    }

    async fn list_keys(&self) -> StoreResult<Vec<(UserId, SealedKey)>> {
        self.db
            .read(move |connection| {
                let mut keys = connection.prepare_cached("SELECT user_id, key FROM authenticator_apps")?;
                let rows = keys.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            })
            .await
    }

    async fn replace_key(&self, user: UserId, from: SealedKey, to: SealedKey) -> StoreResult<bool> {
        self.db
            .write(Durability::Durable, move |connection| {
                let replaced = connection
                    .prepare_cached("UPDATE authenticator_apps SET key = ?3 WHERE user_id = ?1 AND key = ?2")?
                    .execute(params![user, from, to])?;
                Ok(replaced == 1)
            })
            .await
    }

    async fn replace_codes(&self, user: UserId, codes: Vec<SecretHash>) -> StoreResult<bool> {
        self.db
            .write(Durability::Durable, move |connection| {
                let is_on = connection
                    .prepare_cached("SELECT 1 FROM authenticator_apps WHERE user_id = ?1 AND confirmed_at IS NOT NULL")?
                    .exists([user])?;
                if is_on {
                    connection.prepare_cached("DELETE FROM recovery_codes WHERE user_id = ?1")?.execute([user])?;
                    add_codes(connection, user, &codes)?;
                }
                Ok(is_on)
            })
            .await
    }

    async fn take_code(&self, user: UserId, code: SecretHash) -> StoreResult<bool> {
        self.db
            .write(Durability::Durable, move |connection| {
                let taken = connection
                    .prepare_cached("DELETE FROM recovery_codes WHERE user_id = ?1 AND hash = ?2")?
                    .execute(params![user, code])?;
                Ok(taken == 1)
            })
            .await
    }

    async fn delete_of_user(&self, user: UserId) -> StoreResult<bool> {
        self.db
            .write(Durability::Durable, move |connection| {
                connection.prepare_cached("DELETE FROM half_sign_ins WHERE user_id = ?1")?.execute([user])?;
                connection.prepare_cached("DELETE FROM recovery_codes WHERE user_id = ?1")?.execute([user])?;
                let confirmed: Option<Option<i64>> = connection
                    .prepare_cached("DELETE FROM authenticator_apps WHERE user_id = ?1 RETURNING confirmed_at")?
                    .query_row([user], |row| row.get(0))
                    .optional()?;
                Ok(confirmed.flatten().is_some())
            })
            .await
    }

    async fn put_half(&self, token: SecretHash, half: HalfSignIn) -> StoreResult<()> {
        self.db
            .write(Durability::Durable, move |connection| {
                connection
                    .prepare_cached(&format!(
                        "INSERT INTO half_sign_ins ({HALF}, token_hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
                    ))?
                    .execute(params![half.user, half.password, half.next, half.tries, half.expires_at, token])?;
                Ok(())
            })
            .await
    }

    async fn find_half(&self, token: SecretHash, now: i64) -> StoreResult<Option<HalfSignIn>> {
        self.db
            .read(move |connection| {
                let found = connection
                    .prepare_cached(&format!(
                        "SELECT {HALF} FROM half_sign_ins WHERE token_hash = ?1 AND expires_at > ?2"
                    ))?
                    .query_row(params![token, now], read_half)
                    .optional()?;
                Ok(found)
            })
            .await
    }

    async fn try_half(&self, token: SecretHash, most: u32, now: i64) -> StoreResult<Option<HalfSignIn>> {
        self.db
            .write(Durability::Durable, move |connection| {
                let tried = connection
                    .prepare_cached(&format!(
                        "UPDATE half_sign_ins SET tries = tries + 1
                         WHERE token_hash = ?1 AND tries < ?2 AND expires_at > ?3 RETURNING {HALF}"
                    ))?
                    .query_row(params![token, most, now], read_half)
                    .optional()?;
                Ok(tried)
            })
            .await
    }

    async fn take_half(&self, token: SecretHash, now: i64) -> StoreResult<Option<HalfSignIn>> {
        self.db
            .write(Durability::Durable, move |connection| {
                let found = connection
                    .prepare_cached(&format!(
                        "DELETE FROM half_sign_ins WHERE token_hash = ?1 AND expires_at > ?2 RETURNING {HALF}"
                    ))?
                    .query_row(params![token, now], read_half)
                    .optional()?;
                Ok(found)
            })
            .await
    }

    async fn delete_expired(&self, now: i64) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                connection.prepare_cached("DELETE FROM half_sign_ins WHERE expires_at <= ?1")?.execute([now])?;
                Ok(())
            })
            .await
    }
}
