//! `/images` in the browser: the form, the gallery, and one image.

mod changing;
mod client;
pub mod collection;
mod components;
mod draft;
pub mod page;
pub mod send;
pub mod stream;
pub mod viewing;
