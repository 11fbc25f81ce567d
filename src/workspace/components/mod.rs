//! The pieces around the pages, one per file.

mod account_menu;
mod conversation_dialogs;
mod conversation_list;
mod conversation_menu;
mod credits_badge;
mod header;
mod layout;
mod provider_panel;
mod shortcut_sheet;
mod sidebar;

pub use layout::Layout;
