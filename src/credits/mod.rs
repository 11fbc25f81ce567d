//! Credits: balances, holds and the append-only ledger.

pub mod browser;
mod entry;
mod plan;
pub mod server_fns;
mod types;

#[cfg(feature = "ssr")]
pub mod server;

pub use crate::platform::work_kind::WorkKind;
pub use browser::amount::credits_text;
pub use entry::*;
pub use plan::*;
pub use types::*;
