//! Inside the woods: rows of trees that fade into the light, and a waterfall among cliffs.

use super::colour::mix_light;
use super::curve::{clamp01, lerp, smooth};
use super::land::{Layer, hill_line};
use super::meadow::{cover_of, is_blooming, paint_bank, paint_blades, paint_flowers, paint_rock};
use super::plants::{paint_pine, paint_pines};
use super::scene::{Mood, Season, Subject, Weather};
use super::shape::{fill, fill_below};
use super::stage::Stage;
use super::subjects::{paint_deer, paint_sitter};
use super::water::paint_water;
use super::weather::{paint_mist, paint_rays};

/// Rows of conifers, back to front, with light between them.
pub fn paint_forest(stage: &mut Stage) {
    let (unit, wide, high, hand) = (stage.unit, stage.width(), stage.height(), stage.hand);
    let rows = [0.84, 0.68, 0.50, 0.30, 0.10];
    for (number, far) in rows.into_iter().enumerate() {
        let t = number as f32 / 4.0;
        let foot = lerp(high * 0.62, high * 0.90, t);
        paint_wood(stage, foot, far, lerp(26.0, 62.0, t), 200 + number as u64);
        paint_mist(stage, foot + unit * 2.0, unit * lerp(10.0, 6.0, t), lerp(0.55, 0.08, t));
    }
    let foggy = stage.scene.is_weather(Weather::Fog);
    paint_rays(
        stage,
        if stage.scene.is_mood(Mood::Gloomy) {
            0.0
        } else if foggy {
            0.24
        } else {
            0.26
        },
    );
    if foggy {
        paint_mist(stage, high * 0.68, high * 0.16, 0.30);
    }
    let tops = paint_bank(stage, high - unit * 1.5, unit * 9.0, cover_of(stage.scene), 210);
    let mut dice = stage.dice(211);
    if is_blooming(stage.scene) && !stage.scene.is_white() {
        paint_flowers(stage, high - unit * 12.0, 1.6);
    }
    // Trunks at both edges frame the clearing.
    for t in [-0.47, -0.36, 0.44, 0.52] {
        paint_trunk(stage, wide * (0.5 + hand * t + dice.range(-0.015, 0.015)), unit * dice.range(3.4, 6.2));
    }
    if !stage.scene.is_white() {
        paint_blades(stage, &tops, unit * 4.4, 5.0, 212);
    }
    let x = wide * (0.5 - hand * 0.04);
    let foot = (x, tops[(x as usize).min(tops.len() - 1)] + unit);
    if stage.scene.has(Subject::Fox) || stage.scene.has(Subject::Cat) {
        paint_sitter(stage, (foot.0 + hand * unit * 12.0, foot.1), unit * 10.0, stage.scene.has(Subject::Fox));
    }
    if stage.scene.has(Subject::Deer) || (stage.scene.subjects.is_empty() && stage.dice(213).chance(0.5)) {
        paint_deer(stage, foot, unit * 9.0);
    }
}

/// One row: a line of ground and the trees on it, tall at the sides and low in the middle, where the light comes in.
fn paint_wood(stage: &mut Stage, foot: f32, far: f32, tall: f32, part: u64) {
    let (unit, wide) = (stage.unit, stage.width());
    let tops = hill_line(stage, Layer { foot: foot + unit * 3.0, rise: unit * 7.0, far, part });
    let rgb = match stage.scene.season {
        _ if stage.scene.is_white() => 0x74_8c_9c,
        Some(Season::Autumn) => 0x9c_5c_2c,
        _ => 0x2c_64_50,
    };
    let body = stage.palette.local(rgb, far).mix(stage.palette.shade(far), 0.35);
    let ground = body.light();
    let reach = foot + unit * 26.0;
    let mist = stage.palette.haze.mix(body, 0.5).light();
    fill_below(&mut stage.canvas, &tops, reach, |_, _, depth| mix_light(ground, mist, clamp01(depth / (unit * 14.0))));
    let mut dice = stage.dice(part);
    let gap = f32::midpoint(stage.sun.0, wide * 0.5);
    let count = (wide / unit * lerp(0.80, 0.40, 1.0 - far)) as usize;
    for number in 0..count {
        let x = (number as f32 + dice.unit()) / count as f32 * wide * 1.04 - wide * 0.02;
        let open = smooth(0.02, 0.42, ((x - gap) / wide).abs());
        if open < 0.10 + 0.30 * (1.0 - far) && dice.chance(0.75) {
            continue;
        }
        let high = unit * tall * lerp(0.42, 1.15, open) * dice.range(0.65, 1.1);
        let y = tops[(x.max(0.0) as usize).min(tops.len() - 1)] + unit * 1.4 + high * 0.06;
        let light = body.lift(dice.range(-0.025, 0.02)).light();
        paint_pine(stage, &mut dice, (x, y), high, light);
    }
}

