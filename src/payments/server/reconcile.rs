//! Looks at every payment that is neither done nor dead: at the start, and every few minutes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::{StreamExt, stream};

use super::Payments;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::request_id::current_request_id;
use crate::platform::ids::{PaymentId, SubscriptionId};
use crate::platform::time::DAY;

/// How often.
pub const RECONCILE_EVERY: Duration = Duration::from_mins(5);
/// Payments that are listed at a time, and looked at at once.
const AT_A_TIME: usize = 100;
const AT_ONCE: usize = 8;
/// After so many failures in a row the provider is taken to be away.
const GIVE_UP: u32 = 16;
/// How long an `Idempotency-Key` is remembered, and an event that was heard, in milliseconds.
const KEYS_LIVE: i64 = DAY;
const EVENTS_LIVE: i64 = 60 * KEYS_LIVE;

impl Payments {
    /// Asks after the payments whose time it is; the first time after a start, after all that are neither done nor dead.
    ///
    /// # Errors
    /// When the store cannot be reached. A provider that does not answer is asked again next time.
    pub async fn reconcile(&self) -> AppResult<()> {
        let now = self.database.now();
        self.store.forget(now - KEYS_LIVE, now - EVENTS_LIVE).await?;
        if !self.is_open() {
            return Ok(());
        }
        let until = if self.caught_up.load(Ordering::SeqCst) { now } else { i64::MAX };
        let (mut after, mut all_well) = (PaymentId::min(), true);
        loop {
            let due = self.store.due(until, after, AT_A_TIME).await?;
            let Some(last) = due.last() else { break };
            after = *last;
            let looks = due.into_iter().map(|id| {
                let payments = self.clone();
                async move { payments.look_at(id).await }
            });
            all_well &= take_looks(looks).await?;
        }
        all_well &= self.reconcile_subscriptions(now).await?;
        if all_well {
            self.caught_up.store(true, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Asks after the subscriptions whose time it is. Whether all of them could be.
    async fn reconcile_subscriptions(&self, now: i64) -> AppResult<bool> {
        if self.recurring().is_err() {
            return Ok(true);
        }
        let (mut after, mut all_well) = (SubscriptionId::min(), true);
        loop {
            let due = self.subscriptions.due(now, after, AT_A_TIME).await?;
            let Some(last) = due.last() else { return Ok(all_well) };
            after = *last;
            let looks = due.into_iter().map(|id| {
                let payments = self.clone();
                async move {
                    let looked = payments.look_at_subscription(id).await;
                    if let Err(error) = &looked {
                        tracing::warn!(subscription = %id, %error, "a subscription will be looked at again");
                    }
                    looked.is_ok()
                }
            });
            all_well &= take_looks(looks).await?;
        }
    }

    /// Whether it could be looked at.
    async fn look_at(&self, id: PaymentId) -> bool {
        let looked = self.look_again(id).await;
        if let Err(error) = &looked {
            tracing::warn!(payment = %id, %error, "a payment will be looked at again");
        }
        looked.is_ok()
    }

    async fn look_again(&self, id: PaymentId) -> AppResult<()> {
        // All that booking needs is known then, whatever the provider says now, or does not.
        let is_paid = self.store.find(id).await?.is_none_or(|payment| payment.books.paid);
        if is_paid {
            self.freeze_again(id).await?;
            self.converge(id).await?;
        } else {
            self.look_or_leave(id).await?;
        }
        self.looked_at(id).await?;
        Ok(())
    }

    /// What was held when a dispute began may have come back since.
    async fn freeze_again(&self, id: PaymentId) -> AppResult<()> {
        let Some(payment) = self.store.find(id).await? else { return Ok(()) };
        let (true, Some(lot)) = (payment.books.is_disputed(), payment.lot) else { return Ok(()) };
        let account = self.credits.account(payment.owner, &current_request_id()).await?;
        if account.unspent(lot).is_positive() {
            self.change(id, |payment| payment.books.freeze_again()).await?;
        }
        Ok(())
    }
}

/// Waits for looks, some at a time. Returns whether all of them went well.
///
/// # Errors
/// [`AppError::Unavailable`] where many in a row do not: the provider is away, and each question would only wait for its turn to fail.
async fn take_looks(looks: impl Iterator<Item = impl Future<Output = bool>>) -> AppResult<bool> {
    let mut looks = stream::iter(looks).buffer_unordered(AT_ONCE);
    let (mut all_well, mut failed_in_a_row) = (true, 0);
    while let Some(is_well) = looks.next().await {
        all_well &= is_well;
        failed_in_a_row = if is_well { 0 } else { failed_in_a_row + 1 };
        if failed_in_a_row >= GIVE_UP {
            return Err(AppError::Unavailable);
        }
    }
    Ok(all_well)
}
