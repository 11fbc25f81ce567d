//! The port to traces of requests.

mod mongo;
mod sqlite;

use std::time::Duration;

use async_trait::async_trait;
pub use mongo::MongoTraceStore;
pub use sqlite::SqliteTraceStore;

use crate::platform::db::StoreResult;
use crate::platform::ids::UserId;
use crate::platform::trace::TraceRecord;

/// How long traces are kept.
pub const KEPT: Duration = Duration::from_hours(24 * 14);

/// Most traces that are found by one request id: a client may send the same one with every request.
pub const MOST_FOUND: usize = 50;

/// What was done for requests.
#[async_trait]
pub trait TraceStore: Send + Sync {
    /// Keeps these. One that is there already stays as it is.
    async fn record(&self, traces: Vec<TraceRecord>) -> StoreResult<()>;

    /// The newest of those that have this request id, at most [`MOST_FOUND`], in the order in which they began.
    async fn find(&self, request_id: &str) -> StoreResult<Vec<TraceRecord>>;

    /// Forgets those that began before this time, in milliseconds since 1970.
    async fn forget_before(&self, millis: i64) -> StoreResult<()>;

    /// Forgets all of a user but the newest, in the order of their ids.
    async fn keep_newest_of(&self, user: UserId, most: u32) -> StoreResult<()>;

    /// Forgets all but the newest.
    async fn keep_newest(&self, most: u32) -> StoreResult<()>;

    /// Forgets those of a user.
    async fn forget_user(&self, user: UserId) -> StoreResult<()>;
}
