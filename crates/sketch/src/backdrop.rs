//! The land behind: ranges, hills, dunes, capes and skylines, back to front.

use super::city::paint_skyline;
use super::curve::lerp;
use super::land::{Layer, paint_dune, paint_hill, paint_peaks};
use super::meadow::cover_of;
use super::plants::paint_pines;
use super::scene::{Mood, Place, Season};
use super::stage::Stage;
use super::weather::{paint_fog, paint_mist};

/// Everything down to the horizon.
pub fn paint_far_land(stage: &mut Stage) {
    let (unit, horizon) = (stage.unit, stage.horizon);
    let place = stage.scene.places[0];
    let high = stage.scene.is_at(Place::Mountains) || matches!(place, Place::Lake | Place::River);
    if high {
        paint_ranges(stage);
    } else if matches!(place, Place::Village | Place::Castle | Place::Road) && stage.dice(100).chance(0.75) {
        paint_peaks(stage, Layer { foot: horizon + unit * 4.0, rise: unit * 26.0, far: 0.74, part: 101 }, 6);
        paint_mist(stage, horizon, unit * 9.0, 0.5);
    }
    if stage.scene.is_at(Place::City) {
        paint_skyline(stage, horizon);
    }
    match place {
        Place::Sea | Place::Beach => paint_capes(stage),
        Place::Island => paint_island_hills(stage),
        Place::Lake | Place::River => paint_far_shore(stage),
        Place::Desert => paint_far_dunes(stage),
        Place::City | Place::Mountains => {}
        _ => paint_hills(stage),
    }
    paint_fog(stage);
}

/// Two ranges, the farther one paler, with mist at their feet.
fn paint_ranges(stage: &mut Stage) {
    let (unit, horizon) = (stage.unit, stage.horizon);
    let tall = if stage.scene.is_mood(Mood::Dramatic) { 1.2 } else { 1.0 };
    let foot = horizon + unit * 3.0;
    paint_peaks(stage, Layer { foot, rise: unit * 34.0 * tall, far: 0.84, part: 102 }, 6);
    paint_mist(stage, horizon - unit * 4.0, unit * 12.0, 0.45);
    paint_peaks(stage, Layer { foot, rise: unit * 43.0 * tall, far: 0.56, part: 103 }, 3);
    paint_mist(stage, horizon, unit * 9.0, 0.6);
}

/// Low land that runs out into the sea, far away.
fn paint_capes(stage: &mut Stage) {
    let (unit, horizon, wide) = (stage.unit, stage.horizon, stage.width());
    if stage.scene.is_at(Place::City) || stage.scene.is_at(Place::Mountains) {
        return;
    }
    for (number, far) in [0.86, 0.74].into_iter().enumerate() {
        let mut dice = stage.dice(104 + number as u64);
        let hand = if number == 0 { -stage.hand } else { stage.hand };
        let (rise, reach) = (unit * dice.range(5.0, 9.0), wide * dice.range(0.28, 0.42));
        let row = number as f32 * 9.0;
        let tops: Vec<f32> = (0..stage.canvas.width)
            .map(|column| {
                let from_edge = if hand > 0.0 { wide - column as f32 } else { column as f32 };
                let t = (1.0 - from_edge / reach).max(-1.0);
                let rough = stage.noise.line(column as f32 / (unit * 9.0), row, 4);
                if t < 0.0 { horizon + 2.0 } else { horizon - rise * t.sqrt() * (0.45 + rough) }
            })
            .collect();
        let light = stage.palette.shade(far).light();
        super::shape::fill_below(&mut stage.canvas, &tops, horizon + 1.0, |_, _, _| light);
    }
}

