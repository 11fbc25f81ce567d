//! Holds: the price of work is put aside before it begins, and charged or given back when it has ended.
//!
//! What becomes of a hold is counted here and nowhere else. Who has a [`Reserved`] ends it; should the process die
//! before, the sweeper does (`recovery.rs`).

use std::fmt::Display;
use std::io::BufWriter;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep};

use super::Generation;
use crate::account::Role;
use crate::account::server::caller::Caller;
use crate::credits::Balance;
pub use crate::credits::ReleaseReason;
use crate::credits::server::budgets::{BudgetPlan, Spender};
use crate::credits::server::store::{
    ExtendOutcome, Hold, HoldEnd, HoldId, HoldOutcome, Idempotency, NewHold, SpendingKey, WorkKind,
};
use crate::flags::Who;
use crate::i18n::{current_language, in_language};
use crate::platform::amount::Amount;
use crate::platform::db::{StoreResult, keep_trying};
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::request_id::{current_request_id, in_request};
use crate::platform::ids::{OwnerId, UserId, WorkId};
use crate::platform::limits::{Limit, Quota};
use crate::platform::patience::keep_patience;
use crate::platform::trace::{self, StepKind, Trace, in_trace};

/// How long work is taken for alive after its hold was last renewed.
pub(super) const LEASE: Duration = Duration::from_secs(30);
/// How long an `Idempotency-Key` is remembered.
pub const KEYS_LIVE: Duration = Duration::from_hours(24);
/// How long the first of two equal requests may take to store what it begins.
const BEGIN_PATIENCE: Duration = Duration::from_secs(5);

/// Who pays, and for which request.
#[derive(Debug, Clone)]
pub struct Payer {
    /// Whose account it is.
    pub owner: OwnerId,
    pub user: UserId,
    /// What the user may.
    pub role: Role,
    /// The API key that pays.
    pub key: Option<SpendingKey>,
    pub idempotency: Option<Idempotency>,
    /// The user's budgets as they were when the request came; `None`: they are to be read.
    pub budgets: Option<BudgetPlan>,
    pub request_id: String,
    /// Where what is done for the request is taken down.
    pub trace: Trace,
}

impl Payer {
    /// The caller of the request that is being served.
    #[must_use]
    pub fn new(caller: &Caller, idempotency: Option<Idempotency>) -> Self {
        let key = caller.key.map(|key| key.spending);
        Self {
            owner: caller.id.into(),
            user: caller.id,
            role: caller.profile.role,
            key,
            idempotency,
            budgets: caller.known.as_ref().map(|known| known.budgets.clone()),
            request_id: current_request_id(),
            trace: trace::current(),
        }
    }

    /// Whom flags are asked for.
    #[must_use]
    pub const fn who(&self) -> Who {
        Who { user: self.user, role: self.role }
    }
}

/// What some work costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// Most that it may cost: what was shown.
    pub ceiling: Amount,
    /// It begins if so much can be put aside, where there is not enough for all.
    pub least: Amount,
    pub version: String,
    /// The model that is asked first.
    pub model: String,
}

impl Quote {
    /// Of what always costs the same.
    #[must_use]
    pub const fn flat(price: Amount, version: String, model: String) -> Self {
        Self { ceiling: price, least: price, version, model }
    }
}

/// What came of asking for more, for work that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extended {
    /// So much is held now.
    Held,
    /// Nothing has changed: so much is left, of the account or of a budget.
    Left { left: Amount, is_budget: bool },
    /// The hold has ended.
    Ended,
}

/// What came of the wish to begin some work.
pub enum Begun {
    /// It is paid for: it can begin.
    New(Reserved),
    /// The same request came before; the work has this id.
    Repeated(WorkId),
}

/// The price of some work, put aside. A copy is another handle of the same hold, which ends once.
#[derive(Clone)]
pub struct Reserved {
    generation: Generation,
    hold: Hold,
    /// What is held now, in millionths: it may be extended.
    held: Arc<AtomicI64>,
    trace: Trace,
}

