//! `/components`: every primitive of `ui/`, live and in both themes, with what it takes and the code to paste.
//!
//! Tables and code come from the sources themselves (`catalog/`), so that they say what is there. How to add a primitive
//! is in docs/EXTENDING.md.

#[cfg(feature = "ssr")]
mod catalog;
mod components;
mod examples;
mod knobs;
mod page;
#[cfg(feature = "ssr")]
pub mod server;
pub mod types;

#[cfg(feature = "ssr")]
pub use catalog::read_catalog;
pub use page::{GALLERY_PATH, GalleryPage};
