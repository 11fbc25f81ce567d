//! Users and their keys in SQLite.

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Row, params};

use super::{AccountStore, StoredKey, User, from_json, read_hash, read_scopes, to_json};
use crate::account::server::sessions::{Preferences, UserStatus};
use crate::account::{Email, Role};
use crate::platform::db::sqlite::{Durability, Lane, Sqlite};
use crate::platform::db::{StoreError, StoreResult, now_millis};
use crate::platform::ids::{ApiKeyId, UserId};
use crate::platform::secret::SecretHash;

/// [`AccountStore`] over the embedded database.
pub struct SqliteAccountStore {
    db: Sqlite,
}

impl SqliteAccountStore {
    #[must_use]
    pub const fn new(db: Sqlite) -> Self {
        Self { db }
    }
}

/// A user, always the first columns.
pub(in crate::account::server) const USER: &str =
    "u.id, u.email, u.name, u.password_hash, u.role, u.status, u.email_verified_at";
pub(in crate::account::server) const USER_COLUMNS: usize = 7;

pub(in crate::account::server) fn read_user(row: &Row<'_>) -> rusqlite::Result<(User, [String; 2])> {
    let (role, status): (String, String) = (row.get(4)?, row.get(5)?);
    let user = User {
        id: row.get(0)?,
        email: row.get(1)?,
        name: row.get(2)?,
        password_hash: read_hash(row.get(3)?),
        email_verified_at: row.get(6)?,
        role: Role::parse(&role).unwrap_or(Role::User),
        status: UserStatus::parse(&status).unwrap_or(UserStatus::Disabled),
    };
    Ok((user, [role, status]))
}

/// A role or a status that nobody wrote must not pass for a harmless one.
pub(in crate::account::server) fn checked((user, [role, status]): (User, [String; 2])) -> StoreResult<User> {
    if user.role.as_str() != role {
        return Err(StoreError::Corrupt(format!("role {role:?}")));
    }
    if user.status.as_str() == status { Ok(user) } else { Err(StoreError::Corrupt(format!("status {status:?}"))) }
}

const KEY: &str = "k.id, k.name, k.hint, k.per_minute, k.budget, k.created_at, k.last_used_at, k.scopes, k.expires_at";

/// A key whose columns begin at `first`.
fn read_key(row: &Row<'_>, first: usize) -> StoreResult<StoredKey> {
    let scopes: String = row.get(first + 7)?;
    Ok(StoredKey {
        id: row.get(first)?,
        name: row.get(first + 1)?,
        hint: row.get(first + 2)?,
        per_minute: row.get(first + 3)?,
        budget: row.get(first + 4)?,
        created_at: row.get(first + 5)?,
        last_used_at: row.get(first + 6)?,
        scopes: read_scopes(scopes.split(' '))?,
        expires_at: row.get(first + 8)?,
    })
}

#[async_trait]
impl AccountStore for SqliteAccountStore {
    async fn create_user(&self, user: User) -> StoreResult<bool> {
        self.db
            .write(Durability::Durable, move |connection| {
                let stored = connection
                    .prepare_cached(
                        "INSERT INTO users (id, email, name, password_hash, role, email_verified_at, created_at)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                         ON CONFLICT DO NOTHING",
                    )?
                    .execute(params![
                        user.id,
                        user.email,
                        user.name,
                        user.password_hash.unwrap_or_default(),
                        user.role.as_str(),
                        user.email_verified_at,
                        now_millis()
                    ])?;
                Ok(stored == 1)
            })
            .await
    }

    async fn find_user(&self, email: &Email) -> StoreResult<Option<User>> {
        let email = email.as_str().to_owned();
        self.db
            .read_in(Lane::Urgent, move |connection| {
                connection
                    .prepare_cached(&format!("SELECT {USER} FROM users u WHERE u.email = ?1"))?
                    .query_row([email], read_user)
                    .optional()?
                    .map(checked)
                    .transpose()
            })
            .await
    }

