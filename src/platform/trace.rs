//! The way of a request: what was done for it, and when. It is gathered in memory and handed on when the last who works for it has
//! ended, be it long after the response. Nobody waits for it, and nothing depends on it.
//!
//! A step has words of ours, numbers, and names of models: nothing that somebody wrote, and no secret.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::db::now_millis;
use super::ids::{TraceId, UserId};

/// Most steps of one trace; of those on top only the number is known.
pub const MOST_STEPS: usize = 64;
/// Most bytes of what a step says of one thing.
const MOST_BYTES: usize = 128;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// It is known who asks.
    Caller,
    /// Counted against the limits of the caller.
    Limit,
    /// An answer that was given before was looked for.
    Cache,
    /// Credits were put aside, or could not be.
    Hold,
    /// More was put aside.
    Extend,
    /// A provider was asked.
    Attempt,
    /// The hold was charged for.
    Settle,
    /// The hold was given back.
    Release,
    /// Credits came or went with money.
    Payment,
}

impl StepKind {
    /// The stored and shown name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Limit => "limit",
            Self::Cache => "cache",
            Self::Hold => "hold",
            Self::Extend => "extend",
            Self::Attempt => "attempt",
            Self::Settle => "settle",
            Self::Release => "release",
            Self::Payment => "payment",
        }
    }
}

/// Something that is known of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Such as `provider`.
    pub name: Cow<'static, str>,
    pub value: String,
}

/// Something that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub kind: StepKind,
    /// When it began, in milliseconds after the trace did.
    pub at: u32,
    /// How long it took, in milliseconds.
    pub took: u32,
    #[serde(default)]
    pub facts: Vec<Fact>,
}

/// What was done for a request, as far as one server knows: who recovers work has a trace of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceRecord {
    pub id: TraceId,
    /// The client may have chosen it: it is not always one request's.
    pub request_id: String,
    /// What it is of: method and route, or `recovery`.
    pub what: String,
    pub user: Option<UserId>,
    /// When it began, in milliseconds since 1970.
    pub at: i64,
    /// Of the response; `None`: there was none, as for what is recovered or a client that has gone.
    pub status: Option<u16>,
    /// When the response began, in milliseconds after the trace did; else when its last step ended.
    pub took: u32,
    pub steps: Vec<Step>,
    /// Steps that are not there, as there were too many.
    pub cut: u32,
    /// The trace of whoever asked (W3C `traceparent`), if that is believed. Not stored.
    pub parent: Option<String>,
    /// Whether it is stored: else it is for a collector alone.
    pub is_kept: bool,
}

/// Who takes traces that have ended. Never waits.
pub trait TraceSink: Send + Sync {
    fn take(&self, trace: TraceRecord);
}

/// A handle of the trace of a request; cheap to clone. The last that is dropped hands it on. There may be none behind it.
#[derive(Clone, Default)]
pub struct Trace(Option<Arc<Gathering>>);

struct Gathering {
    began: Instant,
    /// Taken at the end.
    record: Mutex<Option<TraceRecord>>,
    sink: Arc<dyn TraceSink>,
}

tokio::task_local! {
    static CURRENT: Trace;
}

