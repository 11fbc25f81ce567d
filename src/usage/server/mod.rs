//! The record of attempts, and what providers take for them.

pub mod config;
pub mod leaving;
pub mod prices;
pub mod recorder;
pub mod store;
