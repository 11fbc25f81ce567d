//! Exports and erasures on the server: rules, jobs, HTTP and pages.
//!
//! Both are jobs that any server goes on with: how far they are is stored (`store/`), and a try that nobody hears of any more is
//! taken over. Whoever leaves is locked out first (`queue.rs`); then the features delete what is theirs, in an order, as often as it
//! takes (`erase.rs`). An archive is written piece by piece into the database, so that every server can hand it out (`export.rs`).

pub mod api;
mod erase;
mod export;
mod forms;
mod queue;
pub mod store;
mod view;

use std::ops::Deref;
use std::sync::Arc;

use async_trait::async_trait;

pub use self::erase::{EraseRequest, ErasureView};
pub use self::export::ExportView;
pub use self::queue::LeavingQueue;
use crate::account::server::Account;
use crate::credits::server::Credits;
use crate::generation::Metrics;
use crate::payments::server::Payments;
use crate::platform::archive::Archive;
use crate::platform::error::AppResult;
use crate::platform::ids::UserId;

/// A feature that keeps something of users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Account,
    Chat,
    Images,
    Credits,
    Payments,
    Usage,
}

impl Part {
    pub const ALL: [Self; 6] = [Self::Account, Self::Chat, Self::Images, Self::Credits, Self::Payments, Self::Usage];

    /// For logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Chat => "chat",
            Self::Images => "images",
            Self::Credits => "credits",
            Self::Payments => "payments",
            Self::Usage => "usage",
        }
    }
}

/// All features, which the roof knows by name. Each may be asked again and again.
#[async_trait]
pub trait Features: Send + Sync {
    /// Writes what a feature keeps of a user.
    async fn export(&self, part: Part, user: UserId, archive: &mut Archive) -> AppResult<()>;
    /// Stops what runs for a user, wherever. Returns how much there is that is not paid for yet.
    async fn stop_work(&self, user: UserId) -> AppResult<usize>;
    /// Deletes what a feature keeps of a user.
    async fn erase(&self, part: Part, user: UserId) -> AppResult<()>;
}

/// Users who leave. Cheap to clone.
#[derive(Clone)]
pub struct Leaving(Arc<LeavingParts>);

/// What [`Leaving`] is made of.
pub struct LeavingParts {
    pub queue: Arc<LeavingQueue>,
    pub features: Arc<dyn Features>,
    pub account: Account,
    /// Asked what a user would lose.
    pub credits: Credits,
    pub payments: Payments,
    pub metrics: Metrics,
}

impl Leaving {
    #[must_use]
    pub fn new(parts: LeavingParts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for Leaving {
    type Target = LeavingParts;

    fn deref(&self) -> &LeavingParts {
        &self.0
    }
}
