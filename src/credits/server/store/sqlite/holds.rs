//! Making holds and ending them.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::entries::{Posting, find_balance, open_account, post};
use crate::credits::server::store::{
    Hold, HoldEnd, HoldId, HoldOutcome, Idempotency, NewHold, SpendingKey, WorkKind, is_failure,
};
use crate::credits::{Balance, EntryKind, ReleaseReason};
use crate::platform::db::{StoreError, StoreResult, now_millis};
use crate::platform::ids::{ApiKeyId, UserId, WorkId};

/// What became of a key that came before.
pub(super) fn find_key(
    connection: &Connection,
    user: UserId,
    idempotency: &Idempotency,
) -> StoreResult<Option<HoldOutcome>> {
    let before = connection
        .prepare_cached("SELECT id, fingerprint, state FROM holds WHERE user_id = ?1 AND idempotency_key = ?2")?
        .query_row(params![user, idempotency.key], |row| {
            Ok((row.get::<_, WorkId>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, String>(2)?))
        })
        .optional()?;
    let Some((id, fingerprint, state)) = before else { return Ok(None) };
    let failed = state == "released" && {
        let reason: Option<String> = connection
            .prepare_cached("SELECT reason FROM ledger WHERE key = ?1")?
            .query_row([format!("{}:{id}", EntryKind::Release.as_str())], |row| row.get(0))
            .optional()?
            .flatten();
        is_failure(reason.as_deref())
    };
    Ok(Some(idempotency.compare(&fingerprint, id, failed)))
}

pub(super) fn is_open(connection: &Connection, id: WorkId, user: UserId) -> StoreResult<bool> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM holds WHERE id = ?1 AND user_id = ?2 AND state = 'held'")?
        .exists(params![id, user])?)
}

/// The columns of a [`Hold`].
pub(super) const HOLD: &str = "id, user_id, amount, request_id, api_key, kind";

pub(super) fn read_hold(row: &Row<'_>) -> StoreResult<Hold> {
    let (id, kind): (WorkId, String) = (row.get(0)?, row.get(5)?);
    let kind = WorkKind::parse(&kind).ok_or_else(|| StoreError::Corrupt(format!("hold {id} is of kind {kind:?}")))?;
    Ok(Hold { id, user: row.get(1)?, kind, amount: row.get(2)?, request_id: row.get(3)?, key: row.get(4)? })
}

/// The open holds of a user, of the kinds that this version knows.
pub(super) fn open_holds(connection: &Connection, user: UserId) -> StoreResult<Vec<Hold>> {
    let mut open = connection.prepare_cached(&format!(
        "SELECT {HOLD} FROM holds WHERE user_id = ?1 AND state = 'held' AND kind IN (?2, ?3)"
    ))?;
    let [chat, image] = WorkKind::ALL.map(WorkKind::as_str);
    let mut rows = open.query(params![user, chat, image])?;
    let mut holds = Vec::new();
    while let Some(row) = rows.next()? {
        holds.push(read_hold(row)?);
    }
    Ok(holds)
}

pub(super) fn mark_published(connection: &Connection, HoldId { id, user }: HoldId, now: i64) -> StoreResult<()> {
    connection
        .prepare_cached("UPDATE holds SET published_at = ?3 WHERE id = ?1 AND user_id = ?2 AND published_at IS NULL")?
        .execute(params![id, user, now])?;
    Ok(())
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

pub(super) fn hold(connection: &Connection, hold: &NewHold, free_credits: i64) -> StoreResult<HoldOutcome> {
    let before = match &hold.idempotency {
        Some(idempotency) => find_key(connection, hold.user, idempotency)?,
        None => None,
    };
    let failed = match before {
        None => None,
        Some(HoldOutcome::Failed(id)) => Some(id),
        Some(outcome) => return Ok(outcome),
    };
    let balance = open_account(connection, hold.user, free_credits, &hold.request_id)?;
    if balance.available < hold.amount {
        return Ok(HoldOutcome::Insufficient { available: balance.available });
    }
    if let Some(key) = hold.key
        && let Some(left) = spend_by_key(connection, hold, key)?
    {
        return Ok(HoldOutcome::OverBudget { left });
    }
    if let Some(id) = failed {
        connection
            .prepare_cached("UPDATE holds SET idempotency_key = NULL, fingerprint = NULL WHERE id = ?1")?
            .execute([id])?;
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

pub(super) fn end_hold(
    connection: &Connection,
    id: WorkId,
    user: UserId,
    end: HoldEnd,
    reason: Option<ReleaseReason>,
) -> StoreResult<Option<(HoldEnd, Balance)>> {
    let found = connection
        .prepare_cached("SELECT amount, request_id, state, api_key FROM holds WHERE id = ?1 AND user_id = ?2")?
        .query_row((id, user), |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, String>(2)?,
                row.get::<_, Option<ApiKeyId>>(3)?,
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
