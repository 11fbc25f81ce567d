//! Credits: balances, holds and the append-only ledger.

mod components;
pub mod page;
pub mod server_fns;
mod types;

#[cfg(feature = "ssr")]
pub mod rest;
#[cfg(feature = "ssr")]
pub mod service;
#[cfg(feature = "ssr")]
pub mod store;

pub use types::*;