/// The trace of the request that is being served; outside of any, one that takes nothing down. Work that outlives its handler takes a
/// handle with it.
#[must_use]
pub fn current() -> Trace {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

/// Serves a request whose trace this is.
pub async fn in_trace<F: Future>(trace: Trace, work: F) -> F::Output {
    CURRENT.scope(trace, work).await
}

impl Trace {
    /// Begins now. `parent` and `is_kept` are as in [`TraceRecord`].
    #[must_use]
    pub fn begin(
        request_id: &str,
        what: String,
        parent: Option<String>,
        is_kept: bool,
        sink: Arc<dyn TraceSink>,
    ) -> Self {
        let record = TraceRecord {
            id: TraceId::now_v7(),
            request_id: request_id.to_owned(),
            what,
            user: None,
            at: now_millis(),
            status: None,
            took: 0,
            steps: Vec::new(),
            cut: 0,
            parent,
            is_kept,
        };
        Self(Some(Arc::new(Gathering { began: Instant::now(), record: Mutex::new(Some(record)), sink })))
    }

    /// Takes down that something was done just now.
    pub fn step(&self, kind: StepKind, facts: &[(&'static str, &dyn Display)]) {
        self.step_of(kind, Duration::ZERO, facts);
    }

    /// Takes down that something was done that took so long, and has ended just now.
    pub fn step_of(&self, kind: StepKind, took: Duration, facts: &[(&'static str, &dyn Display)]) {
        self.change(|record, now| {
            if record.steps.len() >= MOST_STEPS {
                record.cut += 1;
                return;
            }
            let facts = facts.iter().map(|(name, value)| Fact { name: Cow::Borrowed(name), value: short(value) });
            let took = millis(took);
            record.steps.push(Step { kind, at: now.saturating_sub(took), took, facts: facts.collect() });
            if record.status.is_none() {
                record.took = now;
            }
        });
    }

    /// Says who asks, and by what that is known. More than one part of a request may look; the first says it.
    pub fn of_caller(&self, user: UserId, by: &'static str) {
        let is_known = self.0.as_ref().is_some_and(|gathering| {
            let record = gathering.record.lock().unwrap_or_else(PoisonError::into_inner);
            record.as_ref().is_some_and(|record| record.steps.iter().any(|step| step.kind == StepKind::Caller))
        });
        if !is_known {
            self.of_user(user);
            self.step(StepKind::Caller, &[("by", &by)]);
        }
    }

    /// Says whose request it is.
    pub fn of_user(&self, user: UserId) {
        self.change(|record, _| record.user = Some(user));
    }

    /// The response begins.
    pub fn answered(&self, status: u16) {
        self.change(|record, now| (record.status, record.took) = (Some(status), now));
    }

    fn change(&self, change: impl FnOnce(&mut TraceRecord, u32)) {
        let Some(gathering) = &self.0 else { return };
        let now = millis(gathering.began.elapsed());
        if let Some(record) = gathering.record.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            change(record, now);
        }
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "a trace" } else { "no trace" })
    }
}

impl Drop for Gathering {
    fn drop(&mut self) {
        let record = self.record.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        // A handle that nothing was done with says nothing.
        if let Some(record) = record.filter(|record| record.status.is_some() || !record.steps.is_empty()) {
            self.sink.take(record);
        }
    }
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

fn short(value: &dyn Display) -> String {
    let mut text = value.to_string();
    text.truncate(text.floor_char_boundary(MOST_BYTES));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Taken(Mutex<Vec<TraceRecord>>);

    impl TraceSink for Taken {
        fn take(&self, trace: TraceRecord) {
            self.0.lock().unwrap().push(trace);
        }
    }

    fn begin(sink: &Arc<Taken>) -> Trace {
        Trace::begin("r", "POST /api/chat".to_owned(), None, true, sink.clone())
    }

    #[test]
    fn it_is_handed_on_once_when_the_last_who_works_for_it_has_ended() {
        let sink = Arc::new(Taken::default());
        let request = begin(&sink);
        let job = request.clone();
        request.answered(202);
        drop(request);
        assert!(sink.0.lock().unwrap().is_empty(), "the job goes on");
        job.step_of(StepKind::Attempt, Duration::from_mins(1), &[("provider", &"fake"), ("outputTokens", &7)]);
        drop(job);
        let taken = sink.0.lock().unwrap();
        let step = &taken[0].steps[0];
        assert_eq!((taken.len(), taken[0].status, step.at, step.took), (1, Some(202), 0, 60_000));
        assert_eq!((&*step.facts[1].name, &*step.facts[1].value), ("outputTokens", "7"));
    }

    #[test]
    fn it_is_bounded_in_steps_and_in_bytes() {
        let sink = Arc::new(Taken::default());
        let trace = begin(&sink);
        let long = "é".repeat(10_000);
        for _ in 0..MOST_STEPS + 5 {
            trace.step(StepKind::Extend, &[("model", &long)]);
        }
        drop(trace);
        let taken = sink.0.lock().unwrap();
        assert_eq!((taken[0].steps.len(), taken[0].cut), (MOST_STEPS, 5));
        assert!(taken[0].steps.iter().all(|step| step.facts[0].value.len() <= MOST_BYTES));
    }

    #[test]
    fn a_handle_that_nothing_was_done_with_is_no_trace() {
        let sink = Arc::new(Taken::default());
        drop(begin(&sink));
        Trace::default().step(StepKind::Cache, &[]);
        assert!(sink.0.lock().unwrap().is_empty());
    }

    #[test]
    fn the_name_of_a_step_is_the_stored_one() {
        for kind in [StepKind::Caller, StepKind::Attempt, StepKind::Settle] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
