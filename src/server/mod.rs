//! The server around the features: configuration, state, HTTP, storage, jobs. No business rules.

pub mod accept;
pub mod backup;
pub mod cache;
pub mod caller;
pub mod check;
pub mod config;
pub mod db;
pub mod discovery;
pub mod jobs;
pub mod limits;
pub mod metrics;
pub mod pages;
pub mod recovery;
pub mod redis;
pub mod request;
pub mod response;
pub mod router;
pub mod secret;
pub mod security;
pub mod serve;
pub mod state;
pub mod telemetry;
