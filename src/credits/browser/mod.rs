//! `/dashboard` in the browser.

pub mod amount;
pub mod components;
pub mod page;
