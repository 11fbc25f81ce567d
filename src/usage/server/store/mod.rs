//! The port to the record of attempts.

mod mongo;
mod sqlite;

use std::time::Duration;

use async_trait::async_trait;
pub use mongo::{MongoUsageStore, StoredAttempt};
pub use sqlite::{ATTEMPT, SqliteUsageStore, read_attempt};

use crate::platform::db::StoreResult;
use crate::platform::ids::{AttemptId, UserId};
use crate::usage::{Attempt, UserUsage};

/// How long attempts are kept: a year can be compared with the one before.
pub const KEPT: Duration = Duration::from_hours(24 * 400);

/// Attempts at providers. They stay when what they were for is deleted: the provider was paid all the same.
#[async_trait]
pub trait UsageStore: Send + Sync {
    /// Keeps these. One that is there already stays as it is, so that a write whose answer got lost can be repeated.
    async fn record(&self, attempts: Vec<Attempt>) -> StoreResult<()>;
    /// The attempts of one request, in their order.
    async fn find_by_request(&self, request_id: &str) -> StoreResult<Vec<Attempt>>;
    /// The attempts for a user after this one, in their order.
    async fn find_of_user(&self, user: UserId, after: AttemptId, limit: usize) -> StoreResult<Vec<Attempt>>;
    /// What was asked for a user at this time or later, in milliseconds since 1970.
    async fn sum_of_user(&self, user: UserId, since: i64) -> StoreResult<UserUsage>;
    /// What providers took from one time until another, in milliseconds since 1970, as far as prices are known: in millionths of a US
    /// dollar.
    async fn cost_between(&self, from: i64, until: i64) -> StoreResult<i64>;
    /// Deletes what was recorded before this time, in milliseconds since 1970.
    async fn forget_before(&self, millis: i64) -> StoreResult<()>;
}
