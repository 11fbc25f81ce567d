//! What every paid piece of work shares, be it a reply or an image: credits are held, providers are asked one after the
//! other, each attempt is recorded, watchers are told, and what a crash leaves behind is ended.
//!
//! What is asked, made and stored is the features' business, which know this and not the other way round. There is no
//! engine here that runs them: a reply and an image are two functions over these parts.

mod attempt;
mod awake;
mod breaker;
mod delivery;
mod error;
mod event;
mod fault;
mod hold;
mod learned;
mod metric_labels;
mod metrics;
mod open;
mod operations;
mod provider_table;
pub mod recovery;
mod reserved;
mod route;
mod subscribe;

use std::ops::Deref;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

pub use self::attempt::{PendingAttempt, TextSizes, Tokens};
pub use self::awake::{Silence, timeout_awake};
pub use self::breaker::{BreakerState, Guarded, Permit, Provider};
pub use self::delivery::{Delivery, PATIENCE};
pub use self::error::{ProviderError, Refusal, unreachable_error};
pub use self::event::{Event, ToJson, encode};
pub use self::fault::Fault;
pub use self::hold::{Begun, KEYS_LIVE, Payer, Quote, check_key, check_key_of, outlive_handler};
pub use self::learned::{Learned, Refused};
pub use self::metrics::Metrics;
pub use self::operations::{Operations, Vitals};
pub use self::provider_table::{ConfiguredProvider, ProviderConfig, ProviderRow, build_providers, read_providers};
pub use self::reserved::{Closed, Extended, Reserved};
pub use self::route::{Fallback, Route, choose_order};
pub use self::subscribe::{LOOK_EVERY, Look, MOST_FAILURES};
pub use crate::credits::ReleaseReason;
use crate::credits::server::notices::Notices;
use crate::credits::server::store::CreditStore;
use crate::flags::Flags;
use crate::platform::db::Database;
pub use crate::platform::http::outgoing::{BodyError, brief, innermost_cause, read_body};
pub use crate::platform::http::retries::RetryBudget;
use crate::platform::jobs::Jobs;
use crate::platform::limits::RateLimiter;
use crate::traces::Traces;
use crate::usage::server::prices::PriceTable;
use crate::usage::server::recorder::UsageRecorder;

/// The parts that all work needs; cheap to clone.
#[derive(Clone)]
pub struct Generation(Arc<Parts>);

/// See [`Generation`].
pub struct Parts {
    /// What everything is stored in; its clock is the one that leases go by.
    pub database: Database,
    pub credits: Arc<dyn CreditStore>,
    /// `None`: nobody is told by mail.
    pub notices: Option<Notices>,
    /// What runs in this process.
    pub jobs: Arc<Jobs>,
    pub metrics: Metrics,
    pub retries: RetryBudget,
    pub usage: Arc<UsageRecorder>,
    /// What is on, and which providers are.
    pub flags: Flags,
    pub traces: Arc<Traces>,
    /// What providers take.
    pub prices: PriceTable,
    pub limiter: Arc<dyn RateLimiter>,
    /// Cancelled when the server should end.
    pub shutdown: CancellationToken,
}

impl Generation {
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// Whether new work is refused.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.shutdown.is_cancelled()
    }
}

impl Deref for Generation {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;
    use tempfile::TempDir;

    use super::*;
    use crate::audit::AuditLog;
    use crate::audit::store::SqliteAuditStore;
    use crate::credits::server::store::SqliteCreditStore;
    use crate::flags::store::SqliteFlagStore;
    use crate::flags::{FlagAlerts, FlagsParts};
    use crate::platform::amount::Amount;
    use crate::platform::db::sqlite::Sqlite;
    use crate::platform::limits::{LocalRateLimiter, Rates};
    use crate::traces::TraceLimits;
    use crate::traces::store::SqliteTraceStore;
    use crate::usage::server::recorder;
    use crate::usage::server::store::SqliteUsageStore;

    /// The parts, over a database of their own. Needs a running Tokio.
    pub fn generation() -> Generation {
        let folder = TempDir::new().unwrap();
        let db = Sqlite::open(&folder.path().join("t.db")).unwrap();
        Generation::new(Parts {
            database: Database::Sqlite(db.clone()),
            credits: Arc::new(SqliteCreditStore::new(db.clone(), Amount::credits(10))),
            notices: None,
            jobs: Arc::default(),
            metrics: Metrics::default(),
            retries: RetryBudget::default(),
            flags: Flags::new(FlagsParts {
                database: Database::Sqlite(db.clone()),
                store: Arc::new(SqliteFlagStore::new(db.clone())),
                audit: AuditLog::new(Arc::new(SqliteAuditStore::new(db.clone()))),
                alerts: FlagAlerts::default(),
                providers: Vec::new(),
            }),
            usage: Arc::new(recorder::start(Arc::new(SqliteUsageStore::new(db.clone())), Counter::default())),
            traces: Traces::start(Arc::new(SqliteTraceStore::new(db)), TraceLimits::default(), Counter::default()),
            prices: PriceTable::default(),
            limiter: Arc::new(LocalRateLimiter::new(Rates::of(1000))),
            shutdown: CancellationToken::new(),
        })
    }
}
