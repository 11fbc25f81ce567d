//! Subscriptions: credits every month for as long as somebody pays. What is known of one is asked of the provider whenever
//! anything is heard of it (`look.rs`), and each payment is booked once by its id (`settle.rs`).

pub mod api;
mod look;
mod port;
mod record;
mod settle;
mod standing;
pub mod store;
mod subscribe;
mod terms;

pub(in crate::payments::server) use self::look::MOST as MOST_OF_USER;
pub use self::port::{
    CreatedSubscription, NewPlan, NewSubscription, PlanChange, Sale, SubscriptionProvider, SubscriptionReport,
    SubscriptionStatus,
};
pub use self::record::{PaidSale, Subscription};
pub use self::standing::SubscriptionView;
pub use self::subscribe::{Subscribed, SubscriptionProgress};
pub use self::terms::Terms;
