//! What surrounds every signed-in page: the header, the list of conversations, and the state that pages share.

mod client;
mod commands;
mod components;
mod context;
mod refresh;
mod shortcuts;
mod title;

pub use components::{AFTER, HidesList, Layout, MENU_ID, SIDEBAR_COOKIE};
pub use context::{WorkspaceContext, use_workspace};
pub use refresh::tell_others;
pub use title::page_title;
