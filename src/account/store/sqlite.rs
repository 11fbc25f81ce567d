//! Users and sessions in SQLite.

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Row, params};
use uuid::Uuid;

use super::{AccountStore, TokenHash, User};
use crate::account::{Email, Role};
use crate::server::db::sqlite::{Durability, Sqlite};
use crate::server::db::{StoreError, StoreResult, now_millis};

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

const USER: &str = "u.id, u.email, u.name, u.password_hash, u.role";

fn read_user(row: &Row<'_>) -> rusqlite::Result<(User, String)> {
    let role: String = row.get(4)?;
    let user = User {
        id: row.get(0)?,
        email: row.get(1)?,
        name: row.get(2)?,
        password_hash: row.get(3)?,
        role: Role::parse(&role).unwrap_or(Role::User),
    };
    Ok((user, role))
}

/// A role that nobody wrote must not pass for a harmless one.
fn checked((user, role): (User, String)) -> StoreResult<User> {
    if user.role.as_str() == role { Ok(user) } else { Err(StoreError::Corrupt(format!("role {role:?}"))) }
}

#[async_trait]
impl AccountStore for SqliteAccountStore {
    async fn create_user(&self, user: User) -> StoreResult<bool> {
        self.db
            .write(Durability::Durable, move |connection| {
                let stored = connection
                    .prepare_cached(
                        "INSERT INTO users (id, email, name, password_hash, role, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                         ON CONFLICT (email) DO NOTHING",
                    )?
                    .execute(params![user.id, user.email, user.name, user.password_hash, user.role.as_str(), now_millis()])?;
                Ok(stored == 1)
            })
            .await
    }

    async fn find_user(&self, email: &Email) -> StoreResult<Option<User>> {
        let email = email.as_str().to_owned();
        self.db
            .read(move |connection| {
                connection
                    .prepare_cached(&format!("SELECT {USER} FROM users u WHERE u.email = ?1"))?
                    .query_row([email], read_user)
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

    async fn create_session(&self, token: TokenHash, user: Uuid, expires_at: i64) -> StoreResult<()> {
        self.db
            .write(Durability::Durable, move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO sessions (token_hash, user_id, created_at, expires_at) VALUES (?1, ?2, ?3, ?4)",
                    )?
                    .execute(params![token, user, now_millis(), expires_at])?;
                Ok(())
            })
            .await
    }

    async fn find_session(&self, token: TokenHash, now: i64) -> StoreResult<Option<User>> {
        self.db
            .read(move |connection| {
                connection
                    .prepare_cached(&format!(
                        "SELECT {USER} FROM sessions s JOIN users u ON u.id = s.user_id
                         WHERE s.token_hash = ?1 AND s.expires_at > ?2"
                    ))?
                    .query_row(params![token, now], read_user)
                    .optional()?
                    .map(checked)
                    .transpose()
            })
            .await
    }

    async fn delete_session(&self, token: TokenHash) -> StoreResult<()> {
        self.db
            .write(Durability::Durable, move |connection| {
                connection.prepare_cached("DELETE FROM sessions WHERE token_hash = ?1")?.execute(params![token])?;
                Ok(())
            })
            .await
    }

    async fn delete_expired_sessions(&self, now: i64) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                connection.prepare_cached("DELETE FROM sessions WHERE expires_at <= ?1")?.execute([now])?;
                Ok(())
            })
            .await
    }
}