/// A hold that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed {
    pub end: HoldEnd,
    /// What was charged.
    pub charged: Amount,
    /// What the user has left.
    pub available: Amount,
}

impl Generation {
    /// Counts a request that is going to spend.
    ///
    /// # Errors
    /// [`AppError::Unavailable`] when the server ends, [`AppError::RateLimited`], [`AppError::TooManyStops`].
    pub async fn admit(&self, caller: &Caller) -> AppResult<Quota> {
        if self.is_shutting_down() {
            return Err(AppError::Unavailable);
        }
        let counted = caller.count_spending(self.limiter.as_ref()).await;
        match &counted {
            Ok(quota) => trace::current().step(StepKind::Limit, &[("remaining", &quota.remaining)]),
            Err(error) => trace::current().step(StepKind::Limit, &[("refused", &error.code())]),
        }
        counted
    }

    /// Puts the price of the work `id` aside.
    ///
    /// # Errors
    /// [`AppError::InsufficientCredits`], [`AppError::OverBudget`], [`AppError::IdempotencyMismatch`],
    /// [`AppError::Unavailable`].
    pub async fn begin(&self, payer: &Payer, kind: WorkKind, id: impl Into<WorkId>, quote: Quote) -> AppResult<Begun> {
        let Quote { ceiling, least, version, model } = quote;
        let spender = Spender { key: payer.key.map(|key| key.id), model: &model };
        let limits = match &payer.budgets {
            Some(budgets) => budgets.limits(spender, self.database.now())?,
            None => self.credits.budgets(payer.owner, payer.user).await?.limits(spender, self.database.now())?,
        };
        let new = NewHold {
            id: id.into(),
            owner: payer.owner,
            user: payer.user,
            kind,
            amount: ceiling,
            least,
            ceiling,
            price_version: version,
            request_id: payer.request_id.clone(),
            idempotency: payer.idempotency.clone(),
            key: payer.key,
            limits,
            lease_until: self.lease_from_now(),
        };
        let mut hold = new.held();
        let asked = Instant::now();
        let begun = match self.credits.hold(new).await? {
            HoldOutcome::Held { amount, .. } => {
                self.metrics.held();
                hold.amount = amount;
                Ok(Begun::New(self.reserved(hold, payer.trace.clone())))
            }
            HoldOutcome::Repeated(id) | HoldOutcome::Failed(id) => Ok(Begun::Repeated(id)),
            HoldOutcome::Mismatch => Err(AppError::IdempotencyMismatch),
            HoldOutcome::Insufficient { available } => Err(AppError::InsufficientCredits { needed: least, available }),
            HoldOutcome::OverBudget { left, budget: None } => {
                Err(AppError::OverBudget { needed: least, available: left })
            }
            HoldOutcome::OverBudget { left, budget: Some(_) } => {
                Err(AppError::OverOwnBudget { needed: least, available: left })
            }
        };
        trace_begin(&payer.trace, kind, asked.elapsed(), &begun);
        begun
    }

    /// The work that was begun by the same request before, and stands: had it failed, the request begins anew.
    ///
    /// # Errors
    /// [`AppError::IdempotencyMismatch`], [`AppError::Unavailable`].
    pub async fn find_repeated(&self, payer: &Payer) -> AppResult<Option<WorkId>> {
        Ok(self.find_before(payer).await?.and_then(|(id, failed)| (!failed).then_some(id)))
    }

    /// The work that was begun by the same request before and failed, free.
    ///
    /// # Errors
    /// As [`Generation::find_repeated`].
    pub async fn find_failed(&self, payer: &Payer) -> AppResult<Option<WorkId>> {
        Ok(self.find_before(payer).await?.and_then(|(id, failed)| failed.then_some(id)))
    }

    /// The work that was begun by the same request before, and whether it failed.
    async fn find_before(&self, payer: &Payer) -> AppResult<Option<(WorkId, bool)>> {
        let Some(key) = &payer.idempotency else { return Ok(None) };
        match self.credits.find_key(payer.owner, payer.user, key).await? {
            Some(HoldOutcome::Repeated(id)) => Ok(Some((id, false))),
            Some(HoldOutcome::Failed(id)) => Ok(Some((id, true))),
            Some(_) => Err(AppError::IdempotencyMismatch),
            None => Ok(None),
        }
    }

