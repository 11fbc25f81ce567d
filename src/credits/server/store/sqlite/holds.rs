//! Making holds, extending and ending them.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::counts::{count, give_back, most_under};
use super::entries::{
    Entry, append, expire, find_account, find_reason, from_json, open_account, read_account, save_account,
    save_balance, to_json,
};
use crate::credits::server::lots::AccountState;
use crate::credits::server::store::{
    ExtendOutcome, Hold, HoldEnd, HoldId, HoldOutcome, Idempotency, NewHold, SpendLimit, SpendingKey, WorkKind,
    extension_key, is_failure,
};
use crate::credits::{Balance, EntryKind, ReleaseReason};
use crate::platform::amount::Amount;
use crate::platform::db::{StoreError, StoreResult};
use crate::platform::ids::{ApiKeyId, OwnerId, UserId, WorkId};

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
    let failed =
        state == "released" && is_failure(find_reason(connection, &HoldEnd::Release.entry_key(id))?.as_deref());
    Ok(Some(idempotency.compare(&fingerprint, id, failed)))
}

pub(super) fn is_open(connection: &Connection, HoldId { id, owner }: HoldId) -> StoreResult<bool> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM holds WHERE id = ?1 AND owner_id = ?2 AND state = 'held'")?
        .exists(params![id, owner])?)
}

/// The columns of a [`Hold`].
pub(super) const HOLD: &str =
    "id, owner_id, user_id, kind, amount, ceiling, price_version, request_id, api_key, counters";

pub(super) fn read_hold(row: &Row<'_>) -> StoreResult<Hold> {
    let (id, kind): (WorkId, String) = (row.get(0)?, row.get(3)?);
    let kind = WorkKind::parse(&kind).ok_or_else(|| StoreError::Corrupt(format!("hold {id} is of kind {kind:?}")))?;
    Ok(Hold {
        id,
        owner: row.get(1)?,
        user: row.get(2)?,
        kind,
        amount: row.get(4)?,
        ceiling: row.get(5)?,
        price_version: row.get(6)?,
        request_id: row.get(7)?,
        key: row.get::<_, Option<ApiKeyId>>(8)?.map(|id| SpendingKey { id, budget: None }),
        limits: read_counters(row.get(9)?)?,
    })
}

/// What counts a hold besides its key, as it is stored: the names alone.
fn read_counters(stored: Option<String>) -> StoreResult<Vec<SpendLimit>> {
    let names: Vec<String> = stored.as_deref().map(from_json).transpose()?.unwrap_or_default();
    let limit = |counter| SpendLimit { counter, most: None, budget: None, until: None };
    Ok(names.into_iter().map(limit).collect())
}

/// The open holds of an account, of the kinds that this version knows.
pub(super) fn open_holds(connection: &Connection, owner: OwnerId) -> StoreResult<Vec<Hold>> {
    let mut open = connection.prepare_cached(&format!(
        "SELECT {HOLD} FROM holds WHERE owner_id = ?1 AND state = 'held' AND kind IN (?2, ?3)"
    ))?;
    let [chat, image] = WorkKind::ALL.map(WorkKind::as_str);
    let mut rows = open.query(params![owner, chat, image])?;
    let mut holds = Vec::new();
    while let Some(row) = rows.next()? {
        holds.push(read_hold(row)?);
    }
    Ok(holds)
}

pub(super) fn mark_published(connection: &Connection, HoldId { id, owner }: HoldId, now: i64) -> StoreResult<()> {
    connection
        .prepare_cached("UPDATE holds SET published_at = ?3 WHERE id = ?1 AND owner_id = ?2 AND published_at IS NULL")?
        .execute(params![id, owner, now])?;
    Ok(())
}

pub(super) fn hold(
    connection: &Connection,
    hold: &NewHold,
    free_credits: Amount,
    now: i64,
) -> StoreResult<HoldOutcome> {
    let before = match &hold.idempotency {
        Some(idempotency) => find_key(connection, hold.user, idempotency)?,
        None => None,
    };
    let failed = match before {
        None => None,
        Some(HoldOutcome::Failed(id)) => Some(id),
        Some(outcome) => return Ok(outcome),
    };
    let mut account = open_account(connection, hold.owner, free_credits, &hold.request_id, now)?;
    let limits = hold.all_limits();
    let available = account.balance.spendable();
    if available < hold.least {
        return Ok(HoldOutcome::Insufficient { available });
    }
    let (left, budget) = most_under(connection, hold.owner, &limits)?;
    if left < hold.least {
        return Ok(HoldOutcome::OverBudget { left, budget });
    }
    let amount = hold.amount.min(available).min(left);
    count(connection, hold.owner, &limits, amount)?;
    if let Some(id) = failed {
        connection
            .prepare_cached("UPDATE holds SET idempotency_key = NULL, fingerprint = NULL WHERE id = ?1")?
            .execute([id])?;
    }
    let counters: Vec<_> = hold.limits.iter().map(|limit| &limit.counter).collect();
    let counters = if counters.is_empty() { None } else { Some(to_json(&counters)?) };
    connection
        .prepare_cached(
            "INSERT INTO holds (id, owner_id, user_id, kind, amount, ceiling, price_version, state, request_id,
                 idempotency_key, fingerprint, created_at, lease_until, api_key, counters)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'held', ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        )?
        .execute(params![
            hold.id,
            hold.owner,
            hold.user,
            hold.kind.as_str(),
            amount,
            hold.ceiling,
            hold.price_version,
            hold.request_id,
            hold.idempotency.as_ref().map(|idempotency| &idempotency.key),
            hold.idempotency.as_ref().map(|idempotency| idempotency.fingerprint),
            now,
            hold.lease_until,
            hold.key.map(|key| key.id),
            counters,
        ])?;
    account.hold(amount);
    save_balance(connection, hold.owner, account.balance)?;
    let mut entry = Entry::new(hold.owner, EntryKind::Hold, format!("hold:{}", hold.id), &hold.request_id, now);
    entry.held_change = amount;
    append(connection, &entry, account.balance)?;
    Ok(HoldOutcome::Held { amount, balance: account.balance })
}

