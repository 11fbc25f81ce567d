//! Pictures that users send: decoded within limits and written anew, so that nothing is kept of a file but what can be seen.
//! Where a photo was made, what somebody hid in it or hung on to it is gone.

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat, RgbImage};

use super::decode::{flatten, read};
use super::{MAX_PIXELS, PictureError};
use crate::platform::image_type::ImageType;

/// Of a JPEG: from as good as the original to just bearable.
const QUALITIES: [u8; 4] = [90, 75, 55, 35];
/// Of a WebP.
const WEBP_QUALITY: f32 = 85.0;
/// More than any screen has; no format here has more than twice as many.
const MAX_SIDE: u32 = 16_383;

/// A clean file of the same picture, of at most `most` bytes, upright. It is of the same type where that can be: of an
/// animation its first picture is kept, as a PNG, and what gets too large becomes a JPEG.
pub fn clean(bytes: &[u8], most: usize) -> Result<(ImageType, Vec<u8>), PictureError> {
    let kind = ImageType::sniff(bytes).ok_or(PictureError::UnknownFormat)?;
    let format = match kind {
        ImageType::Png => ImageFormat::Png,
        ImageType::Jpeg => ImageFormat::Jpeg,
        ImageType::WebP => ImageFormat::WebP,
        ImageType::Gif => ImageFormat::Gif,
    };
    let pixels = read(bytes, format, fits)?;
    let (kind, cleaned) = match kind {
        ImageType::Jpeg => return Ok((kind, write_jpeg(&flatten(pixels), most)?)),
        ImageType::WebP => (kind, write_webp(&pixels)?),
        ImageType::Png | ImageType::Gif => (ImageType::Png, write_png(&pixels)?),
    };
    if cleaned.len() <= most {
        return Ok((kind, cleaned));
    }
    drop(cleaned);
    Ok((ImageType::Jpeg, write_jpeg(&flatten(pixels), most)?))
}

pub(super) fn fits(width: u32, height: u32) -> Result<(), PictureError> {
    let is_fine = width <= MAX_SIDE && height <= MAX_SIDE && u64::from(width) * u64::from(height) <= MAX_PIXELS;
    if is_fine { Ok(()) } else { Err(PictureError::TooManyPixels { width, height }) }
}

fn write_jpeg(pixels: &RgbImage, most: usize) -> Result<Vec<u8>, PictureError> {
    for quality in QUALITIES {
        let mut bytes = Vec::new();
        let written = JpegEncoder::new_with_quality(&mut bytes, quality).encode_image(pixels);
        written.map_err(|error| PictureError::Unwritable(error.to_string()))?;
        if bytes.len() <= most {
            return Ok(bytes);
        }
    }
    Err(PictureError::Unwritable(format!("it stays larger than {most} bytes")))
}

fn write_png(pixels: &DynamicImage) -> Result<Vec<u8>, PictureError> {
    let mut bytes = Vec::new();
    let (width, height) = (pixels.width(), pixels.height());
    let mut write = |colour: png::ColorType, pixels: &[u8]| -> Result<(), png::EncodingError> {
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(colour);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(pixels)?;
        writer.finish()
    };
    let written = if pixels.color().has_alpha() {
        write(png::ColorType::Rgba, &pixels.to_rgba8())
    } else {
        write(png::ColorType::Rgb, &pixels.to_rgb8())
    };
    written.map_err(|error| PictureError::Unwritable(error.to_string()))?;
    Ok(bytes)
}

fn write_webp(pixels: &DynamicImage) -> Result<Vec<u8>, PictureError> {
    let (width, height) = (pixels.width(), pixels.height());
    let written = if pixels.color().has_alpha() {
        webp::Encoder::from_rgba(&pixels.to_rgba8(), width, height).encode_simple(false, WEBP_QUALITY)
    } else {
        webp::Encoder::from_rgb(&pixels.to_rgb8(), width, height).encode_simple(false, WEBP_QUALITY)
    };
    written.map(|bytes| bytes.to_vec()).map_err(|error| PictureError::Unwritable(format!("{error:?}")))
}

#[cfg(test)]
mod tests {
    use image::{Rgba, RgbaImage};

