//! The ledger in SQLite: every operation is one piece of work for the group-committing writer.

mod audit;
mod counts;
mod entries;
mod holds;
mod reading;

use std::collections::HashMap;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use self::audit::audit;
use self::counts::{forget, spending};
use self::entries::{ENTRY, find_account, find_entry, open_account, post_once, read_entry, to_json};
use self::holds::{HOLD, end_hold, extend_hold, find_key, hold, is_open, mark_published, open_holds, read_hold};
use super::{
    AuditReport, CreditStore, ExtendOutcome, Hold, HoldEnd, HoldId, HoldOutcome, Idempotency, LONGEST_LEASE, NewHold,
    NewPosting, PostingKind, PostingOutcome, StaleHold, WorkKind, posting_key,
};
use crate::credits::server::budgets::BudgetPlan;
use crate::credits::server::lots::AccountState;
use crate::credits::{Balance, LedgerEntry, Page, ReleaseReason};
use crate::platform::amount::Amount;
use crate::platform::db::sqlite::{Durability, Lane, Sqlite};
use crate::platform::db::{StoreResult, to_i64};
use crate::platform::ids::{LotId, OwnerId, UserId};

/// [`CreditStore`] over the embedded database; cheap to clone.
#[derive(Clone)]
pub struct SqliteCreditStore {
    db: Sqlite,
    free_credits: Amount,
}

impl SqliteCreditStore {
    /// New accounts are opened with `free_credits`.
    #[must_use]
    pub const fn new(db: Sqlite, free_credits: Amount) -> Self {
        Self { db, free_credits }
    }

    /// As [`CreditStore::hold`], in the write of a store that begins the work in the same step.
    ///
    /// # Errors
    /// When the database fails; then nothing of the write may stand.
    pub fn hold_in(&self, connection: &Connection, new: &NewHold) -> StoreResult<HoldOutcome> {
        hold(connection, new, self.free_credits, self.db.now())
    }

    /// As [`CreditStore::end_hold`] with a settlement, in the write of a store that stores the result in the same step.
    ///
    /// # Errors
    /// As [`Self::hold_in`].
    pub fn settle_in(
        &self,
        connection: &Connection,
        hold: HoldId,
        used: Amount,
    ) -> StoreResult<Option<(HoldEnd, Balance)>> {
        end_hold(connection, hold, HoldEnd::Settle(used), None, self.db.now())
    }
}

#[async_trait]
impl CreditStore for SqliteCreditStore {
    async fn balance(&self, owner: OwnerId, request_id: &str) -> StoreResult<Balance> {
        Ok(self.account(owner, request_id).await?.balance)
    }

    async fn account(&self, owner: OwnerId, request_id: &str) -> StoreResult<AccountState> {
        let now = self.db.now();
        let found = self.db.read(move |connection| find_account(connection, owner)).await?;
        if let Some(account) = found.filter(|account| account.lots.next_expiry() > now) {
            return Ok(account);
        }
        let (free_credits, request_id) = (self.free_credits, request_id.to_owned());
        self.db
            .write(Durability::Durable, move |connection| {
                open_account(connection, owner, free_credits, &request_id, now)
            })
            .await
    }

    async fn hold(&self, new: NewHold) -> StoreResult<HoldOutcome> {
        let (free_credits, now) = (self.free_credits, self.db.now());
        self.db.write(Durability::Durable, move |connection| hold(connection, &new, free_credits, now)).await
    }

    async fn extend_hold(&self, hold: &Hold, to: Amount) -> StoreResult<ExtendOutcome> {
        let (hold, now) = (hold.clone(), self.db.now());
        self.db.write(Durability::Durable, move |connection| extend_hold(connection, &hold, to, now)).await
    }

    async fn find_key(&self, _: OwnerId, user: UserId, idempotency: &Idempotency) -> StoreResult<Option<HoldOutcome>> {
        let idempotency = idempotency.clone();
        self.db.read(move |connection| find_key(connection, user, &idempotency)).await
    }

    async fn is_open(&self, hold: HoldId) -> StoreResult<bool> {
        self.db.read(move |connection| is_open(connection, hold)).await
    }

