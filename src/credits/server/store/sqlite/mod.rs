//! The ledger in SQLite: every operation is one piece of work for the group-committing writer.

use std::collections::HashMap;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use super::{
    AuditReport, CreditStore, Drift, Hold, HoldEnd, HoldId, HoldOutcome, Idempotency, NewHold, NewPosting,
    PostingOutcome, SpendingKey, StaleHold, WorkKind, read_reason,
};
use crate::credits::{Balance, EntryKind, EntryReason, LedgerEntry, Page, ReleaseReason};
use crate::platform::db::sqlite::{Durability, Sqlite};
use crate::platform::db::{StoreError, StoreResult, now_millis, rfc3339};

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

/// A ledger entry to append.
struct Posting<'a> {
    user: Uuid,
    kind: EntryKind,
    amount: i64,
    held_change: i64,
    debt_change: i64,
    /// Unique over the whole ledger: what makes a repeat harmless.
    key: String,
    request_id: &'a str,
    reason: Option<&'a str>,
}

/// Appends an entry and moves the account along, in the transaction that is open.
fn post(connection: &Connection, posting: &Posting<'_>) -> StoreResult<Balance> {
    let balance = connection
        .prepare_cached(
            "UPDATE accounts SET available = available + ?2, held = held + ?3, debt = debt + ?4 WHERE user_id = ?1
             RETURNING available, held, debt",
        )?
        .query_row(
            params![
                posting.user,
                posting.amount - posting.held_change + posting.debt_change,
                posting.held_change,
                posting.debt_change
            ],
            read_balance,
        )?;
    connection
        .prepare_cached(
            "INSERT INTO ledger (id, user_id, kind, amount, held_change, available_after, key, request_id, reason, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            Uuid::now_v7(),
            posting.user,
            posting.kind.as_str(),
            posting.amount,
            posting.held_change,
            balance.available,
            posting.key,
            posting.request_id,
            posting.reason,
            now_millis(),
        ])?;
    Ok(balance)
}

fn read_balance(row: &Row<'_>) -> rusqlite::Result<Balance> {
    Ok(Balance { available: row.get(0)?, held: row.get(1)?, debt: row.get(2)? })
}

fn find_balance(connection: &Connection, user: Uuid) -> StoreResult<Option<Balance>> {
    Ok(connection
        .prepare_cached("SELECT available, held, debt FROM accounts WHERE user_id = ?1")?
        .query_row([user], read_balance)
        .optional()?)
}

/// The balance; a user who has no account yet gets one, with the free credits, in the same transaction.
fn open_account(connection: &Connection, user: Uuid, free_credits: i64, request_id: &str) -> StoreResult<Balance> {
    if let Some(balance) = find_balance(connection, user)? {
        return Ok(balance);
    }
    connection
        .prepare_cached("INSERT INTO accounts (user_id, available, held, debt) VALUES (?1, 0, 0, 0)")?
        .execute([user])?;
    if free_credits == 0 {
        return Ok(Balance::default());
    }
    post(
        connection,
        &Posting {
            user,
            kind: EntryKind::Grant,
            amount: free_credits,
            held_change: 0,
            debt_change: 0,
            key: format!("grant:welcome:{user}"),
            request_id,
            reason: Some(EntryReason::Welcome.as_str()),
        },
    )
}

/// What became of a key that came before.
fn find_key(connection: &Connection, user: Uuid, idempotency: &Idempotency) -> StoreResult<Option<HoldOutcome>> {
    let before = connection
        .prepare_cached("SELECT id, fingerprint FROM holds WHERE user_id = ?1 AND idempotency_key = ?2")?
        .query_row(params![user, idempotency.key], |row| Ok((row.get::<_, Uuid>(0)?, row.get::<_, Vec<u8>>(1)?)))
        .optional()?;
    Ok(before.map(|(id, fingerprint)| idempotency.compare(&fingerprint, id)))
}

/// Counts what is held as spent by the key; where that is over its budget, nothing, and what is left of it is returned.
fn spend_by_key(connection: &Connection, hold: &NewHold, key: SpendingKey) -> StoreResult<Option<i64>> {
    let spent = connection
        .prepare_cached("SELECT spent FROM api_key_spending WHERE key_id = ?1")?
        .query_row([key.id], |row| row.get::<_, i64>(0))
        .optional()?
        .unwrap_or(0);
    if let Some(budget) = key.budget
        && budget - spent < hold.amount
    {
        return Ok(Some((budget - spent).max(0)));
    }
    connection
        .prepare_cached(
            "INSERT INTO api_key_spending (key_id, user_id, spent) VALUES (?1, ?2, ?3)
             ON CONFLICT (key_id) DO UPDATE SET spent = spent + excluded.spent",
        )?
        .execute(params![key.id, hold.user, hold.amount])?;
    Ok(None)
}

