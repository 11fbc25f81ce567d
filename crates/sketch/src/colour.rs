//! Colours as the eye sees them (`OKLab`) and as light adds up (linear RGB).
//!
//! `OKLab`: <https://bottosson.github.io/posts/oklab/>. Mixing there keeps gradients clean, without grey middles.

use super::curve::{lerp, pow};

/// Linear light: red, green, blue. 1 is white; lamps may be brighter.
pub type Light = [f32; 3];

/// A colour in `OKLab`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lab {
    /// Lightness, from 0 to 1.
    pub l: f32,
    /// From green to red.
    pub a: f32,
    /// From blue to yellow.
    pub b: f32,
}

impl Lab {
    /// Of `0xrrggbb`.
    pub fn hex(rgb: u32) -> Self {
        Self::of([rgb >> 16 & 255, rgb >> 8 & 255, rgb & 255].map(|part| decode(part as f32 / 255.0)))
    }

    pub fn of([red, green, blue]: Light) -> Self {
        let long = root3(0.412_221_46 * red + 0.536_332_55 * green + 0.051_445_995 * blue);
        let middle = root3(0.211_903_5 * red + 0.680_699_5 * green + 0.107_396_96 * blue);
        let short = root3(0.088_302_46 * red + 0.281_718_85 * green + 0.629_978_7 * blue);
        Self {
            l: 0.210_454_26 * long + 0.793_617_8 * middle - 0.004_072_047 * short,
            a: 1.977_998_5 * long - 2.428_592_2 * middle + 0.450_593_7 * short,
            b: 0.025_904_037 * long + 0.782_771_77 * middle - 0.808_675_77 * short,
        }
    }

    pub fn light(self) -> Light {
        let cube = |x: f32| x * x * x;
        let long = cube(self.l + 0.396_337_78 * self.a + 0.215_803_76 * self.b);
        let middle = cube(self.l - 0.105_561_346 * self.a - 0.063_854_17 * self.b);
        let short = cube(self.l - 0.089_484_18 * self.a - 1.291_485_5 * self.b);
        [
            (4.076_741_7 * long - 3.307_711_6 * middle + 0.230_969_94 * short).max(0.0),
            (-1.268_438 * long + 2.609_757_4 * middle - 0.341_319_38 * short).max(0.0),
            (-0.004_196_086_3 * long - 0.703_418_6 * middle + 1.707_614_7 * short).max(0.0),
        ]
    }

    pub fn mix(self, other: Self, t: f32) -> Self {
        Self { l: lerp(self.l, other.l, t), a: lerp(self.a, other.a, t), b: lerp(self.b, other.b, t) }
    }

    /// Lighter or, below 0, darker.
    pub fn lift(self, by: f32) -> Self {
        Self { l: (self.l + by).clamp(0.0, 1.0), ..self }
    }

    /// More colourful above 1, greyer below.
    pub fn saturate(self, by: f32) -> Self {
        Self { l: self.l, a: self.a * by, b: self.b * by }
    }

    /// How colourful it is.
    pub fn chroma(self) -> f32 {
        (self.a * self.a + self.b * self.b).sqrt()
    }
}

fn root3(x: f32) -> f32 {
    pow(x, 1.0 / 3.0)
}

/// From sRGB to linear light.
fn decode(x: f32) -> f32 {
    if x <= 0.040_45 { x / 12.92 } else { pow((x + 0.055) / 1.055, 2.4) }
}

/// From linear light to sRGB, both from 0 to 1.
pub fn encode(x: f32) -> f32 {
    if x <= 0.003_130_8 { x * 12.92 } else { 1.055 * pow(x, 1.0 / 2.4) - 0.055 }
}

pub fn mix_light(from: Light, to: Light, t: f32) -> Light {
    [lerp(from[0], to[0], t), lerp(from[1], to[1], t), lerp(from[2], to[2], t)]
}

pub fn scale_light(light: Light, by: f32) -> Light {
    light.map(|part| part * by)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_comes_back_from_the_lab() {
        for rgb in [0x00_00_00, 0xff_ff_ff, 0x12_80_fe, 0xc0_40_20, 0x10_a0_50] {
            let back = Lab::hex(rgb).light().map(|part| (encode(part.min(1.0)) * 255.0 + 0.5) as u32);
            for (part, shift) in back.into_iter().zip([16, 8, 0]) {
                assert!(part.abs_diff(rgb >> shift & 255) <= 1, "{rgb:06x} {back:?}");
            }
        }
    }
}
