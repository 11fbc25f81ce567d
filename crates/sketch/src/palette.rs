//! The colours of a scene: a few sets per time of day, bent by weather, mood and the colours that were asked for.

use super::colour::{Lab, Light};
use super::curve::{cos, lerp, sin};
use super::noise::Dice;
use super::scene::{Colour, Mood, Scene, Time, Weather};

/// The colours everything else is mixed from.
#[derive(Debug, Clone)]
pub struct Palette {
    /// The sky overhead, halfway down, and at the horizon.
    pub sky: [Lab; 3],
    /// The sun or the moon, and what it lights.
    pub sun: Lab,
    /// What distance fades to.
    pub haze: Lab,
    /// The darkest silhouettes in front.
    pub ink: Lab,
    /// What falls on things, per part of their own colour.
    lit: Light,
    grade: Grade,
    /// How far low light takes things over into its own tones.
    tinge: f32,
}

/// Colours of a time of day: sky from top to horizon, sun, haze, ink, and the light on things.
type Set = ([u32; 6], Light);

const DAWN: [Set; 3] = [
    ([0x5a_72_ae, 0xcf_a7_c2, 0xff_dc_b4, 0xff_ee_c8, 0xe3_b9_bd, 0x2a_2c_4c], [0.86, 0.68, 0.68]),
    ([0x3f_74_a8, 0x9e_c6_d4, 0xff_e0_b8, 0xff_f2_d0, 0xbf_cf_d6, 0x1f_35_4a], [0.84, 0.76, 0.74]),
    ([0x6b_5b_95, 0xe0_8f_a0, 0xff_cf_9a, 0xff_e8_b8, 0xe0_a3_a8, 0x2b_21_45], [0.86, 0.62, 0.60]),
];
const DAY: [Set; 3] = [
    ([0x2b_76_c4, 0x7a_b8_e8, 0xdd_f0_f4, 0xff_fa_e0, 0xb4_d6_ea, 0x17_38_40], [1.0, 0.99, 0.94]),
    ([0x2a_86_b4, 0x8c_ce_dc, 0xfb_f0_d2, 0xff_f8_d8, 0xbf_dc_de, 0x16_3b_3c], [1.0, 0.98, 0.90]),
    ([0x3b_68_b8, 0x8f_b4_e6, 0xee_e6_ea, 0xff_f8_e8, 0xbc_cc_e8, 0x20_30_4e], [1.0, 0.98, 0.97]),
];
const DUSK: [Set; 3] = [
    ([0x2d_2c_66, 0xb8_4c_7c, 0xff_ae_5e, 0xff_dc_90, 0xd6_74_80, 0x1b_12_34], [0.78, 0.46, 0.42]),
    ([0x22_42_78, 0xd8_7a_7c, 0xff_d0_78, 0xff_e4_a0, 0xde_90_80, 0x19_1b_38], [0.80, 0.54, 0.44]),
    ([0x5c_48_80, 0xee_8a_60, 0xff_d8_88, 0xff_ea_a8, 0xe8_a0_70, 0x2a_1a_30], [0.86, 0.58, 0.40]),
];
const NIGHT: [Set; 3] = [
    ([0x06_0b_26, 0x14_2a_60, 0x42_68_a4, 0xf4_f0_dc, 0x33_54_88, 0x04_08_18], [0.10, 0.16, 0.30]),
    ([0x04_14_24, 0x0c_3c_54, 0x34_7c_88, 0xee_f4_e4, 0x26_62_72, 0x02_0d_18], [0.09, 0.18, 0.25]),
    ([0x0f_0a_2c, 0x2c_22_66, 0x6e_58_a0, 0xf6_ea_e4, 0x4c_42_88, 0x08_05_1c], [0.13, 0.13, 0.29]),
];

