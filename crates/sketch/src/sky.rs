//! The sky: its gradient, sun and moon, and stars. Clouds and lights are in `clouds`.

use super::colour::{Lab, Light, mix_light, scale_light};
use super::curve::{clamp01, smooth};
use super::scene::{Subject, Time, Weather};
use super::stage::Stage;

/// Paints the sky over the whole canvas, so that nothing behind the land stays empty.
pub fn paint_sky(stage: &mut Stage) {
    let veil_tone =
        if stage.is_night() { stage.palette.sky[2].mix(stage.palette.sun, 0.25) } else { stage.palette.sun };
    let sun = veil_tone.light();
    let (sun_x, sun_y) = stage.sun;
    let wide = stage.unit * if stage.is_night() { 26.0 } else { 40.0 };
    let shine = match stage.scene.time {
        _ if !stage.has_disc() => 0.0,
        Time::Day => 0.30,
        Time::Dawn | Time::Dusk => 0.55,
        Time::Night => 0.13,
    };
    let width = stage.canvas.width;
    for (row, pixels) in stage.canvas.pixels.chunks_exact_mut(width).enumerate() {
        let y = row as f32 + 0.5;
        let base = stage.palette.sky_at(y / stage.horizon).light();
        for (column, pixel) in pixels.iter_mut().enumerate() {
            let (dx, dy) = ((column as f32 + 0.5 - sun_x) / wide, (y - sun_y) / wide);
            // A wide warm veil and a narrow bright one, both round.
            let far = dx * dx + dy * dy;
            let veil = shine / ((1.0 + far) * (1.0 + far));
            let core = shine * 0.9 / (1.0 + far * 60.0);
            *pixel = mix_light(base, sun, clamp01(veil + core));
        }
    }
}

/// The sun, or at night the moon.
pub fn paint_disc(stage: &mut Stage) {
    if !stage.has_disc() {
        return;
    }
    if stage.is_night() {
        paint_moon(stage);
        return;
    }
    let radius = stage.unit * if stage.scene.time == Time::Day { 3.4 } else { 5.2 };
    let light = scale_light(stage.palette.sun.light(), 1.5);
    stage.canvas.glow(stage.sun, radius * 5.0, light, 0.16);
    stage.canvas.spot(stage.sun, radius, 1.6, light, 1.0);
}

fn paint_moon(stage: &mut Stage) {
    let mut dice = stage.dice(10);
    let big = if stage.scene.has(Subject::Moon) { 7.4 } else { 4.6 };
    let radius = stage.unit * big;
    let (x, y) = stage.sun;
    let light = stage.palette.sun.light();
    let halo = stage.palette.sky[2].mix(stage.palette.sun, 0.5).light();
    stage.canvas.glow(stage.sun, radius * 6.0, halo, 0.10);
    stage.canvas.glow(stage.sun, radius * 2.4, halo, 0.20);
    // A full moon, or one whose right or left side lies in shadow.
    let shadow = if dice.chance(0.55) { 9.0 } else { dice.range(0.55, 0.9) * dice.hand() };
    let canvas = &mut stage.canvas;
    for row in canvas.rows(y - radius - 1.0, y + radius + 1.0) {
        for column in canvas.columns(x - radius - 1.0, x + radius + 1.0) {
            let (u, v) = ((column as f32 + 0.5 - x) / radius, (row as f32 + 0.5 - y) / radius);
            let edge = clamp01((1.0 - (u * u + v * v).sqrt()) * radius + 0.5);
            if edge <= 0.0 {
                continue;
            }
            let beyond = ((u - shadow) * (u - shadow) + v * v).sqrt();
            let day = clamp01((beyond - 1.05) * radius * 0.5 + 0.5);
            let seas = smooth(0.50, 0.68, stage.noise.fbm(u * 1.7 + 31.0, v * 1.7 + 7.0, 4));
            let tone = scale_light(light, 1.05 - 0.34 * seas - 0.12 * (u * u + v * v));
            canvas.blend(column, row, tone, edge * (0.02 + 0.98 * day));
        }
    }
}

/// Stars, and now and then the Milky Way. Dense where they were asked for.
pub fn paint_stars(stage: &mut Stage) {
    if !stage.is_night() || stage.scene.is_overcast() {
        return;
    }
    let mut dice = stage.dice(11);
    let asked = stage.scene.has(Subject::Stars);
    let band = asked || dice.chance(0.4);
    let (wide, high) = (stage.width(), stage.horizon);
    let slope = dice.range(0.5, 0.9) * stage.hand;
    if band {
        paint_band(stage, slope);
    }
    let dim = if stage.scene.is_weather(Weather::Fog) { 0.4 } else { 1.0 };
    let count = wide * high / (stage.unit * stage.unit) * if asked { 0.16 } else { 0.08 };
    for _ in 0..count as usize {
        let (x, mut y) = (dice.unit() * wide, dice.unit() * high);
        let tone = dice.unit();
        let big = dice.unit();
        if band && dice.chance(0.4) {
            // More of them along the band.
            let off = (dice.unit() + dice.unit() - 1.0) * high * 0.35;
            y = band_middle(x, wide, high, slope) + off;
        }
        let (dx, dy) = (x - stage.sun.0, y - stage.sun.1);
        // None in front of the moon, few in its glare.
        let glare = smooth(7.0, 18.0, (dx * dx + dy * dy).sqrt() / stage.unit);
        let fade = dim * glare * (1.0 - smooth(0.55, 1.0, y / high));
        if fade <= 0.0 {
            continue;
        }
        let light = Lab { l: 0.97, a: 0.02 * (tone - 0.5), b: 0.10 * (tone - 0.6) }.light();
        let size = stage.unit * (0.05 + 0.16 * big * big * big * big * big * big);
        let amount = fade * (0.35 + 0.65 * big);
        stage.canvas.spot((x, y), size, size + 0.7, light, amount);
        if big > 0.992 {
            stage.canvas.glow((x, y), size * 6.0, light, 0.16 * fade);
        }
    }
}

/// The row of the Milky Way's middle.
fn band_middle(x: f32, wide: f32, high: f32, slope: f32) -> f32 {
    high * 0.42 + (x / wide - 0.5) * slope * high * 1.3
}

fn paint_band(stage: &mut Stage, slope: f32) {
    let (wide, high) = (stage.width(), stage.horizon);
    let cool = stage.palette.sky[2].lift(0.16).light();
    let warm: Light = Lab { l: 0.88, a: 0.02, b: 0.05 }.light();
    let scale = 1.0 / (stage.unit * 11.0);
    let canvas = &mut stage.canvas;
    for row in canvas.rows(0.0, high) {
        for column in 0..canvas.width {
            let (x, y) = (column as f32, row as f32);
            let off = ((y - band_middle(x, wide, high, slope)) / (high * 0.30)).abs();
            if off >= 1.0 {
                continue;
            }
            let dust = stage.noise.fbm(x * scale, y * scale, 4);
            let body = (1.0 - off) * (1.0 - off) * smooth(0.25, 0.75, dust);
            let lane = smooth(0.28, 0.0, off)
                * smooth(0.46, 0.62, stage.noise.fbm(x * scale * 1.4 + 40.0, y * scale * 1.4, 3));
            let fade = 1.0 - smooth(0.6, 1.0, y / high);
            let amount = body * fade * (1.0 - 0.75 * lane);
            canvas.add(column, row, mix_light(cool, warm, amount), amount * 0.34);
        }
    }
}
