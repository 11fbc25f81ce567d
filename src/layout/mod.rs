//! What surrounds every signed-in page: the header, the list of conversations, and the state that pages share.

mod client;
mod commands;
mod components;
mod context;
mod shortcuts;
mod title;

pub use components::Layout;
pub use context::{WorkspaceContext, use_workspace};
pub use title::page_title;
