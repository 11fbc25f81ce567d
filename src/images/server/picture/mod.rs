//! From what a provider sent to what is kept: a clean PNG that says where it comes from, a thumbnail, a placeholder. And from
//! what a user sent (`clean.rs`).
//!
//! Nothing of the bytes from outside is kept but the pixels.

mod clean;
mod colours;
mod decode;
mod encode;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
pub use clean::clean;
pub use decode::sniff;
use image::DynamicImage;

/// Pixels of a side, at most and at least.
pub const SIDE: std::ops::RangeInclusive<u32> = 16..=4096;
/// Pixels in all, at most.
pub const MAX_PIXELS: u64 = 4096 * 4096;

/// Where a picture comes from. It is written into the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// [`crate::generation::Provider::name`].
    pub provider: String,
    pub model: String,
    /// Whether it comes from a model.
    pub is_ai: bool,
    pub created_at: jiff::Timestamp,
    /// Written down only if given: a prompt is its writer's.
    pub prompt: Option<String>,
}

/// What is kept of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub png: Vec<u8>,
    /// WebP, at most 384 × 512 pixels, typically below 12 KB.
    pub thumbnail: Vec<u8>,
    /// A `data:` URL of at most 250 characters: what is shown, blurred, until the thumbnail is there.
    pub placeholder: String,
    pub width: u32,
    pub height: u32,
}

/// Why bytes are no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    #[error("neither PNG nor JPEG nor WebP")]
    UnknownFormat,
    #[error("{width} × {height} pixels: a side has 16 to 4096")]
    WrongSize { width: u32, height: u32 },
    #[error("{width} × {height} pixels are too many")]
    TooManyPixels { width: u32, height: u32 },
    /// Cut, damaged, or larger inside than it says.
    #[error("damaged: {0}")]
    Damaged(String),
    #[error("cannot be written: {0}")]
    Unwritable(String),
}

/// Decodes a picture within limits and writes it anew. Work for a core: about 50 ms a megapixel.
pub fn develop(bytes: &[u8], provenance: &Provenance) -> Result<Picture, PictureError> {
    let pixels = decode::decode(bytes)?;
    let (width, height) = (pixels.width(), pixels.height());
    Ok(Picture {
        png: encode::write_png(&pixels, provenance)?,
        thumbnail: encode::write_thumbnail(&pixels)?,
        placeholder: format!("data:image/webp;base64,{}", BASE64_STANDARD.encode(encode::write_placeholder(&pixels)?)),
        width,
        height,
    })
}

/// A square WebP of what is in the middle of a PNG, JPEG or WebP. Of an animation, its first picture.
///
/// # Errors
/// It is none of these, too large or damaged.
pub fn portrait(bytes: &[u8]) -> Result<Vec<u8>, PictureError> {
    let format = sniff(bytes).ok_or(PictureError::UnknownFormat)?;
    let pixels = DynamicImage::ImageRgb8(decode::flatten(decode::read(bytes, format, clean::fits)?));
    encode::write_portrait(&pixels)
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
