//! The port to responses that are kept, so that a client may go on with them.

mod mongo;
mod sqlite;

use async_trait::async_trait;

pub use self::mongo::MongoResponseStore;
pub use self::sqlite::SqliteResponseStore;
use crate::platform::db::StoreResult;
use crate::platform::ids::{MessageId, UserId};

/// A response with what was asked. Nobody but its user reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredResponse {
    /// That of the reply.
    pub id: MessageId,
    pub user: UserId,
    /// The one that it goes on with.
    pub previous: Option<MessageId>,
    /// Its own items, without those of the one before: a list, as JSON.
    pub input: String,
    /// As it was answered, as JSON.
    pub response: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
}

impl StoredResponse {
    /// The room that it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.input.len() + self.response.len()
    }
}

/// Responses of users. Times are milliseconds since 1970.
#[async_trait]
pub trait ResponseStore: Send + Sync {
    /// Keeps a response; one that is there already stays as it is. Of more than `most` bytes of its user, the oldest go.
    async fn add(&self, response: StoredResponse, most: u64) -> StoreResult<()>;
    /// A response of a user, unless it is from `since` or before.
    async fn find(&self, user: UserId, id: MessageId, since: i64) -> StoreResult<Option<StoredResponse>>;
    /// Deletes a response of a user. Whether there was one.
    async fn delete(&self, user: UserId, id: MessageId) -> StoreResult<bool>;
    /// The responses of a user after `after`, oldest first.
    async fn list(&self, user: UserId, after: MessageId, limit: usize) -> StoreResult<Vec<StoredResponse>>;
    async fn delete_of_user(&self, user: UserId) -> StoreResult<()>;
    /// Deletes those of all users that are from `since` or before.
    async fn forget_before(&self, since: i64) -> StoreResult<()>;
}
