//! Clouds, and the lights of the sky that are not stars: aurora and rainbow.
//!
//! Soft things are reckoned on a coarse grid and spread over the pixels: four times coarser is sixteen times faster.

use super::colour::{Lab, Light, mix_light, scale_light};
use super::curve::{clamp01, lerp, smooth};
use super::scene::{Mood, Time, Weather};
use super::stage::Stage;

/// Pixels per cell of the coarse grid.
const COARSE: usize = 4;

/// Runs `of` on the coarse grid over some rows and `put` on each pixel with what lies between the cells there.
pub fn spread(
    stage: &mut Stage,
    rows: std::ops::Range<f32>,
    of: impl Fn(&Stage, f32, f32) -> [f32; 2],
    put: impl Fn(&mut Light, [f32; 2], f32),
) {
    let (width, rows) = (stage.canvas.width, stage.canvas.rows(rows.start, rows.end));
    let top = rows.start;
    let (wide, high) = (width / COARSE + 2, rows.len() / COARSE + 2);
    let cells: Vec<[f32; 2]> = (0..wide * high)
        .map(|cell| of(stage, (cell % wide * COARSE) as f32, (cell / wide * COARSE + top) as f32))
        .collect();
    for row in rows {
        let (above, v) = ((row - top) / COARSE * wide, ((row - top) % COARSE) as f32 / COARSE as f32);
        let pixels = &mut stage.canvas.pixels[row * width..(row + 1) * width];
        for (column, pixel) in pixels.iter_mut().enumerate() {
            let (cell, u) = (above + column / COARSE, (column % COARSE) as f32 / COARSE as f32);
            let mix = |part: usize| {
                let upper = lerp(cells[cell][part], cells[cell + 1][part], u);
                lerp(upper, lerp(cells[cell + wide][part], cells[cell + wide + 1][part], u), v)
            };
            put(pixel, [mix(0), mix(1)], row as f32);
        }
    }
}

/// How much of the sky is clouds, from 0 to 1.
fn cover(stage: &Stage) -> f32 {
    let scene = stage.scene;
    if scene.is_weather(Weather::Clear) {
        return 0.0;
    }
    if scene.is_overcast() {
        return 0.9;
    }
    if scene.is_weather(Weather::Clouds) {
        return 0.68;
    }
    let mut dice = stage.dice(20);
    match (scene.mood, scene.time) {
        (Some(Mood::Dramatic), _) => 0.62,
        (Some(Mood::Cheerful), _) => 0.5,
        (_, Time::Night) => dice.range(0.0, 0.3),
        _ => dice.range(0.28, 0.5),
    }
}

/// Clouds on a ceiling that runs away to the horizon, lit from the sun.
pub fn paint_clouds(stage: &mut Stage) {
    let cover = cover(stage);
    if cover < 0.12 {
        return;
    }
    let overcast = stage.scene.is_overcast();
    let palette = &stage.palette;
    let [top, middle, low] = palette.sky;
    let (bright, shade) = match stage.scene.time {
        Time::Day if overcast => (low.lift(-0.02), middle.lift(-0.16)),
        _ if overcast => (middle.mix(low, 0.5), top.lift(-0.04)),
        Time::Day => (Lab { l: 0.985, a: 0.0, b: 0.008 }, middle.mix(palette.haze, 0.5).lift(0.02)),
        Time::Dawn | Time::Dusk => (low.mix(palette.sun, 0.35), top.mix(middle, 0.62)),
        Time::Night => (low.mix(palette.haze, 0.4).lift(0.02), top.mix(middle, 0.7)),
    };
    let (bright, shade) = (bright.light(), shade.light());
    let bank = lerp(0.66, 0.34, cover);
    let streak = if stage.scene.time == Time::Day && !overcast { 1.0 } else { 0.55 };
    let stretch = if stage.scene.is_weather(Weather::Wind) { 0.35 } else { 0.55 * streak + 0.2 };
    let (sun_x, horizon, wide, unit) = (stage.sun.0, stage.horizon, stage.width(), stage.unit);
    let at = move |stage: &Stage, x: f32, y: f32| {
        // The ceiling: the nearer the horizon, the farther and the flatter.
        let down = y / horizon;
        let away = 1.0 / (1.16 - down.min(1.06));
        let (u, v) = ((x - wide / 2.0) / (unit * 34.0) * away * stretch + 9.0, away * 3.1);
        let bend = stage.noise.at(u * 0.7 + 50.0, v * 0.7);
        let here = stage.noise.fbm(u + bend * 0.8, v + bend * 0.5, 6);
        let toward = ((sun_x - x) / (unit * 30.0)).clamp(-1.0, 1.0) * 0.22;
        let there = stage.noise.fbm(u + toward + bend * 0.8, v + bend * 0.5 + 0.20, 3);
        let thick = smooth(bank - 0.02, bank + 0.17, here) * smooth(1.06, 0.80, down);
        let lit = clamp01(0.55 + (here - there) * 3.4 - (here - bank) * 0.9);
        [thick, lit]
    };
    spread(stage, 0.0..horizon + 2.0, at, |pixel, [thick, lit], _| {
        if thick > 0.0 {
            *pixel = mix_light(*pixel, mix_light(shade, bright, lit), thick * 0.94);
        }
    });
}