fn hold(connection: &Connection, hold: &NewHold, free_credits: i64) -> StoreResult<HoldOutcome> {
    if let Some(idempotency) = &hold.idempotency
        && let Some(outcome) = find_key(connection, hold.user, idempotency)?
    {
        return Ok(outcome);
    }
    let balance = open_account(connection, hold.user, free_credits, &hold.request_id)?;
    if balance.available < hold.amount {
        return Ok(HoldOutcome::Insufficient { available: balance.available });
    }
    if let Some(key) = hold.key
        && let Some(left) = spend_by_key(connection, hold, key)?
    {
        return Ok(HoldOutcome::OverBudget { left });
    }
    connection
        .prepare_cached(
            "INSERT INTO holds (id, user_id, kind, amount, state, request_id, idempotency_key, fingerprint, created_at, lease_until, api_key)
             VALUES (?1, ?2, ?3, ?4, 'held', ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            hold.id,
            hold.user,
            hold.kind.as_str(),
            hold.amount,
            hold.request_id,
            hold.idempotency.as_ref().map(|idempotency| &idempotency.key),
            hold.idempotency.as_ref().map(|idempotency| idempotency.fingerprint),
            now_millis(),
            hold.lease_until,
            hold.key.map(|key| key.id),
        ])?;
    let balance = post(
        connection,
        &Posting {
            user: hold.user,
            kind: EntryKind::Hold,
            amount: 0,
            held_change: hold.amount,
            debt_change: 0,
            key: format!("hold:{}", hold.id),
            request_id: &hold.request_id,
            reason: None,
        },
    )?;
    Ok(HoldOutcome::Held(balance))
}

fn post_once(connection: &Connection, new: &NewPosting, free_credits: i64) -> StoreResult<PostingOutcome> {
    let before = open_account(connection, new.user, free_credits, &new.request_id)?;
    let key = new.entry_key();
    if connection.prepare_cached("SELECT 1 FROM ledger WHERE key = ?1")?.exists([&key])? {
        return Ok(PostingOutcome::Repeated(before));
    }
    let Some(after) = new.apply(before) else {
        return Ok(PostingOutcome::Insufficient { available: before.available });
    };
    let posting = Posting {
        user: new.user,
        kind: new.kind.entry_kind(),
        amount: new.amount,
        held_change: 0,
        debt_change: after.debt - before.debt,
        key,
        request_id: &new.request_id,
        reason: new.reason.as_deref(),
    };
    post(connection, &posting).map(PostingOutcome::Posted)
}

fn end_hold(
    connection: &Connection,
    id: Uuid,
    user: Uuid,
    end: HoldEnd,
    reason: Option<ReleaseReason>,
) -> StoreResult<Option<(HoldEnd, Balance)>> {
    let found = connection
        .prepare_cached("SELECT amount, request_id, state, api_key FROM holds WHERE id = ?1 AND user_id = ?2")?
        .query_row([id, user], |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, String>(2)?,
                row.get::<_, Option<Uuid>>(3)?,
            ))
        })
        .optional()?;
    let Some((amount, request_id, state, key)) = found else { return Ok(None) };
    let ended = match state.as_str() {
        "held" => None,
        "settled" => Some(HoldEnd::Settle),
        "released" => Some(HoldEnd::Release),
        other => return Err(StoreError::Corrupt(format!("hold {id} is {other:?}"))),
    };
    if let Some(ended) = ended {
        let balance = find_balance(connection, user)?.unwrap_or_default();
        return Ok(Some((ended, balance)));
    }
    let (state, kind, amount_change) = match end {
        HoldEnd::Settle => ("settled", EntryKind::Settle, -amount),
        HoldEnd::Release => ("released", EntryKind::Release, 0),
    };
    connection.prepare_cached("UPDATE holds SET state = ?2 WHERE id = ?1")?.execute(params![id, state])?;
    if let (HoldEnd::Release, Some(key)) = (end, key) {
        connection
            .prepare_cached("UPDATE api_key_spending SET spent = spent - ?2 WHERE key_id = ?1")?
            .execute(params![key, amount])?;
    }
    let balance = post(
        connection,
        &Posting {
            user,
            kind,
            amount: amount_change,
            held_change: -amount,
            debt_change: 0,
            key: format!("{}:{id}", kind.as_str()),
            request_id: &request_id,
            reason: reason.map(ReleaseReason::as_str),
        },
    )?;
    Ok(Some((end, balance)))
}

