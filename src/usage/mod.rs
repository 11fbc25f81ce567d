//! What asking the providers costs: a record of every attempt, and the prices.

mod types;

#[cfg(feature = "ssr")]
pub mod server;

pub use types::*;
