//! [`Cache`] in this process.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use moka::future::Cache as Moka;
use moka::ops::compute::{CompResult, Op};
use tokio::time::Instant;

use super::Cache;

/// Most bytes of keys and values; what was not asked for longest goes first.
const MOST_BYTES: u64 = 32 * 1024 * 1024;

#[derive(Clone)]
struct Kept {
    value: Vec<u8>,
    until: Instant,
    /// Whose it is.
    owner: Option<Arc<str>>,
}

impl Kept {
    fn new(value: Vec<u8>, keep: Duration) -> Self {
        Self { value, until: Instant::now() + keep, owner: None }
    }

    fn is_fresh(&self) -> bool {
        Instant::now() < self.until
    }
}

/// Forgets with the process.
pub struct LocalCache {
    values: Moka<String, Kept>,
}

impl Default for LocalCache {
    fn default() -> Self {
        let bytes = |key: &String, kept: &Kept| u32::try_from(key.len() + kept.value.len()).unwrap_or(u32::MAX);
        Self { values: Moka::builder().weigher(bytes).max_capacity(MOST_BYTES).build() }
    }
}

#[async_trait]
impl Cache for LocalCache {
    async fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.values.get(key).await.filter(Kept::is_fresh).map(|kept| kept.value)
    }

    async fn put(&self, key: &str, value: Vec<u8>, keep: Duration) {
        self.values.insert(key.to_owned(), Kept::new(value, keep)).await;
    }

    async fn put_of(&self, owner: &str, key: &str, value: Vec<u8>, keep: Duration) {
        let kept = Kept { owner: Some(owner.into()), ..Kept::new(value, keep) };
        self.values.insert(key.to_owned(), kept).await;
    }

    async fn forget(&self, owner: &str) -> bool {
        let of_owner = self.values.iter().filter(|(_, kept)| kept.owner.as_deref() == Some(owner));
        let keys: Vec<_> = of_owner.map(|(key, _)| key).collect();
        for key in keys {
            self.values.invalidate(key.as_str()).await;
        }
        true
    }

    async fn claim(&self, key: &str, value: &[u8], keep: Duration) -> bool {
        let claim = |found: Option<moka::Entry<String, Kept>>| {
            let taken = found.is_some_and(|entry| entry.value().is_fresh());
            let op = if taken { Op::Nop } else { Op::Put(Kept::new(value.to_vec(), keep)) };
            std::future::ready(op)
        };
        let done = self.values.entry(key.to_owned()).and_compute_with(claim).await;
        matches!(done, CompResult::Inserted(_) | CompResult::ReplacedWith(_))
    }

    async fn release(&self, key: &str, value: &[u8]) {
        let release = |found: Option<moka::Entry<String, Kept>>| {
            let ours = found.is_some_and(|entry| entry.value().value == value);
            std::future::ready(if ours { Op::Remove } else { Op::Nop })
        };
        self.values.entry(key.to_owned()).and_compute_with(release).await;
    }
}
