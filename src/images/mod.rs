//! Images: who makes them, where they are kept, and the gallery.

mod aspect_ratio;
mod types;

pub use aspect_ratio::AspectRatio;
pub use types::*;
