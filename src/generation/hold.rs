//! Holds: the price of work is put aside before it begins, and charged or given back when it has ended.
//!
//! What becomes of one is in `reserved.rs`.

use std::fmt::Display;
use std::io::BufWriter;
use std::time::Duration;

use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep};

use super::{Generation, Reserved};
use crate::account::Role;
use crate::account::server::caller::Caller;
use crate::credits::server::budgets::{BudgetPlan, Spender};
use crate::credits::server::store::{Hold, HoldId, HoldOutcome, Idempotency, NewHold, SpendingKey, WorkKind};
use crate::flags::Who;
use crate::i18n::{current_language, in_language};
use crate::platform::amount::Amount;
use crate::platform::db::StoreResult;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::request_id::{current_request_id, in_request};
use crate::platform::ids::{OwnerId, UserId, WorkId};
use crate::platform::limits::Quota;
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

/// What came of the wish to begin some work.
pub enum Begun {
    /// It is paid for: it can begin.
    New(Reserved),
    /// The same request came before; the work has this id.
    Repeated(WorkId),
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
        let place = |new| async { self.credits.hold(new).await.map(|outcome| (outcome, ())) };
        Ok(self.begin_with(payer, kind, id, quote, place).await?.0)
    }

    /// As [`Generation::begin`], where `place` puts the price aside, and returns what it has stored in the same step.
    ///
    /// # Errors
    /// As [`Generation::begin`].
    pub async fn begin_with<T, Fut>(
        &self,
        payer: &Payer,
        kind: WorkKind,
        id: impl Into<WorkId>,
        quote: Quote,
        place: impl FnOnce(NewHold) -> Fut,
    ) -> AppResult<(Begun, T)>
    where
        Fut: Future<Output = StoreResult<(HoldOutcome, T)>>,
    {
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
        let (outcome, stored) = place(new).await?;
        let begun = match outcome {
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
        Ok((begun?, stored))
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
        Reserved::new(self.clone(), hold, trace)
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
