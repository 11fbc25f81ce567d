//! Who takes money every month.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::i18n::Language;
use crate::payments::server::provider::{CaptureStatus, ProviderError};
use crate::platform::ids::SubscriptionId;
use crate::platform::money::Money;

/// A service that takes money every month, until it is told not to.
#[async_trait]
pub trait SubscriptionProvider: Send + Sync {
    /// The account there: what is made in one is not in another.
    fn account(&self) -> String;

    /// Makes a plan, and returns its id. Idempotent by key.
    async fn create_plan(&self, plan: &NewPlan) -> Result<String, ProviderError>;

    /// Idempotent by the id of the subscription.
    async fn create_subscription(&self, new: &NewSubscription) -> Result<CreatedSubscription, ProviderError>;

    async fn find_subscription(&self, id: &str) -> Result<SubscriptionReport, ProviderError>;

    /// What was taken for a subscription in a time, in milliseconds since 1970.
    async fn find_sales(&self, id: &str, from: i64, until: i64) -> Result<Vec<Sale>, ProviderError>;

    async fn find_sale(&self, sale_id: &str) -> Result<Sale, ProviderError>;

    /// No more money is taken. One that has ended already is [`ProviderError::Refused`].
    async fn cancel_subscription(&self, id: &str) -> Result<(), ProviderError>;

    /// Changes the plan from the next payment on. Where the buyer has to agree: the address.
    async fn revise_subscription(&self, change: &PlanChange) -> Result<Option<String>, ProviderError>;
}

/// Credits every month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPlan {
    /// Names what it stands for, once and for all: letters and digits.
    pub key: String,
    pub name: String,
    pub price: Money,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSubscription {
    pub subscription: SubscriptionId,
    /// The provider's.
    pub plan_id: String,
    pub return_url: String,
    pub cancel_url: String,
    pub locale: Language,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedSubscription {
    /// The provider's.
    pub id: String,
    /// Where the buyer agrees.
    pub approve_url: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanChange {
    /// The provider's.
    pub id: String,
    pub plan_id: String,
    pub return_url: String,
    pub cancel_url: String,
    pub locale: Language,
}

/// How a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SubscriptionStatus {
    /// Nobody has agreed yet.
    Waiting,
    Active,
    /// No money is taken until it goes on.
    Suspended,
    Cancelled,
    Expired,
}

impl SubscriptionStatus {
    /// Whether more may be paid for it.
    #[must_use]
    pub const fn is_running(self) -> bool {
        matches!(self, Self::Active | Self::Suspended)
    }
}

/// A subscription, as the provider tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionReport {
    pub id: String,
    pub status: SubscriptionStatus,
    pub plan_id: Option<String>,
    /// The id of ours, as it was told when it was made.
    pub subscription: Option<String>,
    pub approve_url: Option<String>,
    /// Whether the last payment did not come about.
    pub is_failing: bool,
}

/// Money that was taken for a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sale {
    pub id: String,
    /// The provider's id of what it is for, where that is told.
    pub subscription_id: Option<String>,
    pub status: CaptureStatus,
    pub amount: Money,
    /// In milliseconds since 1970.
    pub at: i64,
}
