//! Reading pictures from outside. What they say of themselves is checked before memory is given to them.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};

use super::colours::to_srgb;
use super::{MAX_PIXELS, PictureError, SIDE};
use crate::generation::brief;
use crate::platform::image_type::ImageType;

/// Memory for decoding, at most: the largest picture with four channels of 16 bits, and as much again for the decoder.
const MAX_MEMORY: u64 = MAX_PIXELS * 8 * 2;

/// What the first bytes say, if it is taken.
#[must_use]
pub fn sniff(bytes: &[u8]) -> Option<ImageFormat> {
    match ImageType::sniff(bytes)? {
        ImageType::Png => Some(ImageFormat::Png),
        ImageType::Jpeg => Some(ImageFormat::Jpeg),
        ImageType::WebP => Some(ImageFormat::WebP),
        ImageType::Gif => None,
    }
}

/// The pixels, upright and opaque: always [`DynamicImage::ImageRgb8`]. Of an animation, its first picture.
pub(super) fn decode(bytes: &[u8]) -> Result<DynamicImage, PictureError> {
    let format = sniff(bytes).ok_or(PictureError::UnknownFormat)?;
    Ok(DynamicImage::ImageRgb8(flatten(read(bytes, format, fits)?)))
}

fn fits(width: u32, height: u32) -> Result<(), PictureError> {
    let is_fine = SIDE.contains(&width) && SIDE.contains(&height);
    if is_fine && u64::from(width) * u64::from(height) <= MAX_PIXELS {
        Ok(())
    } else {
        Err(PictureError::WrongSize { width, height })
    }
}

/// The pixels, upright, if `fits` lets them be so many. Of an animation, its first picture.
pub(super) fn read(
    bytes: &[u8],
    format: ImageFormat,
    fits: fn(u32, u32) -> Result<(), PictureError>,
) -> Result<DynamicImage, PictureError> {
    if format == ImageFormat::Jpeg && !has_end(bytes) {
        return Err(PictureError::Damaged("the file is cut".to_owned()));
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_MEMORY);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder().map_err(|error| damaged(&error))?;
    let (width, height) = decoder.dimensions();
    fits(width, height)?;
    decoder.set_limits(limits).map_err(|error| damaged(&error))?;
    // A picture is whole without what its metadata say.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let profile = decoder.icc_profile().ok().flatten();
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| damaged(&error))?;
    picture.apply_orientation(orientation);
    Ok(match profile {
        Some(profile) => to_srgb(picture, &profile),
        None => picture,
    })
}

/// Whether a JPEG goes on to its end. What is cut would be decoded, grey where it is missing. Among the data of a scan
/// there are no markers.
fn has_end(jpeg: &[u8]) -> bool {
    let scan = jpeg.windows(2).rposition(|marker| marker == [0xFF, 0xDA]);
    scan.is_some_and(|scan| jpeg[scan..].windows(2).any(|marker| marker == [0xFF, 0xD9]))
}

/// Where it is transparent, paper shines through.
pub(super) fn flatten(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let picture = picture.into_rgba8();
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let image::Rgba([red, green, blue, alpha]) = *picture.get_pixel(x, y);
        image::Rgb([red, green, blue].map(|colour| over_white(colour, alpha)))
    })
}

/// Rounded; never above 255.
fn over_white(colour: u8, alpha: u8) -> u8 {
    let (colour, alpha) = (u32::from(colour), u32::from(alpha));
    u8::try_from((colour * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(u8::MAX)
}

fn damaged(error: &image::ImageError) -> PictureError {
    PictureError::Damaged(brief(&error.to_string()))
}
