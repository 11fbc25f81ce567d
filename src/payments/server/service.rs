//! Buying: from the wish to the money.

use super::payment::Payment;
use super::provider::{NewOrder, OrderState, OrderStatus, PaymentProvider, ProviderError};
use super::{Payments, shop};
use crate::credits::Page;
use crate::flags::{Flag, Who};
use crate::i18n::{Text, current_language, t};
use crate::payments::{PaymentState, PaymentView};
use crate::platform::amount::Amount;
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::{PaymentId, UserId};
use crate::platform::limits::Limit;

/// Orders of one user that may wait for their buyer: each is asked after again and again.
const MOST_OPEN: usize = 10;
/// When to try again where there are so many, in seconds: providers end orders that nobody agrees to after hours.
const WAIT_FOR_OPEN: u64 = 60 * 60;

/// An order that waits for its buyer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bought {
    pub payment: PaymentId,
    pub order_id: String,
    /// Where the buyer agrees.
    pub approve_url: String,
}

/// How far a purchase is, for its buyer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    Credited {
        credits: Amount,
    },
    /// Nothing is known yet; whatever comes of it is booked by itself.
    Pending,
    Declined {
        /// Where another try is made.
        again_url: Option<String>,
    },
    NotApproved {
        approve_url: Option<String>,
    },
    /// Nothing will come of it.
    Dead,
}

