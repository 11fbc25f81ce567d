//! What this server's log tells while it runs: another filter for a time, then that of `RUST_LOG` again.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

/// Most bytes of a filter.
pub const MOST_BYTES: usize = 500;
/// Where the log was never started, as in tests.
const USUAL: &str = "info";

/// How the log is filtered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLevel {
    pub filter: String,
    /// That of `RUST_LOG`.
    pub configured: String,
    /// When it is that of `RUST_LOG` again, in milliseconds since 1970; `None`: it is.
    pub until: Option<i64>,
}

struct State {
    configured: String,
    /// The other filter, and until when.
    other: Option<(String, i64)>,
    reload: Option<Box<dyn Fn(EnvFilter) -> bool + Send>>,
}

static STATE: Mutex<State> = Mutex::new(State { configured: String::new(), other: None, reload: None });

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The log begins with this filter; `reload` changes it.
pub(super) fn begin(configured: &str, reload: impl Fn(EnvFilter) -> bool + Send + 'static) {
    let mut state = state();
    configured.clone_into(&mut state.configured);
    state.reload = Some(Box::new(reload));
}

/// How the log is filtered now.
#[must_use]
pub fn now() -> LogLevel {
    let state = state();
    let configured = if state.configured.is_empty() { USUAL } else { &state.configured }.to_owned();
    let (filter, until) = state.other.clone().unzip();
    LogLevel { filter: filter.unwrap_or_else(|| configured.clone()), configured, until }
}

/// Filters the log otherwise until then, in milliseconds since 1970. Whoever says so calls [`end`] at that time.
///
/// # Errors
/// What is wrong with the filter.
pub fn set(filter: &str, until: i64) -> Result<(), String> {
    let parsed = check(filter)?;
    let mut state = state();
    if state.reload.as_ref().is_some_and(|reload| !reload(parsed)) {
        return Err("the log cannot be changed".to_owned());
    }
    state.other = Some((filter.to_owned(), until));
    Ok(())
}

/// Filters the log as `RUST_LOG` says. `until`: only if the other filter was to hold until then.
pub fn end(until: Option<i64>) {
    let mut state = state();
    let is_meant = |other: &(String, i64)| until.is_none_or(|until| other.1 == until);
    if state.other.as_ref().is_some_and(is_meant) {
        state.other = None;
        let configured = EnvFilter::try_new(&state.configured).unwrap_or_else(|_| EnvFilter::new(USUAL));
        if let Some(reload) = &state.reload {
            reload(configured);
        }
    }
}

/// A name alone would stand for all that it has to tell, and a word that was meant as a level is such a name.
fn check(filter: &str) -> Result<EnvFilter, String> {
    if filter.trim().is_empty() || filter.len() > MOST_BYTES {
        return Err(format!("a filter has 1 to {MOST_BYTES} bytes"));
    }
    let parsed = EnvFilter::try_new(filter).map_err(|error| error.to_string())?;
    if parsed.max_level_hint().is_none_or(|level| level > LevelFilter::DEBUG) {
        return Err("each part needs a level: error, warn, info or debug".to_owned());
    }
    Ok(parsed)
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn a_filter_is_one_of_levels_up_to_debug() {
        for good in ["debug", "info,tessera=debug", "warn,tessera::chat=debug", "off", "error"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in
            ["", " ", "trace", "info,hyper=trace", "debgu", "info,tessera", "=", "tessera=loud", &"x".repeat(501)]
        {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
