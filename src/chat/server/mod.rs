//! Chat on the server: sending, generating, streaming and storing replies.

pub mod api;
pub mod attachments;
pub mod conversations;
mod export;
pub mod highlight;
pub mod image_messages;
mod order;
pub mod providers;
pub mod recovery;
pub mod reply;
mod response_cache;
pub mod send;
pub mod service;
pub mod shared_page;
pub mod store;
pub mod subscribe;
