//! The port to the audit log.

mod mongo;
mod sqlite;

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

pub use self::mongo::MongoAuditStore;
pub use self::sqlite::SqliteAuditStore;
use super::{Action, Actor, AuditEntry};
use crate::platform::db::{StoreError, StoreResult};
use crate::platform::ids::{AuditId, UserId};

/// How long sign-ins are kept. Everything else stays.
pub const SIGN_INS_KEPT: Duration = Duration::from_hours(24 * 90);

/// Which entries are meant: those that are all of this. Times are milliseconds since 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AuditFilter {
    pub actor: Option<Actor>,
    pub target: Option<UserId>,
    pub action: Option<Action>,
    /// At this time or later.
    pub from: Option<i64>,
    /// Before this time.
    pub until: Option<i64>,
}

/// Entries that stay as they are.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Adds an entry, unless it is there, or another is that has its `once`.
    async fn append(&self, entry: AuditEntry) -> StoreResult<()>;

    /// At most `limit` entries before this one, newest first.
    async fn list(&self, filter: AuditFilter, before: AuditId, limit: usize) -> StoreResult<Vec<AuditEntry>>;

    /// Forgets sign-ins from before this time, in milliseconds since 1970.
    async fn forget_sign_ins(&self, before: i64) -> StoreResult<()>;

    /// Forgets the sign-ins of a user: they alone say where somebody was, and with what.
    async fn forget_sign_ins_of(&self, user: UserId) -> StoreResult<()>;
}

/// The ids that a page may hold: from the first on, and before the second.
fn bounds(filter: &AuditFilter, before: AuditId) -> (AuditId, AuditId) {
    let from = filter.from.map_or(AuditId::min(), AuditId::first_of);
    (from, filter.until.map_or(before, |until| AuditId::first_of(until).min(before)))
}

/// An entry as both databases keep it.
struct Row {
    id: AuditId,
    actor: String,
    action: String,
    target: Option<UserId>,
    before: Option<String>,
    after: Option<String>,
    request_id: String,
}

impl Row {
    fn read(self) -> StoreResult<AuditEntry> {
        let corrupt = |what: &str| StoreError::Corrupt(format!("audit log: {what}"));
        let json = |text: Option<String>| {
            text.map(|text| serde_json::from_str::<Value>(&text).map_err(|error| corrupt(&error.to_string())))
                .transpose()
        };
        Ok(AuditEntry {
            id: self.id,
            actor: Actor::parse(&self.actor).ok_or_else(|| corrupt(&self.actor))?,
            action: Action::parse(&self.action).ok_or_else(|| corrupt(&self.action))?,
            target: self.target,
            before: json(self.before)?,
            after: json(self.after)?,
            request_id: self.request_id,
            once: None,
        })
    }
}
