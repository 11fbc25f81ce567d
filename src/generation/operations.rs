//! What the server counts about its operation, besides the work it does (`metrics.rs`).

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::audit::entries_written;
use crate::platform::memory::Memory;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ActionLabels {
    action: &'static str,
}

/// A metric that is there once it is known, and alone.
type NoLabels = [(&'static str, &'static str); 0];

/// How things are on a server when it is asked.
#[derive(Debug, Clone, Copy, Default)]
pub struct Vitals {
    /// Tasks in the background that are down.
    pub tasks_down: usize,
    /// Bytes that are free in `DATA_DIR`, where that can be told.
    pub disk_free: Option<u64>,
    /// When the newest backup was made, in seconds since 1970, where there are backups.
    pub backup: Option<i64>,
    /// Whether Redis answers, where there is one.
    pub redis: Option<bool>,
    pub memory: Memory,
}

/// Whether the books agree, and when that was looked at; and how the server is.
#[derive(Default)]
pub struct Operations {
    audit_entries: Family<ActionLabels, Counter<u64, AtomicU64>>,
    dependency_up: Family<KindLabels, Gauge>,
    disk_free: Family<NoLabels, Gauge>,
    backup: Family<NoLabels, Gauge>,
    tasks_down: Gauge,
    drift: Family<KindLabels, Gauge>,
    memory: Family<KindLabels, Gauge>,
    drifts: AtomicU64,
    reconciled: Gauge,
    closed: Gauge,
}

impl Operations {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("audit_entries", "What was done, as the audit log has it", self.audit_entries.clone());
        registry.register("dependency_up", "Whether it answers: 1, or 0", self.dependency_up.clone());
        registry.register("disk_free_bytes", "Room where the data is", self.disk_free.clone());
        registry.register(
            "backup_timestamp_seconds",
            "When the newest scheduled backup was made, in seconds since 1970",
            self.backup.clone(),
        );
        registry.register(
            "memory_bytes",
            "Memory in use (resident), and what the allocator has of the system (committed)",
            self.memory.clone(),
        );
        registry.register("tasks_down", "Work in the background that does not go on", self.tasks_down.clone());
        registry.register("drift", "What does not agree, by the last reconciliation", self.drift.clone());
        registry.register(
            "reconciliation_timestamp_seconds",
            "When the last reconciliation began, in seconds since 1970",
            self.reconciled.clone(),
        );
        registry.register(
            "close_timestamp_seconds",
            "The beginning of the last day that is closed, in seconds since 1970",
            self.closed.clone(),
        );
    }

    /// Sets what is looked at when somebody asks.
    pub fn look(&self, vitals: Vitals) {
        let Vitals { tasks_down, disk_free, backup, redis, memory } = vitals;
        self.tasks_down.set(i64::try_from(tasks_down).unwrap_or(i64::MAX));
        if let Some(bytes) = disk_free {
            self.disk_free.get_or_create(&[]).set(i64::try_from(bytes).unwrap_or(i64::MAX));
        }
        if let Some(at) = backup {
            self.backup.get_or_create(&[]).set(at);
        }
        if let Some(is_up) = redis {
            self.dependency_up.get_or_create(&KindLabels { kind: "redis" }).set(i64::from(is_up));
        }
        for (kind, bytes) in [("resident", memory.resident), ("committed", memory.committed)] {
            if let Some(bytes) = bytes {
                self.memory.get_or_create(&KindLabels { kind }).set(i64::try_from(bytes).unwrap_or(i64::MAX));
            }
        }
        for (action, count) in entries_written() {
            let labels = ActionLabels { action: action.as_str() };
            self.audit_entries.get_or_create(&labels).inner().store(count, Ordering::Relaxed);
        }
    }

    /// When the last reconciliation began, in seconds since 1970, and how much does not agree by it.
    #[must_use]
    pub fn last_reconciliation(&self) -> Option<(i64, u64)> {
        let at = Some(self.reconciled.get()).filter(|at| *at > 0)?;
        Some((at, self.drifts.load(Ordering::Relaxed)))
    }

    /// So much does not agree at all, by the last reconciliation.
    pub fn set_drifts(&self, count: u64) {
        self.drifts.store(count, Ordering::Relaxed);
    }

    /// So much of a kind does not agree.
    pub fn drifted(&self, kind: &'static str, count: u64) {
        self.drift.get_or_create(&KindLabels { kind }).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// A reconciliation began at this time, in seconds since 1970.
    pub fn reconciled(&self, at: i64) {
        self.reconciled.set(at);
    }

    /// The day that begins at this time is closed, in seconds since 1970.
    pub fn closed(&self, at: i64) {
        self.closed.set(at);
    }
}
