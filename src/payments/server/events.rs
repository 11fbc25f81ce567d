//! What the provider tells by itself. It is a reason to look, and for what nobody can be asked about (a refund, a dispute) a
//! fact. Events come in any order, and again; one is remembered only once its effect is stored.

use super::Payments;
use super::books::RefundFact;
use super::payment::Payment;
use super::provider::{Capture, DisputeState, Event, EventKind, ProviderError};
use super::service::refused;
use crate::platform::error::AppResult;
use crate::platform::ids::PaymentId;
use crate::platform::money::Money;

impl Payments {
    /// Does what follows from an event.
    ///
    /// # Errors
    /// Where its effect could not be stored: it has to come again.
    pub async fn handle(&self, event: Event) -> AppResult<()> {
        if self.store.has_heard(&event.id).await? {
            return Ok(());
        }
        match event.what {
            EventKind::OrderApproved { order_id } => {
                if let Some(payment) = self.locate_order(&order_id).await? {
                    self.look(payment.id).await?;
                }
            }
            EventKind::Capture { capture_id, order_id } => {
                if let Some(payment) = self.locate(&capture_id, order_id.as_deref()).await? {
                    self.look(payment.id).await?;
                }
            }
            EventKind::Refund { refund_id, capture_id: Some(capture_id), amount, reversed } => {
                self.hear_refund(&refund_id, &capture_id, amount, reversed).await?;
            }
            EventKind::Refund { refund_id, capture_id: None, amount, .. } => {
                tracing::error!(refund_id, %amount, "money went back, and nobody says of what");
                self.metrics.payment_alert("refund");
            }
            EventKind::Dispute { dispute_id, capture_ids, state } => {
                for capture_id in capture_ids {
                    self.hear_dispute(&dispute_id, &capture_id, state).await?;
                }
            }
            EventKind::Subscription { id } => {
                if let Some(known) = self.locate_subscription(&id).await? {
                    self.look_at_subscription(known.id).await?;
                }
            }
            EventKind::Sale { id, subscription_id } => self.hear_sale(&id, &subscription_id).await?,
            EventKind::Unknown(kind) => tracing::info!(kind, "the payment provider told something of no concern"),
        }
        self.store.heard(&event.id, self.database.now()).await?;
        Ok(())
    }

    async fn hear_refund(&self, id: &str, capture_id: &str, amount: Money, reversed: bool) -> AppResult<()> {
        let Some(payment) = self.paid_payment(capture_id).await? else { return Ok(()) };
        if amount.currency != payment.price.currency {
            self.alert("currency", payment.id, "another currency went back than was paid");
            return Ok(());
        }
        let fact = RefundFact { minor: amount.minor, reversed, at: self.database.now() };
        self.change(payment.id, |payment| payment.books.refund(id, fact.clone())).await?;
        self.converge(payment.id).await?;
        Ok(())
    }

    async fn hear_dispute(&self, id: &str, capture_id: &str, state: DisputeState) -> AppResult<()> {
        let Some(payment) = self.paid_payment(capture_id).await? else { return Ok(()) };
        self.change(payment.id, |payment| payment.books.dispute(id, state)).await?;
        self.converge(payment.id).await?;
        Ok(())
    }

    /// The payment of money that somebody says something else about. The money may not have been heard of yet: then that comes
    /// first.
    async fn paid_payment(&self, capture_id: &str) -> AppResult<Option<Payment>> {
        let Some(payment) = self.locate(capture_id, None).await? else { return Ok(None) };
        if !payment.books.paid {
            self.look(payment.id).await?;
        }
        Ok(self.store.find(payment.id).await?)
    }

    /// The payment that some money is for. `None`: it is none of ours.
    async fn locate(&self, capture_id: &str, order_id: Option<&str>) -> AppResult<Option<Payment>> {
        if let Some(payment) = self.store.find_by_capture(capture_id).await? {
            return Ok(Some(payment));
        }
        if let Some(order_id) = order_id
            && let Some(payment) = self.store.find_by_order(order_id).await?
        {
            return Ok(Some(payment));
        }
        let capture = match self.provider()?.find_capture(capture_id).await {
            Ok(capture) => capture,
            Err(ProviderError::Gone) => return self.locate_sale(capture_id).await,
            Err(error) => return Err(refused(&error, "whose money it is")),
        };
        self.locate_capture(&capture).await
    }

    async fn locate_capture(&self, capture: &Capture) -> AppResult<Option<Payment>> {
        if let Some(order_id) = &capture.order_id
            && let Some(payment) = self.store.find_by_order(order_id).await?
        {
            return Ok(Some(payment));
        }
        let Some(payment) = self.find_named(capture.payment.as_deref()).await? else {
            tracing::warn!(capture = capture.id, "money came that nobody here asked for");
            return Ok(None);
        };
        match (&payment.order_id, &capture.order_id) {
            // Its order was made, and the answer to that was lost.
            (None, Some(order_id)) => Ok(Some(self.keep_order(payment.id, order_id, None).await?)),
            (None, None) => Ok(None),
            (Some(_), None) => Ok(Some(payment)),
            (Some(_), Some(_)) => {
                self.alert("order", payment.id, "money names this payment, and is of another order");
                Ok(None)
            }
        }
    }

    async fn locate_order(&self, order_id: &str) -> AppResult<Option<Payment>> {
        if let Some(payment) = self.store.find_by_order(order_id).await? {
            return Ok(Some(payment));
        }
        let order = match self.provider()?.find_order(order_id).await {
            Ok(order) => order,
            Err(ProviderError::Gone) => return Ok(None),
            Err(error) => return Err(refused(&error, "whose order it is")),
        };
        match self.find_named(order.payment.as_deref()).await? {
            Some(payment) if payment.order_id.is_none() => {
                Ok(Some(self.keep_order(payment.id, order_id, order.approve_url.as_deref()).await?))
            }
            Some(payment) => {
                self.alert("order", payment.id, "an order names this payment, which has another one");
                Ok(None)
            }
            None => Ok(None),
        }
    }

    async fn find_named(&self, id: Option<&str>) -> AppResult<Option<Payment>> {
        match id.and_then(|id| id.parse::<PaymentId>().ok()) {
            Some(id) => Ok(self.store.find(id).await?),
            None => Ok(None),
        }
    }
}
