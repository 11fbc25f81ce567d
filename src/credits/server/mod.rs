//! Credits on the server: rules, HTTP, and the ledger in both databases.

pub mod api;
pub mod service;
pub mod store;
