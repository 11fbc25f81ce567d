//! Traces of requests: what was done for one that spends, signs in or pays, kept for 14 days for whoever is asked about it. They are
//! gathered by `platform/trace.rs`, and read by `admin/`.

mod limits;
pub mod store;

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::Method;
use prometheus_client::metrics::counter::Counter;
use tokio::time::Instant;

pub use self::limits::TraceLimits;
use self::limits::{Due, Refusals, Written};
use self::store::TraceStore;
use crate::platform::db::StoreResult;
use crate::platform::otlp;
use crate::platform::recorder::Recorder;
use crate::platform::trace::{Trace, TraceRecord, TraceSink};

/// Traces that may wait to be written: some six megabytes, as most have a handful of steps.
const QUEUE: usize = 2048;

/// Routes that spend, sign in or pay. One that ends in `/` or `-` stands for all that begin so.
const KEPT: [&str; 17] = [
    "/api/chat",
    "/api/image",
    "/v1/",
    "/chat",
    "/chat/{id}",
    "/images",
    "/images/{id}",
    "/api/auth/login",
    "/api/auth/register",
    "/api/auth/passkey",
    "/api/auth/second-step",
    "/api/auth/sign-in-link/confirm",
    "/sign-",
    "/api/credits/",
    "/api/webhooks/paypal",
    "/buy-credits",
    "/buy-credits/",
];
/// Of those that only read, where a way back from elsewhere leads to.
const KEPT_READS: [&str; 2] = ["/buy-credits/return", "/sign-in/{name}/callback"];
/// What asks again and again, and is none of a collector's business.
const NEVER: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// Takes traces: some are stored, and all go to a collector, where one is configured.
pub struct Traces {
    recorder: Recorder<TraceRecord>,
    limits: TraceLimits,
    refusals: Mutex<Refusals>,
}

impl Traces {
    /// Starts the task that writes, and deletes the oldest of what is too much; what cannot be written is counted in `lost`.
    #[must_use]
    pub fn start(store: Arc<dyn TraceStore>, limits: TraceLimits, lost: Counter) -> Arc<Self> {
        let written = Arc::new(Mutex::new(Written::default()));
        let write = move |batch: Vec<TraceRecord>| {
            let (store, written) = (store.clone(), written.clone());
            Box::pin(async move {
                let due = written.lock().unwrap_or_else(PoisonError::into_inner).count(limits, &batch);
                store.record(batch).await?;
                // What is too much now is found next time: nothing is written again for it.
                if let Err(error) = delete_oldest(store.as_ref(), limits, due).await {
                    tracing::warn!(%error, "traces that are too many are still to be deleted");
                }
                Ok(())
            }) as _
        };
        let recorder = Recorder::start("traces of requests", QUEUE, write, lost);
        Arc::new(Self { recorder, limits, refusals: Mutex::default() })
    }

    /// How many are kept.
    #[must_use]
    pub const fn limits(&self) -> TraceLimits {
        self.limits
    }

    /// Whether the trace of a request that was refused is one too many of its user.
    fn is_flood(&self, trace: &TraceRecord) -> bool {
        let is_refused = trace.status.is_some_and(|status| (400..500).contains(&status));
        trace.user.filter(|_| is_refused).is_some_and(|user| {
            let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
            !refusals.admit(user, Instant::now())
        })
    }

    /// The trace of a request that begins. `parent`: the `traceparent` of somebody who is believed.
    #[must_use]
    pub fn begin(self: &Arc<Self>, request_id: &str, method: &Method, route: &str, parent: Option<String>) -> Trace {
        let is_kept = if method.is_safe() { KEPT_READS.contains(&route) } else { is_kept(route) };
        if !is_kept && (!otlp::is_on() || NEVER.contains(&route)) {
            return Trace::default();
        }
        Trace::begin(request_id, format!("{method} {route}"), parent, is_kept, self.clone())
    }

    /// A trace of work whose own has ended with its server, or elsewhere.
    #[must_use]
    pub fn resume(self: &Arc<Self>, request_id: &str) -> Trace {
        Trace::begin(request_id, "recovery".to_owned(), None, true, self.clone())
    }

    /// Waits until all that has ended so far is written.
    pub async fn flush(&self) {
        self.recorder.flush().await;
    }
}

impl TraceSink for Traces {
    fn take(&self, trace: TraceRecord) {
        otlp::export(&trace);
        if trace.is_kept && !is_of_nobody(&trace) && !self.is_flood(&trace) {
            self.recorder.record(trace);
        }
    }
}

async fn delete_oldest(store: &dyn TraceStore, limits: TraceLimits, due: Due) -> StoreResult<()> {
    for user in due.users {
        store.keep_newest_of(user, limits.per_user).await?;
    }
    if due.all {
        store.keep_newest(limits.in_all).await?;
    }
    Ok(())
}

/// Nothing was done for it but to turn somebody away who is not known: strangers write no rows, however often they come.
fn is_of_nobody(trace: &TraceRecord) -> bool {
    trace.user.is_none() && trace.status.is_some_and(|status| (400..500).contains(&status))
}

fn is_kept(route: &str) -> bool {
    KEPT.iter().any(|kept| if kept.ends_with(['/', '-']) { route.starts_with(kept) } else { route == *kept })
}

#[cfg(test)]
mod tests {
    use super::is_kept;

    #[test]
    fn what_spends_signs_in_or_pays_is_kept() {
        for route in
            ["/api/chat", "/api/image", "/v1/chat/completions", "/sign-in", "/api/credits/purchase", "/chat/{id}"]
        {
            assert!(is_kept(route), "{route}");
        }
        for route in [
            "/api/conversations/{id}",
            "/api/chat/{id}/stop",
            "/api/chat/estimate",
            "/api/account/keys",
            "/account",
            "/api/admin/users/{id}",
            "/",
        ] {
            assert!(!is_kept(route), "{route}");
        }
    }
}
