//! Single buildings: houses, a church, a castle, a lighthouse, a tower and a windmill.

use super::colour::{Lab, mix_light};
use super::curve::{cos, lerp, sin, smooth};
use super::noise::Dice;
use super::palette::paint_of;
use super::scene::{Mood, Time};
use super::shape::{Point, fill, fill_box, fill_with, oval, stroke};
use super::stage::Stage;

/// Lamps are lit.
fn is_lit(stage: &Stage) -> bool {
    stage.scene.time != Time::Day || stage.scene.is_overcast() || stage.scene.is_mood(Mood::Cosy)
}

/// A window or a door with light behind it, and its glow.
fn paint_pane(stage: &mut Stage, (x, y): Point, wide: f32, high: f32) {
    let lit = is_lit(stage);
    let light = if lit { stage.palette.lamp(0xff_cc_70) } else { stage.palette.shade(0.12).light() };
    fill_box(&mut stage.canvas, (x - wide / 2.0, y - high / 2.0), (x + wide / 2.0, y + high / 2.0), light);
    if lit {
        let strong = if stage.is_night() { 0.30 } else { 0.16 };
        stage.canvas.glow((x, y), wide * 3.4, light, strong);
    }
}

/// A house that stands on a point; `size` is its width in pixels.
pub fn paint_house(stage: &mut Stage, dice: &mut Dice, (x, y): Point, size: f32, far: f32) {
    let walls = [0xf2_e4_cc, 0xe8_d4_b4, 0xd8_b8_98, 0xf0_ea_e0];
    // White houses are lost on snow.
    let walls = if stage.scene.is_white() { [0x94_5c_44, 0xb0_74_50, 0x7c_4c_48, 0xa8_50_40] } else { walls };
    let wall = stage.scene.accent.map_or(walls[dice.below(walls.len())], paint_of);
    let tiles = [0xa8_4a_3a, 0x8c_40_38, 0x5c_54_66, 0xb8_60_40][dice.below(4)];
    let roof_colour =
        if stage.scene.is_white() { stage.palette.local(0xf4_f8_ff, far) } else { stage.palette.local(tiles, far) };
    let face = stage.palette.accent(wall, far).mix(stage.palette.ink, if is_lit(stage) { 0.30 } else { 0.08 });
    let toward = if stage.sun.0 < x { -1.0 } else { 1.0 };
    let high = size * dice.range(0.45, 0.55);
    let peak = size * 0.42;
    // The gable looks to the sun, the long side away from it.
    let gable = size * 0.40;
    let corner = x + toward * (size / 2.0 - gable);
    let near = x + toward * size / 2.0;
    let far_end = x - toward * size / 2.0;
    let ridge = f32::midpoint(corner, near);
    let back = far_end + toward * gable * 0.42;
    let flank = face.lift(-0.10).mix(stage.palette.ink, 0.12).light();
    fill(&mut stage.canvas, &[(far_end, y), (far_end, y - high), (corner, y - high), (corner, y)], flank);
    fill(
        &mut stage.canvas,
        &[(corner, y), (corner, y - high), (ridge, y - high - peak), (near, y - high), (near, y)],
        face.light(),
    );
    let eave = size * 0.05;
    fill(
        &mut stage.canvas,
        &[
            (ridge, y - high - peak - eave * 0.4),
            (corner, y - high + eave),
            (far_end - toward * eave, y - high + eave),
            (back, y - high - peak - eave * 0.4),
        ],
        roof_colour.light(),
    );
    let edge = roof_colour.lift(-0.08).light();
    stroke(
        &mut stage.canvas,
        (ridge, y - high - peak - eave * 0.3),
        (near + toward * eave, y - high + eave),
        (eave, eave),
        edge,
    );
    stroke(&mut stage.canvas, (ridge, y - high - peak - eave * 0.3), (corner, y - high + eave), (eave, eave), edge);
    let pane = size * 0.12;
    paint_pane(stage, (ridge, y - high * 0.98), pane, pane * 1.1);
    for number in 0..2_u8 {
        let at = lerp(corner, far_end, 0.28 + 0.44 * f32::from(number));
        paint_pane(stage, (at, y - high * 0.52), pane, pane * 1.2);
    }
    let door = stage.palette.local(0x5c_3c_30, far).light();
    fill_box(&mut stage.canvas, (ridge - pane * 0.5, y - high * 0.52), (ridge + pane * 0.5, y), door);
    let stack = (back + (ridge - back) * 0.35, y - high - peak);
    fill_box(
        &mut stage.canvas,
        (stack.0 - size * 0.04, stack.1 - size * 0.16),
        (stack.0 + size * 0.04, stack.1 + size * 0.1),
        edge,
    );
    if is_lit(stage) || stage.scene.is_white() {
        paint_smoke(stage, dice, (stack.0, stack.1 - size * 0.18), size);
    }
}

