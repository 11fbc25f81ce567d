//! The price of some work, put aside: extended, charged or given back. Who has one ends it; should the process die before, the
//! sweeper does (`recovery.rs`). What becomes of a hold is counted here and nowhere else.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::Generation;
use crate::credits::server::store::{ExtendOutcome, Hold, HoldEnd, HoldId, WorkKind};
use crate::credits::{Balance, ReleaseReason};
use crate::platform::amount::Amount;
use crate::platform::db::{StoreResult, keep_trying};
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::{ApiKeyId, UserId, WorkId};
use crate::platform::limits::Limit;
use crate::platform::trace::{StepKind, Trace};

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

impl Reserved {
    /// A handle of a hold.
    pub(super) fn new(generation: Generation, hold: Hold, trace: Trace) -> Self {
        trace.of_user(hold.user);
        Self { generation, held: Arc::new(AtomicI64::new(hold.amount.micros())), hold, trace }
    }

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

    /// The API key that pays.
    #[must_use]
    pub fn key(&self) -> Option<ApiKeyId> {
        self.hold.key.map(|key| key.id)
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

    /// As [`Reserved::settle`], where `settle` charges for it, and stores the result in the same step. `None` where it has done
    /// neither.
    ///
    /// # Errors
    /// As [`Reserved::settle`].
    pub async fn settle_with<F, Fut>(&self, settle: F) -> AppResult<Option<Closed>>
    where
        F: Fn(HoldId) -> Fut,
        Fut: Future<Output = StoreResult<Option<(HoldEnd, Balance)>>>,
    {
        match keep_trying(|| settle(self.hold_id())).await? {
            Some(ended) => self.closed(Ok(Some(closed_as(ended))), None).await.map(Some),
            None => Ok(None),
        }
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