#[async_trait]
impl CreditStore for SqliteCreditStore {
    async fn balance(&self, user: Uuid, request_id: &str) -> StoreResult<Balance> {
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

    async fn find_key(&self, user: Uuid, idempotency: &Idempotency) -> StoreResult<Option<HoldOutcome>> {
        let idempotency = idempotency.clone();
        self.db.read(move |connection| find_key(connection, user, &idempotency)).await
    }

    async fn hold_amount(&self, HoldId { id, user }: HoldId) -> StoreResult<Option<i64>> {
        self.db
            .read(move |connection| {
                Ok(connection
                    .prepare_cached("SELECT amount FROM holds WHERE id = ?1 AND user_id = ?2")?
                    .query_row([id, user], |row| row.get(0))
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

    async fn key_spending(&self, user: Uuid) -> StoreResult<HashMap<Uuid, i64>> {
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
                let mut stale = connection.prepare_cached(
                    "SELECT id, user_id, amount, request_id, api_key, kind FROM holds
                     WHERE state = 'held' AND lease_until < ?1 AND kind IN (?3, ?4) ORDER BY lease_until LIMIT ?2",
                )?;
                let [chat, image] = WorkKind::ALL.map(WorkKind::as_str);
                let rows = stale.query_map(params![now, to_sql(limit), chat, image], |row| {
                    let (id, kind): (Uuid, String) = (row.get(0)?, row.get(5)?);
                    Ok(match WorkKind::parse(&kind) {
                        None => Err(StoreError::Corrupt(format!("hold {id} is of kind {kind:?}"))),
                        Some(kind) => Ok(StaleHold {
                            hold: Hold {
                                id,
                                user: row.get(1)?,
                                kind,
                                amount: row.get(2)?,
                                request_id: row.get(3)?,
                                key: row.get(4)?,
                            },
                            kind,
                        }),
                    })
                })?;
                rows.map(|row| row?).collect()
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

    async fn ledger(&self, user: Uuid, cursor: Option<&str>, limit: usize) -> StoreResult<Option<Page<LedgerEntry>>> {
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
                         l.created_at, h.kind
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

fn read_entry(row: &Row<'_>) -> StoreResult<LedgerEntry> {
    let kind: String = row.get(2)?;
    let kind = EntryKind::parse(&kind).ok_or_else(|| StoreError::Corrupt(format!("ledger kind {kind:?}")))?;
    let (reason, work): (Option<String>, Option<String>) = (row.get(7)?, row.get(9)?);
    Ok(LedgerEntry {
        id: row.get::<_, Uuid>(1)?.to_string(),
        kind,
        amount: row.get(3)?,
        held_change: row.get(4)?,
        available_after: row.get(5)?,
        request_id: row.get(6)?,
        work: work.as_deref().and_then(WorkKind::parse),
        reason: reason.map(|reason| read_reason(kind, &reason)),
        created_at: rfc3339(row.get(8)?)?,
    })
}

/// One snapshot (a read transaction), one pass over the accounts.
fn audit(connection: &Connection) -> StoreResult<AuditReport> {
    let snapshot = connection.unchecked_transaction()?;
    let mut report = AuditReport {
        entries: snapshot.query_row("SELECT count(*) FROM ledger", [], |row| row.get(0))?,
        open_holds: snapshot.query_row("SELECT count(*) FROM holds WHERE state = 'held'", [], |row| row.get(0))?,
        oldest_hold: snapshot
            .query_row("SELECT min(created_at) FROM holds WHERE state = 'held'", [], |row| row.get(0))?,
        ..AuditReport::default()
    };
    let mut accounts = snapshot.prepare(
        "SELECT a.user_id, a.available, a.held, a.debt,
                (SELECT coalesce(sum(amount), 0) FROM ledger l WHERE l.user_id = a.user_id),
                (SELECT coalesce(sum(held_change), 0) FROM ledger l WHERE l.user_id = a.user_id),
                (SELECT coalesce(sum(amount), 0) FROM holds h WHERE h.state = 'held' AND h.user_id = a.user_id),
                (SELECT available_after FROM ledger l WHERE l.user_id = a.user_id ORDER BY seq DESC LIMIT 1)
         FROM accounts a",
    )?;
    let mut rows = accounts.query([])?;
    while let Some(row) = rows.next()? {
        report.accounts += 1;
        let user: Uuid = row.get(0)?;
        let balance = Balance { available: row.get(1)?, held: row.get(2)?, debt: row.get(3)? };
        let (worth, held, open): (i64, i64, i64) = (row.get(4)?, row.get(5)?, row.get(6)?);
        let last: Option<i64> = row.get(7)?;
        let mut found = |problem: String| report.drifts.push(Drift { user, problem });
        let Balance { available, held: account_held, debt } = balance;
        if worth != available + account_held - debt {
            found(format!("the ledger sums to {worth}, the account to {available} + {account_held} - {debt}"));
        }
        if held != account_held || open != account_held {
            found(format!("{account_held} are held, the ledger says {held} and the open holds {open}"));
        }
        if last.unwrap_or(0) != available {
            found(format!("{available} are available, the last entry says {}", last.unwrap_or(0)));
        }
    }
    Ok(report)
}

fn to_sql(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
