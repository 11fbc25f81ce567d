//! Whether the server can serve requests: `/readyz` and `tessera health`. `check.rs` tries what is configured.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use rustix::fs::statvfs;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use utoipa::ToSchema;

use super::backup_schedule::newest_in;
use super::config::Config;
use super::state::AppState;
use crate::generation::{Guarded, Provider, Vitals};
use crate::platform::db::{Database, Probed, StoreError, rfc3339};
use crate::platform::memory::memory;
use crate::platform::tasks;

/// How long a part may take to answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
/// How long what was found out about the database is told again.
const PROBE_LASTS: Duration = Duration::from_secs(1);
/// A clock that is further from the database's, in milliseconds, is wrong.
pub(super) const CLOCK_WRONG_AFTER: i64 = 2000;
/// Bytes that should be free on the disk.
const LEAST_ROOM: u64 = 512 * 1024 * 1024;

/// Whether requests can be served, and what is wrong.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Readiness {
    ready: bool,
    /// It is shutting down.
    draining: bool,
    /// It can be reached, and written to.
    database: bool,
    /// How far the clock of this server is ahead of the database's, in milliseconds. Only told: leases go by the database's.
    clock_ahead_ms: Option<i64>,
    /// What must go on in the background and does not at the moment: it is begun anew by itself.
    tasks_down: Vec<&'static str>,
    /// Only told: how much room there is in `DATA_DIR`.
    disk: DiskHealth,
    /// Only told: where images are kept.
    storage: &'static str,
    /// Only told, where backups are scheduled: when the newest was made. RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    last_backup: Option<String>,
    /// Only told, once there was one: whether all books agreed the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    last_reconciliation: Option<ReconciliationHealth>,
    /// Only told, if there is one: a server goes on alone without it.
    redis: Option<RedisHealth>,
    /// Only told, in the order in which they are asked.
    chat_providers: Vec<ProviderHealth>,
    /// Only told, in the order in which they are asked.
    image_providers: Vec<ProviderHealth>,
}

#[derive(Serialize, ToSchema)]
struct DiskHealth {
    /// Less than 512 MiB are free.
    problem: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct ReconciliationHealth {
    /// RFC 3339, UTC.
    at: String,
    /// How much did not agree.
    drifts: u64,
}

#[derive(Serialize, ToSchema)]
struct RedisHealth {
    problem: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct ProviderHealth {
    name: &'static str,
    model: String,
    /// `closed`, `half-open` or `open`: then it is left out.
    breaker: &'static str,
    problem: Option<String>,
}

/// Check that the process is alive.
#[utoipa::path(get, path = "/healthz", tag = "Operations", security(()),
    responses((status = 200, description = "Alive.", body = String)))]
pub async fn healthz() -> &'static str {
    "ok"
}

/// Check that the server is ready to serve requests.
#[utoipa::path(get, path = "/readyz", tag = "Operations", security(()),
    responses((status = 200, description = "Ready.", body = Readiness),
        (status = 503, description = "Not ready, with the reason.", body = Readiness)))]
pub async fn readyz(State(state): State<AppState>) -> Response {
    let probed = state.probe.look(&state.stores.database).await;
    let database = probed.is_some();
    let clock_ahead_ms = probed.map(|probed| probed.ahead);
    let draining = state.generation.is_shutting_down();
    let chat_providers = state.chat.providers().iter().map(|provider| health(provider)).collect();
    let image_providers = state.images.providers.iter().map(|provider| health(provider)).collect();
    let redis = state.redis.as_ref().map(|redis| RedisHealth { problem: redis.problem() });
    let tasks_down = tasks::down();
    let ready = database && tasks_down.is_empty() && !draining;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let readiness = Json(Readiness {
        ready,
        draining,
        database,
        clock_ahead_ms,
        tasks_down,
        disk: DiskHealth { problem: problem_of_disk(&state.config.site.data_dir) },
        storage: state.images.objects.name(),
        last_backup: newest_backup(&state).and_then(|seconds| rfc3339(seconds.saturating_mul(1000)).ok()),
        last_reconciliation: reconciliation(&state),
        redis,
        chat_providers,
        image_providers,
    });
    (status, readiness).into_response()
}

