//! `/images` in the browser: the form, the gallery, and one image.

mod changing;
mod client;
pub mod collection;
mod components;
mod draft;
mod loading;
pub mod page;
mod parts;
pub mod send;
pub mod single_image;
pub mod stream;
mod talk;
pub mod viewing;
