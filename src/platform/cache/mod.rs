//! What may be forgotten at any time: the port, and its two adapters.

mod local;
mod redis;

use std::time::Duration;

use async_trait::async_trait;

pub use self::local::LocalCache;
pub use self::redis::RedisCache;

/// What [`Cache::get_or_claim`] has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Looked {
    Found(Vec<u8>),
    Claimed,
    /// Somebody else has claimed it.
    Taken,
}

/// Keeps values for a while. It may lose them, and nothing of value depends on it.
#[async_trait]
pub trait Cache: Send + Sync {
    /// The value that was put there, if it is not older than it may be.
    async fn get(&self, key: &str) -> Option<Vec<u8>>;

    /// Keeps a value for so long, in place of any other.
    async fn put(&self, key: &str, value: Vec<u8>, keep: Duration);

    /// The same of somebody, whose values [`Cache::forget`] finds.
    async fn put_of(&self, owner: &str, key: &str, value: Vec<u8>, keep: Duration);

    /// Forgets all values of somebody. `false` where those that are far could not be reached.
    async fn forget(&self, owner: &str) -> bool;

    /// Keeps a value for so long unless there is one; whether it is this one that is there now. Of several that claim a
    /// key at once, one does.
    async fn claim(&self, key: &str, value: &[u8], keep: Duration) -> bool;

    /// The value of a key; where there is none, [`Cache::claim`] of another key. In one step where the cache is far.
    async fn get_or_claim(&self, key: &str, claimed: &str, value: &[u8], keep: Duration) -> Looked {
        if let Some(found) = self.get(key).await {
            return Looked::Found(found);
        }
        if !self.claim(claimed, value, keep).await {
            return Looked::Taken;
        }
        // It may have come between the look and the claim.
        self.get(key).await.map_or(Looked::Claimed, Looked::Found)
    }

    /// Forgets a key that still has this value.
    async fn release(&self, key: &str, value: &[u8]);
}
