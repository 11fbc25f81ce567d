//! What a buyer does not need any more, for money back: credits leave the ledger first, then the provider is asked, and they come
//! back if it refuses for good. So nobody is paid for credits that are then used.

use super::Payments;
use super::books::{Request, RequestState};
use super::payment::Payment;
use super::provider::{NewRefund, ProviderError, RefundState, RefundStatus};
use crate::i18n::{Text, t};
use crate::platform::amount::Amount;
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::request_id::current_request_id;
use crate::platform::ids::{PaymentId, UserId};
use crate::platform::limits::Limit;
use crate::platform::money::Money;

/// What could be given back of a payment now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundPreview {
    /// Credits that are neither spent nor held.
    pub credits: Amount,
    /// Of how many that were bought.
    pub of: Amount,
    /// What would be paid back.
    pub money: Money,
    /// When they were bought, and until when they can be given back, in milliseconds since 1970.
    pub bought_at: i64,
    pub until: i64,
}

/// What was given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refunded {
    pub credits: Amount,
    pub money: Money,
    /// Whether the provider has done its part, or still will.
    pub is_done: bool,
}

impl Payments {
    /// What a user can give back of a payment.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for a payment that is none of the user's, [`AppError::Conflict`] where nothing can be given back.
    pub async fn preview_refund(&self, user: UserId, id: PaymentId) -> AppResult<RefundPreview> {
        let payment = self.own(user, id).await?;
        self.preview(&payment, self.shop.now().refund_days).await
    }

    /// What could be given back of a payment for its buyer, however old it is, and who that is: for whoever runs this.
    ///
    /// # Errors
    /// As [`Payments::preview_refund`].
    pub async fn preview_refund_for_buyer(&self, id: PaymentId) -> AppResult<(UserId, RefundPreview)> {
        let payment = self.store.find(id).await?.ok_or(AppError::NotFound)?;
        Ok((payment.user, self.preview(&payment, u32::MAX).await?))
    }

    async fn own(&self, user: UserId, id: PaymentId) -> AppResult<Payment> {
        self.store.find(id).await?.filter(|payment| payment.user == user).ok_or(AppError::NotFound)
    }

    /// `days`: how long after the purchase.
    async fn preview(&self, payment: &Payment, days: u32) -> AppResult<RefundPreview> {
        let nothing = || AppError::Conflict(t(Text::NothingToRefund).to_owned());
        let until = payment.refundable_until(days, self.database.now()).ok_or_else(nothing)?;
        let (Some(lot), Some(bought_at)) = (payment.lot, payment.credited_at) else { return Err(nothing()) };
        let account = self.credits.account(payment.owner, &current_request_id()).await?;
        let (mut known, step) = (payment.clone(), self.step(payment));
        self.count_lapsed_extras(&mut known).await?;
        let left = payment.credits - payment.books.returned - payment.books.frozen;
        let credits = known.returnable(left, account.unspent(lot), step, |extra| account.unspent(extra.lot));
        let minor = payment.books.money_for(credits, payment.credits, payment.price.minor, step);
        if !credits.is_positive() || minor <= 0 {
            return Err(nothing());
        }
        let money = Money::new(minor, payment.price.currency);
        Ok(RefundPreview { credits, of: payment.credits, money, bought_at, until })
    }

    /// Gives back what a user has not used of a payment. While one is on its way, asking again is asking after it.
    ///
    /// # Errors
    /// As [`Payments::preview_refund`]; [`AppError::RateLimited`]; [`AppError::Unavailable`] where nothing is known yet: it goes on by itself.
    pub async fn refund(&self, user: UserId, id: PaymentId) -> AppResult<Refunded> {
        let payment = self.own(user, id).await?;
        self.limiter.check(Limit::Spend, &user.to_string()).await?;
        self.give_back(payment, self.shop.now().refund_days).await
    }

    /// Gives back what its buyer has not used of a payment, however old it is: for whoever runs this.
    ///
    /// # Errors
    /// As [`Payments::refund`].
    pub async fn refund_for_buyer(&self, id: PaymentId) -> AppResult<Refunded> {
        let payment = self.store.find(id).await?.ok_or(AppError::NotFound)?;
        self.give_back(payment, u32::MAX).await
    }

    async fn give_back(&self, payment: Payment, days: u32) -> AppResult<Refunded> {
        self.provider()?;
        let id = payment.id;
        let number = match payment.books.open_request() {
            Some(open) => open.number,
            None => self.request(&payment, days).await?,
        };
        let payment = self.converge(id).await?;
        let request = payment.books.requests.iter().find(|request| request.number == number);
        let request = request.ok_or(AppError::Internal)?;
        match request.state {
            RequestState::Refused => Err(AppError::Conflict(t(Text::RefundRefused).to_owned())),
            state => Ok(Refunded {
                credits: request.credits,
                money: Money::new(request.minor, payment.price.currency),
                is_done: state == RequestState::Done,
            }),
        }
    }

    /// Writes a request down, unless there is one on its way; its number.
    async fn request(&self, payment: &Payment, days: u32) -> AppResult<u32> {
        let RefundPreview { credits, .. } = self.preview(payment, days).await?;
        let mut number = 0;
        self.change(payment.id, |now| {
            if let Some(open) = now.books.open_request() {
                number = open.number;
                return false;
            }
            // Whatever has changed since it was looked at: what is taken is what is there then.
            number = u32::try_from(now.books.requests.len()).unwrap_or(u32::MAX);
            now.books.requests.push(Request {
                number,
                most: credits,
                credits: Amount::ZERO,
                minor: 0,
                state: RequestState::Wanted,
                refund_id: None,
                known: Vec::new(),
            });
            true
        })
        .await?;
        Ok(number)
    }

    /// Asks the provider for the money of a request, or after it: the key is the same each time.
    pub(super) async fn ask_for_refund(&self, payment: &Payment, request: &Request) -> AppResult<()> {
        let Some(capture_id) = payment.capture_id.clone() else { return Err(AppError::Internal) };
        let refund = NewRefund {
            capture_id,
            key: format!("refund-{}-{}", payment.id, request.number),
            amount: Money::new(request.minor, payment.price.currency),
            note: None,
        };
        let (state, refund_id) = match self.provider()?.refund(&refund).await {
            Ok(RefundState { id, status: RefundStatus::Completed, .. }) => (RequestState::Done, Some(id)),
            Ok(RefundState { id, status: RefundStatus::Pending, .. }) => (RequestState::Asking, Some(id)),
            Ok(RefundState { id, status: RefundStatus::Failed | RefundStatus::Cancelled, .. }) => {
                (RequestState::Refused, Some(id))
            }
            Err(error @ (ProviderError::Unavailable | ProviderError::Unreadable)) => {
                tracing::warn!(payment = %payment.id, %error, "whether money went back is not known yet");
                return Ok(());
            }
            Err(error) => {
                tracing::error!(payment = %payment.id, %error, "the provider does not give money back");
                (RequestState::Refused, None)
            }
        };
        self.change(payment.id, |payment| {
            let known = payment.books.requests.iter_mut().find(|known| known.number == request.number);
            let Some(known) = known.filter(|known| known.state == RequestState::Asking) else { return false };
            let before = known.clone();
            known.state = state;
            if refund_id.is_some() {
                known.refund_id.clone_from(&refund_id);
            }
            *known != before
        })
        .await?;
        Ok(())
    }
}
