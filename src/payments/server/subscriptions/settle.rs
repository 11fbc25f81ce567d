//! What was paid for a subscription: each payment is a [`Payment`] with the id of its sale, of which there can be only one. So
//! its credits, its refunds, its disputes and its papers are those of every other payment.

use super::port::Sale;
use super::record::{PaidSale, Subscription};
use super::terms::month_after;
use crate::payments::server::Payments;
use crate::payments::server::payment::{PaidMonth, Payment};
use crate::payments::server::provider::{Capture, ProviderError};
use crate::payments::server::service::refused;
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::SubscriptionId;

impl Payments {
    /// Books what the provider says was paid for a subscription, as far as it is not booked.
    pub(super) async fn settle_sale(&self, subscription: &Subscription, sale: &Sale) -> AppResult<()> {
        // The provider says that it is somebody else's, which somebody was called for.
        if subscription.provider_id.as_ref().is_some_and(|id| subscription.refused.contains(id)) {
            return Ok(());
        }
        if sale.subscription_id.is_some() && sale.subscription_id != subscription.provider_id {
            return self.refuse_money(subscription.id, &sale.id, "subscription").await;
        }
        let known = match self.store.find_by_capture(&sale.id).await? {
            Some(known) => known,
            None if !sale.status.has_come() => return Ok(()),
            None => {
                let Some(terms) = subscription.terms_of(sale) else {
                    let is_currency = |terms: &super::Terms| terms.price.currency == sale.amount.currency;
                    let wrong = if subscription.terms.iter().any(is_currency) { "amount" } else { "currency" };
                    return self.refuse_money(subscription.id, &sale.id, wrong).await;
                };
                let month = PaidMonth {
                    subscription: subscription.id,
                    from: sale.at,
                    until: month_after(sale.at),
                    per_minute: terms.per_minute,
                };
                let new = Payment::of_sale(subscription.user, terms, month, &sale.id, self.database.now());
                self.store.create_paid(&new).await?
            }
        };
        if known.month.as_ref().map(|month| month.subscription) != Some(subscription.id) {
            return self.refuse_money(subscription.id, &sale.id, "sale").await;
        }
        let told = Capture {
            id: sale.id.clone(),
            order_id: None,
            status: sale.status.clone(),
            amount: sale.amount,
            payee: None,
            payment: None,
            refunded: None,
        };
        self.change(known.id, |payment| payment.learn(&told)).await?;
        self.converge(known.id).await?;
        Ok(())
    }

    /// Notes in its subscription what has become of a payment, and gives its user the time that it pays for.
    pub(in crate::payments::server) async fn count_month(&self, payment: &Payment) -> AppResult<()> {
        let (Some(month), Some(sale)) = (&payment.month, &payment.capture_id) else { return Ok(()) };
        if !payment.books.credited {
            return Ok(());
        }
        let paid = PaidSale {
            from: month.from,
            until: month.until,
            name: payment.name.clone(),
            per_minute: month.per_minute,
            is_returned: payment.refunded.minor >= payment.price.minor,
        };
        let subscription = self
            .change_subscription(month.subscription, |known| {
                let before = known.sales.insert(sale.clone(), paid.clone());
                before.as_ref() != Some(&paid)
            })
            .await?;
        self.set_periods(&subscription).await
    }

    /// Calls somebody about money that is not what was agreed, once. Nothing is booked of it.
    pub(super) async fn refuse_money(&self, id: SubscriptionId, what: &str, problem: &'static str) -> AppResult<()> {
        let mut is_first = false;
        self.change_subscription(id, |known| {
            is_first = known.refused.insert(what.to_owned());
            is_first
        })
        .await?;
        if is_first {
            self.alert_about(problem, id, "the money is not what was agreed: nothing was booked of it");
        }
        Ok(())
    }

    /// The provider says that a subscription was paid.
    pub(in crate::payments::server) async fn hear_sale(&self, sale: &str, subscription: &str) -> AppResult<()> {
        let Some(known) = self.locate_subscription(subscription).await? else { return Ok(()) };
        let known = self.look_at_subscription(known.id).await?;
        if let Some(payment) = self.store.find_by_capture(sale).await? {
            // Whoever stored it may have died before it was booked.
            self.converge(payment.id).await?;
            return Ok(());
        }
        if known.refused.contains(sale) {
            return Ok(());
        }
        // Its list of payments may be behind.
        let told = match self.recurring()?.find_sale(sale).await {
            Ok(told) if told.id == sale => told,
            Ok(_) => return Err(AppError::Unavailable),
            Err(error) => return Err(refused(&error, "what was paid for a subscription")),
        };
        self.settle_sale(&known, &told).await
    }

    /// Books a payment for a subscription that something else is said about.
    pub(in crate::payments::server) async fn locate_sale(&self, sale: &str) -> AppResult<Option<Payment>> {
        let Some(provider) = self.provider()?.subscriptions() else { return Ok(None) };
        let told = match provider.find_sale(sale).await {
            Ok(told) => told,
            Err(ProviderError::Gone) => return Ok(None),
            Err(error) => return Err(refused(&error, "what some money is for")),
        };
        let Some(subscription) = &told.subscription_id else { return Ok(None) };
        if let Some(known) = self.locate_subscription(subscription).await? {
            let known = self.look_at_subscription(known.id).await?;
            self.settle_sale(&known, &told).await?;
        }
        Ok(self.store.find_by_capture(sale).await?)
    }

    /// The subscription that the provider calls so. `None`: it is none of ours.
    pub(in crate::payments::server) async fn locate_subscription(&self, id: &str) -> AppResult<Option<Subscription>> {
        if let Some(known) = self.subscriptions.find_by_provider(id).await? {
            return Ok(Some(known));
        }
        let told = match self.recurring()?.find_subscription(id).await {
            Ok(told) => told,
            Err(ProviderError::Gone) => return Ok(None),
            Err(error) => return Err(refused(&error, "whose subscription it is")),
        };
        let own = told.subscription.and_then(|own| own.parse::<SubscriptionId>().ok());
        let known = match own {
            Some(own) => self.subscriptions.find(own).await?,
            None => None,
        };
        match known {
            // It was made, and the answer to that was lost.
            Some(known) if known.provider_id.is_none() => {
                self.keep_provider_id(known.id, id, told.approve_url.as_deref()).await.map(Some)
            }
            Some(known) => {
                self.refuse_money(known.id, id, "subscription").await?;
                Ok(None)
            }
            None => {
                tracing::info!(id, "a subscription that nobody here asked for");
                Ok(None)
            }
        }
    }

    pub(super) async fn keep_provider_id(
        &self,
        id: SubscriptionId,
        provider_id: &str,
        approve_url: Option<&str>,
    ) -> AppResult<Subscription> {
        self.change_subscription(id, |known| {
            let is_new = known.provider_id.is_none();
            if is_new {
                known.provider_id = Some(provider_id.to_owned());
                known.approve_url = approve_url.map(str::to_owned);
            }
            is_new
        })
        .await
    }
}
