//! Credits on the server: rules, HTTP, and the ledger in both databases.

pub mod api;
pub mod budgets;
pub mod codes;
pub mod config;
pub mod leaving;
pub mod lots;
mod lots_view;
pub mod notices;
pub mod page;
pub mod prices;
pub mod service;
pub mod store;
mod work_names;

use std::sync::Arc;

use async_trait::async_trait;

use self::codes::CodeStore;
use self::config::CreditsConfig;
use self::prices::PriceBook;
use self::store::CreditStore;
pub use self::work_names::{WorkName, WorkNames};
use crate::account::server::plans::PlanStore;
use crate::credits::PlanState;
use crate::flags::Flags;
use crate::platform::error::AppResult;
use crate::platform::ids::UserId;
use crate::platform::limits::RateLimiter;

/// What was bought, which a feature above knows.
#[async_trait]
pub trait Purchases: Send + Sync {
    /// The purchases of a user as HTML of the dashboard, empty where there are none, and the plan as [`Purchases::plan`].
    async fn section(&self, user: UserId) -> AppResult<(String, Option<PlanState>)>;

    /// The plan that a user has; `None`: none.
    async fn plan(&self, user: UserId) -> AppResult<Option<PlanState>>;
}

/// Balances and the ledger. Cheap to clone.
#[derive(Clone)]
pub struct Credits {
    pub store: Arc<dyn CreditStore>,
    pub codes: Arc<dyn CodeStore>,
    /// Told of days that codes give.
    pub plans: Arc<dyn PlanStore>,
    pub limiter: Arc<dyn RateLimiter>,
    /// Whether codes may be redeemed.
    pub flags: Flags,
    pub config: CreditsConfig,
    /// What each model costs.
    pub prices: PriceBook,
    /// What work is called.
    pub names: Arc<dyn WorkNames>,
    /// What was bought.
    pub purchases: Arc<dyn Purchases>,
}
