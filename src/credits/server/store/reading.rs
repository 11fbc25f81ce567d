//! The port to the books of all accounts, read page by page: for whoever checks or closes them. Nothing here writes.

use async_trait::async_trait;

use crate::credits::server::lots::LotShare;
use crate::credits::{Balance, EntryKind};
use crate::platform::amount::Amount;
use crate::platform::db::StoreResult;
use crate::platform::ids::{EntryId, OwnerId};

/// An account, and the number of its last entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountEnd {
    pub owner: OwnerId,
    /// Numbers of an account's entries only ever grow; those of others may lie between. 0: it has none.
    pub last: i64,
}

/// An entry as it was booked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookedEntry {
    /// Its place among the entries of its account.
    pub number: i64,
    pub id: EntryId,
    pub kind: EntryKind,
    pub amount: Amount,
    pub held_change: Amount,
    pub available_after: Amount,
    /// The lots that the credits came to, or went from.
    pub lots: Vec<LotShare>,
    /// In milliseconds since 1970, by the database's clock.
    pub at: i64,
}

/// An account beside what its ledger, its lots and its holds come to. All of it was true at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountCheck {
    pub owner: OwnerId,
    pub balance: Balance,
    /// The sum of the entries' amounts.
    pub ledger: Amount,
    /// The sum of what entries changed of what is held.
    pub ledger_held: Amount,
    /// What the last entry says is available.
    pub last_available: Amount,
    pub lots: Amount,
    /// The sum of the open holds.
    pub open: Amount,
    /// The sum of the purchases.
    pub purchased: Amount,
    pub entries: u64,
}

impl AccountCheck {
    /// What the account is worth, by its balance.
    #[must_use]
    pub fn worth(&self) -> Amount {
        self.balance.available + self.balance.held - self.balance.debt
    }

    /// Whether everything agrees.
    #[must_use]
    pub fn agrees(&self) -> bool {
        let Balance { available, held, .. } = self.balance;
        self.ledger == self.worth()
            && self.lots == self.worth()
            && self.ledger_held == held
            && self.open == held
            && self.last_available == available
    }
}

/// The books of all accounts.
#[async_trait]
pub trait LedgerReader: Send + Sync {
    /// At most `limit` accounts after this one, in the order of their owners.
    async fn accounts(&self, after: OwnerId, limit: usize) -> StoreResult<Vec<AccountEnd>>;

    /// At most `limit` entries of an account after this number, in their order.
    async fn entries(&self, owner: OwnerId, after: i64, limit: usize) -> StoreResult<Vec<BookedEntry>>;

    /// At most `limit` accounts after this one with what their books come to, in the order of their owners.
    async fn check_accounts(&self, after: OwnerId, limit: usize) -> StoreResult<Vec<AccountCheck>>;

    /// The same for one account; `None`: there is none.
    async fn check_account(&self, owner: OwnerId) -> StoreResult<Option<AccountCheck>>;
}