/// How the asked colours and the mood bend every colour.
#[derive(Debug, Clone, Default)]
struct Grade {
    /// The way to a hue in the `OKLab` plane, of length 1.
    hue: Option<(f32, f32)>,
    /// Added to the share of colour, which is 1.
    vivid: f32,
    /// How far everything moves towards a light tone.
    pale: f32,
}

impl Grade {
    fn new(scene: &Scene) -> Self {
        let mut grade = Self::default();
        for &colour in &scene.colours {
            match colour {
                Colour::Pastel => (grade.pale, grade.vivid) = (0.4, -0.25),
                Colour::Neon => grade.vivid += 0.45,
                Colour::Grey => grade.vivid = -0.94,
                _ => grade.hue = grade.hue.or(Some(hue_of(colour))),
            }
        }
        match scene.mood {
            Some(Mood::Gloomy) => grade.vivid -= 0.45,
            Some(Mood::Lonely) => grade.vivid -= 0.25,
            Some(Mood::Calm) => (grade.pale, grade.vivid) = (grade.pale + 0.1, grade.vivid - 0.1),
            Some(Mood::Dreamy) => (grade.pale, grade.vivid) = (grade.pale + 0.15, grade.vivid + 0.08),
            Some(Mood::Cheerful) => (grade.pale, grade.vivid) = (grade.pale + 0.06, grade.vivid + 0.15),
            Some(Mood::Dramatic) => grade.vivid += 0.12,
            Some(Mood::Cosy) | None => {}
        }
        grade.vivid -= match scene.weather.first() {
            Some(Weather::Storm | Weather::Rain) => 0.3,
            Some(Weather::Fog | Weather::Snow) => 0.15,
            _ => 0.0,
        };
        grade
    }

    /// `share`: how much of the asked hue the colour takes on.
    fn bend(&self, colour: Lab, share: f32, pale_to: f32) -> Lab {
        let mut bent = colour;
        if let Some((a, b)) = self.hue {
            let chroma = lerp(colour.chroma(), 0.12, 0.6);
            bent = bent.mix(Lab { l: colour.l, a: a * chroma, b: b * chroma }, share);
        }
        bent = bent.saturate((1.0 + self.vivid).max(0.04));
        Lab { l: lerp(bent.l, pale_to, self.pale), ..bent }
    }
}

impl Palette {
    pub fn new(scene: &Scene) -> Self {
        let mut dice = scene.dice.for_part(2);
        let sets = match scene.time {
            Time::Dawn => &DAWN,
            Time::Day => &DAY,
            Time::Dusk => &DUSK,
            Time::Night => &NIGHT,
        };
        let (colours, mut lit) = sets[dice.below(sets.len())];
        let [top, middle, low, sun, haze, ink] = colours.map(Lab::hex);
        let mut palette = Self { sky: [top, middle, low], sun, haze, ink, lit, grade: Grade::new(scene), tinge: 0.0 };
        palette.tinge = match scene.time {
            Time::Dawn => 0.28,
            Time::Dusk => 0.34,
            Time::Day | Time::Night => 0.0,
        };
        if scene.is_overcast() {
            palette.cloud_over(scene.is_weather(Weather::Storm));
            lit = lit.map(|part| part * 0.72);
        }
        let night = scene.time == Time::Night;
        let pale_to = if night { 0.55 } else { 0.86 };
        let grade = palette.grade.clone();
        for colour in palette.sky.iter_mut().chain([&mut palette.haze]) {
            *colour = grade.bend(*colour, 0.70, pale_to);
        }
        palette.sun = grade.bend(palette.sun, 0.35, 0.95);
        palette.ink = grade.bend(palette.ink, 0.7, if night { 0.2 } else { 0.42 });
        palette.lit = lit;
        palette
    }

