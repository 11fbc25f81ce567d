//! Files that lie about themselves, are damaged, or are larger inside than outside.

use std::time::Instant;

use image::{ImageFormat, RgbImage};

use super::decode::decode;
use super::samples::photo;
use super::tests::{chunk, error, provenance, read, write};
use super::*;

/// A PNG that claims to be of this size; `after` follows its header.
fn png_of(width: u32, height: u32, after: &[u8]) -> Vec<u8> {
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    [b"\x89PNG\r\n\x1a\n", &*chunk(*b"IHDR", &header), after, &chunk(*b"IEND", &[])].concat()
}

/// Zlib: this many zeros, in about a thousandth of the bytes.
fn zeros(count: usize) -> Vec<u8> {
    let mut picture = Vec::new();
    let mut encoder = png::Encoder::new(&mut picture, u32::try_from(count).unwrap() - 1, 1);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_compression(png::Compression::High);
    encoder.set_filter(png::Filter::NoFilter);
    encoder.write_header().unwrap().write_image_data(&vec![0; count - 1]).unwrap();
    let mut rest = &picture[8..];
    let mut data = Vec::new();
    while rest.len() >= 12 {
        let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        if &rest[4..8] == b"IDAT" {
            data.extend_from_slice(&rest[8..8 + length]);
        }
        rest = &rest[12 + length..];
    }
    data
}

#[test]
fn sizes_are_checked_before_memory_is_taken() {
    let wrong = |width, height| PictureError::WrongSize { width, height };
    let begin = Instant::now();
    for (width, height) in [(50_000, 50_000), (4097, 16), (16, 4097), (15, 1000), (1000, 15)] {
        assert_eq!(error(&png_of(width, height, &chunk(*b"IDAT", b"x"))), wrong(width, height));
    }
    assert!(begin.elapsed().as_secs() < 1);
    assert_eq!(
        error(&png_of(0x7FFF_FFFF, 16, &chunk(*b"IDAT", b"x"))),
        PictureError::Damaged("Memory limit exceeded".into())
    );
    assert!(matches!(error(&png_of(0, 0, b"")), PictureError::Damaged(_)));
    // The header of a JPEG of 65,500 × 65,500.
    let mut jpeg = write(photo(64, 64), ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|window| window == [0xFF, 0xC0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xFF, 0xDC, 0xFF, 0xDC]);
    assert_eq!(error(&jpeg), wrong(65_500, 65_500));
    // And of a WebP of 16,383 × 16,383, the largest there is.
    let mut webp = webp::Encoder::from_rgb(&photo(64, 64), 64, 64).encode(50.0).to_vec();
    webp[26..30].copy_from_slice(&[0xFF, 0x3F, 0xFF, 0x3F]);
    assert_eq!(error(&webp), wrong(16_383, 16_383));
}

#[test]
fn the_largest_and_the_smallest_are_taken() {
    let picture = develop(&write(RgbImage::new(16, 4096), ImageFormat::Png), &provenance()).unwrap();
    assert_eq!(read(&picture.thumbnail).dimensions(), (2, 512));
    let picture = develop(&write(RgbImage::new(16, 16), ImageFormat::Png), &provenance()).unwrap();
    assert_eq!(read(&picture.thumbnail).dimensions(), (16, 16));
    let picture = develop(&write(RgbImage::new(4096, 4096), ImageFormat::Png), &provenance()).unwrap();
    assert_eq!(read(&picture.thumbnail).dimensions(), (384, 384));
}

#[test]
fn damaged_files_are_refused() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        let bytes = write(photo(128, 128), format);
        for length in [20, 33, 40, bytes.len() / 10, bytes.len() / 2] {
            let cut = develop(&bytes[..length], &provenance());
            assert!(matches!(cut, Err(PictureError::Damaged(_))), "{format:?}, {length}: {cut:?}");
        }
    }
    let mut wrong_sum = write(photo(64, 64), ImageFormat::Png);
    let data = wrong_sum.windows(4).position(|window| window == b"IDAT").unwrap();
    wrong_sum[data + 30] ^= 1;
    assert!(matches!(error(&wrong_sum), PictureError::Damaged(_)));
    wrong_sum[data + 30] ^= 1;
    wrong_sum[29] ^= 1;
    assert!(matches!(error(&wrong_sum), PictureError::Damaged(_)));
}

/// 100 MB of zeros in 100 KB: as pixels that nobody asked for, as a text, as a colour profile.
#[test]
fn files_that_are_far_larger_inside_cost_little() {
    let bomb = zeros(100_000_000);
    assert!(bomb.len() < 500_000);
    let begin = Instant::now();
    // More than 16 × 16 pixels are simply not read.
    let tail = develop(&png_of(16, 16, &chunk(*b"IDAT", &bomb)), &provenance()).unwrap();
    assert_eq!((tail.width, tail.height), (16, 16));
    let good = chunk(*b"IDAT", &zeros(16 * 49));
    for before in [
        chunk(*b"zTXt", &[b"Comment\0\0", &*bomb].concat()),
        chunk(*b"iTXt", &[b"Comment\0\x01\0\0\0", &*bomb].concat()),
        chunk(*b"iCCP", &[b"icc\0\0", &*bomb].concat()),
    ] {
        let developed = develop(&png_of(16, 16, &[before, good.clone()].concat()), &provenance());
        assert!(developed.is_ok_and(|picture| picture.png.len() < 1000));
    }
    assert!(begin.elapsed().as_secs() < 5, "{:?}", begin.elapsed());
}

/// Whatever a single wrong byte does, it is an error or a picture.
#[test]
fn wrong_bytes_never_panic() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        let bytes = write(photo(48, 48), format);
        let step = (bytes.len() / 400).max(1);
        for place in (12..bytes.len()).step_by(step) {
            let mut bytes = bytes.clone();
            bytes[place] ^= 1 << (place % 8);
            _ = decode(&bytes);
        }
    }
    let lossy = webp::Encoder::from_rgb(&photo(48, 48), 48, 48).encode(60.0).to_vec();
    for place in 12..lossy.len() {
        let mut lossy = lossy.clone();
        lossy[place] ^= 1 << (place % 8);
        _ = decode(&lossy);
    }
}
