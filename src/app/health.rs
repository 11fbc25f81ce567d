//! Whether everything that is configured can be reached: `/readyz`, `tessera health` and `tessera check`.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use futures::future::ready;
use jiff::Timestamp;
use rustix::fs::statvfs;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use utoipa::ToSchema;

use super::backup_schedule::newest_in;
use super::config::Config;
use super::serve::read_site_options;
use super::state::AppState;
use super::stores::{Stores, build_storage};
use crate::account::server::oidc::build_providers as build_identity_providers;
use crate::account::server::second_factor::{Sealing, look_at_keys};
use crate::chat::server::models::Models;
use crate::chat::server::providers::{
    ChatProvider, ProviderError, ProviderEvent, ProviderRequest, Role, Sampling, Turn,
};
use crate::document::Assets;
use crate::generation::{Guarded, Provider, Vitals, build_providers};
use crate::images::server::garbage::{Inventory, take_inventory};
use crate::images::server::providers::ImageProvider;
use crate::platform::db::{Database, DatabaseConfig, Probed, StoreError, rfc3339};
use crate::platform::memory::memory;
use crate::platform::site::database_path;
use crate::platform::{redis, tasks};

/// How long a part may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long what was found out about the database is told again.
const PROBE_LASTS: Duration = Duration::from_secs(1);
/// A clock that is further from the database's, in milliseconds, is wrong.
const CLOCK_WRONG_AFTER: i64 = 2000;
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
        backup: newest_backup(state),
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

/// Tries every configured part and returns a table of what came of it, and whether all is well. `with_storage` also counts
/// what is stored, which looks at every file.
pub async fn run(config: &Config, with_storage: bool) -> (String, bool) {
    let mut rows = vec![("configuration".to_owned(), Ok(format!("{} → {}", config.site.addr, config.site.public_url)))];
    rows.push(("prices".to_owned(), Ok(config.prices.book().summary())));
    rows.push(("shop".to_owned(), Ok(config.shop.summary())));
    rows.push(("site".to_owned(), check_site()));
    let stores = Stores::open(config).await;
    match &stores {
        Ok(stores) => rows.extend(check_database(config, &stores.database).await),
        Err(error) => rows.push(("database".to_owned(), Err(error.to_string()))),
    }
    rows.push(("secret".to_owned(), check_secret(config, stores.as_ref().ok()).await));
    if let Some(redis) = &config.redis {
        rows.push(("redis".to_owned(), redis::try_out(redis).await));
    }
    rows.extend(check_sign_in(config).await);
    match build_providers(&config.chat.providers) {
        Ok(providers) => rows.extend(check_models(config, providers).await),
        Err(problem) => rows.push(("chat".to_owned(), Err(problem))),
    }
    match build_providers(&config.images.providers) {
        // Trying them out would make, and cost, an image.
        Ok(providers) => {
            let row =
                |provider: &Arc<dyn ImageProvider>| (format!("images: {}", provider.name()), Ok(provider.model()));
            rows.extend(providers.iter().map(row));
        }
        Err(problem) => rows.push(("images".to_owned(), Err(problem))),
    }
    match config.payments.provider() {
        Ok(None) => {}
        Ok(Some(provider)) => rows.push((format!("payments: {}", provider.name()), provider.check().await)),
        Err(problem) => rows.push(("payments".to_owned(), Err(problem))),
    }
    rows.push(("mail".to_owned(), check_mail(config).await));
    rows.push(("storage".to_owned(), check_storage(config, stores.ok().filter(|_| with_storage)).await));
    let all_well = rows.iter().all(|(_, result)| result.is_ok());
    let mut table = String::new();
    for (part, result) in rows {
        let (mark, text) = match result {
            Ok(text) => ("ok    ", text),
            Err(text) => ("FAILED", text),
        };
        // Writing to a string does not fail.
        _ = writeln!(table, "{mark}  {part:<16} {text}");
    }
    (table, all_well)
}

/// Looks for what pages ask for.
fn check_site() -> Result<String, String> {
    let options = read_site_options()?;
    let Some(assets) = Assets::of(&options) else {
        let text = format!("{} is not beside the program: pages have no styles and no scripts", options.hash_file);
        // As in tests.
        return if cfg!(debug_assertions) { Ok(text) } else { Err(text) };
    };
    match assets.missing(&options)[..] {
        [] => Ok(options.site_root.to_string()),
        [first, ..] => Err(format!("{}{first} is missing: install all of the release", options.site_root)),
    }
}