    fn cloud_over(&mut self, storm: bool) {
        let (grey, dark) = if storm { (0.3, 0.24) } else { (0.5, 0.05) };
        let slate = Lab { l: 0.0, a: -0.020, b: -0.052 };
        for (row, colour) in self.sky.iter_mut().enumerate() {
            // A heavy lid above, a lighter strip at the horizon.
            let lid = dark * (1.0 - row as f32 * 0.4);
            *colour = colour
                .mix(Lab { l: colour.l, ..slate }, if storm { 0.85 } else { 0.6 })
                .saturate(1.0 - grey * 0.5)
                .lift(-lid.min(colour.l * 0.4));
        }
        self.haze = self.haze.mix(Lab { l: self.haze.l, ..slate }, 0.6).lift(-dark.min(self.haze.l * 0.3) * 0.8);
    }

    /// A thing of this colour (`0xrrggbb`) in the light of the scene; `far` from 0, right here, to 1, lost in the haze.
    pub fn local(&self, rgb: u32, far: f32) -> Lab {
        self.local_of(Lab::hex(rgb), far)
    }

    /// As [`Palette::local`], of a colour that is not graded yet.
    pub fn local_of(&self, colour: Lab, far: f32) -> Lab {
        let light = colour.light();
        let lit = Lab::of([light[0] * self.lit[0], light[1] * self.lit[1], light[2] * self.lit[2]]);
        let bent = self.grade.bend(lit, 0.45, 0.8);
        let tinged = self.ink.mix(self.haze, (bent.l * 1.1).min(1.0));
        bent.mix(Lab { l: bent.l, ..tinged }, self.tinge).mix(self.haze, far)
    }

    /// Things keep most of a colour they were asked to have.
    pub fn accent(&self, rgb: u32, far: f32) -> Lab {
        let colour = Lab::hex(rgb);
        let light = colour.light();
        let lit = Lab::of([light[0] * self.lit[0], light[1] * self.lit[1], light[2] * self.lit[2]]);
        lit.mix(colour, 0.35).mix(self.haze, far)
    }

    /// A lamp of this colour: it shines by itself.
    pub fn lamp(&self, rgb: u32) -> Light {
        self.grade.bend(Lab::hex(rgb), 0.25, 0.9).light()
    }

    /// A dark shape that is `far` away.
    pub fn shade(&self, far: f32) -> Lab {
        self.ink.mix(self.haze, far)
    }

    /// The sky at a height: 0 overhead, 1 at the horizon.
    pub fn sky_at(&self, t: f32) -> Lab {
        let [top, middle, low] = self.sky;
        if t < 0.55 { top.mix(middle, t / 0.55) } else { middle.mix(low, ((t - 0.55) / 0.45).min(1.0)) }
    }
}

/// The way to a hue in the `OKLab` plane.
fn hue_of(colour: Colour) -> (f32, f32) {
    let degrees: f32 = match colour {
        Colour::Red => 25.0,
        Colour::Orange => 52.0,
        Colour::Gold => 82.0,
        Colour::Green => 145.0,
        Colour::Teal => 193.0,
        Colour::Purple => 305.0,
        Colour::Pink => 355.0,
        _ => 258.0,
    };
    let angle = degrees / 180.0 * std::f32::consts::PI;
    (cos(angle), sin(angle))
}

/// The colour a thing is painted in when it was asked for.
pub fn paint_of(colour: Colour) -> u32 {
    match colour {
        Colour::Red => 0xd8_38_2e,
        Colour::Orange => 0xee_80_2c,
        Colour::Gold => 0xf2_c0_3c,
        Colour::Green => 0x3c_9c_58,
        Colour::Teal => 0x24_a0_a0,
        Colour::Blue => 0x34_6c_cc,
        Colour::Purple => 0x84_50_c0,
        Colour::Pink => 0xf0_84_a8,
        Colour::Pastel => 0xf0_c8_d0,
        Colour::Neon => 0xff_3c_c8,
        Colour::Grey => 0x70_74_7c,
    }
}

/// A colour of its own for one of many things of a kind.
pub fn any_of(dice: &mut Dice, colours: &[u32]) -> u32 {
    colours[dice.below(colours.len())]
}