    use super::super::samples::photo;
    use super::super::tests::{chunk, read, write};
    use super::*;

    const MOST: usize = 4 * 1024 * 1024;

    fn holds(bytes: &[u8], text: &[u8]) -> bool {
        bytes.windows(text.len()).any(|window| window == text)
    }

    #[test]
    fn each_format_stays_what_it_is_and_an_animation_becomes_a_picture() {
        let picture = photo(120, 80);
        let webp = webp::Encoder::from_rgb(&picture, 120, 80).encode(80.0).to_vec();
        for (bytes, kind) in [
            (write(picture.clone(), ImageFormat::Png), ImageType::Png),
            (write(picture.clone(), ImageFormat::Jpeg), ImageType::Jpeg),
            (webp, ImageType::WebP),
            (write(picture.clone(), ImageFormat::Gif), ImageType::Png),
        ] {
            let (found, cleaned) = clean(&bytes, MOST).unwrap();
            assert_eq!((found, ImageType::sniff(&cleaned)), (kind, Some(kind)));
            assert_eq!(read(&cleaned).dimensions(), (120, 80));
            assert_eq!(clean(&cleaned, MOST).unwrap().0, kind, "what is clean can be sent again");
        }
        // Without loss where there was none.
        let (_, png) = clean(&write(picture.clone(), ImageFormat::Png), MOST).unwrap();
        assert_eq!(read(&png), picture);
        let glass = RgbaImage::from_pixel(1, 1, Rgba([1, 2, 3, 4]));
        let (_, png) = clean(&write(glass.clone(), ImageFormat::Png), MOST).unwrap();
        assert_eq!(image::load_from_memory(&png).unwrap().into_rgba8(), glass);
        assert_eq!(clean(&png, MOST).unwrap().1, png);
    }

    #[test]
    fn where_it_was_made_and_what_hangs_on_to_it_is_gone() {
        let jpeg = write(photo(64, 48), ImageFormat::Jpeg);
        let secret = b"Exif\0\0MM\0*\0\0\0\x08\0\0GPSLatitude 48.1";
        let length = u16::try_from(secret.len() + 2).unwrap().to_be_bytes();
        let told =
            [&jpeg[..2], &[0xFF, 0xE1], &length, secret, &jpeg[2..], b"<script>alert(1)</script>PK\x03\x04"].concat();
        let (_, cleaned) = clean(&told, MOST).unwrap();
        assert!(holds(&told, b"GPSLatitude") && !holds(&cleaned, b"GPSLatitude"));
        assert!(!holds(&cleaned, b"<script>") && !holds(&cleaned, b"PK\x03\x04"));
        let png = write(photo(64, 48), ImageFormat::Png);
        let text = chunk(*b"tEXt", b"Comment\0<script>alert(1)</script>");
        let told = [&png[..33], &text, &png[33..], b"<?php echo 1 ?>"].concat();
        let (_, cleaned) = clean(&told, MOST).unwrap();
        assert!(!holds(&cleaned, b"<script>") && !holds(&cleaned, b"<?php"));
    }

    #[test]
    fn what_is_larger_inside_than_outside_is_refused_before_memory_is_taken() {
        let mut png = write(photo(16, 16), ImageFormat::Png);
        for (width, height) in [(50_000_u32, 50_000_u32), (16_384, 1), (8192, 4096)] {
            let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
            drop(png.splice(8..33, chunk(*b"IHDR", &header)));
            assert_eq!(clean(&png, MOST).unwrap_err(), PictureError::TooManyPixels { width, height });
        }
        let whole = write(photo(64, 64), ImageFormat::Png);
        assert!(matches!(clean(&whole[..whole.len() / 2], MOST).unwrap_err(), PictureError::Damaged(_)));
        assert_eq!(clean(b"<script>", MOST).unwrap_err(), PictureError::UnknownFormat);
    }

    #[test]
    fn what_gets_too_large_loses_detail() {
        let noisy = photo(640, 480);
        let (kind, small) = clean(&write(noisy.clone(), ImageFormat::Png), 100_000).unwrap();
        assert!(kind == ImageType::Jpeg && small.len() <= 100_000, "{}", small.len());
        assert!(clean(&write(noisy, ImageFormat::Png), 100).is_err());
    }
}
