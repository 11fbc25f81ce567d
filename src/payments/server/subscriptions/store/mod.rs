//! The port to stored subscriptions. One is a row, and changes only as it was read.

mod mongo;
mod sqlite;

use async_trait::async_trait;

pub use self::mongo::MongoSubscriptionStore;
pub use self::sqlite::SqliteSubscriptionStore;
use super::record::Subscription;
use crate::payments::server::store::Saved;
use crate::platform::db::StoreResult;
use crate::platform::ids::{SubscriptionId, UserId};

/// Subscriptions, and the provider's plans.
#[async_trait]
pub trait SubscriptionStore: Send + Sync {
    /// Stores a new one; `false` where its user has one already that runs, or may begin.
    async fn create(&self, subscription: &Subscription) -> StoreResult<bool>;

    async fn find(&self, id: SubscriptionId) -> StoreResult<Option<Subscription>>;

    async fn find_by_provider(&self, provider_id: &str) -> StoreResult<Option<Subscription>>;

    /// Stores it if it is of the version that is stored, and makes it the next. [`Saved::Taken`]: its user has another one that is
    /// open, or another one has its id of the provider.
    async fn save(&self, subscription: &Subscription) -> StoreResult<Saved>;

    /// At most `limit` after this one, in the order of their ids, that were to be looked at by `until`.
    async fn due(&self, until: i64, after: SubscriptionId, limit: usize) -> StoreResult<Vec<SubscriptionId>>;

    /// The newest ones of a user.
    async fn list(&self, user: UserId, limit: usize) -> StoreResult<Vec<Subscription>>;

    /// The provider's plan that stands for this.
    async fn provider_plan(&self, stands_for: &str) -> StoreResult<Option<String>>;

    /// Keeps the provider's plan that stands for this, unless there is one: the one that is kept.
    async fn keep_provider_plan(&self, stands_for: &str, plan_id: &str) -> StoreResult<String>;
}