    async fn find_user_by_id(&self, id: UserId) -> StoreResult<Option<User>> {
        self.db
            .read(move |connection| {
                connection
                    .prepare_cached(&format!("SELECT {USER} FROM users u WHERE u.id = ?1"))?
                    .query_row([id], read_user)
                    .optional()?
                    .map(checked)
                    .transpose()
            })
            .await
    }

    async fn set_role(&self, email: &Email, role: Role) -> StoreResult<bool> {
        let email = email.as_str().to_owned();
        self.db
            .write(Durability::Durable, move |connection| {
                let changed = connection
                    .prepare_cached("UPDATE users SET role = ?2 WHERE email = ?1")?
                    .execute(params![email, role.as_str()])?;
                Ok(changed == 1)
            })
            .await
    }

    async fn change_status(&self, id: UserId, from: UserStatus, to: UserStatus) -> StoreResult<bool> {
        self.db
            .write(Durability::Durable, move |connection| {
                let changed = connection
                    .prepare_cached("UPDATE users SET status = ?3 WHERE id = ?1 AND status = ?2")?
                    .execute(params![id, from.as_str(), to.as_str()])?;
                Ok(changed == 1)
            })
            .await
    }

    async fn set_password(&self, id: UserId, hash: &str) -> StoreResult<()> {
        let hash = hash.to_owned();
        self.db
            .write(Durability::Durable, move |connection| {
                connection
                    .prepare_cached("UPDATE users SET password_hash = ?2 WHERE id = ?1")?
                    .execute(params![id, hash])?;
                Ok(())
            })
            .await
    }

    async fn set_profile(&self, id: UserId, name: Option<&str>, preferences: &Preferences) -> StoreResult<()> {
        let (name, preferences) = (name.map(str::to_owned), to_json(preferences)?);
        self.db
            .write(Durability::Durable, move |connection| {
                connection
                    .prepare_cached("UPDATE users SET name = coalesce(?2, name), preferences = ?3 WHERE id = ?1")?
                    .execute(params![id, name, preferences])?;
                Ok(())
            })
            .await
    }

    async fn find_preferences(&self, id: UserId) -> StoreResult<Preferences> {
        self.db
            .read(move |connection| {
                let text: Option<Option<String>> = connection
                    .prepare_cached("SELECT preferences FROM users WHERE id = ?1")?
                    .query_row([id], |row| row.get(0))
                    .optional()?;
                from_json(text.flatten().as_deref())
            })
            .await
    }

    async fn verify_email(&self, user: UserId, email: &str, at: i64) -> StoreResult<bool> {
        let email = email.to_owned();
        self.db
            .write(Durability::Durable, move |connection| {
                let changed = connection
                    .prepare_cached("UPDATE users SET email_verified_at = ?3 WHERE id = ?1 AND email = ?2")?
                    .execute(params![user, email, at])?;
                Ok(changed == 1)
            })
            .await
    }

    async fn change_email(&self, user: UserId, from: &str, to: &str, at: i64) -> StoreResult<bool> {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.db
            .write(Durability::Durable, move |connection| {
                let changed = connection
                    .prepare_cached(
                        "UPDATE OR IGNORE users SET email = ?3, email_verified_at = ?4 WHERE id = ?1 AND email = ?2",
                    )?
                    .execute(params![user, from, to, at])?;
                Ok(changed == 1)
            })
            .await
    }

    async fn create_key(&self, hash: SecretHash, user: UserId, key: StoredKey, most: usize) -> StoreResult<bool> {
        self.db
            .write(Durability::Durable, move |connection| {
                let stored = connection
                    .prepare_cached(
                        "INSERT INTO api_keys (id, user_id, hash, name, hint, per_minute, budget, created_at, last_used_at, scopes, expires_at)
                         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11
                         WHERE (SELECT count(*) FROM api_keys WHERE user_id = ?2) < ?12",
                    )?
                    .execute(params![
                        key.id,
                        user,
                        hash,
                        key.name,
                        key.hint,
                        key.per_minute,
                        key.budget,
                        key.created_at,
                        key.last_used_at,
                        key.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(" "),
                        key.expires_at,
                        most
                    ])?;
                Ok(stored == 1)
            })
            .await
    }

