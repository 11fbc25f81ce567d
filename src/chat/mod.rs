//! Chat: conversations, the replies that stream into them, and the providers that write them.

pub mod browser;
mod choice;
mod conversation;
mod estimate;
mod event;
mod receipt;
mod thinking;
mod title;
mod tool_call;
mod types;
mod usage;

#[cfg(feature = "ssr")]
pub mod server;

pub use browser::components::empty_thread::EmptyThreadTemplates;
pub use choice::{EFFORTS, describe, parts_of_choice, with_effort};
pub use conversation::*;
pub use estimate::*;
pub use event::*;
pub use receipt::*;
pub use thinking::*;
pub use title::*;
pub use tool_call::*;
pub use types::*;
pub use usage::*;
