//! Log lines: for people on a terminal, JSON elsewhere. Never a secret, a password or a message.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::app::config::{LogConfig, LogFormat};

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
