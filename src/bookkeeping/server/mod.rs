//! Bookkeeping on the server: the close of each day, and the reconciliation of all books. Only the admin panel shows them.

pub mod account_books;
pub mod close;
mod closing;
mod csv;
mod files;
pub mod finding;
mod reconcile;
mod show;
pub mod store;
pub mod totals;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

pub use self::closing::GRACE;
pub use self::reconcile::RECONCILE_EVERY;
pub use self::show::{CloseView, FindingView, RunView, Standing};
use self::store::BookStore;
use crate::credits::server::store::CreditStore;
use crate::credits::server::store::reading::LedgerReader;
use crate::generation::Metrics;
use crate::images::server::storage::ObjectStore;
use crate::images::server::store::ImageStore;
use crate::payments::server::papers::store::PaperStore;
use crate::payments::server::store::PaymentStore;
use crate::platform::db::{Database, StoreResult, millis};
use crate::usage::server::store::UsageStore;

/// For how long a server that says nothing is taken to be at it.
const LEASE: Duration = Duration::from_mins(2);

/// How fast the books are gone through.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two pages.
    pub pause: Duration,
    /// Before what does not agree is looked at again.
    pub again: Duration,
    /// By then, whoever sweeps has ended the holds of dead work.
    pub sweep: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { pause: Duration::from_millis(20), again: Duration::from_secs(3), sweep: Duration::from_secs(12) }
    }
}

/// Closes and checks the books. Cheap to clone.
#[derive(Clone)]
pub struct Bookkeeping {
    parts: Arc<BookkeepingParts>,
    pace: Pace,
    /// This server, as it takes leases.
    holder: Uuid,
}

/// What [`Bookkeeping`] is made of.
pub struct BookkeepingParts {
    /// Whose clock is everybody's.
    pub database: Database,
    pub store: Arc<dyn BookStore>,
    pub ledger: Arc<dyn LedgerReader>,
    pub credits: Arc<dyn CreditStore>,
    pub payments: Arc<dyn PaymentStore>,
    pub papers: Arc<dyn PaperStore>,
    pub attempts: Arc<dyn UsageStore>,
    pub images: Arc<dyn ImageStore>,
    pub objects: Arc<dyn ObjectStore>,
    pub metrics: Metrics,
}

impl Bookkeeping {
    #[must_use]
    pub fn new(parts: BookkeepingParts) -> Self {
        Self { parts: Arc::new(parts), pace: Pace::default(), holder: Uuid::now_v7() }
    }

    /// The same at another pace, as another server.
    #[must_use]
    pub fn at_pace(&self, pace: Pace) -> Self {
        Self { parts: self.parts.clone(), pace, holder: Uuid::now_v7() }
    }

    /// The same for one run: what this server has begun is not begun by it again.
    fn for_one_run(&self) -> Self {
        self.at_pace(self.pace)
    }

    /// Takes a lease, or keeps it; `false`: another server is at it.
    async fn keep_lease(&self, name: &'static str) -> StoreResult<bool> {
        let now = self.database.now();
        self.store.take_lease(name, self.holder, now, now + millis(LEASE)).await
    }

    async fn end_lease(&self, name: &'static str) -> StoreResult<()> {
        let now = self.database.now();
        self.store.take_lease(name, self.holder, now, now).await.map(drop)
    }
}

impl Deref for Bookkeeping {
    type Target = BookkeepingParts;

    fn deref(&self) -> &BookkeepingParts {
        &self.parts
    }
}