    /// The work of a user that is not paid for yet.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn open_work(&self, user: UserId, kind: WorkKind) -> AppResult<Vec<Reserved>> {
        let open = self.credits.open_holds(user.into()).await?;
        let own = open.into_iter().filter(|hold| hold.kind == kind && hold.user == user);
        Ok(own.map(|hold| self.recovered(hold)).collect())
    }

    /// A repeated request may come before the first has stored what it begins, as `find` says.
    ///
    /// # Errors
    /// [`AppError::Unavailable`] where it does not for a while: its server may have been killed, and the same request can begin
    /// anew once that is known. [`AppError::NotFound`] where it was deleted. Those of `find`.
    pub async fn await_begin<T, F, Fut>(&self, payer: &Payer, id: impl Into<WorkId>, find: F) -> AppResult<()>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = StoreResult<Option<T>>>,
    {
        let (id, begun) = (id.into(), Instant::now());
        while find().await?.is_none() {
            let is_open = self.credits.is_open(HoldId { id, owner: payer.owner }).await?;
            // It may have been stored, and have ended, between the two looks.
            if !is_open && find().await?.is_none() {
                let failed = self.find_failed(payer).await?.is_some();
                return Err(if failed { AppError::Unavailable } else { AppError::NotFound });
            }
            if begun.elapsed() > BEGIN_PATIENCE {
                return Err(AppError::Unavailable);
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// A handle of a hold that was made before.
    fn reserved(&self, hold: Hold, trace: Trace) -> Reserved {
        trace.of_user(hold.user);
        Reserved { generation: self.clone(), held: Arc::new(AtomicI64::new(hold.amount.micros())), hold, trace }
    }

    /// The same where the trace of its request has ended with its server, or is another server's.
    pub(super) fn recovered(&self, hold: Hold) -> Reserved {
        let trace = self.traces.resume(&hold.request_id);
        self.reserved(hold, trace)
    }

    /// Says that this work is alive.
    pub(super) async fn renew(&self, holds: Vec<HoldId>) -> AppResult<()> {
        if holds.is_empty() {
            return Ok(());
        }
        Ok(self.credits.renew_holds(holds, self.lease_from_now()).await?)
    }

    /// The lease of work that begins or is alive now, in milliseconds since 1970.
    fn lease_from_now(&self) -> i64 {
        self.database.now() + i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX)
    }
}

impl Reserved {
    /// The id of the hold, of the work and of its job.
    #[must_use]
    pub const fn id(&self) -> WorkId {
        self.hold.id
    }

    #[must_use]
    pub const fn kind(&self) -> WorkKind {
        self.hold.kind
    }

    /// Whose work it is.
    #[must_use]
    pub const fn user(&self) -> UserId {
        self.hold.user
    }

    /// Most that it may cost.
    #[must_use]
    pub const fn ceiling(&self) -> Amount {
        self.hold.ceiling
    }

    /// What is held now.
    #[must_use]
    pub fn held(&self) -> Amount {
        Amount::from_micros(self.held.load(Ordering::Relaxed))
    }

    /// Which price it has.
    #[must_use]
    pub fn price_version(&self) -> &str {
        &self.hold.price_version
    }

    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.hold.request_id
    }

    /// Where what is done for it is taken down.
    pub(super) const fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Says that the work is alive.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn renew(&self) -> AppResult<()> {
        self.generation.renew(vec![self.hold_id()]).await
    }

    const fn hold_id(&self) -> HoldId {
        self.hold.hold_id()
    }

    /// Says that something of the result is about to leave for the user, which decides about the price where nothing else is
    /// known of the work any more. A database that is gone is waited for.
    ///
    /// # Errors
    /// [`AppError::Unavailable`]; then nothing may leave.
    pub async fn mark_published(&self) -> AppResult<()> {
        Ok(keep_trying(|| self.generation.credits.mark_published(self.hold_id())).await?)
    }

    /// Whether something of the result has left for the user.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn is_published(&self) -> AppResult<bool> {
        Ok(self.generation.credits.is_published(self.hold_id()).await?)
    }

    /// Puts more aside: `to` in all, at most the ceiling. A database that is gone is waited for.
    ///
    /// # Errors
    /// [`AppError::Unavailable`]; what is held is as before, or as asked for.
    pub async fn extend(&self, to: Amount) -> AppResult<Extended> {
        let hold = self.as_known();
        let to = to.min(hold.ceiling);
        Ok(match keep_trying(|| self.generation.credits.extend_hold(&hold, to)).await? {
            ExtendOutcome::Extended(_) => {
                self.held.fetch_max(to.micros(), Ordering::Relaxed);
                self.trace.step(StepKind::Extend, &[("held", &to)]);
                Extended::Held
            }
            ExtendOutcome::Insufficient { available: left } => Extended::Left { left, is_budget: false },
            ExtendOutcome::OverBudget { left, .. } => Extended::Left { left, is_budget: true },
            ExtendOutcome::Ended => Extended::Ended,
        })
    }

    /// Charges what was used, of what is held: the result can be shown. A database that is gone is waited for.
    ///
    /// # Errors
    /// [`AppError::Unavailable`]; then the sweeper ends the hold.
    pub async fn settle(&self, used: Amount) -> AppResult<Closed> {
        self.closed(keep_trying(|| self.end(HoldEnd::Settle(used), None)).await, None).await
    }

    /// As [`Reserved::settle`], where what was used is durably stored with the work: the sweeper finds it there.
    ///
    /// # Errors
    /// As [`Reserved::settle`].
    pub async fn settle_stored(&self, used: Amount) -> AppResult<Closed> {
        self.closed(keep_trying(|| self.settle_once(used)).await, None).await
    }

    /// Gives the price back. A database that is gone is waited for.
    ///
    /// # Errors
    /// As [`Reserved::settle`].
    pub async fn release(&self, reason: ReleaseReason) -> AppResult<Closed> {
        self.closed(keep_trying(|| self.end(HoldEnd::Release, Some(reason))).await, Some(reason)).await
    }

    /// Gives the price back where somebody waits: with one try, and what cannot be given back now is left to the sweeper.
    pub async fn cancel(&self, reason: ReleaseReason) {
        if let Err(error) = self.try_release(reason).await {
            tracing::error!(%error, "a hold is left to the sweeper");
        }
    }

    /// As [`Reserved::settle`], with one try.
    ///
    /// # Errors
    /// As [`Reserved::settle`].
    pub async fn try_settle(&self, used: Amount) -> AppResult<Closed> {
        self.closed(self.end(HoldEnd::Settle(used), None).await, None).await
    }

    /// As [`Reserved::release`], with one try.
    pub(super) async fn try_release(&self, reason: ReleaseReason) -> AppResult<Closed> {
        self.closed(self.end(HoldEnd::Release, Some(reason)).await, Some(reason)).await
    }

    async fn settle_once(&self, used: Amount) -> StoreResult<Option<Closed>> {
        Ok(self.generation.credits.settle_stored(&self.as_known(), used).await?.map(closed_as))
    }

    async fn end(&self, end: HoldEnd, reason: Option<ReleaseReason>) -> StoreResult<Option<Closed>> {
        Ok(self.generation.credits.end_hold(&self.as_known(), end, reason).await?.map(closed_as))
    }

    /// The hold as it is known to be now: then the store need not look first.
    fn as_known(&self) -> Hold {
        Hold { amount: self.held(), ..self.hold.clone() }
    }

    async fn closed(&self, ended: StoreResult<Option<Closed>>, why: Option<ReleaseReason>) -> AppResult<Closed> {
        let closed = ended?.ok_or(AppError::Internal)?;
        self.generation.metrics.hold_ended(closed.end);
        match closed.end {
            HoldEnd::Settle(charged) => {
                self.trace.step(StepKind::Settle, &[("charged", &charged), ("work", &self.hold.id)]);
            }
            HoldEnd::Release => {
                let reason = why.map_or("", ReleaseReason::as_str);
                self.trace.step(StepKind::Release, &[("reason", &reason), ("work", &self.hold.id)]);
            }
        }
        if let Some(notices) = &self.generation.notices {
            notices.spent(self.hold_id().owner, closed.charged, closed.available);
        }
        if closed.end == HoldEnd::Release
            && matches!(why, Some(ReleaseReason::Stopped | ReleaseReason::Deleted | ReleaseReason::Undelivered))
        {
            self.count_free_work().await;
        }
        Ok(closed)
    }

    /// Counts work that is free though the provider was asked, by the user's own choice.
    pub async fn count_free_work(&self) {
        // One too many changes nothing here: what comes next is refused.
        _ = self.generation.limiter.check(Limit::FreeStop, &self.hold.user.to_string()).await;
    }
}

