//! Writing the audit log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::store::AuditStore;
use super::{Action, AuditEntry};
use crate::platform::db::keep_trying;
use crate::platform::http::request_id::in_request;

/// Entries that this process has written, by action. A process has one set of them, however many logs there are.
static WRITTEN: [AtomicU64; Action::ALL.len()] = [const { AtomicU64::new(0) }; Action::ALL.len()];

/// How many entries of each action this process has written.
pub fn entries_written() -> impl Iterator<Item = (Action, u64)> {
    Action::ALL.into_iter().zip(&WRITTEN).map(|(action, count)| (action, count.load(Ordering::Relaxed)))
}

/// Where features write what they did. Cheap to clone.
#[derive(Clone)]
pub struct AuditLog(Arc<dyn AuditStore>);

impl AuditLog {
    #[must_use]
    pub const fn new(store: Arc<dyn AuditStore>) -> Self {
        Self(store)
    }

    /// Writes an entry of what was done, and waits for it. What cannot be written is not undone: it is in the server's log.
    pub async fn record(&self, entry: AuditEntry) {
        // In a task of its own: it is also written where whoever asked does not wait any more.
        drop(tokio::spawn(write(self.0.clone(), entry)).await);
    }

    /// The same, and nobody waits: what happens often, and must take the same time whatever came of it.
    pub fn note(&self, entry: AuditEntry) {
        tokio::spawn(write(self.0.clone(), entry));
    }
}

async fn write(store: Arc<dyn AuditStore>, entry: AuditEntry) {
    in_request(entry.request_id.clone(), async {
        let written = keep_trying(|| store.append(entry.clone())).await;
        let count = Action::ALL.into_iter().zip(&WRITTEN).find(|(action, _)| *action == entry.action);
        if let (Ok(()), Some((_, count))) = (&written, count) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if let Err(error) = written {
            let (action, actor) = (entry.action.as_str(), entry.actor.to_string());
            tracing::error!(%error, action, actor, target = ?entry.target, "the audit log could not be written");
        }
    })
    .await;
}