fn paint_smoke(stage: &mut Stage, dice: &mut Dice, (x, y): Point, size: f32) {
    let light = stage.palette.sky[1].mix(stage.palette.sky[2], 0.5).lift(0.05).light();
    for puff in 0..14_u8 {
        let t = f32::from(puff) / 13.0;
        let at = (x + size * (0.12 * sin(t * 7.0) + 0.5 * t * t) * stage.hand, y - size * 1.3 * t);
        let radius = size * (0.04 + 0.13 * t) * dice.range(0.9, 1.2);
        stage.canvas.spot(at, radius, radius * 1.5, light, 0.34 * (1.0 - t));
    }
}

/// A steeple for a village.
pub fn paint_church(stage: &mut Stage, dice: &mut Dice, (x, y): Point, size: f32, far: f32) {
    let face = stage.palette.local(0xf0_e8_dc, far);
    let roof = stage.palette.local(if stage.scene.is_white() { 0xf0_f4_fc } else { 0x6c_5c_68 }, far);
    paint_house(stage, dice, (x + size * 0.55, y), size * 1.1, far);
    let (half, high) = (size * 0.19, size * 1.25);
    fill_box(&mut stage.canvas, (x - half, y - high), (x, y), face.light());
    fill_box(&mut stage.canvas, (x, y - high), (x + half, y), face.lift(-0.08).light());
    fill(
        &mut stage.canvas,
        &[(x - half * 1.2, y - high), (x, y - high - size * 0.95), (x, y - high)],
        roof.lift(0.04).light(),
    );
    fill(
        &mut stage.canvas,
        &[(x, y - high), (x, y - high - size * 0.95), (x + half * 1.2, y - high)],
        roof.lift(-0.06).light(),
    );
    paint_pane(stage, (x, y - high * 0.82), half * 0.6, half * 1.1);
}

/// A white tower with bands and a lamp. `size` is its height in pixels.
pub fn paint_lighthouse(stage: &mut Stage, (x, y): Point, size: f32) {
    let band = stage.scene.accent.map_or(0xd0_40_38, paint_of);
    let toward = if stage.sun.0 < x { -1.0 } else { 1.0 };
    let white = stage.palette.accent(0xf6_f0_e6, 0.0);
    let red = stage.palette.accent(band, 0.0);
    let half = |t: f32| size * lerp(0.105, 0.068, t);
    for number in 0..5_u8 {
        let (from, to) = (f32::from(number) / 5.0, f32::from(number + 1) / 5.0);
        let colour = if number % 2 == 0 { white } else { red };
        let (low, high) = (y - size * 0.78 * from, y - size * 0.78 * to - 0.5);
        // Round: lit on one side, in the shade on the other.
        let (lit, dim) = (colour.mix(stage.palette.ink, 0.02).light(), colour.mix(stage.palette.ink, 0.50).light());
        let points = [(x - half(from), low), (x - half(to), high), (x + half(to), high), (x + half(from), low)];
        fill_with(&mut stage.canvas, &points, |px, _| {
            let across = (px - x) / half(from) * toward;
            (mix_light(dim, lit, smooth(-1.0, 0.9, across)), 1.0)
        });
    }
    let dark = stage.palette.shade(0.06).light();
    let deck = y - size * 0.78;
    fill_box(&mut stage.canvas, (x - size * 0.10, deck - size * 0.025), (x + size * 0.10, deck), dark);
    let lamp = stage.palette.lamp(0xff_e8_a8);
    let room = (x, deck - size * 0.085);
    fill_box(&mut stage.canvas, (x - size * 0.05, deck - size * 0.14), (x + size * 0.05, deck - size * 0.025), lamp);
    for rail in [-1.0, 0.0, 1.0] {
        let at = x + rail * size * 0.05;
        stroke(&mut stage.canvas, (at, deck), (at, deck - size * 0.14), (size * 0.012, size * 0.012), dark);
    }
    let cap =
        [(x - size * 0.072, deck - size * 0.14), (x, deck - size * 0.235), (x + size * 0.072, deck - size * 0.14)];
    fill(&mut stage.canvas, &cap, red.mix(stage.palette.ink, 0.25).light());
    for window in [0.2, 0.5] {
        fill(&mut stage.canvas, &oval((x, y - size * window), size * 0.014, size * 0.024), dark);
    }
    if is_lit(stage) {
        let strong = if stage.is_night() || stage.scene.is_overcast() { 1.0 } else { 0.5 };
        paint_beam(stage, room, size, strong);
        stage.canvas.glow(room, size * 0.42, lamp, 0.5 * strong);
        stage.canvas.glow(room, size * 0.13, lamp, 0.8 * strong);
    }
}

