//! Appending entries, with the accounts that they move, and reading them.

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::credits::server::lots::{AccountState, Expired, Lot, LotShare, Lots, NEVER};
use crate::credits::server::store::{NewPosting, PostingOutcome, read_reason, welcome_lot};
use crate::credits::{Balance, EntryKind, EntryReason, LedgerEntry, WorkKind};
use crate::platform::amount::Amount;
use crate::platform::db::{StoreError, StoreResult, rfc3339};
use crate::platform::ids::{EntryId, OwnerId, WorkId};

/// A ledger entry to append.
pub(super) struct Entry<'a> {
    pub id: EntryId,
    pub owner: OwnerId,
    pub kind: EntryKind,
    pub amount: Amount,
    pub held_change: Amount,
    /// Unique over the whole ledger: what makes a repeat harmless.
    pub key: String,
    pub request_id: &'a str,
    pub reason: Option<&'a str>,
    pub price_version: Option<&'a str>,
    pub lots: Vec<LotShare>,
    /// In milliseconds since 1970.
    pub at: i64,
}

impl<'a> Entry<'a> {
    pub fn new(owner: OwnerId, kind: EntryKind, key: String, request_id: &'a str, at: i64) -> Self {
        Self {
            id: EntryId::now_v7(),
            owner,
            kind,
            amount: Amount::ZERO,
            held_change: Amount::ZERO,
            key,
            request_id,
            reason: None,
            price_version: None,
            lots: Vec::new(),
            at,
        }
    }
}

/// Appends an entry that leaves the account so, in the transaction that is open.
pub(super) fn append(connection: &Connection, entry: &Entry<'_>, after: Balance) -> StoreResult<()> {
    let lots = if entry.lots.is_empty() { None } else { Some(to_json(&entry.lots)?) };
    connection
        .prepare_cached(
            "INSERT INTO ledger (id, owner_id, kind, amount, held_change, available_after, key, request_id, reason, created_at,
                 price_version, lots)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?
        .execute(params![
            entry.id,
            entry.owner,
            entry.kind.as_str(),
            entry.amount,
            entry.held_change,
            after.available,
            entry.key,
            entry.request_id,
            entry.reason,
            entry.at,
            entry.price_version,
            lots,
        ])?;
    Ok(())
}

/// An account: `available, held, debt, overdrawn, lots` from this column on.
pub(super) fn read_account(row: &Row<'_>, first: usize) -> StoreResult<AccountState> {
    let balance = Balance { available: row.get(first)?, held: row.get(first + 1)?, debt: row.get(first + 2)? };
    let list: Vec<Lot> = from_json(row.get_ref(first + 4)?.as_str().map_err(rusqlite::Error::from)?)?;
    Ok(AccountState { balance, lots: Lots::new(list, row.get(first + 3)?) })
}

/// The account as it is stored, whatever has expired.
pub(super) fn find_account(connection: &Connection, owner: OwnerId) -> StoreResult<Option<AccountState>> {
    let mut account =
        connection.prepare_cached("SELECT available, held, debt, overdrawn, lots FROM accounts WHERE owner_id = ?1")?;
    let mut rows = account.query([owner])?;
    rows.next()?.map(|row| read_account(row, 0)).transpose()
}

/// Stores an account with its lots.
pub(super) fn save_account(connection: &Connection, owner: OwnerId, account: &AccountState) -> StoreResult<()> {
    let AccountState { balance: Balance { available, held, debt }, lots } = account;
    let next_expiry = Some(lots.next_expiry()).filter(|at| *at != NEVER);
    connection
        .prepare_cached(
            "UPDATE accounts SET available = ?2, held = ?3, debt = ?4, overdrawn = ?5, lots = ?6, next_expiry = ?7
             WHERE owner_id = ?1",
        )?
        .execute(params![owner, available, held, debt, lots.overdrawn(), to_json(lots.as_slice())?, next_expiry])?;
    Ok(())
}

/// Stores an account whose lots have not changed.
pub(super) fn save_balance(connection: &Connection, owner: OwnerId, balance: Balance) -> StoreResult<()> {
    let Balance { available, held, debt } = balance;
    connection
        .prepare_cached("UPDATE accounts SET available = ?2, held = ?3, debt = ?4 WHERE owner_id = ?1")?
        .execute(params![owner, available, held, debt])?;
    Ok(())
}

/// The account without what has expired by now; a user who has none yet gets one, with the free credits, in the same
/// transaction.
pub(super) fn open_account(
    connection: &Connection,
    owner: OwnerId,
    free_credits: Amount,
    request_id: &str,
    now: i64,
) -> StoreResult<AccountState> {
    if let Some(mut account) = find_account(connection, owner)? {
        expire(connection, owner, &mut account, now)?;
        return Ok(account);
    }
    let mut account = AccountState::default();
    connection
        .prepare_cached("INSERT INTO accounts (owner_id, available, held, debt) VALUES (?1, 0, 0, 0)")?
        .execute([owner])?;
    if free_credits.is_zero() {
        return Ok(account);
    }
    let mut entry = Entry::new(owner, EntryKind::Grant, format!("grant:welcome:{owner}"), request_id, now);
    let lot = welcome_lot(entry.id, free_credits, now);
    (entry.amount, entry.reason, entry.lots) = (free_credits, Some(EntryReason::Welcome.as_str()), vec![lot.share()]);
    account.add(lot);
    save_account(connection, owner, &account)?;
    append(connection, &entry, account.balance)?;
    Ok(account)
}

