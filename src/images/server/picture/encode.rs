//! Writing pictures: the PNG that is kept, and two small ones for lists.

use image::DynamicImage;
use image::imageops::FilterType;
use png::text_metadata::{ITXtChunk, TEXtChunk};

use super::{PictureError, Provenance};

/// Width and height of a thumbnail, at most: twice the pixels of a card in the gallery.
const THUMBNAIL: (u32, u32) = (384, 512);
/// A screen of twelve thumbnails is then below 150 KB.
const THUMBNAIL_BYTES: usize = 12 * 1024;
/// From good to just bearable: a busy picture gives up detail before it gets large.
const QUALITIES: [f32; 4] = [72.0, 55.0, 38.0, 20.0];
/// Pixels of a side of a portrait.
const PORTRAIT: u32 = 256;
/// Pixels of the longer side of a placeholder.
const PLACEHOLDER: u32 = 16;

/// A PNG with text chunks on where it comes from: <https://www.w3.org/TR/png-3/#11keywords>.
pub(super) fn write_png(pixels: &DynamicImage, provenance: &Provenance) -> Result<Vec<u8>, PictureError> {
    let mut bytes = Vec::new();
    write_into(&mut bytes, pixels, provenance).map_err(|error| PictureError::Unwritable(error.to_string()))?;
    Ok(bytes)
}

fn write_into(bytes: &mut Vec<u8>, pixels: &DynamicImage, provenance: &Provenance) -> Result<(), png::EncodingError> {
    let mut encoder = png::Encoder::new(bytes, pixels.width(), pixels.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_source_srgb(png::SrgbRenderingIntent::Perceptual);
    // For 1344 × 768 pixels of a photo: 6 ms and 1.3 MB. `Balanced` takes 250 ms to save a tenth of that.
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header()?;
    let Provenance { provider, model, .. } = provenance;
    let made_by = if provenance.is_ai { "" } else { " (procedural sketch, not AI)" };
    writer.write_text_chunk(&TEXtChunk::new("Software", "Tessera"))?;
    // UTF-8: a model can have any name, and a prompt any letters.
    writer.write_text_chunk(&ITXtChunk::new("Source", format!("{provider} {model}{made_by}")))?;
    writer.write_text_chunk(&TEXtChunk::new("Creation Time", provenance.created_at.to_string()))?;
    if let Some(prompt) = &provenance.prompt {
        writer.write_text_chunk(&ITXtChunk::new("Description", prompt.replace('\0', " ")))?;
    }
    writer.write_image_data(pixels.as_bytes())?;
    writer.finish()
}

/// A WebP of the size of a card. Never larger than the picture.
pub(super) fn write_thumbnail(pixels: &DynamicImage) -> Result<Vec<u8>, PictureError> {
    let small = shrink(pixels, THUMBNAIL.0, THUMBNAIL.1);
    let mut bytes = Vec::new();
    for quality in QUALITIES {
        bytes = write_webp(&small, quality)?;
        if bytes.len() <= THUMBNAIL_BYTES {
            break;
        }
    }
    Ok(bytes)
}

/// A WebP of some hundred bytes.
pub(super) fn write_placeholder(pixels: &DynamicImage) -> Result<Vec<u8>, PictureError> {
    write_webp(&shrink(pixels, PLACEHOLDER, PLACEHOLDER), 30.0)
}

/// A square WebP of what is in the middle.
pub(super) fn write_portrait(pixels: &DynamicImage) -> Result<Vec<u8>, PictureError> {
    let side = pixels.width().min(pixels.height());
    let square = pixels.crop_imm((pixels.width() - side) / 2, (pixels.height() - side) / 2, side, side);
    write_webp(&square.resize_exact(PORTRAIT, PORTRAIT, FilterType::CatmullRom), QUALITIES[0])
}

/// As large as fits, in the same shape.
fn shrink(pixels: &DynamicImage, width: u32, height: u32) -> DynamicImage {
    let (wide, high) = (pixels.width(), pixels.height());
    // In whole numbers: which side decides, and what becomes of the other.
    let (width, height) = if u64::from(wide) * u64::from(height) > u64::from(high) * u64::from(width) {
        (width, scale(high, width, wide))
    } else {
        (scale(wide, height, high), height)
    };
    if width >= wide { pixels.clone() } else { pixels.resize_exact(width, height, FilterType::CatmullRom) }
}

/// `side` · `to` / `from`, rounded, at least 1.
fn scale(side: u32, to: u32, from: u32) -> u32 {
    let (side, to, from) = (u64::from(side), u64::from(to), u64::from(from).max(1));
    u32::try_from((side * to + from / 2) / from).unwrap_or(u32::MAX).max(1)
}

fn write_webp(pixels: &DynamicImage, quality: f32) -> Result<Vec<u8>, PictureError> {
    let encoder = webp::Encoder::from_rgb(pixels.as_bytes(), pixels.width(), pixels.height());
    let bytes = encoder.encode_simple(false, quality);
    bytes.map(|bytes| bytes.to_vec()).map_err(|error| PictureError::Unwritable(format!("{error:?}")))
}
