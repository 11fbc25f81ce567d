//! Looks at every payment that is neither done nor dead: at the start, and every few minutes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Payments;
use crate::payments::PaymentState;
use crate::platform::error::AppResult;
use crate::platform::ids::PaymentId;

/// How often.
pub const RECONCILE_EVERY: Duration = Duration::from_mins(5);
/// Payments that are listed at a time.
const AT_A_TIME: usize = 100;
/// How long an `Idempotency-Key` is remembered, and an event that was heard, in milliseconds.
const KEYS_LIVE: i64 = 24 * 60 * 60 * 1000;
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
        let (mut after, mut failed) = (PaymentId::min(), 0_u32);
        loop {
            let due = self.store.due(until, after, AT_A_TIME).await?;
            let Some(last) = due.last() else { break };
            after = *last;
            for id in due {
                if let Err(error) = self.look_again(id).await {
                    tracing::warn!(payment = %id, %error, "a payment will be looked at again");
                    failed += 1;
                }
            }
        }
        // What could not be looked at is due at the next time anyway.
        self.caught_up.store(true, Ordering::SeqCst);
        if failed > 0 {
            tracing::warn!(failed, "payments that could not be looked at");
        }
        Ok(())
    }

    async fn look_again(&self, id: PaymentId) -> AppResult<()> {
        let is_booked = self.store.find(id).await?.is_none_or(|payment| payment.state == PaymentState::Credited);
        if is_booked {
            self.converge(id).await?;
        } else {
            self.look(id).await?;
        }
        self.looked_at(id).await?;
        Ok(())
    }
}
