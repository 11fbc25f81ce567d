//! What asking the providers costs: a record of every attempt, and the prices.

pub mod prices;
pub mod recorder;
pub mod service;
pub mod store;
mod types;

pub use types::*;
