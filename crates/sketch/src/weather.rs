//! Weather in front of the land: fog, rain, snow, lightning, and rays of light.

use super::clouds::spread;
use super::colour::{mix_light, scale_light};
use super::curve::{clamp01, smooth};
use super::scene::{Mood, Time, Weather};
use super::shape::{Point, stroke};
use super::stage::Stage;

/// A bank of mist around a row.
pub fn paint_mist(stage: &mut Stage, middle: f32, half: f32, strong: f32) {
    let light = stage.palette.haze.mix(stage.palette.sky[2], 0.45).light();
    let scale = 1.0 / (stage.unit * 26.0);
    let at = move |stage: &Stage, x: f32, y: f32| {
        let off = ((y - middle) / half).abs();
        if off >= 1.0 {
            return [0.0, 0.0];
        }
        let drift = stage.noise.fbm(x * scale + middle, y * scale * 4.0, 4);
        [strong * (1.0 - off * off) * smooth(0.22, 0.68, drift + 0.12 * (1.0 - off)), 0.0]
    };
    spread(stage, middle - half..middle + half, at, |pixel, [thick, _], _| *pixel = mix_light(*pixel, light, thick));
}

/// Fog over the whole land, thickest far off.
pub fn paint_fog(stage: &mut Stage) {
    if !stage.scene.is_weather(Weather::Fog) {
        return;
    }
    let (horizon, unit) = (stage.horizon, stage.unit);
    paint_mist(stage, horizon, unit * 26.0, 0.85);
    paint_mist(stage, horizon + unit * 16.0, unit * 14.0, 0.5);
}

/// What falls.
pub fn paint_fall(stage: &mut Stage) {
    if stage.scene.is_weather(Weather::Rain) {
        paint_rain(stage);
    }
    if stage.scene.is_weather(Weather::Snow) && !stage.scene.is_weather(Weather::Clear) {
        paint_snow(stage);
    }
}

fn paint_rain(stage: &mut Stage) {
    let mut dice = stage.dice(80);
    let light = stage.palette.sky[2].lift(0.12).light();
    let strong = if stage.scene.is_weather(Weather::Storm) { 1.5 } else { 1.0 };
    let slope = dice.range(0.12, 0.22) * dice.hand() * strong;
    let count = (stage.width() / stage.unit * 5.0 * strong) as usize;
    for _ in 0..count {
        let near = dice.unit();
        let long = stage.unit * (2.0 + 7.0 * near * near);
        let (x, y) = (dice.range(-0.1, 1.1) * stage.width(), dice.range(-0.1, 1.0) * stage.height());
        let thick = stage.unit * (0.05 + 0.11 * near);
        paint_drop(stage, (x, y), (long * slope, long), thick, light, 0.10 + 0.22 * near);
    }
}

/// A thin streak, brightest at its lower end.
fn paint_drop(stage: &mut Stage, (x, y): Point, (dx, dy): (f32, f32), thick: f32, light: [f32; 3], amount: f32) {
    let half = thick.max(0.5);
    for row in stage.canvas.rows(y, y + dy) {
        let t = clamp01((row as f32 - y) / dy);
        let middle = x + dx * t;
        for column in stage.canvas.columns(middle - half, middle + half) {
            let near = clamp01(half + 0.5 - (column as f32 + 0.5 - middle).abs());
            stage.canvas.blend(column, row, light, amount * near * t);
        }
    }
}

fn paint_snow(stage: &mut Stage) {
    let mut dice = stage.dice(81);
    let light = stage.palette.local(0xff_ff_ff, 0.0).mix(stage.palette.sky[2], 0.2).lift(0.06).light();
    let count = (stage.width() / stage.unit * 5.5) as usize;
    for _ in 0..count {
        let near = dice.unit();
        let near = near * near * near;
        let at = (dice.unit() * stage.width(), dice.unit() * stage.height());
        let size = stage.unit * (0.10 + 0.55 * near);
        stage.canvas.spot(at, size, 0.8 + size * 0.9, light, 0.85 - 0.45 * near);
    }
}

