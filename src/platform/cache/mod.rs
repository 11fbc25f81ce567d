//! What may be forgotten at any time: the port, and its two adapters.

mod local;
mod redis;

use std::time::Duration;

use async_trait::async_trait;

pub use self::local::LocalCache;
pub use self::redis::RedisCache;

/// Keeps values for a while. It may lose them, and nothing of value depends on it.
#[async_trait]
pub trait Cache: Send + Sync {
    /// The value that was put there, if it is not older than it may be.
    async fn get(&self, key: &str) -> Option<Vec<u8>>;

    /// Keeps a value for so long, in place of any other.
    async fn put(&self, key: &str, value: Vec<u8>, keep: Duration);

    /// Keeps a value for so long unless there is one; whether it is this one that is there now. Of several that claim a
    /// key at once, one does.
    async fn claim(&self, key: &str, value: &[u8], keep: Duration) -> bool;

    /// Forgets a key that still has this value.
    async fn release(&self, key: &str, value: &[u8]);
}
