//! Pictures with water in front: what stands at its edge, what floats on it, and the near shore.

use super::backdrop::paint_far_shore;
use super::buildings::{paint_house, paint_lighthouse};
use super::city::paint_bridge;
use super::curve::{lerp, smooth};
use super::land::{Layer, paint_hill};
use super::meadow::{cover_of, paint_bank, paint_blades, paint_reeds, paint_rock, paint_rocks};
use super::plants::{paint_palm, paint_pine, paint_pines, paint_tree, paint_twigs};
use super::scene::{Place, Subject, Weather};
use super::shape::{fill_below, fill_with, oval};
use super::stage::Stage;
use super::subjects::{paint_boat, paint_deer, paint_sitter};
use super::water::paint_water;

/// Everything from the far shore to the bottom edge.
pub fn paint_waterside(stage: &mut Stage) {
    let (unit, horizon, wide, high, hand) = (stage.unit, stage.horizon, stage.width(), stage.height(), stage.hand);
    let place = stage.scene.places[0];
    let inland = !matches!(place, Place::Sea | Place::Beach | Place::Island | Place::City | Place::Lake | Place::River);
    if place == Place::Mountains && (stage.scene.is_at(Place::Lake) || stage.scene.is_at(Place::River)) {
        paint_far_shore(stage);
    } else if inland {
        let layer = Layer { foot: horizon + unit * 0.8, rise: unit * 5.0, far: 0.3, part: 140 };
        let tops = paint_hill(stage, layer, cover_of(stage.scene), horizon + 1.0);
        paint_pines(stage, &tops, (unit * 4.2, 0.3, 3.0), 141);
    }
    if place == Place::Island {
        paint_island_beach(stage);
    }
    if stage.scene.has(Subject::Bridge) {
        paint_bridge(stage, horizon - unit * 5.0, horizon);
    }
    if stage.scene.has(Subject::House) && matches!(place, Place::Lake | Place::River | Place::Mountains) {
        let mut dice = stage.dice(142);
        paint_house(stage, &mut dice, (wide * (0.5 + hand * 0.2), horizon + 1.0), unit * 9.0, 0.16);
    }
    let lighthouse = stage.scene.has(Subject::Lighthouse);
    if lighthouse {
        paint_headland(stage);
    }
    paint_water(stage, horizon);
    if stage.scene.has(Subject::Boat) {
        let off = if lighthouse { -0.16 } else { 0.14 };
        paint_boat(stage, (wide * (0.5 + hand * off), lerp(horizon, high, 0.26)), unit * 14.0, 0.05);
    } else if matches!(place, Place::Sea | Place::Island) && stage.dice(143).chance(0.5) {
        paint_boat(stage, (wide * (0.5 - hand * 0.22), horizon + unit * 2.6), unit * 4.0, 0.35);
    }
    paint_near_shore(stage);
}

/// A cliff that comes in from the subject's side, with the lighthouse on it.
fn paint_headland(stage: &mut Stage) {
    let (unit, horizon, wide, hand) = (stage.unit, stage.horizon, stage.width(), stage.hand);
    let crown = unit * 13.0;
    let tops: Vec<f32> = (0..stage.canvas.width)
        .map(|column| {
            let t = hand * (column as f32 / wide - 0.5) + 0.5;
            let rough = stage.noise.line(column as f32 / (unit * 6.0), 3.0, 5) - 0.5;
            let steep = smooth(0.54, 0.63, t + rough * 0.05);
            horizon + 2.0
                - crown * steep * (0.86 + 0.34 * smooth(0.6, 1.0, t))
                - rough * unit * 2.6 * smooth(0.53, 0.60, t)
        })
        .collect();
    let palette = &stage.palette;
    let green = palette.local(cover_of(stage.scene), 0.06).mix(palette.sun, 0.08).light();
    let stone = palette.local(0x86_74_70, 0.08);
    let (lit, dark) = (stone.mix(palette.sun, 0.12).light(), stone.mix(palette.ink, 0.5).light());
    let (noise, fine) = (&stage.noise, 1.0 / (unit * 2.6));
    fill_below(&mut stage.canvas, &tops, horizon + 1.0, |x, y, depth| {
        let turf = unit * (1.3 + 3.4 * noise.line(x * fine * 0.6, 8.0, 3));
        let crack = noise.fbm(x * fine * 1.1, y * fine * 0.30, 4);
        let rock = super::colour::mix_light(dark, lit, smooth(0.36, 0.62, crack));
        super::colour::mix_light(green, rock, smooth(turf * 0.8, turf, depth))
    });
    let x = wide * (0.5 + hand * 0.23);
    let y = tops[(x as usize).min(tops.len() - 1)] + unit * 0.8;
    if !stage.scene.has(Subject::House) {
        let mut dice = stage.dice(145);
        paint_house(stage, &mut dice, (x + hand * unit * 9.0, y + unit * 0.2), unit * 8.0, 0.05);
    }
    paint_lighthouse(stage, (x, y), unit * 34.0);
}

