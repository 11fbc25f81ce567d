//! Pictures for tests: one that is as hard to compress as a photo, one that is as easy as a drawing.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "pixels are small numbers"
)]

use image::{Rgb, RgbImage};

/// A number from 0 to 1 that looks random but belongs to a point.
fn noise_at(x: u32, y: u32, seed: u32) -> f32 {
    let mut n = x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77) ^ seed.wrapping_mul(0xC2B2_AE3D);
    n ^= n >> 15;
    n = n.wrapping_mul(0x2C1B_3C6D);
    n ^= n >> 12;
    (n >> 8) as f32 / 16_777_216.0
}

/// Noise with lumps of `cell` pixels, smooth between them.
fn smooth_noise(x: u32, y: u32, cell: u32, seed: u32) -> f32 {
    let (cx, cy) = (x / cell, y / cell);
    let ease = |t: f32| t * t * (3.0 - 2.0 * t);
    let (fx, fy) = (ease((x % cell) as f32 / cell as f32), ease((y % cell) as f32 / cell as f32));
    let mix = |a: f32, b: f32, t: f32| a + (b - a) * t;
    let row = |y| mix(noise_at(cx, y, seed), noise_at(cx + 1, y, seed), fx);
    mix(row(cy), row(cy + 1), fy)
}

/// A landscape of light and lumps of all sizes, with the grain of a sensor.
pub fn photo(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let mut light = 0.35 + 0.35 * (y as f32 / height as f32);
        for (octave, cell) in [256, 96, 40, 16, 7].into_iter().enumerate() {
            light += (smooth_noise(x, y, cell, octave as u32) - 0.5) * cell as f32 / 400.0;
        }
        let channel = |n: u32, warmth: f32| {
            let own = (smooth_noise(x, y, 120, 50 + n) - 0.5) * 0.3;
            let grain = (noise_at(x, y, 90 + n) - 0.5) * 0.02;
            ((light * warmth + own + grain) * 255.0).clamp(0.0, 255.0) as u8
        };
        Rgb([channel(0, 1.0), channel(1, 0.9), channel(2, 0.75)])
    })
}

/// Discs of flat colours on a flat ground.
pub fn drawing(width: u32, height: u32) -> RgbImage {
    let colours = [[244, 241, 233], [214, 84, 63], [38, 70, 83], [233, 196, 106], [42, 157, 143]];
    RgbImage::from_fn(width, height, |x, y| {
        let inside = |n: u32| {
            let (cx, cy) = (noise_at(n, 1, 7) * width as f32, noise_at(n, 2, 7) * height as f32);
            (x as f32 - cx).hypot(y as f32 - cy) < 60.0 + 140.0 * noise_at(n, 3, 7)
        };
        Rgb(colours[(0..12).rev().find(|&n| inside(n)).map_or(0, |n| 1 + n as usize % 4)])
    })
}