/// The lamp's beam out over the water.
fn paint_beam(stage: &mut Stage, (x, y): Point, size: f32, strong: f32) {
    let light = stage.palette.lamp(0xff_ec_b8);
    let long = size * 3.2;
    for (hand, share) in [(-stage.hand, 0.34), (stage.hand, 0.16)] {
        let slope = -0.10 * share;
        for column in stage.canvas.columns(x.min(x + hand * long), x.max(x + hand * long)) {
            let off = (column as f32 - x) * hand;
            let t = off / long;
            if t <= 0.0 {
                continue;
            }
            let (middle, half) = (y + off * slope, size * (0.02 + 0.26 * t));
            for row in stage.canvas.rows(middle - half, middle + half) {
                let near = 1.0 - (row as f32 - middle).abs() / half;
                stage.canvas.add(column, row, light, strong * share * near.max(0.0) * (1.0 - t) * (1.0 - t));
            }
        }
    }
}

/// A castle on its hill; `size` is its width in pixels.
pub fn paint_castle(stage: &mut Stage, (x, y): Point, size: f32, far: f32) {
    let stone = stage.palette.local(0xb4_a8_ac, far).mix(stage.palette.haze, if stage.is_night() { 0.30 } else { 0.0 });
    let roof = stage.palette.local(0x50_60_90, far).mix(stage.palette.shade(far), 0.15);
    // Off the middle, half the width, and the height of each tower, in parts of the width.
    let towers = [
        (-0.36, 0.055, 0.50),
        (0.38, 0.05, 0.44),
        (-0.20, 0.045, 0.72),
        (0.21, 0.06, 0.66),
        (0.02, 0.075, 0.98),
        (-0.48, 0.035, 0.30),
        (0.49, 0.035, 0.28),
    ];
    paint_wall(stage, (x, y), size, 0.24, 0.44, stone.lift(-0.02));
    for (off, half, high) in towers {
        paint_turret(stage, (x + off * size, y), (half * size, high * size), (stone, roof));
    }
    paint_wall(stage, (x, y), size, 0.17, 0.5, stone.lift(0.01));
    let gate = stage.palette.shade(far * 0.5).light();
    fill(&mut stage.canvas, &oval((x, y - size * 0.05), size * 0.035, size * 0.055), gate);
    fill_box(&mut stage.canvas, (x - size * 0.035, y - size * 0.05), (x + size * 0.035, y + 1.0), gate);
}

fn paint_wall(stage: &mut Stage, (x, y): Point, size: f32, high: f32, half: f32, stone: Lab) {
    let light = stone.light();
    fill_box(&mut stage.canvas, (x - size * half, y - size * high), (x + size * half, y + size * 0.08), light);
    let tooth = size * 0.02;
    let mut at = x - size * half;
    while at < x + size * half {
        fill_box(&mut stage.canvas, (at, y - size * high - tooth), (at + tooth, y - size * high + 1.0), light);
        at += tooth * 1.9;
    }
}