fn paint_island_beach(stage: &mut Stage) {
    let (unit, horizon) = (stage.unit, stage.horizon);
    let middle = stage.width() * (0.5 + stage.hand * 0.14);
    let tops: Vec<f32> = (0..stage.canvas.width)
        .map(|column| {
            let off = (column as f32 - middle) / (unit * 46.0);
            horizon + 1.5 - unit * 1.7 * (1.0 - off * off * off * off).max(-1.0)
        })
        .collect();
    let sand = stage.palette.local(if stage.scene.is_white() { 0xf0_f4_fa } else { 0xf0_da_a8 }, 0.12).light();
    fill_below(&mut stage.canvas, &tops, horizon + 1.0, |_, _, _| sand);
    if stage.scene.is_white() {
        return;
    }
    let mut dice = stage.dice(146);
    for _ in 0..9 {
        let x = middle + unit * dice.range(-34.0, 34.0);
        let light = stage.palette.shade(0.20).mix(stage.palette.local(0x28_60_3c, 0.1), 0.4).light();
        let lean = dice.range(0.1, 0.35) * dice.hand();
        let high = unit * dice.range(6.0, 10.0);
        paint_palm(stage, &mut dice, (x, horizon - unit * 0.6), high, lean, light);
    }
}

/// What frames the picture in front.
fn paint_near_shore(stage: &mut Stage) {
    let (unit, wide, high, hand) = (stage.unit, stage.width(), stage.height(), stage.hand);
    let mut dice = stage.dice(147);
    match stage.scene.places[0] {
        Place::Beach => paint_beach(stage),
        Place::Island => {
            let light = stage.palette.shade(0.0).light();
            paint_palm(
                stage,
                &mut dice,
                (wide * (0.5 - hand * 0.47), high + unit * 3.0),
                unit * 74.0,
                hand * 0.22,
                light,
            );
            paint_palm(
                stage,
                &mut dice,
                (wide * (0.5 - hand * 0.53), high + unit * 3.0),
                unit * 58.0,
                hand * 0.34,
                light,
            );
        }
        Place::Sea => {
            if stage.scene.has(Subject::Palms) {
                paint_beach(stage);
            } else if stage.scene.is_weather(Weather::Storm) {
                paint_swell(stage);
            } else {
                paint_rocks(stage, high - unit * 2.0, 148);
            }
        }
        Place::City => {
            if stage.scene.has(Subject::Trees) {
                paint_twigs(stage, -hand);
            }
        }
        _ => paint_lake_bank(stage),
    }
    let foot = (wide * (0.5 - hand * 0.2), high - unit * 6.0);
    if stage.scene.has(Subject::Cat) {
        paint_rock(stage, &mut dice, (foot.0, high), unit * 12.0);
        paint_sitter(stage, foot, unit * 14.0, false);
    }
}

/// Rows of high waves with foam on their crests.
fn paint_swell(stage: &mut Stage) {
    let (unit, high, horizon) = (stage.unit, stage.height(), stage.horizon);
    let palette = &stage.palette;
    for (number, near) in [0.34_f32, 0.56, 0.80].into_iter().enumerate() {
        let row = 4.0 + number as f32 * 7.0;
        let size = unit * (3.0 + 15.0 * near);
        let tops: Vec<f32> = (0..stage.canvas.width)
            .map(|column| {
                let x = column as f32 / (size * 5.0) + row;
                let wave = (stage.noise.line(x, row, 1) - 0.5).abs() * 2.0;
                let chop = stage.noise.line(x * 7.0, row, 2) - 0.5;
                lerp(horizon, high, near) - size * (0.75 * (1.0 - wave.sqrt()) + 0.10 * chop)
            })
            .collect();
        let deep = palette.local(0x1c_4c_60, 0.35 * (1.0 - near)).mix(palette.ink, 0.42 * near).light();
        let lit = palette.local(0x58_98_a0, 0.3 * (1.0 - near)).mix(palette.sky[2], 0.25).light();
        let foam = palette.sky[2].lift(0.22).light();
        let (noise, fine) = (&stage.noise, 1.0 / size);
        fill_below(&mut stage.canvas, &tops, high, |x, y, depth| {
            let lace = noise.fbm(x * fine * 2.2 + row, (y + x * 0.2) * fine * 5.0, 4);
            let body = super::colour::mix_light(lit, deep, smooth(0.0, size * 0.75, depth + (lace - 0.5) * size * 0.7));
            let crest = smooth(size * 0.14, 0.0, depth - (lace - 0.42) * size * 0.34);
            super::colour::mix_light(
                body,
                foam,
                0.75 * crest + 0.30 * smooth(0.60, 0.68, lace) * smooth(size, 0.0, depth),
            )
        });
    }
}

