//! Payments: what people buy, exactly once, and what becomes of the money.

pub mod browser;
mod purchase_page;
pub mod server_fns;
mod types;

#[cfg(feature = "ssr")]
pub mod server;

pub use purchase_page::PurchasePage;
pub use types::*;
