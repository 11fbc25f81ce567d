//! Listening, and ending well: not ready at once, running work may end, the rest is told and released.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::serve::ListenerExt;
use leptos::config::LeptosOptions;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{sleep, timeout};

use super::state::AppState;
use super::{features, router};
use crate::platform::jobs::StopReason;

/// How long running work may go on after SIGTERM.
const DRAIN: Duration = Duration::from_secs(30);
/// How long told work has to end, and open connections to close.
const CLOSE: Duration = Duration::from_secs(3);
/// The same, for who is asked a second time.
const HURRY: Duration = Duration::from_secs(1);

/// Serves until SIGTERM or Ctrl-C, then ends well; at once, when it is asked again meanwhile.
///
/// # Errors
/// When the connections cannot be accepted.
pub async fn run(state: AppState, listener: TcpListener) -> std::io::Result<()> {
    let background = features::background(&state);
    let app = router::build(&state).into_make_service_with_connect_info::<SocketAddr>();
    // Without this a stream waits 40 ms for each of its small packets.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY");
        }
    });
    let (close, closing) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(
        axum::serve(listener, app)
            .with_graceful_shutdown(async {
                _ = closing.await;
            })
            .into_future(),
    );
    let mut signals = Signals::new();
    tokio::select! {
        () = signals.next() => {}
        // Tests.
        () = state.generation.shutdown.cancelled() => {}
    }
    state.generation.shutdown.cancel();
    tracing::info!(running = state.generation.jobs.count(), "shutting down");
    let ended_well = async {
        if timeout(DRAIN, idle(&state)).await.is_err() {
            stop(&state, CLOSE).await;
        }
        _ = close.send(());
        let ended = timeout(CLOSE, server).await;
        flush(&state, CLOSE).await;
        ended
    };
    let ended = tokio::select! {
        ended = ended_well => ended,
        () = signals.next() => {
            tracing::warn!(running = state.generation.jobs.count(), "asked again: ending at once");
            stop(&state, HURRY).await;
            flush(&state, HURRY).await;
            return Ok(());
        }
    };
    background.abort();
    match ended {
        Ok(Ok(result)) => result,
        // Connections that nobody closes: the work behind them is done.
        _ => Ok(()),
    }
}

/// Tells what runs to end, and gives it this time to give its credits back.
async fn stop(state: &AppState, patience: Duration) {
    state.generation.jobs.stop_all(StopReason::Shutdown);
    _ = timeout(patience, idle(state)).await;
}

async fn flush(state: &AppState, patience: Duration) {
    if timeout(patience, state.generation.usage.flush()).await.is_err() {
        tracing::error!("the last attempts at providers could not be recorded");
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
    std::future::pending().await
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