    async fn list_keys(&self, user: UserId) -> StoreResult<Vec<StoredKey>> {
        self.db
            .read(move |connection| {
                let mut keys = connection
                    .prepare_cached(&format!("SELECT {KEY} FROM api_keys k WHERE k.user_id = ?1 ORDER BY k.id"))?;
                let mut rows = keys.query([user])?;
                let mut found = Vec::new();
                while let Some(row) = rows.next()? {
                    found.push(read_key(row, 0)?);
                }
                Ok(found)
            })
            .await
    }

    async fn find_key(&self, hash: SecretHash) -> StoreResult<Option<(User, StoredKey)>> {
        self.db
            .read_in(Lane::Urgent, move |connection| {
                let mut found = connection.prepare_cached(&format!(
                    "SELECT {USER}, {KEY} FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.hash = ?1"
                ))?;
                let mut rows = found.query([hash])?;
                let Some(row) = rows.next()? else { return Ok(None) };
                Ok(Some((checked(read_user(row)?)?, read_key(row, USER_COLUMNS)?)))
            })
            .await
    }

    async fn touch_key(&self, id: ApiKeyId, at: i64) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE api_keys SET last_used_at = ?2 WHERE id = ?1 AND coalesce(last_used_at, 0) < ?2",
                    )?
                    .execute(params![id, at])?;
                Ok(())
            })
            .await
    }

    async fn delete_key(&self, user: UserId, id: ApiKeyId) -> StoreResult<bool> {
        self.db
            .write(Durability::Durable, move |connection| {
                let deleted = connection
                    .prepare_cached("DELETE FROM api_keys WHERE id = ?1 AND user_id = ?2")?
                    .execute(params![id, user])?;
                Ok(deleted == 1)
            })
            .await
    }

    async fn other_admins(&self, than: UserId) -> StoreResult<u64> {
        self.db
            .read(move |connection| {
                Ok(connection
                    .prepare_cached("SELECT count(*) FROM users WHERE role = ?2 AND status = ?3 AND id <> ?1")?
                    .query_row(params![than, Role::Admin.as_str(), UserStatus::Active.as_str()], |row| row.get(0))?)
            })
            .await
    }

    async fn delete_user(&self, id: UserId) -> StoreResult<()> {
        self.db
            .write(Durability::Durable, move |connection| {
                // Keys, sessions, links and conversations go with it.
                connection.prepare_cached("DELETE FROM users WHERE id = ?1")?.execute([id])?;
                Ok(())
            })
            .await
    }

    async fn keep_welcomed(&self, hashes: Vec<SecretHash>, until: i64) -> StoreResult<()> {
        self.db
            .write(Durability::Durable, move |connection| {
                let mut keep = connection.prepare_cached(
                    "INSERT INTO welcomed (hash, until) VALUES (?1, ?2)
                     ON CONFLICT (hash) DO UPDATE SET until = max(until, ?2)",
                )?;
                for hash in hashes {
                    keep.execute(params![hash, until])?;
                }
                Ok(())
            })
            .await
    }

    async fn is_welcomed(&self, hashes: Vec<SecretHash>, now: i64) -> StoreResult<bool> {
        self.db
            .read(move |connection| {
                if hashes.is_empty() {
                    return Ok(connection.prepare_cached("SELECT 1 FROM welcomed WHERE until > ?1")?.exists([now])?);
                }
                let mut known = connection.prepare_cached("SELECT 1 FROM welcomed WHERE hash = ?1 AND until > ?2")?;
                for hash in hashes {
                    if known.exists(params![hash, now])? {
                        return Ok(true);
                    }
                }
                Ok(false)
            })
            .await
    }

    async fn forget_welcomed(&self, now: i64) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                connection.prepare_cached("DELETE FROM welcomed WHERE until <= ?1")?.execute([now])?;
                Ok(())
            })
            .await
    }
}
