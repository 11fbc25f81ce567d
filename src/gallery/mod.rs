//! `/components`: every primitive of `ui/`, live and in both themes, with what it takes and the code to paste.
//!
//! Tables and code come from the sources themselves (`catalog/`), so that they say what is there. How to add a primitive
//! is in docs/EXTENDING.md.

#[cfg(feature = "ssr")]
mod catalog;
mod components;
mod examples;
mod knobs;
#[cfg(feature = "hydrate")]
mod mount;
mod page;
pub mod types;

#[cfg(feature = "ssr")]
pub use catalog::read_catalog;
#[cfg(feature = "hydrate")]
pub use mount::mount_gallery;
pub use page::{GALLERY_PATH, GalleryPage};