/// Whether `APP_SECRET` opens what the database has sealed.
async fn check_secret(config: &Config, stores: Option<&Stores>) -> Result<String, String> {
    let place = config.secret.place(&config.database, &config.site.data_dir);
    let Some(stores) = stores else { return Ok(place) };
    let secret = config.secret.open(&stores.database, &config.site.data_dir).await?;
    let found = look_at_keys(stores.second_factors.as_ref(), &secret).await.map_err(|error| error.to_string())?;
    let Sealing { current, before, unreadable } = found;
    let keys = current + before + unreadable;
    match (before, unreadable) {
        (0, 0) => Ok(format!("{place} opens the keys of {keys} authenticator apps")),
        (_, 0) => Ok(format!("{place}: {before} of {keys} keys of authenticator apps are sealed at the next start")),
        _ => Err(format!(
            "APP_SECRET: {place} does not open {unreadable} of {keys} keys of authenticator apps: it belongs to another database"
        )),
    }
}

/// Greets whoever takes mails on, and signs in there.
async fn check_mail(config: &Config) -> Result<String, String> {
    let mailer = config.mail.mailer()?;
    timeout(PATIENCE * 2, mailer.check()).await.unwrap_or_else(|_| Err("it did not answer in time".to_owned()))
}

/// Writes to the database, looks for damage in it, and compares clocks.
async fn check_database(config: &Config, database: &Database) -> Vec<(String, Result<String, String>)> {
    let place = match &config.database {
        DatabaseConfig::Sqlite => database_path(&config.site.data_dir).display().to_string(),
        DatabaseConfig::Mongo(_) => "MongoDB".to_owned(),
    };
    let probed = database.probe().await;
    let found = match &probed {
        Ok(_) => database.look_for_damage().await.map(|()| place).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let mut rows = vec![("database".to_owned(), found)];
    if let (Ok(Probed { ahead, .. }), DatabaseConfig::Mongo(_)) = (&probed, &config.database) {
        let told = format!("{ahead} ms ahead of the database's");
        rows.push(("clock".to_owned(), if ahead.abs() > CLOCK_WRONG_AFTER { Err(told) } else { Ok(told) }));
    }
    rows
}

/// Reaches everybody who signs people in besides us.
async fn check_sign_in(config: &Config) -> Vec<(String, Result<String, String>)> {
    let providers = match build_identity_providers(&config.accounts.providers, &config.site) {
        Ok(providers) => providers,
        Err(problem) => return vec![("sign-in".to_owned(), Err(problem))],
    };
    let mut rows = Vec::new();
    for provider in providers {
        rows.push((format!("sign-in: {}", provider.config.name), provider.check().await));
    }
    rows
}

/// What the file of providers and servers tell, and each provider with the first of its models.
async fn check_models(config: &Config, own: Vec<Arc<dyn ChatProvider>>) -> Vec<(String, Result<String, String>)> {
    let models = Models::new(config.chat.source.clone(), own);
    models.refresh().await;
    let mut rows = vec![("models".to_owned(), Ok(models.summary()))];
    rows.extend(models.problems().into_iter().map(|(name, problem)| (format!("chat: {name}"), Err(problem))));
    for provider in &models.now().providers {
        let result = check_chat(provider.provider(), config.chat.timeout).await;
        rows.push((format!("chat: {}", provider.name()), result));
    }
    rows
}

/// Asks a chat provider for a word.
async fn check_chat(provider: &dyn ChatProvider, patience: Duration) -> Result<String, String> {
    let request = ProviderRequest {
        turns: vec![Turn::new(Role::User, "Say hello.")],
        model: None,
        sampling: Sampling { max_output_tokens: 16, ..Sampling::default() },
        most_output: None,
        must_fit: false,
    };
    let answered = timeout(patience, async {
        let stream = provider.start(request).await?;
        let mut stream =
            stream.filter(|event| ready(!matches!(event, Ok(ProviderEvent::Usage(_) | ProviderEvent::Alive { .. }))));
        stream.next().await.unwrap_or(Err(ProviderError::Malformed("no answer".to_owned())))
    });
    match answered.await {
        Ok(Ok(_)) => Ok(provider.model()),
        // What it is to people on a page is not all that whoever runs it wants to know.
        Ok(Err(error)) => Err(match provider.problem() {
            Some(problem) => format!("{problem} ({error})"),
            None => error.to_string(),
        }),
        Err(_) => Err("no answer in time".to_owned()),
    }
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

/// Writes to storage and, with the database, counts what is in both.
async fn check_storage(config: &Config, stores: Option<Stores>) -> Result<String, String> {
    let objects = build_storage(config)?;
    objects.check().await.map_err(|error| error.to_string())?;
    let Some(stores) = stores else { return Ok(objects.name().to_owned()) };
    let count = stores.images.count().await.map_err(|error| error.to_string())?;
    let known = format!("{}: {} images, {} to be deleted", objects.name(), count.complete, count.strays);
    let Some(inventory) = take_inventory(stores.images.as_ref(), objects.as_ref()).await? else {
        return Ok(format!("{known}; it cannot list its files"));
    };
    let Inventory { files, strays } = inventory;
    let found = format!("{known}, {files} files, {} images without a row", strays.len());
    if strays.is_empty() { Ok(found) } else { Err(found) }
}