/// Curtains of light.
pub fn paint_aurora(stage: &mut Stage) {
    if !stage.scene.is_weather(Weather::Aurora) {
        return;
    }
    let green = stage.palette.lamp(0x3c_ff_a8);
    let violet = stage.palette.lamp(0xa8_50_ff);
    let (unit, horizon) = (stage.unit, stage.horizon);
    let at = move |stage: &Stage, x: f32, y: f32| {
        let u = x / (unit * 40.0);
        let (mut sum, mut high_up) = (0.0, 0.0);
        for curtain in 0..3_u8 {
            let row = f32::from(curtain) * 11.3;
            let foot = horizon * (0.52 + 0.15 * f32::from(curtain) - 0.1)
                + (stage.noise.line(u * (1.1 - 0.2 * f32::from(curtain)), row, 3) - 0.5) * horizon * 0.75;
            let up = (foot - y) / (horizon * (0.5 + 0.2 * stage.noise.at(u * 2.0, row + 3.0)));
            if up < -0.06 {
                continue;
            }
            let rays = 0.35 + 0.65 * stage.noise.line(u * 14.0 + up * 0.6, row + 5.0, 2);
            let strong = smooth(0.25, 0.65, stage.noise.at(u * 0.9 + 4.0, row + 8.0));
            let fall = smooth(-0.06, 0.03, up) / (1.0 + 9.0 * up.max(0.0) * up.max(0.0)) * smooth(1.3, 0.3, up);
            sum += fall * rays * strong;
            high_up += fall * rays * strong * smooth(0.1, 0.75, up);
        }
        [sum, high_up]
    };
    spread(stage, 0.0..horizon, at, |pixel, [sum, high_up], _| {
        if sum > 0.0 {
            let tone = mix_light(green, violet, clamp01(high_up / sum * 1.6));
            for (part, light) in pixel.iter_mut().zip(scale_light(tone, sum * 0.85)) {
                *part += light;
            }
        }
    });
}

/// A bow opposite the sun.
pub fn paint_rainbow(stage: &mut Stage) {
    if !stage.scene.is_weather(Weather::Rainbow) {
        return;
    }
    let radius = (stage.width() * 0.42).min(stage.horizon * 1.05);
    let middle = (stage.width() * (0.5 + 0.14 * stage.hand), stage.horizon + radius * 0.12);
    let thick = radius * 0.085;
    let canvas = &mut stage.canvas;
    for row in canvas.rows(0.0, stage.horizon) {
        for column in canvas.columns(middle.0 - radius - thick, middle.0 + radius + thick) {
            let (dx, dy) = (column as f32 - middle.0, row as f32 - middle.1);
            let t = ((dx * dx + dy * dy).sqrt() - radius) / thick;
            if t.abs() >= 1.0 {
                continue;
            }
            // From violet inside to red outside.
            let angle = lerp(5.4, 0.35, f32::midpoint(t, 1.0));
            let hue = Lab { l: 0.74, a: 0.15 * super::curve::cos(angle), b: 0.15 * super::curve::sin(angle) };
            let fade = smooth(1.0, 0.35, t.abs()) * smooth(0.0, 0.5, (stage.horizon - row as f32) / stage.horizon);
            canvas.blend(column, row, hue.light(), 0.5 * fade);
        }
    }
}