    async fn hold_ceiling(&self, HoldId { id, owner }: HoldId) -> StoreResult<Option<Amount>> {
        self.db
            .read(move |connection| {
                Ok(connection
                    .prepare_cached("SELECT ceiling FROM holds WHERE id = ?1 AND owner_id = ?2")?
                    .query_row((id, owner), |row| row.get(0))
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
        let (hold, now) = (hold.hold_id(), self.db.now());
        self.db.write(Durability::Durable, move |connection| end_hold(connection, hold, end, reason, now)).await
    }

    async fn find_settlement(&self, HoldId { id, owner }: HoldId) -> StoreResult<Option<LedgerEntry>> {
        let key = HoldEnd::Settle(Amount::ZERO).entry_key(id);
        self.db.read(move |connection| find_entry(connection, owner, &key)).await
    }

    async fn spending(&self, owner: OwnerId) -> StoreResult<HashMap<String, Amount>> {
        self.db.read(move |connection| spending(connection, owner)).await
    }

    async fn budgets(&self, owner: OwnerId, user: UserId) -> StoreResult<BudgetPlan> {
        self.db
            .read(move |connection| {
                let plan: Option<String> = connection
                    .prepare_cached("SELECT plan FROM budgets WHERE owner_id = ?1 AND user_id = ?2")?
                    .query_row((owner, user), |row| row.get(0))
                    .optional()?;
                BudgetPlan::from_json(plan.as_deref())
            })
            .await
    }

    async fn set_budgets(&self, owner: OwnerId, user: UserId, plan: BudgetPlan) -> StoreResult<()> {
        let plan = to_json(&plan)?;
        self.db
            .write(Durability::Durable, move |connection| {
                connection
                    .prepare_cached("INSERT OR REPLACE INTO budgets (owner_id, user_id, plan) VALUES (?1, ?2, ?3)")?
                    .execute(params![owner, user, plan])?;
                Ok(())
            })
            .await
    }

    async fn post(&self, posting: NewPosting) -> StoreResult<PostingOutcome> {
        let (free_credits, now) = (self.free_credits, self.db.now());
        self.db.write(Durability::Durable, move |connection| post_once(connection, &posting, free_credits, now)).await
    }

    async fn find_posting(&self, owner: OwnerId, kind: PostingKind, key: &str) -> StoreResult<Option<LedgerEntry>> {
        let key = posting_key(kind, key, owner);
        self.db.read(move |connection| find_entry(connection, owner, &key)).await
    }

    async fn expired_of(&self, owner: OwnerId, lot: LotId) -> StoreResult<Amount> {
        self.db
            .read(move |connection| {
                // Their keys begin with the lot, and end with a time.
                let (from, to) = (format!("expire:{lot}:"), format!("expire:{lot};"));
                let sum: Option<Amount> = connection
                    .prepare_cached("SELECT SUM(amount) FROM ledger WHERE key >= ?1 AND key < ?2 AND owner_id = ?3")?
                    .query_row(params![from, to, owner], |row| row.get(0))?;
                Ok(-sum.unwrap_or_default())
            })
            .await
    }

    async fn expire_lots(&self, now: i64, limit: usize) -> StoreResult<usize> {
        let due: Vec<OwnerId> = self
            .db
            .read(move |connection| {
                let mut due = connection.prepare_cached(
                    "SELECT owner_id FROM accounts WHERE next_expiry <= ?1 ORDER BY next_expiry LIMIT ?2",
                )?;
                let rows = due.query_map(params![now, to_i64(limit)], |row| row.get(0))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await?;
        let free_credits = self.free_credits;
        for owner in &due {
            let owner = *owner;
            self.db
                .write(Durability::Durable, move |connection| {
                    open_account(connection, owner, free_credits, "", now).map(drop)
                })
                .await?;
        }
        self.db.write(Durability::Relaxed, move |connection| forget(connection, now)).await?;
        Ok(due.len())
    }

    async fn expiring_accounts(
        &self,
        now: i64,
        until: i64,
        after: Option<(i64, OwnerId)>,
        limit: usize,
    ) -> StoreResult<Vec<(i64, OwnerId)>> {
        let (from, owner) = after.unzip();
        self.db
            .read(move |connection| {
                let mut found = connection.prepare_cached(
                    "SELECT next_expiry, owner_id FROM accounts
                     WHERE next_expiry > ?1 AND next_expiry <= ?2 AND (?3 IS NULL OR (next_expiry, owner_id) > (?3, ?4))
                     ORDER BY next_expiry, owner_id LIMIT ?5",
                )?;
                let rows = found
                    .query_map(params![now, until, from, owner, to_i64(limit)], |row| Ok((row.get(0)?, row.get(1)?)))?;
                Ok(rows.collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn mark_published(&self, hold: HoldId) -> StoreResult<()> {
        let now = self.db.now();
        self.db.write(Durability::Relaxed, move |connection| mark_published(connection, hold, now)).await
    }

    async fn is_published(&self, HoldId { id, owner }: HoldId) -> StoreResult<bool> {
        self.db
            .read(move |connection| {
                Ok(connection
                    .prepare_cached("SELECT 1 FROM holds WHERE id = ?1 AND owner_id = ?2 AND published_at IS NOT NULL")?
                    .exists(params![id, owner])?)
            })
            .await
    }

    async fn open_holds(&self, owner: OwnerId) -> StoreResult<Vec<Hold>> {
        self.db.read(move |connection| open_holds(connection, owner)).await
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
                    "SELECT {HOLD} FROM holds INDEXED BY holds_open_by_user
                     WHERE state = 'held' AND (lease_until < ?1 OR lease_until > ?1 + ?5) AND kind IN (?3, ?4)
                     ORDER BY lease_until LIMIT ?2"
                ))?;
                let [chat, image] = WorkKind::ALL.map(WorkKind::as_str);
                let mut rows = stale.query(params![now, to_i64(limit), chat, image, LONGEST_LEASE])?;
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

    async fn ledger(
        &self,
        owner: OwnerId,
        cursor: Option<&str>,
        limit: usize,
    ) -> StoreResult<Option<Page<LedgerEntry>>> {
        let before = match cursor.map(str::parse::<i64>) {
            None => i64::MAX,
            Some(Ok(seq)) if seq > 0 => seq,
            Some(_) => return Ok(None),
        };
        self.db
            .read(move |connection| {
                let mut entries = connection.prepare_cached(&format!(
                    "{ENTRY} WHERE l.owner_id = ?1 AND l.seq < ?2 ORDER BY l.seq DESC LIMIT ?3"
                ))?;
                let mut rows = entries.query(params![owner, before, to_i64(limit + 1)])?;
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

    async fn entries_of_request(
        &self,
        owner: OwnerId,
        request_id: &str,
        limit: usize,
    ) -> StoreResult<Vec<LedgerEntry>> {
        let request_id = request_id.to_owned();
        self.db
            .read_in(Lane::Slow, move |connection| {
                let mut entries = connection.prepare_cached(&format!(
                    "{ENTRY} WHERE l.owner_id = ?1 AND l.request_id = ?2 ORDER BY l.seq DESC LIMIT ?3"
                ))?;
                let mut rows = entries.query(params![owner, request_id, to_i64(limit)])?;
                let mut found = Vec::new();
                while let Some(row) = rows.next()? {
                    found.push(read_entry(row)?);
                }
                found.reverse();
                Ok(found)
            })
            .await
    }

    async fn audit(&self) -> StoreResult<AuditReport> {
        self.db.read(audit).await
    }

    async fn open_empty(&self, owner: OwnerId, request_id: &str) -> StoreResult<()> {
        let (request_id, now) = (request_id.to_owned(), self.db.now());
        self.db
            .write(Durability::Durable, move |connection| {
                open_account(connection, owner, Amount::ZERO, &request_id, now).map(drop)
            })
            .await
    }

    async fn forget_owner(&self, owner: OwnerId, user: UserId) -> StoreResult<()> {
        self.db
            .write(Durability::Durable, move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE holds SET idempotency_key = NULL, fingerprint = NULL
                         WHERE user_id = ?1 AND idempotency_key IS NOT NULL AND state <> 'held'",
                    )?
                    .execute([user])?;
                connection
                    .prepare_cached("DELETE FROM budgets WHERE owner_id = ?1 AND user_id = ?2")?
                    .execute((owner, user))?;
                connection.prepare_cached("DELETE FROM spending WHERE owner_id = ?1")?.execute([owner])?;
                Ok(())
            })
            .await
    }
}
