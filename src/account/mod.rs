//! Accounts: who a user is, sign-up, sign-in and sessions.

mod api_key;
mod types;

pub mod account_page;
mod components;
mod server_fns;

#[cfg(feature = "ssr")]
pub mod keys;
#[cfg(feature = "ssr")]
pub mod keys_rest;
#[cfg(feature = "ssr")]
pub mod page;
#[cfg(feature = "ssr")]
pub mod password;
#[cfg(feature = "ssr")]
pub mod rest;
#[cfg(feature = "ssr")]
pub mod service;
#[cfg(feature = "ssr")]
pub mod store;

pub use api_key::*;
pub use types::*;
