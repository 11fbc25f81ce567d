//! Who takes the money: the only thing of payments that leaves the process.

use async_trait::async_trait;
use axum::http::HeaderMap;

use super::subscriptions::SubscriptionProvider;
use crate::i18n::Language;
use crate::platform::ids::PaymentId;
use crate::platform::money::{Currency, Money};

/// A service that takes money and gives it back.
#[async_trait]
pub trait PaymentProvider: Send + Sync {
    /// As in logs and on papers.
    fn name(&self) -> &'static str;

    /// Whose account the money must come to. `None`: not known here.
    fn payee(&self) -> Option<&str> {
        None
    }

    /// The least that it moves of a currency, in the smallest unit: all that it moves is a multiple of it.
    fn step(&self, _: Currency) -> i64 {
        1
    }

    /// Idempotent by payment id.
    async fn create_order(&self, order: &NewOrder) -> Result<CreatedOrder, ProviderError>;

    /// Takes the money. Idempotent: an order that is captured already tells its capture.
    async fn capture_order(&self, order_id: &str) -> Result<OrderState, ProviderError>;

    async fn find_order(&self, order_id: &str) -> Result<OrderState, ProviderError>;

    async fn find_capture(&self, capture_id: &str) -> Result<Capture, ProviderError>;

    /// Idempotent by `refund.key`: the same again tells how far it is. Only what will never come about is
    /// [`ProviderError::Refused`]: one that is under way already is [`ProviderError::Unavailable`].
    async fn refund(&self, refund: &NewRefund) -> Result<RefundState, ProviderError>;

    /// Where it also takes money every month: how.
    fn subscriptions(&self) -> Option<&dyn SubscriptionProvider> {
        None
    }

    /// What a report says, if it is the provider's.
    async fn hear(&self, headers: &HeaderMap, body: &[u8]) -> Result<Event, Unheard> {
        _ = (headers, body);
        Err(Unheard::Off)
    }

    /// Whether it is there, and knows us: what it is, or what is wrong, for the operator.
    async fn check(&self) -> Result<String, String> {
        Ok(self.name().to_owned())
    }
}

/// What somebody is to pay for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    pub payment: PaymentId,
    pub description: String,
    pub price: Money,
    pub return_url: String,
    pub cancel_url: String,
    pub locale: Language,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedOrder {
    pub order_id: String,
    /// Where the buyer agrees.
    pub approve_url: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderStatus {
    Created,
    /// The buyer has agreed: the money can be taken.
    Approved,
    Completed,
    Voided,
}

/// An order, as the provider tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderState {
    pub order_id: String,
    pub status: OrderStatus,
    pub payee: Option<String>,
    pub amount: Option<Money>,
    /// The id of our payment, as it was told when the order was made.
    pub payment: Option<String>,
    pub captures: Vec<Capture>,
    pub approve_url: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaptureStatus {
    Completed,
    /// The money is not there yet, for this reason.
    Pending(String),
    Declined,
    Failed,
    PartiallyRefunded,
    Refunded,
}

impl CaptureStatus {
    /// Whether the money came, whatever became of it.
    #[must_use]
    pub const fn has_come(&self) -> bool {
        matches!(self, Self::Completed | Self::PartiallyRefunded | Self::Refunded)
    }
}

/// Money that was taken, as the provider tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    pub id: String,
    pub order_id: Option<String>,
    pub status: CaptureStatus,
    pub amount: Money,
    pub payee: Option<String>,
    /// The id of our payment.
    pub payment: Option<String>,
    /// What went back of it in all, where that is told.
    pub refunded: Option<Money>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRefund {
    pub capture_id: String,
    /// Names the refund once and for all.
    pub key: String,
    pub amount: Money,
    /// For the buyer.
    pub note: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundStatus {
    Completed,
    Pending,
    Failed,
    Cancelled,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefundState {
    pub id: String,
    pub status: RefundStatus,
    pub amount: Option<Money>,
}

/// Why the provider did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    #[error("the means of payment was declined")]
    Declined {
        /// Where the buyer can choose another one.
        again_url: Option<String>,
    },
    #[error("the buyer has not agreed")]
    NotApproved,
    /// It does not exist, or not any more.
    #[error("it is gone")]
    Gone,
    /// For good; with the provider's code, for the log.
    #[error("refused: {0}")]
    Refused(String),
    /// Whether it was done is not known.
    #[error("the provider does not answer")]
    Unavailable,
    /// Whether it was done is not known.
    #[error("the provider's answer cannot be read")]
    Unreadable,
}

/// Why a report is not taken. The texts are for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unheard {
    /// No reports are expected.
    #[error("there is no webhook")]
    Off,
    /// Somebody else made it.
    #[error("not believed: {0}")]
    Distrusted(String),
    /// Whose it is cannot be told at the moment.
    #[error("cannot be verified: {0}")]
    Unavailable(String),
    /// It is the provider's, and says nothing that can be understood.
    #[error("cannot be read: {0}")]
    Unreadable(String),
}

/// What a provider tells by itself, verified. The order in which events come says nothing, and each may come again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub id: String,
    pub what: EventKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    OrderApproved {
        order_id: String,
    },
    /// Something about money that was taken: how it stands is asked.
    Capture {
        capture_id: String,
        order_id: Option<String>,
    },
    /// Money went back: because we or the seller wanted it, or, `reversed`, because somebody else did.
    Refund {
        refund_id: String,
        capture_id: Option<String>,
        amount: Money,
        reversed: bool,
    },
    Dispute {
        dispute_id: String,
        capture_ids: Vec<String>,
        state: DisputeState,
    },
    /// Something about a subscription: how it stands is asked.
    Subscription {
        id: String,
    },
    /// Money that came for one.
    Sale {
        id: String,
        subscription_id: String,
    },
    Unknown(String),
}

/// How far a dispute is. What comes later in this list is later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DisputeState {
    Opened,
    /// The money stays here.
    Won,
    /// The money goes back.
    Lost,
}
