//! `/account` in the browser.

mod components;
pub mod page;
