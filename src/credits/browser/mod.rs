//! `/dashboard` in the browser.

pub mod amount;
mod components;
pub mod page;
