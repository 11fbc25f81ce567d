//! Checking every account against its entries and its open holds.

use rusqlite::{Connection, OptionalExtension};

use crate::credits::Balance;
use crate::credits::server::store::{AuditReport, Drift, HoldEnd};
use crate::platform::db::StoreResult;
use crate::platform::ids::{UserId, WorkId};

/// One snapshot (a read transaction), one pass over the accounts.
pub(super) fn audit(connection: &Connection) -> StoreResult<AuditReport> {
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
        let user: UserId = row.get(0)?;
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
    let mut unpaid =
        snapshot.prepare("SELECT id, user_id FROM holds WHERE state = 'released' AND published_at IS NOT NULL")?;
    let mut reason = snapshot.prepare("SELECT reason FROM ledger WHERE key = ?1")?;
    let mut rows = unpaid.query([])?;
    while let Some(row) = rows.next()? {
        let (hold, user): (WorkId, UserId) = (row.get(0)?, row.get(1)?);
        let given_back: Option<Option<String>> =
            reason.query_row([HoldEnd::Release.entry_key(hold)], |row| row.get(0)).optional()?;
        report.drifts.extend(Drift::unpaid(user, hold, given_back.flatten().as_deref()));
    }
    Ok(report)
}
