//! Images on the server: ordering, generating, storing and serving them.

pub mod api;
mod body;
pub mod config;
pub mod garbage;
pub mod generate;
pub mod order;
pub mod picture;
pub mod providers;
pub mod recovery;
pub mod service;
pub mod storage;
pub mod store;
pub mod subscribe;
pub mod webhook;