/// What the store says of a hold that has ended.
const fn closed_as((end, balance): (HoldEnd, Balance)) -> Closed {
    let charged = match end {
        HoldEnd::Settle(charged) => charged,
        HoldEnd::Release => Amount::ZERO,
    };
    Closed { end, charged, available: balance.available }
}

/// Takes down what came of asking for a hold.
fn trace_begin(trace: &Trace, kind: WorkKind, took: Duration, begun: &AppResult<Begun>) {
    let kind = kind.as_str();
    match begun {
        Ok(Begun::New(hold)) => {
            let (id, amount, ceiling) = (hold.id(), hold.held(), hold.ceiling());
            let facts: [(&str, &dyn Display); 4] =
                [("for", &kind), ("work", &id), ("held", &amount), ("atMost", &ceiling)];
            trace.step_of(StepKind::Hold, took, &facts);
        }
        Ok(Begun::Repeated(id)) => trace.step_of(StepKind::Hold, took, &[("for", &kind), ("repeats", id)]),
        Err(error) => trace.step_of(StepKind::Hold, took, &[("for", &kind), ("refused", &error.code())]),
    }
}

/// The promise that a request with this body is the same as the one before with the same key.
///
/// # Errors
/// [`AppError::InvalidInput`] naming `Idempotency-Key`.
pub fn check_key(key: String, body: &[u8]) -> AppResult<Idempotency> {
    with_fingerprint(key, || Some(Sha256::digest(body).into()))
}

