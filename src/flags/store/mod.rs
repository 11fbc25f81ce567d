//! The port to what is set, and to what servers counted.

mod mongo;
mod sqlite;

use async_trait::async_trait;
use uuid::Uuid;

pub use self::mongo::MongoFlagStore;
pub use self::sqlite::SqliteFlagStore;
use super::counts::{Counted, Span, Sum};
use crate::audit::Actor;
use crate::platform::db::{StoreError, StoreResult};
use crate::platform::work_kind::WorkKind;

/// A flag, or what is announced, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSetting {
    pub name: String,
    /// 1 at first, and one more with every change.
    pub version: i64,
    /// JSON.
    pub value: String,
    /// In milliseconds since 1970.
    pub changed_at: i64,
    pub changed_by: Actor,
}

/// Settings, and counts of servers.
#[async_trait]
pub trait FlagStore: Send + Sync {
    /// All that was ever changed.
    async fn list(&self) -> StoreResult<Vec<StoredSetting>>;
    /// Keeps a setting if its version follows that which is there; whether it was kept.
    async fn put(&self, setting: StoredSetting) -> StoreResult<bool>;
    /// Keeps what a server counted, each in the place of what it told of the same before.
    async fn keep_counts(&self, server: Uuid, counts: Vec<Counted>) -> StoreResult<()>;
    /// What each server counted in the day that begins then, and in minutes that begin at `since` or later.
    async fn counts(&self, day: i64, since: i64) -> StoreResult<Vec<Counted>>;
    /// Deletes counts of what began before this time.
    async fn forget_counts(&self, before: i64) -> StoreResult<()>;
}

fn corrupt(what: &str) -> StoreError {
    StoreError::Corrupt(format!("flags: {what}"))
}

/// A count from its stored names.
fn read_count(span: &str, at: i64, kind: &str, provider: String, sum: Sum) -> StoreResult<Counted> {
    Ok(Counted {
        span: Span::parse(span).ok_or_else(|| corrupt(span))?,
        at,
        kind: WorkKind::parse(kind).ok_or_else(|| corrupt(kind))?,
        provider,
        sum,
    })
}
