//! The ledger in SQLite: every operation is one piece of work for the group-committing writer.

mod audit;
mod entries;
mod holds;

use std::collections::HashMap;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, params};

use self::audit::audit;
use self::entries::{find_balance, open_account, post_once, read_entry};
use self::holds::{HOLD, end_hold, find_key, hold, is_open, mark_published, open_holds, read_hold};
use super::{
    AuditReport, CreditStore, Hold, HoldEnd, HoldId, HoldOutcome, Idempotency, LONGEST_LEASE, NewHold, NewPosting,
    PostingOutcome, StaleHold, WorkKind,
};
use crate::credits::{Balance, LedgerEntry, Page, ReleaseReason};
use crate::platform::db::StoreResult;
use crate::platform::db::sqlite::{Durability, Sqlite};
use crate::platform::ids::{ApiKeyId, UserId};

/// [`CreditStore`] over the embedded database.
pub struct SqliteCreditStore {
    db: Sqlite,
    free_credits: i64,
}

impl SqliteCreditStore {
    /// New accounts are opened with `free_credits`.
    #[must_use]
    pub const fn new(db: Sqlite, free_credits: i64) -> Self {
        Self { db, free_credits }
    }
}

#[async_trait]
impl CreditStore for SqliteCreditStore {
    async fn balance(&self, user: UserId, request_id: &str) -> StoreResult<Balance> {
        if let Some(balance) = self.db.read(move |connection| find_balance(connection, user)).await? {
            return Ok(balance);
        }
        let (free_credits, request_id) = (self.free_credits, request_id.to_owned());
        self.db
            .write(Durability::Durable, move |connection| open_account(connection, user, free_credits, &request_id))
            .await
    }

    async fn hold(&self, new: NewHold) -> StoreResult<HoldOutcome> {
        let free_credits = self.free_credits;
        self.db.write(Durability::Durable, move |connection| hold(connection, &new, free_credits)).await
    }

    async fn find_key(&self, user: UserId, idempotency: &Idempotency) -> StoreResult<Option<HoldOutcome>> {
        let idempotency = idempotency.clone();
        self.db.read(move |connection| find_key(connection, user, &idempotency)).await
    }

    async fn is_open(&self, HoldId { id, user }: HoldId) -> StoreResult<bool> {
        self.db.read(move |connection| is_open(connection, id, user)).await
    }

    async fn hold_amount(&self, HoldId { id, user }: HoldId) -> StoreResult<Option<i64>> {
        self.db
            .read(move |connection| {
                Ok(connection
                    .prepare_cached("SELECT amount FROM holds WHERE id = ?1 AND user_id = ?2")?
                    .query_row((id, user), |row| row.get(0))
                    .optional()?)
            })
            .await
    }

    async fn end_hold(
        &self,
        hold: &Hold,
        end: HoldEnd,
        reason: Option<ReleaseReason>,
    ) -> StoreResult<Option<(HoldEnd, Balance)>> {
        let (id, user) = (hold.id, hold.user);
        self.db.write(Durability::Durable, move |connection| end_hold(connection, id, user, end, reason)).await
    }

