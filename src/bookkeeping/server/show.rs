//! Closes and runs as admins see them.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::Bookkeeping;
use super::close::{Close, StoredClose};
use super::csv;
use super::finding::{Finding, Run};
use super::reconcile::read_run;
use crate::credits::Page;
use crate::i18n::t;
use crate::platform::db::StoreResult;

/// Runs that are shown.
const RUNS: usize = 20;
/// Closes that are read at a time.
const CLOSES: usize = 100;

/// A close with its hash.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CloseView {
    #[serde(flatten)]
    pub close: Close,
    /// SHA-256 of its text as it is stored, which has the hash of the close before.
    pub hash: String,
    /// Whether it opens as the one before closed, its sums lead to its closing, and its hash and the chain are right.
    pub agrees: bool,
}

/// How things are, and how they were.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Standing {
    /// Whether some server is checking now.
    pub running: bool,
    /// The newest first.
    pub runs: Vec<RunView>,
}

/// A run, with how to mend what it found.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunView {
    /// `UUIDv7`.
    pub id: Uuid,
    #[serde(flatten)]
    pub run: RunSummary,
    pub findings: Vec<FindingView>,
}

/// A run without what it found.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunSummary {
    /// RFC 3339, UTC.
    pub began_at: String,
    pub ended_at: String,
    pub counts: super::finding::RunCounts,
    /// How much does not agree, by kind; kinds without anything are absent.
    pub drifts: std::collections::BTreeMap<String, u64>,
}

/// A finding in words.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FindingView {
    #[serde(flatten)]
    pub finding: Finding,
    /// What it is, in the language of the request.
    pub problem: &'static str,
    /// How it is mended.
    pub remedy: &'static str,
    /// The command that tells more.
    pub command: &'static str,
}

impl From<Finding> for FindingView {
    fn from(finding: Finding) -> Self {
        let kind = finding.kind;
        Self { problem: t(kind.text()), remedy: t(kind.remedy()), command: kind.command(), finding }
    }
}

impl RunView {
    fn of(id: Uuid, run: Run) -> Self {
        let Run { began_at, ended_at, counts, drifts, findings, .. } = run;
        let findings = findings.into_iter().map(FindingView::from).collect();
        Self { id, run: RunSummary { began_at, ended_at, counts, drifts }, findings }
    }
}

impl Bookkeeping {
    /// The newest runs.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn standing(&self) -> StoreResult<Standing> {
        let running = self.store.lease_until("reconciliation").await? > self.database.now();
        let runs = self.store.list_runs(Uuid::max(), RUNS).await?;
        let runs = runs.iter().map(|stored| Ok(RunView::of(stored.id, read_run(stored)?)));
        Ok(Standing { running, runs: runs.collect::<StoreResult<_>>()? })
    }

    /// Checks everything in the background, if nobody does. Whether it began.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn begin_reconciliation(&self) -> StoreResult<bool> {
        let books = self.for_one_run();
        if !books.keep_lease("reconciliation").await? {
            return Ok(false);
        }
        tokio::spawn(async move {
            if let Err(error) = books.check_and_tell().await {
                tracing::warn!(%error, "the books could not be checked");
            }
        });
        Ok(true)
    }

    /// A page of closes, the newest first.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn list_closes(&self, before: Option<i64>, limit: usize) -> StoreResult<Page<CloseView>> {
        // With the one before the last, which that goes on from.
        let mut found = self.store.list_closes(before.unwrap_or(i64::MAX), limit + 1).await?;
        let items = found.iter().enumerate().take(limit).map(|(at, stored)| view(stored, found.get(at + 1)));
        let items = items.collect::<StoreResult<Vec<_>>>()?;
        let is_last = found.len() <= limit;
        found.truncate(limit);
        let next_cursor = found.last().filter(|_| !is_last).map(|last| last.number.to_string());
        Ok(Page { items, next_cursor })
    }

    /// All closes for the bookkeeper, the oldest first: a line each.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn closes_as_csv(&self) -> StoreResult<String> {
        let (mut closes, mut before) = (Vec::new(), i64::MAX);
        loop {
            let page = self.store.list_closes(before, CLOSES).await?;
            let Some(last) = page.last() else { break };
            before = last.number;
            closes.extend(page);
        }
        closes.reverse();
        csv::closes(&closes)
    }
}

fn view(stored: &StoredClose, before: Option<&StoredClose>) -> StoreResult<CloseView> {
    let agrees = stored.problems(before)?.is_empty();
    Ok(CloseView { close: stored.read()?, hash: stored.hash.clone(), agrees })
}
