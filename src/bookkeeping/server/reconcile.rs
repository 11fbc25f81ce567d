//! Checking that all books agree: page by page, with pauses, and only reading. What moves is looked at twice.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::Bookkeeping;
use super::finding::{DriftKind, Finding, Run, RunCounts};
use super::store::StoredRun;
use crate::credits::server::store::reading::AccountCheck;
use crate::credits::server::store::{PostingKind, StaleHold};
use crate::i18n::{Text, t};
use crate::payments::PaymentState;
use crate::payments::server::papers::{PaperKind, PaperNumber};
use crate::platform::amount::Amount;
use crate::platform::db::{StoreError, StoreResult, millis, rfc3339};
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::{OwnerId, PaymentId, UserId};
use crate::platform::time::MINUTE;

/// How often.
pub const RECONCILE_EVERY: Duration = Duration::from_hours(1);
/// Runs that are kept.
const RUNS_KEPT: usize = 200;
/// What is read at a time.
const ACCOUNTS: usize = 100;
const PAYMENTS: usize = 100;
const PAPERS: usize = 500;
/// Holds that are looked at.
const HOLDS: usize = 1000;
/// A hold of this age should have ended, if its work is dead, in milliseconds.
const STUCK_AFTER: i64 = MINUTE;
/// A payment of this age should be booked, if its money has come, in milliseconds.
const BOOKED_AFTER: i64 = 15 * MINUTE;
/// The first year that papers may be of.
const FIRST_YEAR: i16 = 2020;

