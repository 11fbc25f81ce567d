//! What is counted of an account's spending: by its keys and its budgets.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use crate::credits::server::store::SpendLimit;
use crate::platform::amount::Amount;
use crate::platform::db::StoreResult;
use crate::platform::ids::{BudgetId, OwnerId};

/// What the tightest of these limits leaves, and whose it is.
pub(super) fn most_under(
    connection: &Connection,
    owner: OwnerId,
    limits: &[SpendLimit],
) -> StoreResult<(Amount, Option<BudgetId>)> {
    let mut tightest = (Amount::MAX, None);
    for SpendLimit { counter, most, budget, .. } in limits {
        let Some(most) = *most else { continue };
        let spent: Option<Amount> = connection
            .prepare_cached("SELECT spent FROM spending WHERE owner_id = ?1 AND counter = ?2")?
            .query_row(params![owner, counter], |row| row.get(0))
            .optional()?;
        let left = (most - spent.unwrap_or_default()).max(Amount::ZERO);
        if left < tightest.0 {
            tightest = (left, *budget);
        }
    }
    Ok(tightest)
}

/// Counts what is held.
pub(super) fn count(connection: &Connection, owner: OwnerId, limits: &[SpendLimit], amount: Amount) -> StoreResult<()> {
    for SpendLimit { counter, until, .. } in limits {
        connection
            .prepare_cached(
                "INSERT INTO spending (owner_id, counter, spent, until) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (owner_id, counter) DO UPDATE SET spent = spent + excluded.spent",
            )?
            .execute(params![owner, counter, amount, until])?;
    }
    Ok(())
}

/// Takes back from the counts what was not spent.
pub(super) fn give_back(
    connection: &Connection,
    owner: OwnerId,
    limits: &[SpendLimit],
    amount: Amount,
) -> StoreResult<()> {
    if amount.is_zero() {
        return Ok(());
    }
    for SpendLimit { counter, .. } in limits {
        connection
            .prepare_cached("UPDATE spending SET spent = spent - ?3 WHERE owner_id = ?1 AND counter = ?2")?
            .execute(params![owner, counter, amount])?;
    }
    Ok(())
}

/// What each count has come to.
pub(super) fn spending(connection: &Connection, owner: OwnerId) -> StoreResult<HashMap<String, Amount>> {
    let mut spending = connection.prepare_cached("SELECT counter, spent FROM spending WHERE owner_id = ?1")?;
    let rows = spending.query_map([owner], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Forgets counts that nobody asks for any more.
pub(super) fn forget(connection: &Connection, now: i64) -> StoreResult<()> {
    connection.prepare_cached("DELETE FROM spending WHERE until < ?1")?.execute([now])?;
    Ok(())
}
