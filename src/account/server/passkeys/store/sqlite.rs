//! Passkeys in SQLite.

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Row, params};

use super::{Added, Ceremony, PasskeyStore, StoredPasskey};
use crate::account::server::ways::{Unlinked, Way, remove_way};
use crate::platform::db::StoreResult;
use crate::platform::db::sqlite::{Durability, Sqlite};
use crate::platform::ids::{PasskeyId, UserId};
use crate::platform::secret::SecretHash;

const PASSKEY: &str = "id, user_id, credential_id, credential, counter, name, device, created_at, last_used_at";

/// [`PasskeyStore`] over the embedded database.
pub struct SqlitePasskeyStore {
    db: Sqlite,
}

impl SqlitePasskeyStore {
    #[must_use]
    pub const fn new(db: Sqlite) -> Self {
        Self { db }
    }
}

fn read_passkey(row: &Row<'_>) -> rusqlite::Result<StoredPasskey> {
    Ok(StoredPasskey {
        id: row.get(0)?,
        user: row.get(1)?,
        credential_id: row.get(2)?,
        credential: row.get(3)?,
        counter: row.get(4)?,
        name: row.get(5)?,
        device: row.get(6)?,
        created_at: row.get(7)?,
        last_used_at: row.get(8)?,
    })
}

#[async_trait]
impl PasskeyStore for SqlitePasskeyStore {
    async fn begin(&self, handle: SecretHash, ceremony: Ceremony) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                let Ceremony { user, state, expires_at } = ceremony;
                connection
                    .prepare_cached(
                        "INSERT INTO passkey_ceremonies (handle_hash, user_id, state, expires_at) VALUES (?1, ?2, ?3, ?4)",
                    )?
                    .execute(params![handle, user, state, expires_at])?;
                Ok(())
            })
            .await
    }

    async fn take(&self, handle: SecretHash, now: i64) -> StoreResult<Option<Ceremony>> {
        self.db
            .write(Durability::Durable, move |connection| {
                Ok(connection
                    .prepare_cached(
                        "DELETE FROM passkey_ceremonies WHERE handle_hash = ?1 AND expires_at > ?2
                         RETURNING user_id, state, expires_at",
                    )?
                    .query_row(params![handle, now], |row| {
                        Ok(Ceremony { user: row.get(0)?, state: row.get(1)?, expires_at: row.get(2)? })
                    })
                    .optional()?)
            })
            .await
    }

    async fn delete_expired(&self, now: i64) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                connection.prepare_cached("DELETE FROM passkey_ceremonies WHERE expires_at <= ?1")?.execute([now])?;
                Ok(())
            })
            .await
    }

    async fn add(&self, passkey: StoredPasskey, most: usize) -> StoreResult<Added> {
        self.db
            .write(Durability::Durable, move |connection| {
                let added = connection
                    .prepare_cached(&format!(
                        "INSERT INTO passkeys ({PASSKEY}) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9
                         WHERE (SELECT count(*) FROM passkeys WHERE user_id = ?2) < ?10
                         ON CONFLICT (credential_id) DO NOTHING"
                    ))?
                    .execute(params![
                        passkey.id,
                        passkey.user,
                        passkey.credential_id,
                        passkey.credential,
                        passkey.counter,
                        passkey.name,
                        passkey.device,
                        passkey.created_at,
                        passkey.last_used_at,
                        most
                    ])?;
                if added == 1 {
                    return Ok(Added::Done);
                }
                let is_taken = connection
                    .prepare_cached("SELECT 1 FROM passkeys WHERE credential_id = ?1")?
                    .exists([passkey.credential_id])?;
                Ok(if is_taken { Added::Taken } else { Added::TooMany })
            })
            .await
    }

    async fn find(&self, credential_id: &[u8]) -> StoreResult<Option<StoredPasskey>> {
        let credential_id = credential_id.to_vec();
        self.db
            .read(move |connection| {
                Ok(connection
                    .prepare_cached(&format!("SELECT {PASSKEY} FROM passkeys WHERE credential_id = ?1"))?
                    .query_row([credential_id], read_passkey)
                    .optional()?)
            })
            .await
    }

    async fn list(&self, user: UserId) -> StoreResult<Vec<StoredPasskey>> {
        self.db
            .read(move |connection| {
                let mut passkeys = connection
                    .prepare_cached(&format!("SELECT {PASSKEY} FROM passkeys WHERE user_id = ?1 ORDER BY id"))?;
                let found = passkeys.query_map([user], read_passkey)?.collect::<Result<_, _>>()?;
                Ok(found)
            })
            .await
    }

    async fn keep_use(&self, id: PasskeyId, credential: String, counter: u32, at: i64) -> StoreResult<bool> {
        self.db
            .write(Durability::Durable, move |connection| {
                let changed = connection
                    .prepare_cached(
                        "UPDATE passkeys SET credential = ?2, counter = ?3, last_used_at = ?4
                         WHERE id = ?1 AND (counter < ?3 OR (counter = 0 AND ?3 = 0))",
                    )?
                    .execute(params![id, credential, counter, at])?;
                Ok(changed == 1)
            })
            .await
    }

    async fn rename(&self, user: UserId, id: PasskeyId, name: &str) -> StoreResult<bool> {
        let name = name.to_owned();
        self.db
            .write(Durability::Durable, move |connection| {
                let changed = connection
                    .prepare_cached("UPDATE passkeys SET name = ?3 WHERE id = ?1 AND user_id = ?2")?
                    .execute(params![id, user, name])?;
                Ok(changed == 1)
            })
            .await
    }

    async fn remove(&self, user: UserId, id: PasskeyId) -> StoreResult<Unlinked> {
        self.db.write(Durability::Durable, move |connection| remove_way(connection, Way::Passkey, user, id)).await
    }

    async fn delete_of_user(&self, user: UserId) -> StoreResult<()> {
        self.db
            .write(Durability::Durable, move |connection| {
                for table in ["passkeys", "passkey_ceremonies"] {
                    connection.prepare_cached(&format!("DELETE FROM {table} WHERE user_id = ?1"))?.execute([user])?;
                }
                Ok(())
            })
            .await
    }
}
