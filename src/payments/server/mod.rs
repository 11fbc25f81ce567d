//! Payments on the server: who takes the money, what was bought, and what is booked of it.

pub mod api;
mod books;
pub mod config;
mod events;
mod extras;
mod leaving;
pub mod papers;
mod payment;
pub mod paypal;
pub mod provider;
mod reconcile;
pub mod referrals;
mod refunds;
mod service;
mod settle;
pub mod shop;
pub mod store;
pub mod storefront;
pub mod subscriptions;
pub mod webhook;

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

pub use self::books::{Books, RefundFact, RequestState};
pub use self::extras::{Extra, ExtraKind};
use self::papers::Papers;
pub use self::payment::{PaidMonth, Payment};
use self::provider::PaymentProvider;
pub use self::reconcile::RECONCILE_EVERY;
use self::referrals::ReferralStore;
pub use self::refunds::{RefundPreview, Refunded};
pub use self::service::{Bought, Progress};
use self::shop::Shop;
use self::store::PaymentStore;
use self::subscriptions::store::SubscriptionStore;
use crate::account::server::plans::PlanStore;
use crate::audit::AuditLog;
use crate::credits::server::store::CreditStore;
use crate::flags::Flags;
use crate::generation::Metrics;
use crate::platform::db::Database;
use crate::platform::limits::RateLimiter;
use crate::platform::site::Site;

/// Payments, from the order to the last refund. Cheap to clone.
#[derive(Clone)]
pub struct Payments(Arc<PaymentsParts>);

/// What [`Payments`] is made of.
pub struct PaymentsParts {
    pub site: Site,
    /// Whose clock is everybody's.
    pub database: Database,
    pub store: Arc<dyn PaymentStore>,
    pub subscriptions: Arc<dyn SubscriptionStore>,
    /// Who invited whom.
    pub referrals: Arc<dyn ReferralStore>,
    /// Told what users have paid for.
    pub plans: Arc<dyn PlanStore>,
    /// `None`: nothing can be bought here.
    pub provider: Option<Arc<dyn PaymentProvider>>,
    pub credits: Arc<dyn CreditStore>,
    /// Told of what is booked.
    pub audit: AuditLog,
    pub shop: Shop,
    /// Gives what was bought its receipt.
    pub papers: Papers,
    pub limiter: Arc<dyn RateLimiter>,
    /// Whether anything new may be bought. What was approved is taken and booked all the same.
    pub flags: Flags,
    /// Told what somebody should look at.
    pub metrics: Metrics,
    /// Whether what was left over from before this start has been looked at.
    pub caught_up: AtomicBool,
}

impl Payments {
    #[must_use]
    pub fn new(parts: PaymentsParts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for Payments {
    type Target = PaymentsParts;

    fn deref(&self) -> &PaymentsParts {
        &self.0
    }
}
