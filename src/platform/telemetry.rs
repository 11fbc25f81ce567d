//! Log lines: for people on a terminal, JSON elsewhere. Never a secret, a password or a message.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::config::Reader;
use super::log_level;
use super::redact::{RedactingWriter, Secrets};

/// `RUST_LOG` (info) and `LOG_FORMAT` (pretty on a terminal, else json).
#[derive(Debug, Clone)]
pub struct LogConfig {
    pub filter: String,
    /// `None`: pretty on a terminal, else JSON.
    pub format: Option<LogFormat>,
    /// What no line may tell.
    pub secrets: Secrets,
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
        // It would be taken for a part of the program, and all others would be silent.
        let is_level = |part: &&str| part.contains(['=', '[']) || part.trim().parse::<LevelFilter>().is_ok();
        if let Some(part) = filter.split(',').find(|part| !is_level(part)) {
            let problem = format!(
                "{part:?} is no level: error, warn, info, debug, trace or off; or a part with its level, as in tessera=debug"
            );
            reader.problem("RUST_LOG", problem);
        }
        Self { filter, format, secrets: reader.secrets() }
    }
}

/// Lines that wait to be written; what comes on top is lost.
const WAITING: usize = 8192;
/// How long the last lines may take to be written.
const FLUSH_PATIENCE: Duration = Duration::from_secs(1);

static LOST: AtomicU64 = AtomicU64::new(0);

/// Lines of the log that could not be written, or came faster than whoever reads them.
#[must_use]
pub fn lost_lines() -> u64 {
    LOST.load(Ordering::Relaxed)
}

/// The log, to be kept for as long as the program runs: it writes the last lines when it is dropped.
pub struct Log(Writer);

impl Log {
    /// Waits until all lines so far are written, but not for long.
    pub fn flush(&self) {
        let (written, all) = crossbeam_channel::bounded(1);
        if self.0.0.send_timeout(Message::Flush { written }, FLUSH_PATIENCE).is_ok() {
            _ = all.recv_timeout(FLUSH_PATIENCE);
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.flush();
    }
}

enum Message {
    Line(Vec<u8>),
    Flush { written: Sender<()> },
}

/// Hands each line to the thread that writes, and never waits, fails or panics: a log that cannot be written, or that
/// nobody reads, must cost nothing but its lines.
#[derive(Clone)]
struct Writer(Sender<Message>);

impl Write for Writer {
    /// Called with a whole line.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.0.try_send(Message::Line(line.to_vec())).is_err() {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write_lines(mut to: impl Write, lines: &Receiver<Message>) {
    let mut is_cut = false;
    for message in lines {
        let line = match message {
            Message::Line(line) => line,
            Message::Flush { written } => {
                // The one that waits may have given up.
                _ = written.send(());
                continue;
            }
        };
        // What was left of a line when the disk was full must not run into this one.
        let end = if is_cut { to.write_all(b"\n") } else { Ok(()) };
        is_cut = end.and_then(|()| to.write_all(&line)).is_err();
        if is_cut {
            LOST.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Sends the log to standard error, by a thread of its own. Panics are lines of it. A second call changes nothing.
///
/// # Errors
/// When the thread cannot be started.
pub fn start(config: &LogConfig) -> io::Result<Log> {
    config.secrets.keep_out_everywhere();
    let filter = EnvFilter::try_new(&config.filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let format =
        config.format.unwrap_or_else(|| if io::stderr().is_terminal() { LogFormat::Pretty } else { LogFormat::Json });
    let (lines, waiting) = crossbeam_channel::bounded(WAITING);
    let to = RedactingWriter(io::stderr());
    std::thread::Builder::new().name("log".into()).spawn(move || write_lines(to, &waiting))?;
    let writer = Writer(lines);
    let make = {
        let writer = writer.clone();
        move || writer.clone()
    };
    // What it would say about the log itself goes to standard error, and a panic where that is closed.
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(make).log_internal_errors(false);
    _ = match format {
        LogFormat::Pretty => {
            let builder = builder.with_target(false).with_filter_reloading();
            let handle = builder.reload_handle();
            log_level::begin(&config.filter, move |filter| handle.reload(filter).is_ok());
            builder.try_init()
        }
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_current_span(true).with_span_list(false);
            let builder = builder.with_filter_reloading();
            let handle = builder.reload_handle();
            log_level::begin(&config.filter, move |filter| handle.reload(filter).is_ok());
            builder.try_init()
        }
    };
    std::panic::set_hook(Box::new(|panic| {
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
        tracing::error!(%panic, backtrace, "a panic");
    }));
    Ok(Log(writer))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk that is full in the middle of the second line, once.
    #[derive(Default)]
    struct Disk {
        bytes: Vec<u8>,
        was_full: bool,
    }

    impl Write for &mut Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.bytes.len() == 6 && !self.was_full {
                self.was_full = true;
                return Err(io::ErrorKind::StorageFull.into());
            }
            let count = if self.was_full { bytes.len() } else { bytes.len().min(6 - self.bytes.len()) };
            self.bytes.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_that_was_cut_is_counted_and_does_not_run_into_the_next() {
        let (lines, waiting) = crossbeam_channel::unbounded();
        for line in ["one\n", "two\n", "three\n"] {
            Writer(lines.clone()).write_all(line.as_bytes()).unwrap();
        }
        drop(lines);
        let (mut disk, before) = (Disk::default(), lost_lines());
        write_lines(&mut disk, &waiting);
        assert_eq!(String::from_utf8(disk.bytes).unwrap(), "one\ntw\nthree\n");
        assert_eq!(lost_lines() - before, 1);
    }
}