impl Bookkeeping {
    /// Runs, if the last time is an hour ago and no other server does. Then says how things are.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn reconcile_if_due(&self) -> AppResult<()> {
        let last = self.last_run().await?;
        let due = last.map_or(0, |(id, _)| began_at(id)) + millis(RECONCILE_EVERY);
        if due <= self.database.now() {
            match self.reconcile().await {
                // Another server is at it.
                Ok(_) | Err(AppError::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        self.tell_metrics().await?;
        Ok(())
    }

    /// Checks everything, and stores what came of it.
    ///
    /// # Errors
    /// [`AppError::Conflict`] while it is being done; [`AppError::Unavailable`].
    pub async fn reconcile(&self) -> AppResult<Run> {
        let run = self.for_one_run();
        if !run.keep_lease("reconciliation").await? {
            return Err(AppError::Conflict(t(Text::ReconciliationRuns).to_owned()));
        }
        run.check_and_tell().await
    }

    /// Checks everything, with the lease.
    pub(super) async fn check_and_tell(&self) -> AppResult<Run> {
        let checked = self.check_everything().await;
        self.end_lease("reconciliation").await?;
        let run = checked?;
        for kind in DriftKind::ALL.into_iter().filter(|kind| run.drift(*kind) > 0) {
            tracing::error!(
                kind = kind.as_str(),
                count = run.drift(kind),
                "the books do not agree: see /admin/reconciliation"
            );
        }
        self.tell_metrics().await?;
        Ok(run)
    }

    async fn check_everything(&self) -> AppResult<Run> {
        let (id, before) = (Uuid::now_v7(), self.last_run().await?);
        let began = rfc3339(self.database.now())?;
        let mut run = Run {
            began_at: began.clone(),
            ended_at: began,
            counts: RunCounts::default(),
            drifts: std::collections::BTreeMap::new(),
            findings: Vec::new(),
            images_until: None,
        };
        let (holds_seen, stuck) = (Instant::now(), self.stale_holds().await?);
        for problem in self.verify_closes().await? {
            run.find(Finding::new(DriftKind::Close, problem, None));
        }
        self.check_accounts(&mut run).await?;
        self.check_payments(&mut run).await?;
        self.check_papers(&mut run).await?;
        self.check_files(&mut run, before.map(|(_, run)| run)).await?;
        // Whoever sweeps has had time to.
        sleep(self.pace.sweep.saturating_sub(holds_seen.elapsed())).await;
        for StaleHold { hold, .. } in self.stale_holds().await? {
            if stuck.iter().any(|seen| seen.hold.id == hold.id) {
                let finding = Finding::new(DriftKind::StuckHold, hold.id, Some(hold.user));
                run.find(finding.with("held", hold.amount));
            }
        }
        run.ended_at = rfc3339(self.database.now())?;
        let body = serde_json::to_string(&run).map_err(|_| AppError::Internal)?;
        self.store.add_run(StoredRun { id, body }, RUNS_KEPT).await?;
        Ok(run)
    }

    /// Between two pages: others want to read too. The lease is kept.
    pub(super) async fn pause(&self) -> AppResult<()> {
        sleep(self.pace.pause).await;
        if self.keep_lease("reconciliation").await? { Ok(()) } else { Err(AppError::Unavailable) }
    }

    /// Holds that are older than a minute, and whose lease ran out.
    async fn stale_holds(&self) -> StoreResult<Vec<StaleHold>> {
        let now = self.database.now();
        let mut stale = self.credits.stale_holds(now, HOLDS).await?;
        stale.retain(|stale| began_at(stale.hold.id.into()) < now - STUCK_AFTER);
        Ok(stale)
    }

    async fn check_accounts(&self, run: &mut Run) -> AppResult<()> {
        let mut after = OwnerId::min();
        loop {
            let page = self.ledger.check_accounts(after, ACCOUNTS).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.owner;
            let mut odd = Vec::new();
            for check in &page {
                run.counts.accounts += 1;
                run.counts.entries += check.entries;
                run.counts.open_holds += u64::from(check.open.is_positive());
                if !check.agrees() || !self.purchases_agree(check).await?.0 {
                    odd.push(check.owner);
                }
            }
            if !odd.is_empty() {
                sleep(self.pace.again).await;
            }
            for owner in odd {
                let Some(check) = self.ledger.check_account(owner).await? else { continue };
                self.find_in_account(run, &check).await?;
            }
            self.pause().await?;
        }
    }

    async fn find_in_account(&self, run: &mut Run, check: &AccountCheck) -> AppResult<()> {
        let user = UserId::from(Uuid::from(check.owner));
        if !check.agrees() {
            let finding = Finding::new(DriftKind::Account, check.owner, Some(user))
                .with("balance", check.worth())
                .with("ledger", check.ledger)
                .with("lots", check.lots)
                .with("available", check.balance.available)
                .with("availableByLedger", check.last_available)
                .with("held", check.balance.held)
                .with("heldByLedger", check.ledger_held)
                .with("openHolds", check.open);
            run.find(finding);
        }
        let (agree, paid) = self.purchases_agree(check).await?;
        if !agree {
            let finding = Finding::new(DriftKind::Purchases, check.owner, Some(user));
            run.find(finding.with("ledger", check.purchased).with("payments", paid));
        }
        Ok(())
    }

    /// Whether the purchases in the ledger of an account are the payments that were credited, and what those come to.
    async fn purchases_agree(&self, check: &AccountCheck) -> StoreResult<(bool, Amount)> {
        let (user, mut before, mut paid) = (UserId::from(Uuid::from(check.owner)), PaymentId::max(), Amount::ZERO);
        if check.purchased.is_zero() {
            // Payments without a purchase are found by their captures.
            return Ok((true, paid));
        }
        loop {
            let payments = self.payments.list(user, before, PAYMENTS).await?;
            let Some(last) = payments.last() else { return Ok((paid == check.purchased, paid)) };
            before = last.id;
            let bought = payments.iter().filter(|payment| payment.month.is_none() && payment.books.credited);
            paid += bought.map(|payment| payment.credits).sum::<Amount>();
        }
    }

    /// Every capture that counts has its credits in the ledger, and every one whose money has come counts soon.
    async fn check_payments(&self, run: &mut Run) -> AppResult<()> {
        let mut after = PaymentId::min();
        loop {
            let page = self.payments.list_all(after, PAYMENTS).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.id;
            let mut odd = Vec::new();
            for payment in &page {
                run.counts.payments += 1;
                if self.capture_drift(payment.id).await?.is_some() {
                    odd.push(payment.id);
                }
            }
            if !odd.is_empty() {
                sleep(self.pace.again).await;
            }
            for id in odd {
                if let Some(finding) = self.capture_drift(id).await? {
                    run.find(finding);
                }
            }
            self.pause().await?;
        }
    }

    /// What is wrong with a payment as it is now.
    async fn capture_drift(&self, id: PaymentId) -> StoreResult<Option<Finding>> {
        let Some(payment) = self.payments.find(id).await? else { return Ok(None) };
        let finding = Finding::new(DriftKind::Capture, id, Some(payment.user))
            .with("capture", payment.capture_id.clone().unwrap_or_default())
            .with("price", payment.price)
            .with("credits", payment.credits);
        if !payment.books.credited {
            let is_waiting = payment.state == PaymentState::Captured && payment.books.paid;
            let is_old = payment.created_at < self.database.now() - BOOKED_AFTER;
            return Ok((is_waiting && is_old).then(|| finding.with("ledger", Amount::ZERO)));
        }
        let kind = if payment.month.is_some() { PostingKind::Grant } else { PostingKind::Purchase };
        let key = payment.capture_id.clone().unwrap_or_default();
        let posted = self.credits.find_posting(payment.owner, kind, &key).await?;
        let booked = posted.map_or(Amount::ZERO, |entry| entry.amount);
        Ok((booked != payment.credits).then(|| finding.with("ledger", booked)))
    }

    /// Numbers of papers have no gaps.
    async fn check_papers(&self, run: &mut Run) -> AppResult<()> {
        let this_year = super::close::day_of(self.database.now())?.year();
        for kind in PaperKind::ALL {
            for year in FIRST_YEAR..=this_year + 1 {
                let mut after = 0;
                loop {
                    let page = self.papers.of_year(kind, year, after, PAPERS).await?;
                    let Some(last) = page.last() else { break };
                    let mut expected = after + 1;
                    after = last.number.number;
                    for paper in page {
                        run.counts.papers += 1;
                        for number in expected..paper.number.number {
                            let number = PaperNumber { number, ..paper.number };
                            if self.papers.find(number).await?.is_none() {
                                run.find(Finding::new(DriftKind::PaperNumber, number, None));
                            }
                        }
                        expected = paper.number.number + 1;
                    }
                    self.pause().await?;
                }
            }
        }
        Ok(())
    }

    /// The last run, with its id.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn last_run(&self) -> StoreResult<Option<(Uuid, Run)>> {
        let last = self.store.list_runs(Uuid::max(), 1).await?.pop();
        last.map(|stored| read_run(&stored).map(|run| (stored.id, run))).transpose()
    }

    /// Sets what `/metrics` says, by the last run of whichever server and the last close.
    pub(super) async fn tell_metrics(&self) -> StoreResult<()> {
        if let Some((id, run)) = self.last_run().await? {
            self.metrics.operations().reconciled(began_at(id) / 1000);
            self.metrics.operations().set_drifts(run.total());
            for kind in DriftKind::ALL {
                self.metrics.operations().drifted(kind.as_str(), run.drift(kind));
            }
        }
        if let Some(close) = self.store.list_closes(i64::MAX, 1).await?.pop() {
            self.metrics.operations().closed(super::close::start_of(close.read()?.day)? / 1000);
        }
        Ok(())
    }
}

/// A run as it was stored.
pub(super) fn read_run(stored: &StoredRun) -> StoreResult<Run> {
    serde_json::from_str(&stored.body).map_err(|error| StoreError::Corrupt(format!("a reconciliation: {error}")))
}

/// When what has this id was begun, in milliseconds since 1970.
pub(super) fn began_at(id: Uuid) -> i64 {
    i64::try_from(id.as_u128() >> 80).unwrap_or(i64::MAX)
}
