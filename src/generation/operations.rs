//! What the server counts about its operation, besides the work it does (`metrics.rs`).

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabels {
    kind: &'static str,
}

/// Whether the books agree, and when that was looked at.
#[derive(Default)]
pub struct Operations {
    drift: Family<KindLabels, Gauge>,
    reconciled: Gauge,
    closed: Gauge,
}

impl Operations {
    pub(super) fn register(&self, registry: &mut Registry) {
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