/// Ends what has expired by now.
pub(super) fn expire(connection: &Connection, owner: OwnerId, account: &mut AccountState, now: i64) -> StoreResult<()> {
    if account.lots.next_expiry() > now {
        return Ok(());
    }
    let mut available = account.balance.available;
    let expired = account.expire(now);
    save_account(connection, owner, account)?;
    for Expired { share, expired_at } in expired {
        available -= share.amount;
        let key = format!("{}:{}:{expired_at}", EntryKind::Expire.as_str(), share.id);
        let mut entry = Entry::new(owner, EntryKind::Expire, key, "", now);
        (entry.amount, entry.lots) = (-share.amount, vec![share]);
        append(connection, &entry, Balance { available, ..account.balance })?;
    }
    Ok(())
}

pub(super) fn post_once(
    connection: &Connection,
    new: &NewPosting,
    free_credits: Amount,
    now: i64,
) -> StoreResult<PostingOutcome> {
    let mut account = open_account(connection, new.owner, free_credits, &new.request_id, now)?;
    let key = new.entry_key();
    if connection.prepare_cached("SELECT 1 FROM ledger WHERE key = ?1")?.exists([&key])? {
        return Ok(PostingOutcome::Repeated(account.balance));
    }
    let mut entry = Entry::new(new.owner, new.kind.entry_kind(), key, &new.request_id, now);
    entry.id = new.entry_id();
    let available = account.balance.available;
    let Some((amount, lots)) = new.apply(&mut account, entry.id, now) else {
        return Ok(PostingOutcome::Insufficient { available });
    };
    (entry.amount, entry.reason, entry.lots) = (amount, new.reason.as_deref(), lots);
    save_account(connection, new.owner, &account)?;
    append(connection, &entry, account.balance)?;
    Ok(PostingOutcome::Posted(account.balance))
}

/// The columns of an entry, with the hold that it is of.
pub(super) const ENTRY: &str =
    "SELECT l.seq, l.id, l.kind, l.amount, l.held_change, l.available_after, l.request_id, l.reason,
         l.created_at, l.price_version, l.lots, h.kind, h.id
     FROM ledger l LEFT JOIN holds h ON l.kind IN ('hold', 'extend', 'settle', 'release')
         -- The key of an entry of a hold has its id after the first colon.
         AND h.id = unhex(replace(substr(l.key, instr(l.key, ':') + 1, 36), '-', ''))";

pub(super) fn read_entry(row: &Row<'_>) -> StoreResult<LedgerEntry> {
    let kind: String = row.get(2)?;
    let kind = EntryKind::parse(&kind).ok_or_else(|| StoreError::Corrupt(format!("ledger kind {kind:?}")))?;
    let (reason, lots, work): (Option<String>, Option<String>, Option<String>) =
        (row.get(7)?, row.get(10)?, row.get(11)?);
    let lots: Vec<LotShare> = lots.as_deref().map(from_json).transpose()?.unwrap_or_default();
    Ok(LedgerEntry {
        id: row.get::<_, EntryId>(1)?.to_string(),
        kind,
        amount: row.get(3)?,
        held_change: row.get(4)?,
        available_after: row.get(5)?,
        request_id: row.get(6)?,
        work: work.as_deref().and_then(WorkKind::parse),
        work_id: row.get::<_, Option<WorkId>>(12)?.map(|id| id.to_string()),
        reason: reason.map(|reason| read_reason(kind, &reason)),
        price_version: row.get(9)?,
        lots: lots.iter().map(LotShare::shown).collect(),
        created_at: rfc3339(row.get(8)?)?,
    })
}

/// The entry with this key.
pub(super) fn find_entry(connection: &Connection, owner: OwnerId, key: &str) -> StoreResult<Option<LedgerEntry>> {
    let mut entry = connection.prepare_cached(&format!("{ENTRY} WHERE l.key = ?1 AND l.owner_id = ?2"))?;
    let mut rows = entry.query(params![key, owner])?;
    rows.next()?.map(read_entry).transpose()
}

pub(super) fn to_json(value: &(impl Serialize + ?Sized)) -> StoreResult<String> {
    serde_json::to_string(value).map_err(|error| StoreError::Corrupt(error.to_string()))
}

pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> StoreResult<T> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt(error.to_string()))
}

/// How the release with this key was reasoned, as it is stored; `None` where it has no reason or there is no such entry.
pub(super) fn find_reason(connection: &Connection, key: &str) -> StoreResult<Option<String>> {
    let mut reason = connection.prepare_cached("SELECT reason FROM ledger WHERE key = ?1")?;
    Ok(reason.query_row([key], |row| row.get(0)).optional()?.flatten())
}
