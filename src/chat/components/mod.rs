//! The pieces of the chat page.

mod assistant_message;
pub mod composer;
mod live_markdown;
mod message_editor;
pub mod message_list;
pub mod new_chat;
mod provider_picker;
mod receipt;
mod send_failure;
mod user_message;
