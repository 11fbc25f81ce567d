//! Attempts in SQLite. A power cut may lose the last ones, which no credit depends on.

use async_trait::async_trait;
use rusqlite::{Row, params};

use super::UsageStore;
use crate::platform::db::sqlite::{Durability, Lane, Sqlite};
use crate::platform::db::{StoreError, StoreResult, to_i64};
use crate::platform::ids::{AttemptId, UserId};
use crate::usage::{Attempt, Outcome, UserUsage};

/// [`UsageStore`] over the embedded database.
pub struct SqliteUsageStore {
    db: Sqlite,
}

impl SqliteUsageStore {
    #[must_use]
    pub const fn new(db: Sqlite) -> Self {
        Self { db }
    }
}

/// The columns that [`read_attempt`] reads, in its order.
pub const ATTEMPT: &str =
    "id, request_id, reply_id, user_id, provider, model, input_tokens, output_tokens, estimated, cost_micros,
    latency_ms, first_token_ms, outcome, created_at, price_version, key_id";

/// An attempt from the columns of [`ATTEMPT`].
pub fn read_attempt(row: &Row<'_>) -> StoreResult<Attempt> {
    let outcome: String = row.get(12)?;
    Ok(Attempt {
        id: row.get(0)?,
        request_id: row.get(1)?,
        reply: row.get(2)?,
        user: row.get(3)?,
        provider: row.get(4)?,
        model: row.get(5)?,
        input_tokens: row.get(6)?,
        output_tokens: row.get(7)?,
        is_estimated: row.get(8)?,
        cost_micros: row.get(9)?,
        latency_ms: row.get(10)?,
        first_token_ms: row.get(11)?,
        outcome: Outcome::parse(&outcome).ok_or_else(|| StoreError::Corrupt(format!("outcome {outcome:?}")))?,
        at: row.get(13)?,
        price_version: row.get(14)?,
        key: row.get(15)?,
    })
}

#[async_trait]
impl UsageStore for SqliteUsageStore {
    async fn record(&self, attempts: Vec<Attempt>) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                let mut insert = connection.prepare_cached(
                    "INSERT INTO attempts (id, request_id, reply_id, user_id, provider, model, input_tokens,
                         output_tokens, estimated, cost_micros, latency_ms, first_token_ms, outcome, created_at,
                         price_version, key_id)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
                     ON CONFLICT (id) DO NOTHING",
                )?;
                for attempt in attempts {
                    insert.execute(params![
                        attempt.id,
                        attempt.request_id,
                        attempt.reply,
                        attempt.user,
                        attempt.provider,
                        attempt.model,
                        attempt.input_tokens,
                        attempt.output_tokens,
                        attempt.is_estimated,
                        attempt.cost_micros,
                        attempt.latency_ms,
                        attempt.first_token_ms,
                        attempt.outcome.as_str(),
                        attempt.at,
                        attempt.price_version,
                        attempt.key,
                    ])?;
                }
                Ok(())
            })
            .await
    }

    async fn find_by_request(&self, request_id: &str) -> StoreResult<Vec<Attempt>> {
        let request_id = request_id.to_owned();
        self.db
            .read(move |connection| {
                let mut found = connection
                    .prepare_cached(&format!("SELECT {ATTEMPT} FROM attempts WHERE request_id = ?1 ORDER BY id"))?;
                let mut rows = found.query([request_id])?;
                let mut attempts = Vec::new();
                while let Some(row) = rows.next()? {
                    attempts.push(read_attempt(row)?);
                }
                Ok(attempts)
            })
            .await
    }

    async fn sum_of_user(&self, user: UserId, since: i64) -> StoreResult<UserUsage> {
        self.db
            .read(move |connection| {
                let mut sum = connection.prepare_cached(
                    "SELECT count(*), coalesce(sum(outcome NOT IN ('ok', 'stopped')), 0), coalesce(sum(input_tokens), 0),
                         coalesce(sum(output_tokens), 0), coalesce(sum(cost_micros), 0)
                     FROM attempts WHERE user_id = ?1 AND id >= ?2",
                )?;
                let read = |row: &Row<'_>| {
                    Ok(UserUsage {
                        attempts: row.get(0)?,
                        failed: row.get(1)?,
                        input_tokens: row.get(2)?,
                        output_tokens: row.get(3)?,
                        cost_micros: row.get(4)?,
                    })
                };
                Ok(sum.query_row(params![user, AttemptId::first_of(since)], read)?)
            })
            .await
    }

    async fn cost_between(&self, from: i64, until: i64) -> StoreResult<i64> {
        self.db
            .read_in(Lane::Slow, move |connection| {
                let mut sum = connection
                    .prepare_cached("SELECT coalesce(sum(cost_micros), 0) FROM attempts WHERE id >= ?1 AND id < ?2")?;
                Ok(sum.query_row(params![AttemptId::first_of(from), AttemptId::first_of(until)], |row| row.get(0))?)
            })
            .await
    }

    async fn forget_before(&self, millis: i64) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                connection
                    .prepare_cached("DELETE FROM attempts WHERE id < ?1")?
                    .execute([AttemptId::first_of(millis)])?;
                Ok(())
            })
            .await
    }

    async fn find_of_user(&self, user: UserId, after: AttemptId, limit: usize) -> StoreResult<Vec<Attempt>> {
        self.db
            .read_in(Lane::Slow, move |connection| {
                let mut found = connection.prepare_cached(&format!(
                    "SELECT {ATTEMPT} FROM attempts WHERE user_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3"
                ))?;
                let mut rows = found.query(params![user, after, to_i64(limit)])?;
                let mut attempts = Vec::new();
                while let Some(row) = rows.next()? {
                    attempts.push(read_attempt(row)?);
                }
                Ok(attempts)
            })
            .await
    }
}
