//! Accounts: who a user is, sign-up, sign-in and sessions.

mod api_key;
pub mod browser;
mod server_fns;
mod types;

#[cfg(feature = "ssr")]
pub mod server;

pub use api_key::*;
#[cfg(feature = "ssr")]
pub use server::email::Email;
pub use types::*;