/// A forked flash from the clouds, with the light it throws on them.
pub fn paint_lightning(stage: &mut Stage) {
    if !stage.scene.is_weather(Weather::Storm) || stage.scene.is_weather(Weather::Snow) {
        return;
    }
    let mut dice = stage.dice(82);
    let light = scale_light(stage.palette.lamp(0xe8_e4_ff), 1.3);
    let top = (stage.sun.0, stage.horizon * 0.06);
    let foot = (top.0 + stage.unit * dice.range(-8.0, 8.0), stage.horizon);
    stage.canvas.glow((top.0, stage.horizon * 0.2), stage.unit * 52.0, light, 0.22);
    stage.canvas.glow((foot.0, foot.1 - stage.unit * 3.0), stage.unit * 20.0, light, 0.15);
    let bolt = paint_bolt(stage, top, foot, stage.unit * 0.62, light);
    for _ in 0..4 {
        let from = bolt[dice.below(bolt.len() * 2 / 3) + 1];
        let to =
            (from.0 + stage.unit * dice.range(6.0, 15.0) * dice.hand(), from.1 + stage.unit * dice.range(8.0, 18.0));
        paint_bolt(stage, from, (to.0, to.1.min(stage.horizon)), stage.unit * 0.26, light);
    }
}

fn paint_bolt(stage: &mut Stage, from: Point, to: Point, thick: f32, light: [f32; 3]) -> Vec<Point> {
    const STEPS: u8 = 18;
    let mut dice = stage.dice(83 + from.0.abs() as u64 + from.1.abs() as u64);
    let long = (to.0 - from.0).abs() + (to.1 - from.1).abs();
    let mut points = vec![from];
    for step in 1..=STEPS {
        let t = f32::from(step) / f32::from(STEPS);
        let sway = long * 0.032 * dice.range(-1.0, 1.0) * (1.0 - t * 0.5);
        points.push((from.0 + (to.0 - from.0) * t + sway, from.1 + (to.1 - from.1) * t));
    }
    for (number, pair) in points.windows(2).enumerate() {
        let taper = 1.0 - 0.6 * number as f32 / f32::from(STEPS);
        stage.canvas.glow(pair[0], thick * 7.0, light, 0.14);
        stroke(&mut stage.canvas, pair[0], pair[1], (thick * taper, thick * taper), light);
    }
    points
}

/// Shafts of light from the sun, across all that is behind.
pub fn paint_rays(stage: &mut Stage, strong: f32) {
    if !stage.has_disc() || stage.is_night() {
        return;
    }
    let light = stage.palette.sun.light();
    let (sun, unit) = (stage.sun, stage.unit);
    let height = stage.height();
    let at = move |stage: &Stage, x: f32, y: f32| {
        let (dx, dy) = (x - sun.0, y - sun.1 + unit * 30.0);
        if dy <= unit * 26.0 {
            return [0.0, 0.0];
        }
        let fan = stage.noise.line(dx / dy * 6.0 + 20.0, 3.0, 2);
        let far = (dx * dx + dy * dy).sqrt() / height;
        [
            strong
                * smooth(0.45, 0.75, fan)
                * smooth(26.0, 40.0, dy / unit)
                * smooth(0.1, 0.35, far)
                * smooth(1.25, 0.4, far),
            0.0,
        ]
    };
    spread(stage, 0.0..height, at, |pixel, [amount, _], _| *pixel = mix_light(*pixel, light, amount));
}

/// The sun shines into the air in front of it, so that edges near it melt.
pub fn paint_bloom(stage: &mut Stage) {
    if !stage.has_disc() {
        return;
    }
    let soft = if stage.scene.is_mood(Mood::Dreamy) { 1.6 } else { 1.0 };
    let (radius, amount) = match stage.scene.time {
        Time::Day => (42.0, 0.10),
        Time::Dawn | Time::Dusk => (58.0, 0.20),
        Time::Night => (34.0, 0.05),
    };
    stage.canvas.glow(stage.sun, stage.unit * radius, stage.palette.sun.light(), amount * soft);
}
