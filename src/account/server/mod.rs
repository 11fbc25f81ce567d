//! Accounts on the server: rules, HTTP, storage.

pub mod api;
pub mod caller;
mod form_page;
pub mod key_api;
pub mod keys;
pub mod password;
pub mod service;
pub mod sign_in_page;
pub mod store;
