//! The pieces of the chat page.

mod assistant_message;
mod branch_button;
pub mod composer;
pub mod empty_thread;
mod image_button;
mod live_markdown;
pub mod message_editor;
pub mod message_list;
mod notices;
mod provider_picker;
pub mod receipt;
mod thoughts;
mod user_message;
