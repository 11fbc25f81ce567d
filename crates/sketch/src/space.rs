//! Space: a nebula, planets, and the ground of a moon in front.

use super::colour::{Lab, mix_light, scale_light};
use super::curve::{clamp01, lerp, smooth};
use super::land::{Layer, paint_peaks};
use super::scene::Colour;
use super::shape::Point;
use super::stage::Stage;

/// The whole picture.
pub fn paint_space(stage: &mut Stage) {
    let mut dice = stage.dice(90);
    paint_nebula(stage);
    paint_far_stars(stage);
    let unit = stage.unit;
    let hand = stage.hand;
    let (wide, high) = (stage.width(), stage.height());
    let planet = (wide * (0.5 + hand * dice.range(0.14, 0.22)), high * dice.range(0.36, 0.44));
    let kinds =
        [[0xe8_b0_78, 0xb8_60_50], [0x6c_b8_d8, 0x3c_60_a8], [0xd8_88_b0, 0x7c_48_a0], [0x9c_d0_b0, 0x38_80_88]];
    let kind = kinds[dice.below(kinds.len())];
    paint_planet(stage, planet, unit * dice.range(21.0, 26.0), kind, true);
    let moon = (wide * (0.5 - hand * dice.range(0.24, 0.32)), high * dice.range(0.16, 0.28));
    paint_planet(stage, moon, unit * dice.range(4.0, 6.0), [0xd8_d4_dc, 0x8c_88_9c], false);
    stage.sun = (wide * (0.5 - hand * 0.6), high * 0.1);
    let far = Layer { foot: high + unit * 6.0, rise: unit * 24.0, far: 0.42, part: 91 };
    paint_peaks(stage, far, 5);
    let near = Layer { foot: high + unit * 14.0, rise: unit * 26.0, far: 0.05, part: 92 };
    paint_peaks(stage, near, 6);
}

/// Two clouds of glowing gas that flow into one another.
fn paint_nebula(stage: &mut Stage) {
    let lots = [
        [0x1c_0c_44, 0xa8_38_90, 0x30_70_c8],
        [0x08_14_38, 0x20_88_a0, 0x70_40_b0],
        [0x18_0a_30, 0xd0_58_58, 0x60_38_a8],
    ];
    let mut lot = lots[stage.dice(93).below(lots.len())].map(Lab::hex);
    if !stage.scene.colours.is_empty() {
        let grey = stage.scene.colours.contains(&Colour::Grey);
        let sky = stage.palette.sky;
        lot = if grey {
            lot.map(|colour| colour.saturate(0.05))
        } else {
            [
                lot[0].mix(sky[0], 0.4),
                lot[1].mix(sky[2].saturate(2.0), 0.5).lift(-0.06),
                lot[2].mix(sky[1].saturate(1.8), 0.4),
            ]
        };
    }
    let [dark, first, second] = lot.map(Lab::light);
    let scale = 1.0 / (stage.unit * 46.0);
    let slope = stage.hand * 0.55;
    let (wide, high) = (stage.width(), stage.height());
    let at = move |stage: &Stage, x: f32, y: f32| {
        let (u, v) = (x * scale, y * scale);
        let bend = stage.noise.fbm(u * 0.8 + 5.0, v * 0.8, 3);
        let gas = stage.noise.fbm(u + bend * 1.6, v + bend * 1.2, 6);
        let other = stage.noise.fbm(u * 0.9 - bend + 30.0, v * 0.9 + bend * 1.5, 5);
        let off = ((y - high * 0.42 + (x - wide / 2.0) * slope) / (high * 0.55)).abs();
        let near = smooth(1.25, 0.0, off);
        [near * smooth(0.36, 0.80, gas), near * smooth(0.40, 0.82, other)]
    };
    for pixel in &mut stage.canvas.pixels {
        *pixel = scale_light(dark, 0.55);
    }
    super::clouds::spread(stage, 0.0..high, at, |pixel, [one, two], _| {
        for ((part, a), b) in pixel.iter_mut().zip(first).zip(second) {
            *part += a * one * 0.9 + b * two * 0.9 + one * one * two * 0.16;
        }
    });
}