/// A bare trunk from the ground to beyond the upper edge.
fn paint_trunk(stage: &mut Stage, x: f32, thick: f32) {
    let high = stage.height();
    let unit = stage.unit;
    let bark = stage.palette.shade(0.0).mix(stage.palette.local(0x4a_3a_34, 0.0), 0.3);
    let toward = if stage.sun.0 < x { -1.0 } else { 1.0 };
    let wobble = |y: f32| (stage.noise.line(y / (unit * 16.0), x, 3) - 0.5) * unit * 1.6;
    let outline = |from: f32, to: f32| {
        let mut points = Vec::new();
        for step in 0..=14_u8 {
            let y = high * f32::from(step) / 14.0;
            let flare = 1.0 + 0.8 * smooth(0.86, 1.05, y / high);
            points.push((x + wobble(y) + from * thick * flare * 0.5, y));
        }
        for step in (0..=14_u8).rev() {
            let y = high * f32::from(step) / 14.0;
            let flare = 1.0 + 0.8 * smooth(0.86, 1.05, y / high);
            points.push((x + wobble(y) + to * thick * flare * 0.5, y));
        }
        points
    };
    let (whole, rim) = (outline(-1.0, 1.0), outline(toward * 0.72, toward));
    let lit = bark.mix(stage.palette.sun, if stage.is_night() { 0.10 } else { 0.28 }).light();
    fill(&mut stage.canvas, &whole, bark.light());
    fill(&mut stage.canvas, &rim, lit);
}

/// A fall between two cliffs into a pool.
pub fn paint_waterfall(stage: &mut Stage) {
    let (unit, wide, high, hand) = (stage.unit, stage.width(), stage.height(), stage.hand);
    let pool = high * 0.74;
    stage.horizon = pool;
    let middle = wide * (0.5 + hand * 0.07);
    let lip = high * 0.30;
    paint_cliff(stage, 0.58, (lip - unit * 6.0, pool), None, 220);
    paint_mist(stage, pool - unit * 8.0, unit * 20.0, 0.5);
    paint_cliff(stage, 0.26, (lip, pool), Some((middle, unit * 8.5)), 221);
    paint_falling(stage, middle, (lip + unit * 1.5, pool), unit * 8.0);
    paint_water(stage, pool);
    paint_mist(stage, pool, unit * 9.0, 0.55);
    let mut dice = stage.dice(224);
    for number in 0..9_u8 {
        let t = lerp(-0.5, 0.5, f32::from(number) / 8.0);
        let edge = t.abs() * 2.0;
        let at = (wide * (0.5 + t), high - unit * (1.0 + 7.0 * edge * edge) + unit * 4.0);
        let size = unit * lerp(2.0, 8.0, edge) * dice.range(0.8, 1.2);
        paint_rock(stage, &mut dice, at, size);
    }
    let light = stage.palette.shade(0.0).mix(stage.palette.local(0x20_48_3c, 0.0), 0.3).light();
    for (t, size) in [(-0.48, 62.0), (-0.40, 40.0), (0.46, 56.0), (0.52, 70.0), (0.38, 30.0)] {
        paint_pine(stage, &mut dice, (wide * (0.5 + t), high + unit * 2.0), unit * size, light);
    }
}

