//! What buyers see: the page with the packs, what they come back to, giving credits back, and what they bought so far. HTML of
//! the server throughout, whose forms need no script.

mod buy_view;
mod history;
mod invite_view;
mod money_text;
pub mod page;
mod plan_view;
mod progress_view;
mod reach;
mod refund_view;

pub use self::history::ShownPurchases;
use super::Payments;
use super::provider::PaymentProvider;
use crate::chat::server::Chat;
use crate::credits::server::Credits;
use crate::images::server::Images;

/// What people call who takes the money.
#[must_use]
pub fn provider_label(provider: Option<&dyn PaymentProvider>) -> &'static str {
    match provider.map(PaymentProvider::name) {
        None => "",
        Some("paypal") => "PayPal",
        Some(other) => other,
    }
}

/// What the pages need. Cheap to clone.
#[derive(Clone)]
pub struct Storefront {
    pub payments: Payments,
    pub credits: Credits,
    /// What credits are spent on.
    pub chat: Chat,
    pub images: Images,
}
