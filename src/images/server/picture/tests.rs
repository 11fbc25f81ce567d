//! What comes in, what is refused, and what is kept.

use std::io::Cursor;
use std::time::Instant;

use image::{DynamicImage, ExtendedColorType, ImageBuffer, ImageEncoder, ImageFormat, Rgb, RgbImage, Rgba};

use super::samples::{drawing, photo};
use super::*;

pub(super) fn provenance() -> Provenance {
    Provenance {
        provider: "replicate".into(),
        model: "black-forest-labs/flux-schnell".into(),
        is_ai: true,
        created_at: "2026-01-02T03:04:05Z".parse().unwrap(),
        prompt: None,
    }
}

pub(super) fn write(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

pub(super) fn read(bytes: &[u8]) -> RgbImage {
    image::load_from_memory(bytes).unwrap().into_rgb8()
}

fn texts(png: &[u8]) -> Vec<(String, String)> {
    let reader = png::Decoder::new(Cursor::new(png)).read_info().unwrap();
    let info = reader.info();
    let latin = info.uncompressed_latin1_text.iter().map(|chunk| (chunk.keyword.clone(), chunk.text.clone()));
    let utf8 = info.utf8_text.iter().map(|chunk| (chunk.keyword.clone(), chunk.get_text().unwrap()));
    let mut texts: Vec<_> = latin.chain(utf8).collect();
    texts.sort();
    texts
}

pub(super) fn error(bytes: &[u8]) -> PictureError {
    develop(bytes, &provenance()).unwrap_err()
}

/// A chunk of a PNG with the right checksum.
pub(super) fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = u32::MAX;
    for byte in kind.iter().chain(data) {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    let length = u32::try_from(data.len()).unwrap().to_be_bytes();
    [&length[..], &kind, data, &(!crc).to_be_bytes()].concat()
}

#[test]
fn each_format_comes_out_as_a_clean_png_with_two_small_ones() {
    let original = photo(640, 360);
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        let picture = develop(&write(original.clone(), format), &provenance()).unwrap();
        assert_eq!((picture.width, picture.height), (640, 360), "{format:?}");
        assert_eq!(sniff(&picture.png), Some(ImageFormat::Png));
        let pixels = read(&picture.png);
        if format == ImageFormat::Jpeg {
            let far = pixels.iter().zip(original.iter()).filter(|(a, b)| a.abs_diff(**b) > 40).count();
            assert!(far < pixels.len() / 100, "{far}");
        } else {
            assert!(pixels == original, "{format:?}");
        }
        assert_eq!(sniff(&picture.thumbnail), Some(ImageFormat::WebP));
        assert_eq!(read(&picture.thumbnail).dimensions(), (384, 216));
        let tiny = picture.placeholder.strip_prefix("data:image/webp;base64,").unwrap();
        assert_eq!(read(&BASE64_STANDARD.decode(tiny).unwrap()).dimensions(), (16, 9));
    }
}

#[test]
fn a_png_says_where_it_comes_from() {
    let bytes = write(drawing(64, 64), ImageFormat::Png);
    let pair = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let plain = vec![
        pair("Creation Time", "2026-01-02T03:04:05Z"),
        pair("Software", "Tessera"),
        pair("Source", "replicate black-forest-labs/flux-schnell"),
    ];
    assert_eq!(texts(&develop(&bytes, &provenance()).unwrap().png), plain);
    let prompt = "ein Käse 🧀\nmit Löchern\0, 日本".to_owned();
    let sketch = Provenance {
        provider: "sketch".into(),
        model: "tessera".into(),
        is_ai: false,
        prompt: Some(prompt.clone()),
        ..provenance()
    };
    let texts = texts(&develop(&bytes, &sketch).unwrap().png);
    assert_eq!(texts[1], pair("Description", &prompt.replace('\0', " ")));
    assert_eq!(texts[3], pair("Source", "sketch tessera (procedural sketch, not AI)"));
}

#[test]
fn nothing_of_the_file_from_outside_is_kept_but_its_pixels() {
    let mut bytes = Vec::new();
    let original = photo(64, 64);
    let mut encoder = png::Encoder::new(&mut bytes, 64, 64);
    encoder.set_color(png::ColorType::Rgb);
    encoder.add_text_chunk("Comment".into(), "hidden".into()).unwrap();
    encoder.write_header().unwrap().write_image_data(&original).unwrap();
    // And after the end.
    bytes.extend_from_slice(b"<script>hidden</script>");
    let picture = develop(&bytes, &provenance()).unwrap();
    assert!(!picture.png.windows(6).any(|window| window == b"hidden"));
    let odd = chunk(*b"teST", b"hidden");
    let mut with_odd = bytes[..33].to_vec();
    with_odd.extend(odd);
    with_odd.extend_from_slice(&bytes[33..]);
    assert_eq!(develop(&with_odd, &provenance()).unwrap().png, picture.png);
}