/// What the last reconciliation came to, whichever server made it, as this one last heard of it.
fn reconciliation(state: &AppState) -> Option<ReconciliationHealth> {
    let (at, drifts) = state.generation.metrics.operations().last_reconciliation()?;
    Some(ReconciliationHealth { at: rfc3339(at.saturating_mul(1000)).ok()?, drifts })
}

/// When the newest scheduled backup was made, in seconds since 1970.
fn newest_backup(state: &AppState) -> Option<i64> {
    let plan = state.config.backups.as_ref()?;
    newest_in(&plan.dir).map(Timestamp::as_second)
}

/// How this server is, for `/metrics`.
pub(super) fn vitals(state: &AppState) -> Vitals {
    Vitals {
        tasks_down: tasks::down().len(),
        disk_free: free_bytes(&state.config.site.data_dir),
        // Where there is none yet it is long ago, for alerts.
        backup: state.config.backups.as_ref().map(|_| newest_backup(state).unwrap_or_default()),
        redis: state.redis.as_ref().map(|redis| redis.problem().is_none()),
        memory: memory(),
    }
}

fn free_bytes(data_dir: &Path) -> Option<u64> {
    let disk = statvfs(data_dir).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Whether the disk is nearly full. Where that cannot be told, nothing is kept there either: with `MongoDB` and a bucket.
fn problem_of_disk(data_dir: &Path) -> Option<String> {
    let free = free_bytes(data_dir)?;
    (free < LEAST_ROOM).then(|| format!("{} MiB are free", free / 1024 / 1024))
}

/// Tries the database for those who ask whether it is well: they may be many, and each try is a write.
#[derive(Default)]
pub struct Probe(Mutex<Option<(Instant, Option<Probed>)>>);

impl Probe {
    /// What came of a try that is no older than [`PROBE_LASTS`]; `None` where nothing can be stored.
    async fn look(&self, database: &Database) -> Option<Probed> {
        // Who comes meanwhile waits for the same.
        let mut last = self.0.lock().await;
        if let Some((_, came)) = last.filter(|(at, _)| at.elapsed() < PROBE_LASTS) {
            return came;
        }
        let probed = timeout(PATIENCE, database.probe()).await;
        let problem = match &probed {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(StoreError::TimedOut.to_string()),
        };
        if let Some(problem) = problem {
            tracing::warn!(problem, "nothing can be stored");
        }
        let came = probed.ok().and_then(Result::ok);
        *last = Some((Instant::now(), came));
        came
    }
}

fn health<P: Provider + ?Sized>(provider: &Guarded<P>) -> ProviderHealth {
    ProviderHealth {
        name: provider.name(),
        model: provider.model(),
        breaker: provider.breaker_state().as_str(),
        problem: provider.trouble().or_else(|| provider.refuses()),
    }
}

/// Asks the server that listens on this machine whether it is ready. Returns what it said.
///
/// # Errors
/// What it said, if it is not; or that nobody answers.
pub async fn ask(config: &Config) -> Result<String, String> {
    let mut addr = config.site.addr;
    // Whoever listens everywhere listens here.
    match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => addr.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => addr.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE * 2).build();
    let client = client.map_err(|error| error.to_string())?;
    let unanswered = |error: reqwest::Error| format!("SITE_ADDR: nobody answers at {addr} ({})", error.without_url());
    let response = client.get(format!("http://{addr}/readyz")).send().await.map_err(unanswered)?;
    let is_ready = response.status().is_success();
    let text = response.text().await.map_err(unanswered)?;
    if is_ready { Ok(text) } else { Err(text) }
}

/// Says in the log where this server's clock is wrong.
pub async fn compare_clocks(database: &Database) {
    if let Ok(Probed { ahead, .. }) = database.probe().await
        && ahead.abs() > CLOCK_WRONG_AFTER
    {
        tracing::warn!(
            millis = ahead,
            "the clock of this server is ahead of the database's; times in answers are wrong"
        );
    }
}