    async fn key_spending(&self, user: UserId) -> StoreResult<HashMap<ApiKeyId, i64>> {
        self.db
            .read(move |connection| {
                let mut spending =
                    connection.prepare_cached("SELECT key_id, spent FROM api_key_spending WHERE user_id = ?1")?;
                let rows = spending.query_map([user], |row| Ok((row.get(0)?, row.get(1)?)))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn post(&self, posting: NewPosting) -> StoreResult<PostingOutcome> {
        let free_credits = self.free_credits;
        self.db.write(Durability::Durable, move |connection| post_once(connection, &posting, free_credits)).await
    }

    async fn mark_published(&self, hold: HoldId) -> StoreResult<()> {
        let now = self.db.now();
        self.db.write(Durability::Relaxed, move |connection| mark_published(connection, hold, now)).await
    }

    async fn is_published(&self, HoldId { id, user }: HoldId) -> StoreResult<bool> {
        self.db
            .read(move |connection| {
                Ok(connection
                    .prepare_cached("SELECT 1 FROM holds WHERE id = ?1 AND user_id = ?2 AND published_at IS NOT NULL")?
                    .exists(params![id, user])?)
            })
            .await
    }

    async fn open_holds(&self, user: UserId) -> StoreResult<Vec<Hold>> {
        self.db.read(move |connection| open_holds(connection, user)).await
    }

    async fn renew_holds(&self, holds: Vec<HoldId>, lease_until: i64) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                let mut renew =
                    connection.prepare_cached("UPDATE holds SET lease_until = ?2 WHERE id = ?1 AND state = 'held'")?;
                for HoldId { id, .. } in holds {
                    renew.execute(params![id, lease_until])?;
                }
                Ok(())
            })
            .await
    }

    async fn stale_holds(&self, now: i64, limit: usize) -> StoreResult<Vec<StaleHold>> {
        self.db
            .read(move |connection| {
                let mut stale = connection.prepare_cached(&format!(
                    "SELECT {HOLD} FROM holds
                     WHERE state = 'held' AND (lease_until < ?1 OR lease_until > ?1 + ?5) AND kind IN (?3, ?4)
                     ORDER BY lease_until LIMIT ?2"
                ))?;
                let [chat, image] = WorkKind::ALL.map(WorkKind::as_str);
                let mut rows = stale.query(params![now, to_sql(limit), chat, image, LONGEST_LEASE])?;
                let mut holds = Vec::new();
                while let Some(row) = rows.next()? {
                    match read_hold(row) {
                        Ok(hold) => holds.push(StaleHold { kind: hold.kind, hold }),
                        Err(error) => tracing::error!(%error, "an open hold cannot be read"),
                    }
                }
                Ok(holds)
            })
            .await
    }

    async fn forget_keys(&self, before: i64) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE holds SET idempotency_key = NULL, fingerprint = NULL
                         WHERE idempotency_key IS NOT NULL AND created_at < ?1 AND state <> 'held'",
                    )?
                    .execute([before])?;
                Ok(())
            })
            .await
    }

    async fn ledger(&self, user: UserId, cursor: Option<&str>, limit: usize) -> StoreResult<Option<Page<LedgerEntry>>> {
        let before = match cursor.map(str::parse::<i64>) {
            None => i64::MAX,
            Some(Ok(seq)) if seq > 0 => seq,
            Some(_) => return Ok(None),
        };
        self.db
            .read(move |connection| {
                let mut entries = connection.prepare_cached(
                    // The key of an entry of a hold ends with its id.
                    "SELECT l.seq, l.id, l.kind, l.amount, l.held_change, l.available_after, l.request_id, l.reason,
                         l.created_at, h.kind, h.id
                     FROM ledger l LEFT JOIN holds h ON l.kind IN ('hold', 'settle', 'release')
                         AND h.id = unhex(replace(substr(l.key, instr(l.key, ':') + 1), '-', ''))
                     WHERE l.user_id = ?1 AND l.seq < ?2 ORDER BY l.seq DESC LIMIT ?3",
                )?;
                let mut rows = entries.query(params![user, before, to_sql(limit + 1)])?;
                let mut items = Vec::new();
                let mut last = 0;
                while let Some(row) = rows.next()? {
                    if items.len() == limit {
                        return Ok(Some(Page { items, next_cursor: Some(i64::to_string(&last)) }));
                    }
                    last = row.get(0)?;
                    items.push(read_entry(row)?);
                }
                Ok(Some(Page { items, next_cursor: None }))
            })
            .await
    }

    async fn audit(&self) -> StoreResult<AuditReport> {
        self.db.read(audit).await
    }
}

fn to_sql(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
