//! Listening, and ending well: not ready at once, running work may end, the rest is told and released.

use std::path::{Path, PathBuf};
use std::time::Duration;

use leptos::config::LeptosOptions;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::state::AppState;
use super::{features, router};
use crate::platform::http::connections::{self, ConnectionLimits};
use crate::platform::jobs::StopReason;
use crate::platform::otlp;

/// How long running work may go on after SIGTERM.
const DRAIN: Duration = Duration::from_secs(30);
/// How long told work has to end, and open connections to close.
const CLOSE: Duration = Duration::from_secs(3);
/// The same, for who is asked a second time.
const HURRY: Duration = Duration::from_secs(1);
/// How long the last traces may take to reach a collector.
const EXPORT: Duration = Duration::from_secs(2);
/// Where the system names no limit.
const MOST_OPEN_FILES: u64 = 1 << 20;

/// Serves until SIGTERM or Ctrl-C, then ends well; at once, when it is asked again meanwhile.
pub async fn run(state: AppState, listener: TcpListener) {
    let background = features::background(&state);
    let limits = ConnectionLimits::new(state.config.http.connections_per_address, most_connections(raise_open_files()));
    let proxies = state.site.clone();
    let close = CancellationToken::new();
    let server = tokio::spawn(connections::serve(
        listener,
        router::build(&state),
        limits,
        move |peer| proxies.trusted_proxies.iter().any(|proxy| proxy.covers(peer.to_canonical())),
        close.clone(),
    ));
    let mut signals = Signals::new();
    tokio::select! {
        () = signals.next() => {}
        // Tests.
        () = state.generation.shutdown.cancelled() => {}
    }
    state.generation.shutdown.cancel();
    tracing::info!(running = state.generation.jobs.count(), "shutting down");
    let begun = Instant::now();
    let ended_well = async {
        if timeout(DRAIN, idle(&state)).await.is_err() {
            stop(&state, CLOSE).await;
        }
        close.cancel();
        // Of connections that nobody closes, the work behind them is done.
        _ = timeout(CLOSE, server).await;
        flush(&state, CLOSE).await;
        // Whoever was answered by now may have been promised one.
        state.outbox.drain(DRAIN.saturating_sub(begun.elapsed()).max(CLOSE)).await;
    };
    tokio::select! {
        () = ended_well => {}
        () = signals.next() => {
            tracing::warn!(running = state.generation.jobs.count(), "asked again: ending at once");
            stop(&state, HURRY).await;
            flush(&state, HURRY).await;
            state.outbox.drain(HURRY).await;
        }
    }
    background.abort();
    // A collector that hangs is not waited for beyond that.
    _ = timeout(2 * EXPORT, spawn_blocking(|| otlp::stop(EXPORT))).await;
}

/// Lets this process have as many files and connections open as it may. Returns how many.
fn raise_open_files() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.unwrap_or(MOST_OPEN_FILES).max(current.unwrap_or(0));
    if current.is_some_and(|current| current < wanted) {
        match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }) {
            Ok(()) => return wanted,
            Err(error) => tracing::warn!(%error, ?current, "the limit of open files stays as it is"),
        }
    }
    current.unwrap_or(MOST_OPEN_FILES)
}

/// A connection may need a second one, to a provider; the database and the files of the site need some too.
fn most_connections(open_files: u64) -> usize {
    usize::try_from(open_files.saturating_sub(128) / 2).unwrap_or(usize::MAX).clamp(64, 65_536)
}

/// Tells what runs to end, and gives it this time to give its credits back.
async fn stop(state: &AppState, patience: Duration) {
    state.generation.jobs.stop_all(StopReason::Shutdown);
    _ = timeout(patience, idle(state)).await;
}

async fn flush(state: &AppState, patience: Duration) {
    let written = async { tokio::join!(state.generation.usage.flush(), state.generation.traces.flush()) };
    if timeout(patience, written).await.is_err() {
        tracing::error!("the last attempts at providers, or traces of requests, could not be recorded");
    }
}

async fn idle(state: &AppState) {
    while state.generation.jobs.count() > 0 {
        sleep(Duration::from_millis(20)).await;
    }
}

/// SIGTERM and Ctrl-C.
struct Signals([Option<Signal>; 2]);

impl Signals {
    fn new() -> Self {
        Self([SignalKind::terminate(), SignalKind::interrupt()].map(|kind| signal(kind).ok()))
    }

    /// Waits for the next of them.
    async fn next(&mut self) {
        let [terminate, interrupt] = &mut self.0;
        tokio::select! {
            () = heard(terminate) => {}
            () = heard(interrupt) => {}
        }
    }
}

async fn heard(signal: &mut Option<Signal>) {
    if let Some(signal) = signal
        && signal.recv().await.is_some()
    {
        return;
    }
    std::future::pending::<()>().await;
}

/// The site options of `Leptos.toml`, from the working directory or from beside the program; the defaults where there
/// is none. A relative site root counts from where the file lies.
///
/// # Errors
/// One line that names the file.
pub fn read_site_options() -> Result<LeptosOptions, String> {
    let beside = std::env::current_exe().ok().and_then(|program| program.parent().map(Path::to_path_buf));
    let found =
        [Some(PathBuf::from(".")), beside].into_iter().flatten().find(|folder| folder.join("Leptos.toml").is_file());
    let Some(folder) = found else {
        return toml::from_str("output-name = \"tessera\"").map_err(|error| error.to_string());
    };
    let path = folder.join("Leptos.toml");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut options: LeptosOptions =
        toml::from_str(&text).map_err(|error| format!("{}: {}", path.display(), error.message()))?;
    options.site_root = folder.join(options.site_root.as_ref()).to_string_lossy().into_owned().into();
    Ok(options)
}