pub(super) fn extend_hold(connection: &Connection, hold: &Hold, to: Amount, now: i64) -> StoreResult<ExtendOutcome> {
    let found: Option<Amount> = connection
        .prepare_cached("SELECT amount FROM holds WHERE id = ?1 AND owner_id = ?2 AND state = 'held'")?
        .query_row(params![hold.id, hold.owner], |row| row.get(0))
        .optional()?;
    let Some(before) = found else { return Ok(ExtendOutcome::Ended) };
    let mut account = find_account(connection, hold.owner)?
        .ok_or_else(|| StoreError::Corrupt(format!("hold {} has no account", hold.id)))?;
    expire(connection, hold.owner, &mut account, now)?;
    let to = to.min(hold.ceiling);
    if before >= to {
        return Ok(ExtendOutcome::Extended(account.balance));
    }
    let (more, available) = (to - before, account.balance.spendable());
    if available < more {
        return Ok(ExtendOutcome::Insufficient { available });
    }
    let limits = hold.all_limits();
    let (left, budget) = most_under(connection, hold.owner, &limits)?;
    if left < more {
        return Ok(ExtendOutcome::OverBudget { left, budget });
    }
    count(connection, hold.owner, &limits, more)?;
    connection.prepare_cached("UPDATE holds SET amount = ?2 WHERE id = ?1")?.execute(params![hold.id, to])?;
    account.hold(more);
    save_balance(connection, hold.owner, account.balance)?;
    let key = extension_key(hold.id, to);
    let mut entry = Entry::new(hold.owner, EntryKind::Extend, key, &hold.request_id, now);
    entry.held_change = more;
    append(connection, &entry, account.balance)?;
    Ok(ExtendOutcome::Extended(account.balance))
}

/// A hold that is to end, with its account.
struct Found {
    state: String,
    charged: Amount,
    hold: Hold,
    account: AccountState,
}

/// The columns of [`HOLD`], how it ended, and those of [`read_account`].
const FIND: &str =
    "SELECT h.id, h.owner_id, h.user_id, h.kind, h.amount, h.ceiling, h.price_version, h.request_id, h.api_key,
         h.counters, h.state, coalesce(h.charged, 0), a.available, a.held, a.debt, a.overdrawn, a.lots
     FROM holds h JOIN accounts a ON a.owner_id = h.owner_id WHERE h.id = ?1 AND h.owner_id = ?2";

fn find_hold(connection: &Connection, HoldId { id, owner }: HoldId) -> StoreResult<Option<Found>> {
    let mut found = connection.prepare_cached(FIND)?;
    let mut rows = found.query(params![id, owner])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (hold, account) = (read_hold(row)?, read_account(row, 12)?);
    Ok(Some(Found { state: row.get(10)?, charged: row.get(11)?, hold, account }))
}

pub(super) fn end_hold(
    connection: &Connection,
    hold: HoldId,
    end: HoldEnd,
    reason: Option<ReleaseReason>,
    now: i64,
) -> StoreResult<Option<(HoldEnd, Balance)>> {
    let Some(Found { state, charged, hold, mut account }) = find_hold(connection, hold)? else { return Ok(None) };
    let ended = match state.as_str() {
        "held" => None,
        "settled" => Some(HoldEnd::Settle(charged)),
        "released" => Some(HoldEnd::Release),
        other => return Err(StoreError::Corrupt(format!("hold {} is {other:?}", hold.id))),
    };
    // Also where it has ended: the balance is told.
    expire(connection, hold.owner, &mut account, now)?;
    if let Some(ended) = ended {
        return Ok(Some((ended, account.balance)));
    }
    let charged = end.charged(hold.amount);
    let (end, state, used) = match end {
        HoldEnd::Settle(_) => (HoldEnd::Settle(charged), "settled", Some(charged)),
        HoldEnd::Release => (HoldEnd::Release, "released", None),
    };
    connection
        .prepare_cached("UPDATE holds SET state = ?2, charged = ?3 WHERE id = ?1")?
        .execute(params![hold.id, state, used])?;
    give_back(connection, hold.owner, &hold.all_limits(), hold.amount - charged)?;
    let mut entry = Entry::new(hold.owner, end.entry_kind(), end.entry_key(hold.id), &hold.request_id, now);
    (entry.amount, entry.held_change) = (-charged, -hold.amount);
    entry.reason = reason.map(ReleaseReason::as_str);
    entry.price_version = used.map(|_| hold.price_version.as_str()).filter(|version| !version.is_empty());
    entry.lots = account.end(hold.amount, charged);
    if entry.lots.is_empty() && account.lots.overdrawn().is_zero() {
        save_balance(connection, hold.owner, account.balance)?;
    } else {
        save_account(connection, hold.owner, &account)?;
    }
    append(connection, &entry, account.balance)?;
    Ok(Some((end, account.balance)))
}
