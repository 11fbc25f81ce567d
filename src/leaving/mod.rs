//! Leaving: everything that is a user's to take along, as one archive, and everything erased.
//!
//! What is kept of a user, the features know; the roof lists them (`app/features.rs`).

pub mod server;
