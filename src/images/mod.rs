//! Images: who makes them, where they are kept, and the gallery.

mod aspect_ratio;
pub mod browser;
mod filter;
mod types;

#[cfg(feature = "ssr")]
pub mod server;

pub use aspect_ratio::AspectRatio;
pub use browser::viewing::ImageView;
pub use filter::Filter;
pub use types::*;
