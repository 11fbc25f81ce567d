//! Reading the books of all accounts, page by page. The numbers of entries are those of the whole ledger.

use async_trait::async_trait;
use rusqlite::{Row, params};

use super::SqliteCreditStore;
use super::entries::{from_json, read_account};
use crate::credits::EntryKind;
use crate::credits::server::store::reading::{AccountCheck, AccountEnd, BookedEntry, LedgerReader};
use crate::platform::amount::Amount;
use crate::platform::db::sqlite::Lane;
use crate::platform::db::{StoreError, StoreResult};
use crate::platform::ids::OwnerId;

/// What [`read_check`] reads: one statement, so all of it is of one moment.
const CHECK: &str = "SELECT a.owner_id, a.available, a.held, a.debt, a.overdrawn, a.lots,
         (SELECT sum(amount) FROM ledger l WHERE l.owner_id = a.owner_id),
         (SELECT sum(held_change) FROM ledger l WHERE l.owner_id = a.owner_id),
         (SELECT sum(amount) FROM ledger l WHERE l.owner_id = a.owner_id AND l.kind = 'purchase'),
         (SELECT count(*) FROM ledger l WHERE l.owner_id = a.owner_id),
         (SELECT sum(amount) FROM holds h WHERE h.state = 'held' AND h.owner_id = a.owner_id),
         (SELECT available_after FROM ledger l WHERE l.owner_id = a.owner_id ORDER BY seq DESC LIMIT 1)
     FROM accounts a";

fn read_check(row: &Row<'_>) -> StoreResult<AccountCheck> {
    let account = read_account(row, 1)?;
    let sum = |column: usize| Ok::<_, rusqlite::Error>(row.get::<_, Option<Amount>>(column)?.unwrap_or_default());
    Ok(AccountCheck {
        owner: row.get(0)?,
        balance: account.balance,
        lots: account.lots.sum(),
        ledger: sum(6)?,
        ledger_held: sum(7)?,
        purchased: sum(8)?,
        entries: row.get(9)?,
        open: sum(10)?,
        last_available: sum(11)?,
    })
}

fn read_booked(row: &Row<'_>) -> StoreResult<BookedEntry> {
    let (kind, lots): (String, Option<String>) = (row.get(2)?, row.get(6)?);
    Ok(BookedEntry {
        number: row.get(0)?,
        id: row.get(1)?,
        kind: EntryKind::parse(&kind).ok_or_else(|| StoreError::Corrupt(format!("ledger kind {kind:?}")))?,
        amount: row.get(3)?,
        held_change: row.get(4)?,
        available_after: row.get(5)?,
        lots: lots.as_deref().map(from_json).transpose()?.unwrap_or_default(),
        at: row.get(7)?,
    })
}

#[async_trait]
impl LedgerReader for SqliteCreditStore {
    async fn accounts(&self, after: OwnerId, limit: usize) -> StoreResult<Vec<AccountEnd>> {
        self.db
            .read_in(Lane::Slow, move |connection| {
                let mut found = connection.prepare_cached(
                    "SELECT a.owner_id, coalesce((SELECT max(seq) FROM ledger l WHERE l.owner_id = a.owner_id), 0)
                     FROM accounts a WHERE a.owner_id > ?1 ORDER BY a.owner_id LIMIT ?2",
                )?;
                let read = |row: &Row<'_>| Ok(AccountEnd { owner: row.get(0)?, last: row.get(1)? });
                Ok(found.query_map(params![after, limit], read)?.collect::<Result<_, _>>()?)
            })
            .await
    }

    async fn entries(&self, owner: OwnerId, after: i64, limit: usize) -> StoreResult<Vec<BookedEntry>> {
        self.db
            .read_in(Lane::Slow, move |connection| {
                let mut found = connection.prepare_cached(
                    "SELECT seq, id, kind, amount, held_change, available_after, lots, created_at FROM ledger
                     WHERE owner_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3",
                )?;
                let mut rows = found.query(params![owner, after, limit])?;
                let mut entries = Vec::new();
                while let Some(row) = rows.next()? {
                    entries.push(read_booked(row)?);
                }
                Ok(entries)
            })
            .await
    }

    async fn check_accounts(&self, after: OwnerId, limit: usize) -> StoreResult<Vec<AccountCheck>> {
        self.db
            .read_in(Lane::Slow, move |connection| {
                let mut found = connection
                    .prepare_cached(&format!("{CHECK} WHERE a.owner_id > ?1 ORDER BY a.owner_id LIMIT ?2"))?;
                let mut rows = found.query(params![after, limit])?;
                let mut checks = Vec::new();
                while let Some(row) = rows.next()? {
                    checks.push(read_check(row)?);
                }
                Ok(checks)
            })
            .await
    }

    async fn check_account(&self, owner: OwnerId) -> StoreResult<Option<AccountCheck>> {
        self.db
            .read_in(Lane::Slow, move |connection| {
                let mut found = connection.prepare_cached(&format!("{CHECK} WHERE a.owner_id = ?1"))?;
                let mut rows = found.query([owner])?;
                rows.next()?.map(read_check).transpose()
            })
            .await
    }
}