#[test]
fn what_is_transparent_becomes_white_and_all_depths_are_understood() {
    let bytes = write(ImageBuffer::from_pixel(32, 32, Rgba([200_u8, 0, 0, 0])), ImageFormat::Png);
    assert_eq!(read(&develop(&bytes, &provenance()).unwrap().png).get_pixel(9, 9), &Rgb([255, 255, 255]));
    let bytes = write(ImageBuffer::from_pixel(32, 32, Rgba([200_u8, 0, 0, 128])), ImageFormat::WebP);
    assert_eq!(read(&develop(&bytes, &provenance()).unwrap().png).get_pixel(9, 9), &Rgb([227, 127, 127]));
    let deep = write(ImageBuffer::from_pixel(32, 32, Rgba([51_400_u16, 0, 0, u16::MAX])), ImageFormat::Png);
    assert_eq!(read(&develop(&deep, &provenance()).unwrap().png).get_pixel(9, 9), &Rgb([200, 0, 0]));
    for pixel in [DynamicImage::new_luma8(32, 32), DynamicImage::new_luma_a16(32, 32)] {
        assert!(develop(&write(pixel, ImageFormat::Png), &provenance()).is_ok());
    }
}

/// The camera was held upright: tag 0x0112 of Exif is 6.
#[test]
fn a_photo_that_lies_on_its_side_is_set_upright() {
    let jpeg = write(photo(64, 32), ImageFormat::Jpeg);
    let tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let length = u16::try_from(2 + 6 + tiff.len()).unwrap().to_be_bytes();
    let turned = [&jpeg[..2], &[0xFF, 0xE1], &length, b"Exif\0\0", tiff, &jpeg[2..]].concat();
    let picture = develop(&turned, &provenance()).unwrap();
    assert_eq!((picture.width, picture.height), (32, 64));
}

#[test]
fn other_formats_are_refused() {
    for bytes in [
        &b""[..],
        b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
        b"<!doctype html><img src=x onerror=alert(1)>",
        b"GIF89a\x10\0\x10\0\0\0\0;",
        b"BM\0\0",
        b"II*\0",
        b"\0\0\0\x20ftypavif",
        b"RIFF\0\0\0\0WAVEfmt ",
        b"\x89PNG\n",
    ] {
        assert_eq!(error(bytes), PictureError::UnknownFormat);
    }
}

#[test]
fn of_an_animation_the_first_picture_is_kept() {
    let (red, blue) = ([200_u8, 0, 0].repeat(32 * 32), [0_u8, 0, 200].repeat(32 * 32));
    let mut apng = Vec::new();
    let mut encoder = png::Encoder::new(&mut apng, 32, 32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_animated(2, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&red).unwrap();
    writer.write_image_data(&blue).unwrap();
    writer.finish().unwrap();
    let mut config = webp::WebPConfig::new().unwrap();
    config.lossless = 1;
    let mut encoder = webp::AnimEncoder::new(32, 32, &config);
    encoder.add_frame(webp::AnimFrame::from_rgb(&red, 32, 32, 0));
    encoder.add_frame(webp::AnimFrame::from_rgb(&blue, 32, 32, 500));
    let webp = encoder.encode().to_vec();
    for animation in [apng, webp] {
        let picture = develop(&animation, &provenance()).unwrap();
        assert_eq!(read(&picture.png).get_pixel(9, 9), &Rgb([200, 0, 0]));
        assert!(!picture.png.windows(4).any(|window| window == b"acTL"));
    }
}

#[test]
fn small_pictures_stay_small() {
    let noise = RgbImage::from_fn(1024, 1024, |x, y| {
        let n = (x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77)).wrapping_mul(0xC2B2_AE3D) >> 8;
        Rgb([(n & 255) as u8, (n >> 8 & 255) as u8, (n >> 16) as u8])
    });
    for (name, original, most) in [
        ("photo 16:9", photo(1344, 768), 12),
        ("photo 1:1", photo(1024, 1024), 12),
        ("photo 9:21", photo(640, 1536), 12),
        ("drawing 16:9", drawing(1344, 768), 12),
        // No picture is worse than this.
        ("noise", noise, 40),
    ] {
        let mut source = Vec::new();
        let encoder = image::codecs::png::PngEncoder::new(&mut source);
        encoder.write_image(&original, original.width(), original.height(), ExtendedColorType::Rgb8).unwrap();
        let begin = Instant::now();
        let picture = develop(&source, &provenance()).unwrap();
        println!(
            "{name}: {:?}, PNG {} KB (came with {} KB), thumbnail {} B, placeholder {} B",
            begin.elapsed(),
            picture.png.len() / 1000,
            source.len() / 1000,
            picture.thumbnail.len(),
            picture.placeholder.len()
        );
        assert!(picture.thumbnail.len() <= most * 1024, "{name}: {}", picture.thumbnail.len());
        assert!(picture.placeholder.len() <= 250, "{name}: {}", picture.placeholder.len());
    }
}
