//! What asking the providers costs: a record of every attempt, and the prices.

pub mod server;
mod types;

pub use types::*;
