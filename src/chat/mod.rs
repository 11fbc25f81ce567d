//! Chat: conversations, the replies that stream into them, and the providers that write them.

mod client;
mod components;
mod drafts;
mod follow;
mod image_input;
mod markdown;
pub mod page;
mod provider_choice;
mod question;
pub mod sse;
mod talk;
mod thread;
mod types;

#[cfg(feature = "ssr")]
mod answers;
#[cfg(feature = "ssr")]
pub mod asking;
#[cfg(feature = "ssr")]
pub mod conversations;
#[cfg(feature = "ssr")]
mod export;
#[cfg(feature = "ssr")]
pub mod highlight;
#[cfg(feature = "ssr")]
pub mod images;
#[cfg(test)]
mod markdown_corpus;

#[cfg(feature = "ssr")]
mod order;
#[cfg(feature = "ssr")]
pub mod providers;
#[cfg(feature = "ssr")]
pub mod reply;
#[cfg(feature = "ssr")]
pub mod rest;
#[cfg(feature = "ssr")]
pub mod service;
#[cfg(feature = "ssr")]
pub mod shared_page;
#[cfg(feature = "ssr")]
pub mod store;
#[cfg(feature = "ssr")]
pub mod watch;

pub use client::{new_idempotency_key, sleep};
pub use components::empty_thread::EmptyThreadTemplates;
pub use components::receipt::credits_text;
pub use drafts::{forget_all as forget_drafts, storage as draft_storage};
pub use types::*;
