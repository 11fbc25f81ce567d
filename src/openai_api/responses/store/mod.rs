//! The port to responses that are kept, so that a client may go on with them.

mod mongo;
mod sqlite;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

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

/// What the responses of users have grown by since it was looked last whether they are too many: with many, that takes long.
#[derive(Default)]
struct Growth(Mutex<HashMap<UserId, u64>>);

/// Users that are remembered, at most.
const REMEMBERED: usize = 10_000;

impl Growth {
    /// Whether it is looked now, with so many bytes more: the first time, and after each sixteenth of what they may be.
    fn is_due(&self, user: UserId, bytes: usize, most: u64) -> bool {
        let mut grown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if grown.len() >= REMEMBERED {
            grown.clear();
        }
        let before = grown.get(&user).copied();
        let now = before.map(|before| before.saturating_add(bytes as u64)).filter(|now| *now <= most / 16);
        grown.insert(user, now.unwrap_or_default());
        now.is_none()
    }
}

/// Responses of users. Times are milliseconds since 1970.
#[async_trait]
pub trait ResponseStore: Send + Sync {
    /// Keeps a response; one that is there already stays as it is. Of more than `most` bytes of its user, the oldest go, by and
    /// by: a sixteenth more may be there.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_looked_at_first_and_after_each_sixteenth() {
        let (growth, ada, bob) = (Growth::default(), UserId::now_v7(), UserId::now_v7());
        let looks: Vec<_> = (0..9).map(|_| growth.is_due(ada, 40, 1600)).collect();
        assert_eq!(looks, [true, false, false, true, false, false, true, false, false]);
        assert!(growth.is_due(bob, 1, 1600) && !growth.is_due(bob, 100, 1600) && growth.is_due(bob, 1, 1600));
    }
}