/// A grassy bank with pines or a tree on it.
fn paint_lake_bank(stage: &mut Stage) {
    let (unit, wide, high, hand) = (stage.unit, stage.width(), stage.height(), stage.hand);
    let mut dice = stage.dice(149);
    for number in 0..5_u8 {
        let x = wide * (0.5 + hand * dice.range(-0.1, 0.28));
        let size = unit * dice.range(1.4, 3.6);
        paint_rock(stage, &mut dice, (x, high - unit * (6.5 - f32::from(number))), size);
    }
    let tops = paint_bank(stage, high - unit * 0.5, unit * 11.0, cover_of(stage.scene), 150);
    let at = |t: f32| {
        let x = wide * (0.5 + hand * t);
        (x, tops[(x.max(0.0) as usize).min(tops.len() - 1)] + unit)
    };
    let light = stage.palette.shade(0.0).mix(stage.palette.local(0x20_48_3c, 0.0), 0.3);
    if stage.scene.has(Subject::Trees) || stage.scene.season.is_some() && !stage.scene.is_white() {
        paint_tree(stage, &mut dice, at(0.34), unit * 52.0, 0.0);
    } else {
        for (t, size) in [(0.30, 26.0), (0.46, 66.0), (0.37, 48.0), (0.24, 17.0), (0.50, 50.0)] {
            let tone = light.lift(dice.range(-0.01, 0.02)).light();
            let high = unit * size * dice.range(0.9, 1.1);
            paint_pine(stage, &mut dice, at(t), high, tone);
        }
    }
    paint_blades(stage, &tops, unit * 3.6, 3.4, 151);
    paint_reeds(stage, wide * (0.5 - hand * 0.42), high, 152);
    if stage.scene.has(Subject::Deer) {
        paint_deer(stage, at(0.10), unit * 9.0);
    }
    if stage.scene.has(Subject::Fox) {
        paint_sitter(stage, at(0.12), unit * 9.0, true);
    }
}

/// Sand that the sea has wetted, and palms.
fn paint_beach(stage: &mut Stage) {
    let (unit, wide, high, hand) = (stage.unit, stage.width(), stage.height(), stage.hand);
    let (horizon, noise) = (stage.horizon, &stage.noise);
    let tops: Vec<f32> = (0..stage.canvas.width)
        .map(|column| {
            let t = hand * (column as f32 / wide - 0.5) + 0.5;
            let wave = (noise.line(column as f32 / (unit * 24.0), 6.0, 3) - 0.5) * unit * 4.0;
            lerp(high + unit * 2.0, horizon + (high - horizon) * 0.30, smooth(-0.1, 1.05, t)) + wave
        })
        .collect();
    let palette = &stage.palette;
    let sand = if stage.scene.is_white() { 0xf0_f4_fa } else { 0xf2_d8_a4 };
    let dry = palette.local(sand, 0.0).mix(palette.sun, 0.10).light();
    let wet = palette.local(sand, 0.0).mix(palette.sky[1], 0.36).lift(-0.06).light();
    let foam = palette.local(0xff_ff_ff, 0.0).mix(palette.sun, 0.12).light();
    let shade = palette.local(sand, 0.0).mix(palette.ink, 0.18).light();
    let fine = 1.0 / (unit * 4.0);
    fill_below(&mut stage.canvas, &tops, high, |x, y, depth| {
        let lace = noise.fbm(x * fine, y * fine * 2.0, 3);
        let ground = super::colour::mix_light(wet, dry, smooth(unit * 3.0, unit * 9.0, depth + lace * unit * 3.0));
        let dimple = smooth(0.56, 0.70, noise.fbm(x * fine * 0.9 + 9.0, y * fine * 2.6, 3));
        let ground = super::colour::mix_light(ground, shade, dimple * 0.22);
        super::colour::mix_light(foam, ground, smooth(unit * 0.9, unit * 1.5, depth + (lace - 0.5) * unit * 1.8))
    });
    let mut dice = stage.dice(154);
    let light = stage.palette.shade(0.0).mix(stage.palette.local(0x28_58_38, 0.0), 0.35).light();
    if !stage.scene.is_white() {
        for (t, size, lean) in [(0.40, 60.0, -0.24), (0.47, 44.0, -0.34), (0.34, 38.0, 0.10)] {
            let at = (wide * (0.5 + hand * t), high * 0.93 + unit * 2.0);
            fill_with(&mut stage.canvas, &oval((at.0, at.1), unit * size * 0.10, unit * 0.8), |_, _| (shade, 0.8));
            paint_palm(stage, &mut dice, at, unit * size, hand * lean, light);
        }
    }
}
