//! The pieces around the pages, one per file.

mod account_menu;
mod command_palette;
mod conversation_link;
mod conversation_list;
mod conversation_menu;
mod conversation_search;
mod conversation_tools;
mod credits_badge;
mod credits_notice;
mod delete_dialog;
mod dialog_choices;
mod header;
mod layout;
mod lightbox;
mod offline_notice;
mod older_conversations;
mod prompt_dialog;
mod provider_panel;
mod rename_dialog;
mod search_results;
mod share_dialog;
mod shortcut_sheet;
mod sidebar;

pub use conversation_list::AFTER;
pub use conversation_menu::MENU_ID;
pub use header::{HidesList, SIDEBAR_COOKIE, SWITCH_ID};
pub use layout::Layout;
pub use older_conversations::sort;