fn paint_far_stars(stage: &mut Stage) {
    let mut dice = stage.dice(94);
    let count = stage.width() * stage.height() / (stage.unit * stage.unit) * 0.10;
    for _ in 0..count as usize {
        let at = (dice.unit() * stage.width(), dice.unit() * stage.height());
        let big = dice.unit();
        let light = Lab { l: 0.97, a: 0.0, b: dice.range(-0.06, 0.06) }.light();
        let size = stage.unit * (0.06 + 0.22 * big * big * big * big * big);
        stage.canvas.spot(at, size, size + 0.7, light, 0.35 + 0.65 * big);
        if big > 0.992 {
            stage.canvas.glow(at, size * 7.0, light, 0.2);
        }
    }
}

/// A ball with bands or spots, lit from the far side of the picture; some have a ring.
fn paint_planet(stage: &mut Stage, (x, y): Point, radius: f32, kind: [u32; 2], large: bool) {
    let mut kind = kind.map(Lab::hex);
    if let Some(colour) = stage.scene.colours.first() {
        let asked =
            if *colour == Colour::Grey { Lab::hex(0x9c_9c_a4) } else { Lab::hex(super::palette::paint_of(*colour)) };
        kind = kind.map(|tone| tone.mix(Lab { l: tone.l, ..asked }, 0.65));
    }
    let [light, dark] = kind.map(Lab::light);
    let rim = kind[0].lift(0.2).light();
    let shadow = [0.004, 0.004, 0.012];
    let (lx, ly) = (-stage.hand * 0.76, -0.42);
    if large {
        stage.canvas.glow((x + lx * radius * 0.2, y + ly * radius * 0.2), radius * 1.7, rim, 0.10);
        paint_ring(stage, (x, y), radius, rim, true);
    }
    let noise = &stage.noise;
    let canvas = &mut stage.canvas;
    for row in canvas.rows(y - radius - 1.0, y + radius + 1.0) {
        for column in canvas.columns(x - radius - 1.0, x + radius + 1.0) {
            let (u, v) = ((column as f32 + 0.5 - x) / radius, (row as f32 + 0.5 - y) / radius);
            let off = u * u + v * v;
            let edge = clamp01((1.0 - off.sqrt()) * radius + 0.5);
            if edge <= 0.0 {
                continue;
            }
            let bulge = (1.0 - off).max(0.0).sqrt();
            let tone = if large {
                let bend = noise.fbm(u * 2.2 + 9.0, v * 3.0 + bulge, 4) - 0.5;
                noise.line((v + u * 0.22) * 7.0 + bend * 1.5 + 20.0, 4.0, 3)
            } else {
                noise.fbm(u * 3.0 + 60.0, v * 3.0, 4)
            };
            let day = smooth(-0.12, 0.75, u * lx + v * ly + bulge * 0.45);
            let body = mix_light(dark, light, smooth(0.3, 0.7, tone));
            let lit = mix_light(shadow, body, 0.03 + 0.97 * day);
            // Air at the rim catches the light.
            let air = smooth(0.45, 0.0, bulge) * smooth(-0.1, 0.6, u * lx + v * ly);
            canvas.blend(column, row, mix_light(lit, rim, 0.55 * air), edge);
        }
    }
    if large {
        paint_ring(stage, (x, y), radius, rim, false);
    }
}

/// The half of the ring behind the ball, or the one before it.
fn paint_ring(stage: &mut Stage, (x, y): Point, radius: f32, light: [f32; 3], behind: bool) {
    let tilt = stage.hand * 0.22;
    let noise = &stage.noise;
    let canvas = &mut stage.canvas;
    let reach = radius * 2.05;
    for row in canvas.rows(y - radius * 0.95, y + radius * 0.95) {
        for column in canvas.columns(x - reach, x + reach) {
            let (u, v) = ((column as f32 + 0.5 - x) / radius, (row as f32 + 0.5 - y) / radius);
            let across = v + u * tilt;
            let far = (u * u + across * across * 20.0).sqrt();
            if !(1.25..1.98).contains(&far) || (across < 0.0) != behind {
                continue;
            }
            let bands = noise.line(far * 16.0, 12.0, 3);
            let body = smooth(1.25, 1.33, far) * smooth(1.98, 1.86, far) * lerp(0.15, 0.9, smooth(0.3, 0.7, bands));
            // The ball throws its shadow on the part behind it.
            let lit = if behind && u * stage.hand > 0.0 && u.abs() < 1.0 { 0.25 } else { 1.0 };
            canvas.blend(column, row, scale_light(light, lit), body * 0.85);
        }
    }
}
