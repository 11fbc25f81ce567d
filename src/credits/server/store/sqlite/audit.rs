//! Checking every account against its entries and its open holds.

use rusqlite::Connection;

use super::entries::{find_reason, read_account};
use crate::credits::Balance;
use crate::credits::server::store::{AuditReport, Drift, HoldEnd};
use crate::platform::amount::Amount;
use crate::platform::db::StoreResult;
use crate::platform::ids::{OwnerId, WorkId};

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
        "SELECT a.owner_id, a.available, a.held, a.debt, a.overdrawn, a.lots,
                (SELECT coalesce(sum(amount), 0) FROM ledger l WHERE l.owner_id = a.owner_id),
                (SELECT coalesce(sum(held_change), 0) FROM ledger l WHERE l.owner_id = a.owner_id),
                (SELECT coalesce(sum(amount), 0) FROM holds h WHERE h.state = 'held' AND h.owner_id = a.owner_id),
                (SELECT available_after FROM ledger l WHERE l.owner_id = a.owner_id ORDER BY seq DESC LIMIT 1)
         FROM accounts a",
    )?;
    let mut rows = accounts.query([])?;
    while let Some(row) = rows.next()? {
        report.accounts += 1;
        let owner: OwnerId = row.get(0)?;
        let account = read_account(row, 1)?;
        let (worth, held, open): (Amount, Amount, Amount) = (row.get(6)?, row.get(7)?, row.get(8)?);
        let last: Amount = row.get::<_, Option<Amount>>(9)?.unwrap_or_default();
        let mut found = |problem: String| report.drifts.push(Drift { owner, problem });
        let Balance { available, held: account_held, debt } = account.balance;
        if worth != available + account_held - debt {
            found(format!("the ledger sums to {worth}, the account to {available} + {account_held} - {debt}"));
        }
        if account.lots.sum() != available + account_held - debt {
            let lots = account.lots.sum();
            found(format!("the lots sum to {lots}, the account to {available} + {account_held} - {debt}"));
        }
        if held != account_held || open != account_held {
            found(format!("{account_held} are held, the ledger says {held} and the open holds {open}"));
        }
        if last != available {
            found(format!("{available} are available, the last entry says {last}"));
        }
    }
    let mut unpaid =
        snapshot.prepare("SELECT id, owner_id FROM holds WHERE state = 'released' AND published_at IS NOT NULL")?;
    let mut rows = unpaid.query([])?;
    while let Some(row) = rows.next()? {
        let (hold, owner): (WorkId, OwnerId) = (row.get(0)?, row.get(1)?);
        let reason = find_reason(&snapshot, &HoldEnd::Release.entry_key(hold))?;
        report.drifts.extend(Drift::unpaid(owner, hold, reason.as_deref()));
    }
    Ok(report)
}
