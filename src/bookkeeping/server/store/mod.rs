//! The port to closes, to what they know of accounts, to runs of the reconciliation, and to leases.

mod mongo;
mod sqlite;

use async_trait::async_trait;
use uuid::Uuid;

pub use self::mongo::MongoBookStore;
pub use self::sqlite::SqliteBookStore;
use super::account_books::AccountBooks;
use super::close::StoredClose;
use crate::platform::db::StoreResult;
use crate::platform::ids::OwnerId;

/// An account as a close left it. It counts if the close with its number was made by its try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedAccount {
    pub owner: OwnerId,
    /// The number of the close.
    pub close: i64,
    pub attempt: Uuid,
    /// Up to which entry of the account.
    pub number: i64,
    pub books: AccountBooks,
}

/// A run of the reconciliation, as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRun {
    pub id: Uuid,
    pub body: String,
}

/// Closes stay as they are. Everything else here is made from the books, and could be made again.
#[async_trait]
pub trait BookStore: Send + Sync {
    /// Adds a close, unless there is one of its number or its day. Whether it was added.
    async fn add_close(&self, close: StoredClose) -> StoreResult<bool>;

    /// The close of this number.
    async fn find_close(&self, number: i64) -> StoreResult<Option<StoredClose>>;

    /// At most `limit` closes with a smaller number, the newest first.
    async fn list_closes(&self, before: i64, limit: usize) -> StoreResult<Vec<StoredClose>>;

    /// Keeps accounts as a try leaves them.
    async fn keep_accounts(&self, accounts: Vec<ClosedAccount>) -> StoreResult<()>;

    /// All that is kept of the accounts after one owner up to another.
    async fn closed_accounts(&self, after: OwnerId, until: OwnerId) -> StoreResult<Vec<ClosedAccount>>;

    /// Forgets accounts as tries left them.
    async fn forget_accounts(&self, accounts: Vec<(OwnerId, Uuid)>) -> StoreResult<()>;

    /// Stores a run, and forgets all but the newest `keep`.
    async fn add_run(&self, run: StoredRun, keep: usize) -> StoreResult<()>;

    /// At most `limit` runs before this one, the newest first.
    async fn list_runs(&self, before: Uuid, limit: usize) -> StoreResult<Vec<StoredRun>>;

    /// Takes a lease until `until`, or keeps it; `false`: somebody else has it now.
    async fn take_lease(&self, name: &'static str, holder: Uuid, now: i64, until: i64) -> StoreResult<bool>;

    /// Until when somebody has a lease, in milliseconds since 1970; 0: nobody has.
    async fn lease_until(&self, name: &'static str) -> StoreResult<i64>;
}
