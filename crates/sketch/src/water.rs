//! Water: it mirrors whatever was painted above it, so it comes after the land behind and before what floats on it.

use super::colour::{mix_light, scale_light};
use super::curve::{clamp01, lerp, smooth};
use super::scene::{Mood, Place, Time, Weather};
use super::stage::Stage;

/// Paints water from the row `shore` down to the bottom.
pub fn paint_water(stage: &mut Stage, shore: f32) {
    let open = matches!(stage.scene.places[0], Place::Sea | Place::Beach | Place::Island);
    let city = stage.scene.is_at(Place::City);
    let rough = match stage.scene.weather.first() {
        Some(Weather::Storm) => 2.6,
        Some(Weather::Wind | Weather::Rain) => 1.5,
        _ if stage.scene.is_mood(Mood::Calm) => 0.5,
        _ if open => 1.2,
        _ => 0.7,
    };
    let palette = &stage.palette;
    let tropical = open && stage.scene.time == Time::Day && stage.scene.places[0] != Place::Sea;
    let water = if tropical { 0x16_96_a8 } else { 0x1e_5c_84 };
    let deep = palette.local(water, 0.0).mix(palette.sky[0], 0.35).lift(-0.03).light();
    let far_off = palette.local(water, 0.25).mix(palette.sky[1], 0.5).light();
    let crest = palette.sky[2].mix(palette.sun, 0.25).light();
    let (unit, height, width) = (stage.unit, stage.height(), stage.canvas.width);
    let (depth, noise) = (height - shore, &stage.noise);
    let top = shore.max(1.0) as usize;
    let centre = stage.sun.0;
    let mut phase = 0.0;
    let mut line = vec![[0.0; 3]; width];
    for row in top..stage.canvas.height {
        let down = row as f32 + 0.5 - shore;
        let near = down / depth;
        // Waves grow towards the viewer.
        let size = unit * (0.35 + 5.5 * near);
        let (sway, lift) = (size * 0.55 * rough, size * 0.5 * rough);
        let mirror = lerp(0.80, if open { 0.34 } else { 0.50 }, smooth(0.0, 0.8, near));
        let body = mix_light(far_off, deep, smooth(0.0, 0.55, near));
        let across = 1.0 / (size * 5.0);
        // Waves follow one another at the distance that suits their size.
        phase += 1.5 / size;
        for (column, pixel) in line.iter_mut().enumerate() {
            let x = column as f32;
            let off = x - centre;
            let swell = noise.at(off * across + 90.0, phase) - 0.5;
            let ripple = noise.at(off * across * 2.7 + 31.0, phase * 2.1) - 0.5;
            let wave = swell + ripple * 0.55;
            let from = shore - 1.0 - (down * 0.92 + wave * lift * 1.6).abs();
            let mut image = stage.canvas.sample(x + wave * sway, from);
            if city {
                // Lamps draw long streaks.
                for (share, up) in [(0.5, 1.3), (0.34, 2.9)] {
                    image = mix_light(image, stage.canvas.sample(x + wave * sway, (from - size * up).max(0.0)), share);
                }
            }
            let tilt = clamp01(mirror + wave * 0.42 * rough.min(1.4));
            let light = mix_light(body, image, tilt);
            *pixel = mix_light(light, crest, 0.16 * rough.min(1.6) * smooth(0.42, 0.62, wave) * (1.0 - near * 0.4));
        }
        stage.canvas.pixels[row * width..(row + 1) * width].copy_from_slice(&line);
    }
    paint_shore_line(stage, shore);
    paint_glitter(stage, shore);
}

/// A thin bright line where water meets land.
fn paint_shore_line(stage: &mut Stage, shore: f32) {
    let light = stage.palette.haze.mix(stage.palette.sky[2], 0.5).light();
    let high = stage.unit * 1.6;
    for row in stage.canvas.rows(shore, shore + high) {
        let fade = clamp01(1.0 - (row as f32 - shore) / high);
        for column in 0..stage.canvas.width {
            stage.canvas.blend(column, row, light, 0.38 * fade * fade);
        }
    }
}

/// The path of sun or moon on the water: dashes, wider towards the viewer.
fn paint_glitter(stage: &mut Stage, shore: f32) {
    if !stage.has_disc() || stage.scene.places[0] == Place::Waterfall {
        return;
    }
    let mut dice = stage.dice(31);
    let strong = match stage.scene.time {
        Time::Day => 0.5,
        Time::Dawn | Time::Dusk => 0.95,
        Time::Night => 0.75,
    };
    let light = scale_light(stage.palette.sun.light(), 1.15);
    let depth = stage.height() - shore;
    let unit = stage.unit;
    for _ in 0..520 {
        let t = dice.unit();
        let near = t * t;
        let y = shore + unit * 0.3 + near * depth;
        let spread = unit * (1.6 + 15.0 * near);
        let off = dice.unit() + dice.unit() + dice.unit() - 1.5;
        let long = unit * (0.5 + 4.2 * near) * dice.range(0.4, 1.3);
        let thick = unit * (0.07 + 0.30 * near) * dice.range(0.6, 1.2);
        let amount = strong * (1.0 - 0.7 * near) * clamp01(1.2 - off.abs()) * dice.range(0.4, 1.0);
        paint_dash(stage, (stage.sun.0 + off * spread, y), long, thick, light, amount);
    }
}

/// A flat lens of light.
fn paint_dash(stage: &mut Stage, (x, y): (f32, f32), long: f32, thick: f32, light: [f32; 3], amount: f32) {
    let thick = thick.max(0.6);
    for row in stage.canvas.rows(y - thick, y + thick) {
        for column in stage.canvas.columns(x - long, x + long) {
            let (u, v) = ((column as f32 + 0.5 - x) / long, (row as f32 + 0.5 - y) / thick);
            let near = 1.0 - u * u - v * v;
            if near > 0.0 {
                stage.canvas.blend(column, row, light, clamp01(near * 1.4 * amount));
            }
        }
    }
}