fn paint_island_hills(stage: &mut Stage) {
    let (unit, horizon, wide) = (stage.unit, stage.horizon, stage.width());
    paint_capes(stage);
    let middle = wide * (0.5 + stage.hand * 0.14);
    let green = if stage.scene.is_white() { 0xd8_e0_ee } else { 0x3e_80_50 };
    for (far, off, rise, reach, part) in
        [(0.46, -9.0, 25.0, 30.0, 106_u64), (0.30, 12.0, 16.0, 33.0, 107), (0.16, -2.0, 7.5, 42.0, 108)]
    {
        let row = part as f32;
        let tops: Vec<f32> = (0..stage.canvas.width)
            .map(|column| {
                let off = (column as f32 - middle - off * unit) / (reach * unit);
                let body = (1.0 - off * off).max(0.0);
                let rough = stage.noise.line(column as f32 / (unit * 7.0), row, 5);
                if body <= 0.0 {
                    horizon + 2.0
                } else {
                    horizon + 1.0 - rise * unit * body * body.sqrt() * (0.55 + 0.9 * rough) * 0.9
                }
            })
            .collect();
        let palette = &stage.palette;
        let local = palette.local(green, far);
        let (lit, body) =
            (local.mix(palette.sun, 0.22).lift(0.04).light(), local.mix(palette.shade(far), 0.35).light());
        let (noise, fine, toward) = (&stage.noise, 1.0 / (unit * 3.0), if stage.sun.0 < middle { 1.0 } else { -1.0 });
        super::shape::fill_below(&mut stage.canvas, &tops, horizon + 1.0, |x, _, depth| {
            let facet = noise.fbm((x + depth * 0.8 * toward) * fine * 0.7, depth * fine * 0.4 + row, 4);
            let slope = super::curve::smooth(0.35, 0.62, facet - 0.10 * depth / (unit * 10.0));
            super::colour::mix_light(body, lit, slope)
        });
        paint_pines_if_cold(stage, &tops, far, part);
    }
}

fn paint_pines_if_cold(stage: &mut Stage, tops: &[f32], far: f32, part: u64) {
    if stage.scene.is_white() || stage.scene.has(super::scene::Subject::Pines) {
        paint_pines(stage, tops, (stage.unit * 4.0, far, 0.8), part);
    }
}

/// Wooded hills at the other side of a lake.
pub fn paint_far_shore(stage: &mut Stage) {
    if stage.scene.is_at(Place::City) {
        return;
    }
    let (unit, horizon) = (stage.unit, stage.horizon);
    let wood = match stage.scene.season {
        _ if stage.scene.is_white() => 0xc4_d0_e0,
        Some(Season::Autumn) => 0xa8_70_34,
        _ => 0x48_78_58,
    };
    for (far, rise, tree, part) in [(0.52, 10.0, 2.6, 110_u64), (0.26, 4.5, 4.6, 111)] {
        let layer = Layer { foot: horizon + unit * 0.6, rise: unit * rise, far, part };
        let tops = paint_hill(stage, layer, wood, horizon + 1.0);
        paint_pines(stage, &tops, (unit * tree, far, 3.0), part);
        paint_mist(stage, horizon - unit * 0.5, unit * 4.0, 0.40);
    }
}

fn paint_far_dunes(stage: &mut Stage) {
    let (unit, horizon) = (stage.unit, stage.horizon);
    if !stage.scene.is_at(Place::Mountains) && stage.dice(112).chance(0.6) {
        paint_peaks(stage, Layer { foot: horizon + unit * 6.0, rise: unit * 15.0, far: 0.86, part: 113 }, 7);
    }
    for (number, far) in [0.66, 0.46, 0.30].into_iter().enumerate() {
        let t = number as f32 / 3.0;
        let foot = horizon + unit * lerp(8.0, 17.0, t);
        let layer = Layer { foot, rise: unit * lerp(11.0, 19.0, t), far, part: 114 + number as u64 };
        paint_dune(stage, layer, foot + unit * 16.0);
    }
}

/// Rolling hills, one behind the other, with woods on the far ones.
fn paint_hills(stage: &mut Stage) {
    let (unit, horizon) = (stage.unit, stage.horizon);
    let ground = cover_of(stage.scene);
    let wood = if stage.scene.is_white() { 0xd0_da_ea } else { 0x5a_90_60 };
    for (number, far) in [0.80, 0.62, 0.45, 0.30].into_iter().enumerate() {
        let t = number as f32 / 3.0;
        let layer = Layer {
            foot: horizon + unit * lerp(-1.0, 13.0, t),
            rise: unit * lerp(9.0, 11.0, t),
            far,
            part: 120 + number as u64,
        };
        let rgb = if number % 2 == 0 { wood } else { ground };
        let tops = paint_hill(stage, layer, rgb, layer.foot + unit * 16.0);
        paint_pines(stage, &tops, (unit * lerp(1.6, 4.2, t), far, 1.4 - 0.5 * t), 130 + number as u64);
        if number < 2 {
            paint_mist(stage, layer.foot, unit * 5.0, 0.35);
        }
    }
}
