//! The reference of the HTTP API, for programs (`/api/openapi.json`) and for people (`/api/docs`).
//!
//! Every handler says what it does in its `#[utoipa::path]`, and that is also what routes to it: a route cannot be there
//! without its description. What all routes have in common is added here.

pub mod api;
mod components;
mod document;
mod page;
mod refusals;

pub use document::Reference;
pub use page::ReferencePage;
pub use refusals::{Refusal, Spending};