fn paint_turret(stage: &mut Stage, (x, y): Point, (half, high): (f32, f32), (stone, roof): (Lab, Lab)) {
    let toward = if stage.sun.0 < x { -1.0 } else { 1.0 };
    let top = y - high;
    let lit = stone.mix(stage.palette.sun, if stage.is_night() { 0.04 } else { 0.18 }).light();
    fill_box(&mut stage.canvas, (x - half, top), (x + half, y + half), stone.lift(-0.05).light());
    let (a, b) = (x + toward * half, x + toward * half * 0.15);
    fill_box(&mut stage.canvas, (a.min(b), top), (a.max(b), y + half), lit);
    fill_box(
        &mut stage.canvas,
        (x - half * 1.2, top - half * 0.3),
        (x + half * 1.2, top + half * 0.35),
        stone.lift(-0.02).light(),
    );
    let tip = top - half * 3.4;
    fill(
        &mut stage.canvas,
        &[(x - half * 1.35, top - half * 0.2), (x, tip), (x + half * 1.35, top - half * 0.2)],
        roof.lift(-0.04).light(),
    );
    fill(
        &mut stage.canvas,
        &[(x, top - half * 0.2), (x, tip), (x + toward * half * 1.35, top - half * 0.2)],
        roof.lift(0.06).light(),
    );
    let pole = tip - half * 1.3;
    let dark = stage.palette.shade(0.2).light();
    stroke(&mut stage.canvas, (x, tip), (x, pole), (half * 0.12, half * 0.12), dark);
    let flag = stage.palette.accent(stage.scene.accent.map_or(0xe0_50_48, paint_of), 0.15).light();
    fill(&mut stage.canvas, &[(x, pole), (x + half * 1.2, pole + half * 0.35), (x, pole + half * 0.7)], flag);
    paint_pane(stage, (x, top + high * 0.22), half * 0.42, half * 0.8);
}

/// A windmill; `size` is its height in pixels.
pub fn paint_windmill(stage: &mut Stage, (x, y): Point, size: f32, turn: f32) {
    let face = stage.palette.local(0xe8_dc_c8, 0.05);
    let dark = stage.palette.shade(0.08);
    let toward = if stage.sun.0 < x { -1.0 } else { 1.0 };
    let (low, high) = (size * 0.16, size * 0.09);
    let top = y - size * 0.72;
    fill(
        &mut stage.canvas,
        &[(x - low, y), (x - high, top), (x + high, top), (x + low, y)],
        face.mix(dark, 0.35).light(),
    );
    fill(
        &mut stage.canvas,
        &[(x + toward * low, y), (x + toward * high, top), (x, top), (x + toward * low * 0.1, y)],
        face.light(),
    );
    let cap = stage.palette.local(0x7c_44_3c, 0.05).light();
    fill(&mut stage.canvas, &oval((x, top), high * 1.25, size * 0.10), cap);
    paint_pane(stage, (x, y - size * 0.42), size * 0.045, size * 0.06);
    let hub = (x - toward * size * 0.02, top - size * 0.02);
    for sail in 0..4_u8 {
        let angle = turn + f32::from(sail) * std::f32::consts::FRAC_PI_2;
        let (dx, dy) = (cos(angle), sin(angle));
        let at = |along: f32, aside: f32| {
            (hub.0 + size * (dx * along - dy * aside), hub.1 + size * (dy * along + dx * aside))
        };
        stroke(&mut stage.canvas, hub, at(0.47, 0.0), (size * 0.018, size * 0.010), dark.light());
        fill(
            &mut stage.canvas,
            &[at(0.10, 0.0), at(0.47, 0.0), at(0.47, 0.075), at(0.10, 0.065)],
            face.mix(dark, 0.25).light(),
        );
        for bar in 1..6_u8 {
            let along = 0.10 + 0.062 * f32::from(bar);
            stroke(&mut stage.canvas, at(along, 0.0), at(along, 0.07), (size * 0.006, size * 0.006), dark.light());
        }
    }
}
