//! Subscriptions in SQLite.

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Row, params};

use super::SubscriptionStore;
use crate::payments::server::store::Saved;
use crate::payments::server::subscriptions::record::Subscription;
use crate::platform::db::sqlite::{Durability, Sqlite, is_duplicate};
use crate::platform::db::{StoreError, StoreResult, to_i64};
use crate::platform::ids::{SubscriptionId, UserId};

/// [`SubscriptionStore`] over the embedded database.
pub struct SqliteSubscriptionStore {
    db: Sqlite,
}

impl SqliteSubscriptionStore {
    #[must_use]
    pub const fn new(db: Sqlite) -> Self {
        Self { db }
    }
}

/// A subscription: `version, body`.
fn read(row: &Row<'_>) -> StoreResult<Subscription> {
    let body: String = row.get(1)?;
    let subscription: Subscription = serde_json::from_str(&body).map_err(|error| unreadable(&error))?;
    Ok(Subscription { version: row.get(0)?, ..subscription })
}

fn unreadable(error: &serde_json::Error) -> StoreError {
    StoreError::Corrupt(format!("a subscription: {error}"))
}

#[async_trait]
impl SubscriptionStore for SqliteSubscriptionStore {
    async fn create(&self, subscription: &Subscription) -> StoreResult<bool> {
        let new = subscription.clone();
        self.db
            .write(Durability::Durable, move |connection| {
                let body = serde_json::to_string(&new).map_err(|error| unreadable(&error))?;
                let stored = connection
                    .prepare_cached(
                        "INSERT INTO subscriptions (id, user_id, version, provider_id, is_open, look_at, created_at, body)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                    )?
                    .execute(params![
                        new.id,
                        new.user,
                        new.version,
                        new.provider_id,
                        new.is_open(),
                        new.look_at,
                        new.created_at,
                        body
                    ]);
                match stored {
                    Ok(_) => Ok(true),
                    Err(error) if is_duplicate(&error) => Ok(false),
                    Err(error) => Err(error.into()),
                }
            })
            .await
    }

    async fn find(&self, id: SubscriptionId) -> StoreResult<Option<Subscription>> {
        self.db
            .read(move |connection| {
                let mut found = connection.prepare_cached("SELECT version, body FROM subscriptions WHERE id = ?1")?;
                let mut rows = found.query([id])?;
                rows.next()?.map(read).transpose()
            })
            .await
    }

    async fn find_by_provider(&self, provider_id: &str) -> StoreResult<Option<Subscription>> {
        let provider_id = provider_id.to_owned();
        self.db
            .read(move |connection| {
                let mut found =
                    connection.prepare_cached("SELECT version, body FROM subscriptions WHERE provider_id = ?1")?;
                let mut rows = found.query([provider_id])?;
                rows.next()?.map(read).transpose()
            })
            .await
    }

    async fn save(&self, subscription: &Subscription) -> StoreResult<Saved> {
        let new = subscription.clone();
        self.db
            .write(Durability::Durable, move |connection| {
                let body = serde_json::to_string(&new).map_err(|error| unreadable(&error))?;
                let changed = connection
                    .prepare_cached(
                        "UPDATE subscriptions SET version = version + 1, provider_id = ?3, is_open = ?4, look_at = ?5, body = ?6
                         WHERE id = ?1 AND version = ?2",
                    )?
                    .execute(params![new.id, new.version, new.provider_id, new.is_open(), new.look_at, body]);
                match changed {
                    Ok(1) => Ok(Saved::Yes),
                    Ok(_) => Ok(Saved::Changed),
                    Err(error) if is_duplicate(&error) => Ok(Saved::Taken),
                    Err(error) => Err(error.into()),
                }
            })
            .await
    }

    async fn due(&self, until: i64, after: SubscriptionId, limit: usize) -> StoreResult<Vec<SubscriptionId>> {
        self.db
            .read(move |connection| {
                let mut due = connection.prepare_cached(
                    "SELECT id FROM subscriptions WHERE look_at IS NOT NULL AND look_at <= ?1 AND id > ?2 ORDER BY id LIMIT ?3",
                )?;
                let rows = due.query_map(params![until, after, to_i64(limit)], |row| row.get(0))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn list(&self, user: UserId, limit: usize) -> StoreResult<Vec<Subscription>> {
        self.db
            .read(move |connection| {
                let mut found = connection.prepare_cached(
                    "SELECT version, body FROM subscriptions WHERE user_id = ?1 ORDER BY id DESC LIMIT ?2",
                )?;
                let mut rows = found.query(params![user, to_i64(limit)])?;
                let mut subscriptions = Vec::new();
                while let Some(row) = rows.next()? {
                    subscriptions.push(read(row)?);
                }
                Ok(subscriptions)
            })
            .await
    }

    async fn provider_plan(&self, stands_for: &str) -> StoreResult<Option<String>> {
        let stands_for = stands_for.to_owned();
        self.db
            .read(move |connection| {
                let mut plan = connection.prepare_cached("SELECT plan_id FROM provider_plans WHERE stands_for = ?1")?;
                Ok(plan.query_row([stands_for], |row| row.get(0)).optional()?)
            })
            .await
    }

    async fn keep_provider_plan(&self, stands_for: &str, plan_id: &str) -> StoreResult<String> {
        let (stands_for, plan_id) = (stands_for.to_owned(), plan_id.to_owned());
        self.db
            .write(Durability::Durable, move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO provider_plans (stands_for, plan_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                    )?
                    .execute(params![stands_for, plan_id])?;
                let mut plan = connection.prepare_cached("SELECT plan_id FROM provider_plans WHERE stands_for = ?1")?;
                Ok(plan.query_row([stands_for], |row| row.get(0))?)
            })
            .await
    }
}
