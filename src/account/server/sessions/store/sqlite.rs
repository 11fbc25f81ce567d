//! Sessions in SQLite.

use async_trait::async_trait;
use rusqlite::{Row, params};

use super::{Known, Session, SessionStore, SignedIn};
use crate::account::server::plans::sqlite::find_periods;
use crate::account::server::store::sqlite::{USER, checked, read_user};
use crate::account::server::store::{User, from_json};
use crate::credits::server::budgets::BudgetPlan;
use crate::platform::db::StoreResult;
use crate::platform::db::sqlite::{Durability, Lane, Sqlite};
use crate::platform::ids::UserId;
use crate::platform::secret::SecretHash;

/// [`SessionStore`] over the embedded database.
pub struct SqliteSessionStore {
    db: Sqlite,
}

impl SqliteSessionStore {
    #[must_use]
    pub const fn new(db: Sqlite) -> Self {
        Self { db }
    }
}

/// Of those from before, only the beginning is known.
const SESSION: &str = "s.token_hash, s.device AS s_device, s.address AS s_address, s.created_at AS s_created_at,
    coalesce(s.last_used_at, s.created_at) AS s_last_used_at, coalesce(s.confirmed_at, s.created_at) AS s_confirmed_at,
    s.expires_at AS s_expires_at";

fn read_session(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        token: row.get("token_hash")?,
        device: row.get("s_device")?,
        address: row.get("s_address")?,
        created_at: row.get("s_created_at")?,
        last_used_at: row.get("s_last_used_at")?,
        confirmed_at: row.get("s_confirmed_at")?,
        expires_at: row.get("s_expires_at")?,
    })
}

#[async_trait]
impl SessionStore for SqliteSessionStore {
    async fn create(&self, user: UserId, session: Session, most: usize) -> StoreResult<()> {
        self.db
            .write(Durability::Durable, move |connection| {
                let Session { token, device, address, created_at, last_used_at, confirmed_at, expires_at } = session;
                connection
                    .prepare_cached(
                        "INSERT INTO sessions (token_hash, user_id, device, address, created_at, last_used_at, confirmed_at, expires_at)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                    )?
                    .execute(params![token, user, device, address, created_at, last_used_at, confirmed_at, expires_at])?;
                connection
                    .prepare_cached(
                        "DELETE FROM sessions WHERE token_hash IN (
                             SELECT token_hash FROM sessions WHERE user_id = ?1 AND token_hash <> ?2
                             ORDER BY coalesce(last_used_at, created_at) DESC, created_at DESC LIMIT -1 OFFSET ?3)",
                    )?
                    .execute(params![user, token, most.saturating_sub(1)])?;
                Ok(())
            })
            .await
    }

    async fn find(&self, token: SecretHash, now: i64) -> StoreResult<Option<(User, Session)>> {
        self.db
            .read_in(Lane::Urgent, move |connection| {
                let mut found = connection.prepare_cached(&format!(
                    "SELECT {USER}, {SESSION} FROM sessions s JOIN users u ON u.id = s.user_id
                     WHERE s.token_hash = ?1 AND s.expires_at > ?2"
                ))?;
                let mut rows = found.query(params![token, now])?;
                let Some(row) = rows.next()? else { return Ok(None) };
                Ok(Some((checked(read_user(row)?)?, read_session(row)?)))
            })
            .await
    }

    async fn find_signed_in(&self, token: SecretHash, now: i64) -> StoreResult<Option<SignedIn>> {
        self.db
            .read_in(Lane::Urgent, move |connection| {
                let mut found = connection.prepare_cached(&format!(
                    "SELECT {USER}, {SESSION}, u.preferences, b.plan AS budgets, a.image_id AS avatar
                     FROM sessions s JOIN users u ON u.id = s.user_id
                     LEFT JOIN budgets b ON b.owner_id = u.id AND b.user_id = u.id
                     LEFT JOIN avatars a ON a.user_id = u.id
                     WHERE s.token_hash = ?1 AND s.expires_at > ?2"
                ))?;
                let mut rows = found.query(params![token, now])?;
                let Some(row) = rows.next()? else { return Ok(None) };
                let (user, session) = (checked(read_user(row)?)?, read_session(row)?);
                let (preferences, budgets): (Option<String>, Option<String>) =
                    (row.get("preferences")?, row.get("budgets")?);
                let known = Known {
                    budgets: BudgetPlan::from_json(budgets.as_deref())?,
                    // Whoever cannot be told how they want it is still let in.
                    provider: from_json(preferences.as_deref()).unwrap_or_default().provider,
                    avatar: row.get("avatar")?,
                };
                let periods = find_periods(connection, user.id)?;
                Ok(Some(SignedIn { user, session, periods, known }))
            })
            .await
    }

    async fn list(&self, user: UserId, now: i64) -> StoreResult<Vec<Session>> {
        self.db
            .read(move |connection| {
                let mut found = connection.prepare_cached(&format!(
                    "SELECT {SESSION} FROM sessions s WHERE s.user_id = ?1 AND s.expires_at > ?2
                     ORDER BY s_last_used_at DESC, s_created_at DESC"
                ))?;
                let sessions = found.query_map(params![user, now], read_session)?;
                Ok(sessions.collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn touch(&self, token: SecretHash, at: i64) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE sessions SET last_used_at = ?2 WHERE token_hash = ?1 AND coalesce(last_used_at, created_at) < ?2",
                    )?
                    .execute(params![token, at])?;
                Ok(())
            })
            .await
    }

    async fn confirm(&self, token: SecretHash, at: i64) -> StoreResult<()> {
        self.db
            .write(Durability::Durable, move |connection| {
                connection
                    .prepare_cached("UPDATE sessions SET confirmed_at = ?2 WHERE token_hash = ?1")?
                    .execute(params![token, at])?;
                Ok(())
            })
            .await
    }

    async fn delete(&self, token: SecretHash) -> StoreResult<()> {
        self.db
            .write(Durability::Durable, move |connection| {
                connection.prepare_cached("DELETE FROM sessions WHERE token_hash = ?1")?.execute(params![token])?;
                Ok(())
            })
            .await
    }

    async fn delete_of_user(&self, user: UserId, except: Option<SecretHash>) -> StoreResult<u64> {
        self.db
            .write(Durability::Durable, move |connection| {
                let deleted = connection
                    .prepare_cached("DELETE FROM sessions WHERE user_id = ?1 AND token_hash IS NOT ?2")?
                    .execute(params![user, except])?;
                Ok(deleted as u64)
            })
            .await
    }

    async fn delete_expired(&self, now: i64) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                connection.prepare_cached("DELETE FROM sessions WHERE expires_at <= ?1")?.execute([now])?;
                Ok(())
            })
            .await
    }
}
