//! `/chat` in the browser: what is typed, sent, streamed and shown.

pub mod catch_up;
mod client;
pub mod components;
mod copied_formulas;
pub mod drafts;
mod estimate;
mod image_input;
mod lightbox;
pub mod markdown;
mod older;
pub mod page;
mod provider_choice;
mod receipts;
pub mod request;
mod send;
mod shrink;
mod stream;
pub mod talk;
pub mod thread;
mod versions;
