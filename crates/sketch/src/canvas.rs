//! What is painted on: linear light per pixel, soft spots, and the way out to bytes.

use super::colour::{Light, encode, mix_light};
use super::curve::{clamp01, floor};
use super::noise::speck;

/// A picture in linear light.
pub struct Canvas {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<Light>,
}

impl Canvas {
    pub fn new(width: usize, height: usize) -> Self {
        Self { width, height, pixels: vec![[0.0; 3]; width * height] }
    }

    /// The columns from `from` to `to` that are on the canvas.
    pub fn columns(&self, from: f32, to: f32) -> std::ops::Range<usize> {
        clip(from, to, self.width)
    }

    /// The rows from `from` to `to` that are on the canvas.
    pub fn rows(&self, from: f32, to: f32) -> std::ops::Range<usize> {
        clip(from, to, self.height)
    }

    /// Paints one pixel, `cover` of it. The pixel must be on the canvas.
    pub fn blend(&mut self, x: usize, y: usize, light: Light, cover: f32) {
        let pixel = &mut self.pixels[y * self.width + x];
        *pixel = mix_light(*pixel, light, cover);
    }

    /// Adds light to one pixel. The pixel must be on the canvas.
    pub fn add(&mut self, x: usize, y: usize, light: Light, amount: f32) {
        let pixel = &mut self.pixels[y * self.width + x];
        for (part, more) in pixel.iter_mut().zip(light) {
            *part += more * amount;
        }
    }

    /// A round spot with an edge `soft` pixels wide.
    pub fn spot(&mut self, (x, y): (f32, f32), radius: f32, soft: f32, light: Light, cover: f32) {
        let reach = radius + soft;
        for row in self.rows(y - reach, y + reach) {
            for column in self.columns(x - reach, x + reach) {
                let far = distance(column, row, x, y);
                let share = clamp01((radius + soft / 2.0 - far) / soft);
                if share > 0.0 {
                    self.blend(column, row, light, share * cover);
                }
            }
        }
    }

    /// Light that falls off softly and is gone at `radius`.
    pub fn glow(&mut self, (x, y): (f32, f32), radius: f32, light: Light, amount: f32) {
        for row in self.rows(y - radius, y + radius) {
            for column in self.columns(x - radius, x + radius) {
                let (dx, dy) = (column as f32 + 0.5 - x, row as f32 + 0.5 - y);
                let near = 1.0 - (dx * dx + dy * dy) / (radius * radius);
                if near > 0.0 {
                    self.add(column, row, light, near * near * near * amount);
                }
            }
        }
    }

    /// The light at any point, between pixels too; beyond the edge it is that of the edge.
    pub fn sample(&self, x: f32, y: f32) -> Light {
        let (x, y) = (x.clamp(0.0, (self.width - 1) as f32), y.clamp(0.0, (self.height - 1) as f32));
        let (column, row) = (x as usize, y as usize);
        let (u, v) = (x - column as f32, y - row as f32);
        let right = (column + 1).min(self.width - 1);
        let (above, below) = (row * self.width, (row + 1).min(self.height - 1) * self.width);
        let upper = mix_light(self.pixels[above + column], self.pixels[above + right], u);
        let lower = mix_light(self.pixels[below + column], self.pixels[below + right], u);
        mix_light(upper, lower, v)
    }

    /// The way out: darkened corners, a shoulder for lamps, a trace of paper grain, sRGB, and dithering.
    pub fn into_bytes(self, seed: u32) -> Vec<u8> {
        const STEPS: usize = 4096;
        // Indexed by the square root: dark tones need the finer steps.
        let table: Vec<f32> = (0..=STEPS)
            .map(|step| {
                let root = step as f32 / STEPS as f32;
                encode(root * root) * 255.0
            })
            .collect();
        let (half_width, half_height) = (self.width as f32 / 2.0, self.height as f32 / 2.0);
        let across: Vec<f32> = (0..self.width).map(|x| square((x as f32 + 0.5 - half_width) / half_width)).collect();
        let mut bytes = Vec::with_capacity(self.pixels.len() * 3);
        for (y, row) in self.pixels.chunks_exact(self.width).enumerate() {
            let down = square((y as f32 + 0.5 - half_height) / half_height);
            for (x, pixel) in row.iter().enumerate() {
                let corner = f32::midpoint(across[x], down);
                let shade = 1.0 - 0.26 * corner * corner;
                let dither = speck(x as u32 ^ seed, y as u32);
                // Another speck of its own would cost more than the eye can tell: the grain is the dither, scaled.
                let grain = (dither - 0.5) * 2.6;
                for part in pixel {
                    let level = table[(shoulder(part * shade).sqrt() * STEPS as f32) as usize];
                    bytes.push((level + grain + 0.5).clamp(0.0, 255.0) as u8);
                }
            }
        }
        bytes
    }
}

/// Bends what is brighter than paper back below 1, so that lamps keep their hue.
fn shoulder(x: f32) -> f32 {
    const KNEE: f32 = 0.8;
    if x <= KNEE {
        return x.max(0.0);
    }
    let over = (x - KNEE) / (1.0 - KNEE);
    KNEE + (1.0 - KNEE) * over / (1.0 + over)
}

fn square(x: f32) -> f32 {
    x * x
}

fn distance(column: usize, row: usize, x: f32, y: f32) -> f32 {
    (square(column as f32 + 0.5 - x) + square(row as f32 + 0.5 - y)).sqrt()
}

fn clip(from: f32, to: f32, end: usize) -> std::ops::Range<usize> {
    let edge = |at: f32| floor(at.clamp(-1.0, end as f32 + 1.0)).max(0) as usize;
    edge(from).min(end)..(edge(to) + 1).min(end)
}
