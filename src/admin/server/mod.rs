//! The admin panel on the server: its rules, `/api/admin` and the pages, which need no script.

mod access;
pub mod api;
mod audit;
pub mod books;
mod change;
mod codes;
mod credits;
mod csv;
mod flags;
mod goodwill;
pub mod leaving;
mod ledger;
mod log_level;
mod operations_api;
pub mod pages;
mod prices;
mod refunds;
mod stats;
mod stats_api;
mod traces;
mod traces_api;
mod users;
pub mod views;

use std::ops::Deref;
use std::sync::Arc;

pub use self::access::Authority;
pub use self::change::UserChange;
pub use self::credits::{Adjusted, CreditsChange};
pub use self::flags::FlagPanel;
pub use self::goodwill::{Goodwill, GoodwillRequest};
use self::views::ViewStore;
use crate::account::server::directory::UserDirectory;
use crate::account::server::plans::PlanStore;
use crate::account::server::sessions::store::SessionStore;
use crate::account::server::store::AccountStore;
use crate::audit::AuditLog;
use crate::audit::store::AuditStore;
use crate::chat::server::store::ChatStore;
use crate::credits::server::codes::CodeStore;
use crate::credits::server::store::CreditStore;
use crate::images::server::store::ImageStore;
use crate::payments::server::store::PaymentStore;
use crate::platform::db::Database;
use crate::stats::Stats;
use crate::traces::store::TraceStore;
use crate::usage::server::store::UsageStore;

/// What admins see and do. Cheap to clone.
#[derive(Clone)]
pub struct Admin(Arc<AdminParts>);

/// What [`Admin`] is made of.
pub struct AdminParts {
    /// Whose clock is everybody's.
    pub database: Database,
    pub accounts: Arc<dyn AccountStore>,
    pub directory: Arc<dyn UserDirectory>,
    pub sessions: Arc<dyn SessionStore>,
    pub plans: Arc<dyn PlanStore>,
    pub credits: Arc<dyn CreditStore>,
    pub chats: Arc<dyn ChatStore>,
    pub images: Arc<dyn ImageStore>,
    pub payments: Arc<dyn PaymentStore>,
    pub attempts: Arc<dyn UsageStore>,
    pub codes: Arc<dyn CodeStore>,
    pub audit: Arc<dyn AuditStore>,
    pub stats: Stats,
    pub traces: Arc<dyn TraceStore>,
    pub views: Arc<dyn ViewStore>,
}

impl Admin {
    #[must_use]
    pub fn new(parts: AdminParts) -> Self {
        Self(Arc::new(parts))
    }

    /// Where what admins do is written.
    fn log(&self) -> AuditLog {
        AuditLog::new(self.audit.clone())
    }
}

impl Deref for Admin {
    type Target = AdminParts;

    fn deref(&self) -> &AdminParts {
        &self.0
    }
}
