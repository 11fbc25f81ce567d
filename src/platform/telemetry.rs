//! Log lines: for people on a terminal, JSON elsewhere. Never a secret, a password or a message.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use super::config::Reader;

/// `RUST_LOG` (info) and `LOG_FORMAT` (pretty on a terminal, else json).
#[derive(Debug, Clone)]
pub struct LogConfig {
    pub filter: String,
    /// `None`: pretty on a terminal, else JSON.
    pub format: Option<LogFormat>,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Pretty,
    Json,
}

impl LogConfig {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        let format = match reader.text("LOG_FORMAT") {
            None => None,
            Some("pretty") => Some(LogFormat::Pretty),
            Some("json") => Some(LogFormat::Json),
            Some(other) => {
                reader.problem("LOG_FORMAT", format!("{other:?} is not one of pretty, json"));
                None
            }
        };
        let filter = reader.text("RUST_LOG").unwrap_or("info").to_owned();
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(&filter) {
            reader.problem("RUST_LOG", format!("{filter:?} is not a log filter: {error}"));
        }
        Self { filter, format }
    }
}

/// Sends the log to standard error. A second call changes nothing.
pub fn start(config: &LogConfig) {
    let filter = EnvFilter::try_new(&config.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let format = config
        .format
        .unwrap_or_else(|| if std::io::stderr().is_terminal() { LogFormat::Pretty } else { LogFormat::Json });
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    _ = match format {
        LogFormat::Pretty => builder.with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init(),
    };
}