/// A wall of rock with turf and trees on top; `gap` is where the water comes over.
fn paint_cliff(stage: &mut Stage, far: f32, (top, foot): (f32, f32), gap: Option<(f32, f32)>, part: u64) {
    let unit = stage.unit;
    let row = part as f32;
    let tops: Vec<f32> = (0..stage.canvas.width)
        .map(|column| {
            let x = column as f32;
            let rough = stage.noise.line(x / (unit * 13.0), row, 4) - 0.5;
            let dip = gap.map_or(0.0, |(middle, half)| smooth(half * 2.4, half * 0.7, (x - middle).abs()));
            // A gorge: the walls rise towards both edges.
            let wall = smooth(0.06, 0.5, ((x - stage.width() * 0.5) / stage.width()).abs());
            lerp(top - unit * (3.0 + 15.0 * wall) + rough * unit * 14.0, top + unit * 1.5, dip)
        })
        .collect();
    let palette = &stage.palette;
    let white = stage.scene.is_white();
    let stone = palette.local(0x70_70_78, far).mix(palette.shade(far), 0.30);
    let (lit, dark) = (stone.mix(palette.sun, 0.16).lift(0.03).light(), stone.mix(palette.shade(far), 0.5).light());
    let moss = palette.local(if white { 0xf0_f4_fc } else { 0x4c_84_4c }, far).light();
    let (noise, fine) = (&stage.noise, 1.0 / (unit * 5.0));
    let mist = palette.haze.light();
    fill_below(&mut stage.canvas, &tops, foot + 1.0, |x, y, depth| {
        let column = noise.fbm(x * fine * 1.2 + row, y * fine * 0.22, 4);
        let ledge = noise.fbm(x * fine * 0.35 + 9.0, y * fine * 1.5 + row, 3);
        let rock = mix_light(dark, lit, smooth(0.34, 0.66, column * 0.7 + ledge * 0.3));
        let green = smooth(0.55, 0.64, ledge) * 0.75 + smooth(unit * 4.0, unit * 1.0, depth - ledge * unit * 3.0);
        mix_light(mix_light(rock, moss, clamp01(green)), mist, 0.4 * smooth(0.4, 1.0, (y - top) / (foot - top)))
    });
    let mut ground = tops;
    if let Some((middle, half)) = gap {
        // No tree stands in the water: there the ground is out of sight.
        for column in stage.canvas.columns(middle - half * 2.0, middle + half * 2.0) {
            ground[column] = stage.height() * 2.0;
        }
    }
    paint_pines(stage, &ground, (unit * if far > 0.4 { 6.0 } else { 9.0 }, far, 2.2), part + 5);
}

/// White strands of water.
fn paint_falling(stage: &mut Stage, middle: f32, (top, foot): (f32, f32), half: f32) {
    let unit = stage.unit;
    let white = stage.palette.local(0xfc_fe_ff, 0.0).mix(stage.palette.sun, 0.15).light();
    let blue = stage.palette.local(0x8c_b8_d4, 0.0).mix(stage.palette.sky[1], 0.4).light();
    let noise = &stage.noise;
    let canvas = &mut stage.canvas;
    for row in canvas.rows(top, foot) {
        let t = (row as f32 - top) / (foot - top);
        let wide = half * lerp(0.72, 1.15, t);
        for column in canvas.columns(middle - wide * 1.2, middle + wide * 1.2) {
            let u = (column as f32 - middle) / wide;
            let strand = noise.fbm(u * 5.0 + 3.0, t * 2.2 + (noise.at(u * 3.0, 5.0) * 2.0), 4);
            let edge = clamp01((1.0 + 0.3 * (strand - 0.5) - u.abs()) * wide / (unit * 0.9));
            let light = mix_light(blue, white, smooth(0.30, 0.60, strand + 0.25 * t * t));
            // It bends over the lip, not everywhere at the same row.
            let lip = clamp01((row as f32 - top) / unit - 1.6 * noise.at(u * 4.0, 9.0) + 0.2);
            canvas.blend(column, row, light, edge * lip * (0.80 + 0.20 * strand));
        }
    }
    for (x, radius) in [(-0.7, 7.0), (0.0, 9.0), (0.8, 7.0)] {
        stage.canvas.spot((middle + x * half, foot - unit * 0.5), unit * radius * 0.3, unit * radius, white, 0.5);
    }
}
