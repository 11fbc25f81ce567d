//! Appending entries, with the accounts that they move, and reading them.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::credits::server::store::{NewPosting, PostingOutcome, read_reason};
use crate::credits::{Balance, EntryKind, EntryReason, LedgerEntry, WorkKind};
use crate::platform::db::{StoreError, StoreResult, now_millis, rfc3339};
use crate::platform::ids::{EntryId, UserId, WorkId};

/// A ledger entry to append.
pub(super) struct Posting<'a> {
    pub user: UserId,
    pub kind: EntryKind,
    pub amount: i64,
    pub held_change: i64,
    pub debt_change: i64,
    /// Unique over the whole ledger: what makes a repeat harmless.
    pub key: String,
    pub request_id: &'a str,
    pub reason: Option<&'a str>,
}

/// Appends an entry and moves the account along, in the transaction that is open.
pub(super) fn post(connection: &Connection, posting: &Posting<'_>) -> StoreResult<Balance> {
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
            EntryId::now_v7(),
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

pub(super) fn find_balance(connection: &Connection, user: UserId) -> StoreResult<Option<Balance>> {
    Ok(connection
        .prepare_cached("SELECT available, held, debt FROM accounts WHERE user_id = ?1")?
        .query_row([user], read_balance)
        .optional()?)
}

/// The balance; a user who has no account yet gets one, with the free credits, in the same transaction.
pub(super) fn open_account(
    connection: &Connection,
    user: UserId,
    free_credits: i64,
    request_id: &str,
) -> StoreResult<Balance> {
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

pub(super) fn post_once(connection: &Connection, new: &NewPosting, free_credits: i64) -> StoreResult<PostingOutcome> {
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

pub(super) fn read_entry(row: &Row<'_>) -> StoreResult<LedgerEntry> {
    let kind: String = row.get(2)?;
    let kind = EntryKind::parse(&kind).ok_or_else(|| StoreError::Corrupt(format!("ledger kind {kind:?}")))?;
    let (reason, work): (Option<String>, Option<String>) = (row.get(7)?, row.get(9)?);
    Ok(LedgerEntry {
        id: row.get::<_, EntryId>(1)?.to_string(),
        kind,
        amount: row.get(3)?,
        held_change: row.get(4)?,
        available_after: row.get(5)?,
        request_id: row.get(6)?,
        work: work.as_deref().and_then(WorkKind::parse),
        work_id: row.get::<_, Option<WorkId>>(10)?.map(|id| id.to_string()),
        reason: reason.map(|reason| read_reason(kind, &reason)),
        created_at: rfc3339(row.get(8)?)?,
    })
}