impl Payments {
    /// Whether anything can be bought here.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.provider.is_some()
    }

    pub(super) fn provider(&self) -> AppResult<&dyn PaymentProvider> {
        self.provider.as_deref().ok_or(AppError::Unavailable)
    }

    /// Orders a pack for a user, who has to agree then. The same key again is the same order.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] for a pack that is not sold, [`AppError::IdempotencyMismatch`], [`AppError::RateLimited`],
    /// [`AppError::Unavailable`] where nothing is sold, or the provider does not answer, [`AppError::SwitchedOff`].
    pub async fn buy(&self, who: impl Into<Who>, pack: &str, key: Option<String>) -> AppResult<Bought> {
        let who = who.into();
        let (user, provider) = (who.user, self.provider()?);
        self.flags.check(Flag::Purchases, who)?;
        let catalog = self.shop.now();
        let unknown = || AppError::invalid("pack", t(Text::NoSuchPack));
        let pack: &shop::Pack = catalog.packs.iter().find(|known| known.id == pack).ok_or_else(unknown)?;
        self.limiter.check(Limit::Spend, &user.to_string()).await?;
        let recent = self.store.list(user, PaymentId::max(), 2 * MOST_OPEN).await?;
        let waits = |payment: &&Payment| payment.state == PaymentState::Created && payment.look_at.is_some();
        // One without an order makes nobody ask the provider.
        let open = recent.iter().filter(waits).filter(|payment| payment.order_id.is_some());
        if open.count() >= MOST_OPEN {
            let limit = u32::try_from(MOST_OPEN).unwrap_or(u32::MAX);
            return Err(AppError::RateLimited { retry_after_secs: WAIT_FOR_OPEN, limit });
        }
        let extras = self.extras_for(user, pack).await?;
        let new = Payment { extras, ..Payment::new(user, pack, self.database.now()) };
        let payment = match self.store.create(&new, key).await? {
            Some(before) if before.pack != pack.id => return Err(AppError::IdempotencyMismatch),
            Some(before) => before,
            None => new,
        };
        if let (Some(order_id), Some(approve_url)) = (payment.order_id.clone(), payment.approve_url.clone()) {
            return Ok(Bought { payment: payment.id, order_id, approve_url });
        }
        let address = |path: &str| self.site.address_of(path).map(String::from).ok_or(AppError::Internal);
        let order = NewOrder {
            payment: payment.id,
            description: payment.name.clone(),
            price: payment.price,
            return_url: address("/buy-credits/return")?,
            cancel_url: address("/buy-credits/cancel")?,
            locale: current_language(),
        };
        let made = match provider.create_order(&order).await {
            Ok(made) => made,
            Err(error) => {
                if matches!(error, ProviderError::Refused(_) | ProviderError::Gone) {
                    self.abandon(payment.id).await?;
                }
                return Err(refused(&error, "an order"));
            }
        };
        let kept = self.keep_order(payment.id, &made.order_id, Some(&made.approve_url)).await?;
        if kept.order_id.as_deref() != Some(&made.order_id) {
            return Err(AppError::Internal);
        }
        Ok(Bought { payment: payment.id, order_id: made.order_id, approve_url: made.approve_url })
    }

    /// Notes the provider's order of a payment that has none.
    pub(super) async fn keep_order(
        &self,
        payment: PaymentId,
        order_id: &str,
        approve_url: Option<&str>,
    ) -> AppResult<Payment> {
        self.change(payment, |payment| {
            let is_new = payment.order_id.is_none();
            if is_new {
                payment.order_id = Some(order_id.to_owned());
                payment.approve_url = approve_url.map(str::to_owned);
            }
            is_new
        })
        .await
    }

    /// Takes the money of an order whose buyer has agreed, and books it. Only the user's own.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for an order that is none of the user's, [`AppError::RateLimited`], [`AppError::Unavailable`].
    pub async fn finish(&self, user: UserId, order_id: &str) -> AppResult<Progress> {
        let payment = self.store.find_by_order(order_id).await?.ok_or(AppError::NotFound)?;
        if payment.user != user {
            self.alert("owner", payment.id, "somebody else asked for it to be finished");
            return Err(AppError::NotFound);
        }
        match payment.state {
            _ if payment.books.paid => Ok(progress(&self.converge(payment.id).await?)),
            PaymentState::Rejected => Ok(Progress::Dead),
            _ => {
                // Nobody makes the provider work for nothing without limit.
                self.limiter.check(Limit::Spend, &user.to_string()).await?;
                self.capture(&payment).await
            }
        }
    }

    /// Takes the money, once: an order that is captured already tells so.
    async fn capture(&self, payment: &Payment) -> AppResult<Progress> {
        let Some(order_id) = &payment.order_id else { return Ok(Progress::Dead) };
        if payment.is_closed {
            // Nothing is taken for credits that nobody could use.
            return Ok(progress(&self.abandon(payment.id).await?));
        }
        match self.provider()?.capture_order(order_id).await {
            Ok(order) => Ok(progress(&self.settle(payment.id, &order).await?)),
            // It stays declined until another means of payment is agreed to.
            Err(ProviderError::NotApproved) => Ok(match payment.state {
                PaymentState::Declined => progress(payment),
                _ => Progress::NotApproved { approve_url: payment.approve_url.clone() },
            }),
            Err(ProviderError::Declined { again_url }) => {
                let payment = self.decline(payment.id).await?;
                Ok(match progress(&payment) {
                    Progress::Declined { .. } => Progress::Declined { again_url: again_url.or(payment.approve_url) },
                    other => other,
                })
            }
            Err(ProviderError::Refused(code)) => {
                tracing::warn!(payment = %payment.id, code, "the provider does not take the money");
                Ok(progress(&self.decline(payment.id).await?))
            }
            Err(ProviderError::Gone) => Ok(progress(&self.abandon(payment.id).await?)),
            // The money may be taken: whoever looks next finds it.
            Err(error @ (ProviderError::Unavailable | ProviderError::Unreadable)) => {
                tracing::warn!(payment = %payment.id, %error, "whether the money was taken is not known yet");
                Ok(progress_of_unknown(&self.store.find(payment.id).await?.ok_or(AppError::NotFound)?))
            }
        }
    }

    /// Asks the provider how a payment stands, takes the money if its buyer has agreed, and books what there is.
    pub(super) async fn look(&self, id: PaymentId) -> AppResult<Progress> {
        let payment = self.store.find(id).await?.ok_or(AppError::NotFound)?;
        if payment.state == PaymentState::Rejected {
            return Ok(Progress::Dead);
        }
        let Some(order_id) = &payment.order_id else {
            let is_over = payment.is_given_up(self.database.now());
            let payment = if is_over { self.abandon(id).await? } else { self.looked_at(id).await? };
            return Ok(progress(&payment));
        };
        let order = match self.provider()?.find_order(order_id).await {
            Ok(order) => order,
            Err(ProviderError::Gone) => return Ok(progress(&self.abandon(id).await?)),
            Err(error) => return Err(refused(&error, "how a payment stands")),
        };
        self.follow(payment, &order).await
    }

    /// Does what follows from how an order stands.
    async fn follow(&self, payment: Payment, order: &OrderState) -> AppResult<Progress> {
        let id = payment.id;
        if let Some(problem) = self.problem(&payment, order) {
            return Ok(progress(&self.reject(id, problem).await?));
        }
        match order.status {
            OrderStatus::Approved => self.capture(&payment).await,
            OrderStatus::Created if !payment.is_given_up(self.database.now()) => {
                Ok(Progress::NotApproved { approve_url: payment.approve_url })
            }
            OrderStatus::Created | OrderStatus::Voided => Ok(progress(&self.abandon(id).await?)),
            OrderStatus::Completed => Ok(progress(&self.settle(id, order).await?)),
        }
    }

    /// As [`Payments::look`]. A payment that the provider tells nothing of keeps no other from its turn.
    pub(super) async fn look_or_leave(&self, id: PaymentId) -> AppResult<()> {
        let payment = self.store.find(id).await?.ok_or(AppError::NotFound)?;
        let (Some(order_id), false) = (&payment.order_id, payment.state == PaymentState::Rejected) else {
            self.look(id).await?;
            return Ok(());
        };
        match self.provider()?.find_order(order_id).await {
            // Nobody asks a bank once more that has declined: only the buyer does.
            Ok(order) if payment.state == PaymentState::Declined && order.status == OrderStatus::Approved => {}
            Ok(order) => _ = self.follow(payment, &order).await?,
            Err(error @ (ProviderError::Refused(_) | ProviderError::Unreadable)) => {
                tracing::error!(payment = %id, %error, "how a payment stands is not told");
                if payment.is_given_up(self.database.now()) {
                    self.abandon(id).await?;
                }
            }
            Err(ProviderError::Gone) => _ = self.abandon(id).await?,
            Err(error) => return Err(refused(&error, "how a payment stands")),
        }
        Ok(())
    }

    /// A page of what a user has bought, newest first.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] for a cursor that this server never gave out.
    pub async fn history(&self, user: UserId, cursor: Option<&str>, limit: usize) -> AppResult<Page<PaymentView>> {
        let before = match cursor.map(str::parse) {
            None => PaymentId::max(),
            Some(Ok(id)) => id,
            Some(Err(_)) => return Err(AppError::invalid("cursor", "This cursor is not valid.")),
        };
        let (days, now) = (self.shop.now().refund_days, self.database.now());
        let mut payments = self.store.list(user, before, limit + 1).await?;
        let more = payments.len() > limit;
        payments.truncate(limit);
        let next_cursor = payments.last().filter(|_| more).map(|last| last.id.to_string());
        let items = payments.iter().map(|payment| payment.view(days, now)).collect::<Result<_, _>>()?;
        Ok(Page { items, next_cursor })
    }
}

/// What a payment that is stored so says to its buyer.
pub(super) fn progress(payment: &Payment) -> Progress {
    match payment.state {
        PaymentState::Credited => Progress::Credited { credits: payment.credits + payment.bonus() },
        PaymentState::Pending | PaymentState::Captured => Progress::Pending,
        PaymentState::Created => Progress::NotApproved { approve_url: payment.approve_url.clone() },
        PaymentState::Declined => Progress::Declined { again_url: payment.approve_url.clone() },
        PaymentState::Abandoned | PaymentState::Rejected => Progress::Dead,
    }
}

/// The same where the provider was asked to take the money and did not answer.
fn progress_of_unknown(payment: &Payment) -> Progress {
    match progress(payment) {
        Progress::NotApproved { .. } | Progress::Declined { .. } => Progress::Pending,
        other => other,
    }
}

/// An answer of the provider that is none, for whoever asked for `what`.
pub(super) fn refused(error: &ProviderError, what: &str) -> AppError {
    tracing::error!(%error, what, "the payment provider failed");
    AppError::Unavailable
}
