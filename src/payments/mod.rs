//! Payments: what people buy, exactly once, and what becomes of the money.

mod types;

#[cfg(feature = "ssr")]
pub mod server;

pub use types::*;
