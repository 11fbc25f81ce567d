//! Chat: conversations, the replies that stream into them, and the providers that write them.

pub mod browser;
mod types;

#[cfg(feature = "ssr")]
pub mod server;

pub use browser::client::{new_idempotency_key, sleep};
pub use browser::components::empty_thread::EmptyThreadTemplates;
pub use browser::components::receipt::credits_text;
pub use browser::drafts::{forget_all as forget_drafts, storage as draft_storage};
pub use types::*;