/// As [`check_key`], over what was read, so that white space between the fields does not matter. It is not written out for that: it
/// may be megabytes.
///
/// # Errors
/// [`AppError::InvalidInput`] naming `Idempotency-Key`.
pub fn check_key_of(key: String, request: &impl Serialize) -> AppResult<Idempotency> {
    with_fingerprint(key, || {
        let mut digest = BufWriter::new(Sha256::new());
        serde_json::to_writer(&mut digest, request).ok()?;
        Some(digest.into_inner().ok()?.finalize().into())
    })
}

fn with_fingerprint(key: String, fingerprint: impl FnOnce() -> Option<[u8; 32]>) -> AppResult<Idempotency> {
    if !(1..=255).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(AppError::invalid("Idempotency-Key", "The key is 1 to 255 visible ASCII characters."));
    }
    Ok(Idempotency { key, fingerprint: fingerprint().ok_or(AppError::Internal)? })
}

/// Runs what must not be dropped with the future of a handler: a hold and what follows it.
///
/// # Errors
/// Those of `work`; [`AppError::Internal`] where it panics.
pub async fn outlive_handler<T, F>(work: F) -> AppResult<T>
where
    T: Send + 'static,
    F: Future<Output = AppResult<T>> + Send + 'static,
{
    let work = in_trace(trace::current(), in_language(current_language(), work));
    let work = in_request(current_request_id(), work);
    tokio::spawn(keep_patience(work)).await.map_err(|_| AppError::Internal)?
}
