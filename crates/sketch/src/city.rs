//! Skylines: blocks in layers, with windows that are lit at night.

use super::colour::{Lab, mix_light};
use super::curve::{lerp, smooth};
use super::noise::{Dice, speck};
use super::scene::{Colour, Time, Weather};
use super::shape::{fill, fill_box, fill_with, stroke};
use super::stage::Stage;

/// Three layers of towers down to the row `foot`.
pub fn paint_skyline(stage: &mut Stage, foot: f32) {
    paint_light_dome(stage, foot);
    for (number, (far, high, width)) in
        [(0.72, 46.0, 4.2), (0.44, 40.0, 5.6), (0.12, 25.0, 7.4)].into_iter().enumerate()
    {
        let mut dice = stage.dice(60 + number as u64);
        paint_row(stage, &mut dice, foot, (far, high, width));
        veil(stage, foot, high, 0.34 - 0.1 * number as f32);
    }
}

/// The light of the town on the air above it.
fn paint_light_dome(stage: &mut Stage, foot: f32) {
    let tone = match stage.scene.time {
        _ if stage.scene.colours.contains(&Colour::Neon) => 0xff_48_90,
        Time::Night => 0xf0_90_60,
        _ => return,
    };
    let light = Lab::hex(tone).light();
    let middle = (stage.width() * (0.5 + stage.hand * 0.16), foot);
    stage.canvas.glow(middle, stage.unit * 64.0, light, 0.46);
}

/// Haze that gathers between the rows of towers.
fn veil(stage: &mut Stage, foot: f32, high: f32, strong: f32) {
    let night = stage.is_night();
    let glow =
        if night { stage.palette.haze.mix(stage.palette.accent(0xff_a0_60, 0.0), 0.22) } else { stage.palette.haze };
    let light = glow.light();
    let top = foot - high * stage.unit * 0.8;
    for row in stage.canvas.rows(top, foot) {
        let share = strong * smooth(top, foot, row as f32);
        for column in 0..stage.canvas.width {
            stage.canvas.blend(column, row, light, share);
        }
    }
}

fn paint_row(stage: &mut Stage, dice: &mut Dice, foot: f32, (far, high, width): (f32, f32, f32)) {
    let unit = stage.unit;
    let mut x = -unit * dice.range(0.0, width);
    let centre = stage.width() * (0.5 + stage.hand * 0.16);
    while x < stage.width() {
        let wide = unit * width * dice.range(0.6, 1.35);
        // Towers grow towards the centre of town.
        let off = (x + wide / 2.0 - centre) / stage.width();
        let rise = lerp(0.34, 1.0, smooth(0.55, 0.0, off.abs())) * dice.range(0.55, 1.12);
        let tall = unit * high * rise;
        paint_block(stage, dice, (x, foot - tall), (wide, foot), far);
        x += wide * dice.range(0.86, 1.12);
    }
}

/// One tower: a lit and a shaded part, a crown, and windows.
fn paint_block(stage: &mut Stage, dice: &mut Dice, (x, top): (f32, f32), (wide, foot): (f32, f32), far: f32) {
    let unit = stage.unit;
    let walls = [0x5c_6c_88, 0x70_78_90, 0x86_78_80, 0x4c_64_78, 0x94_84_80];
    let wall = walls[dice.below(walls.len())];
    let palette = &stage.palette;
    let face = palette.local(wall, far).mix(palette.shade(far), lerp(0.72, 0.45, far)).lift(dice.range(-0.05, 0.025));
    let sun_left = stage.sun.0 < x + wide / 2.0;
    let lit = face.mix(palette.sun, if stage.is_night() { 0.03 } else { 0.20 * (1.0 - far) }).lift(0.02);
    let haze = palette.haze.light();
    let split = x + wide * if sun_left { dice.range(0.55, 0.7) } else { dice.range(0.3, 0.45) };
    let (left, right) = if sun_left { (lit, face.lift(-0.03)) } else { (face.lift(-0.03), lit) };
    let (left, right) = (left.light(), right.light());
    let windows = Windows::new(stage, dice, far, unit);
    let outline = outline_of(dice, x, top, wide, foot, unit);
    let (high, dim) = (foot - top, 0.30 * (1.0 - far) + 0.1);
    fill_with(&mut stage.canvas, &outline, |px, py| {
        let base = if px < split { left } else { right };
        let ground = mix_light(base, haze, dim * smooth(0.35, 1.0, (py - top) / high));
        (windows.shine(ground, px - x, py - top, wide), 1.0)
    });
    if dice.chance(0.14) {
        let mast = unit * dice.range(3.0, 7.0);
        let at = x + wide * dice.range(0.4, 0.6);
        let light = face.light();
        let tip = outline.iter().map(|point| point.1).fold(top, f32::min);
        stroke(&mut stage.canvas, (at, tip + 1.0), (at, tip - mast), (unit * 0.34, unit * 0.12), light);
        if stage.scene.time != Time::Day {
            let red = stage.palette.lamp(0xff_50_40);
            stage.canvas.glow((at, tip - mast), unit * 0.7, red, 0.7);
        }
    }
}

/// Flat, stepped, slanted or pointed at the top.
fn outline_of(dice: &mut Dice, x: f32, top: f32, wide: f32, foot: f32, unit: f32) -> Vec<(f32, f32)> {
    let right = x + wide;
    let step = unit * dice.range(1.5, 4.0);
    let mut points = vec![(x, foot)];
    match dice.below(6) {
        0 => points.extend([
            (x, top + step),
            (x + wide * 0.2, top + step),
            (x + wide * 0.2, top),
            (x + wide * 0.8, top),
            (x + wide * 0.8, top + step),
            (right, top + step),
        ]),
        1 => points.extend([(x, top + step), (right, top)]),
        2 => points.extend([(x, top), (right, top + step)]),
        3 => points.extend([(x, top + step), (x + wide * 0.5, top - step * 1.2), (right, top + step)]),
        _ => points.extend([(x, top), (right, top)]),
    }
    points.push((right, foot));
    points
}

/// The grid of windows of one tower.
struct Windows {
    pitch: (f32, f32),
    share: f32,
    strength: f32,
    seed: u32,
    lamps: [[f32; 3]; 3],
    dark: [f32; 3],
}

impl Windows {
    fn new(stage: &Stage, dice: &mut Dice, far: f32, unit: f32) -> Self {
        let neon = stage.scene.colours.contains(&Colour::Neon);
        let dim = stage.scene.is_overcast() || stage.scene.is_weather(Weather::Fog);
        let (share, strength) = match stage.scene.time {
            Time::Night => (dice.range(0.06, 0.34), 1.0 - far * 0.8),
            Time::Dusk => (dice.range(0.12, 0.4), 0.95 - far * 0.9),
            _ if dim => (0.25, 0.7 - far * 0.8),
            Time::Dawn => (0.12, 0.7 - far * 0.8),
            Time::Day => (0.0, 0.0),
        };
        let tones = if neon { [0xff_4c_d0, 0x40_e8_ff, 0xff_d0_60] } else { [0xff_d2_80, 0xff_b8_58, 0xff_ec_c4] };
        let size = unit * (0.92 - 0.36 * far) * dice.range(0.85, 1.15);
        Self {
            pitch: (size, size * dice.range(1.1, 1.7)),
            share,
            strength: strength.max(0.0),
            seed: dice.below(1 << 20) as u32,
            // Near lamps outshine paper.
            lamps: tones.map(|rgb| super::colour::scale_light(Lab::hex(rgb).light(), 1.7 - far)),
            dark: stage.palette.shade(far).mix(stage.palette.sky[0], 0.3).light(),
        }
    }

    fn shine(&self, wall: [f32; 3], x: f32, y: f32, wide: f32) -> [f32; 3] {
        let count = (wide / self.pitch.0).max(2.0) as u32 as f32;
        let (u, v) = (x / wide * count, y / self.pitch.1);
        if v < 0.6 {
            return wall;
        }
        let (column, row) = (u as u32, v as u32);
        let (inside_x, inside_y) = (u - column as f32, v - row as f32);
        // Soft edges instead of hard ones: windows are hardly larger than pixels.
        let pane = smooth(0.12, 0.34, inside_x)
            * smooth(0.90, 0.68, inside_x)
            * smooth(0.14, 0.34, inside_y)
            * smooth(0.86, 0.66, inside_y);
        let chance = speck(column ^ self.seed, row.wrapping_add(self.seed));
        // Whole floors are often lit together.
        let floor = 0.6 + 0.8 * speck(self.seed, row);
        if chance < self.share * floor {
            // Most windows of a house have the same light.
            let stray = usize::from(speck(row, column ^ self.seed) < 0.16);
            let lamp = self.lamps[(self.seed as usize + stray) % 3];
            return mix_light(wall, lamp, pane * self.strength * (0.55 + 0.45 * speck(row ^ self.seed, column)));
        }
        mix_light(wall, self.dark, pane * 0.20)
    }
}

/// A suspension bridge from edge to edge, `deck` being the row of its road.
pub fn paint_bridge(stage: &mut Stage, deck: f32, foot: f32) {
    let unit = stage.unit;
    let light = stage.palette.shade(0.14).mix(stage.palette.accent(0xb0_48_38, 0.1), 0.45).light();
    let wide = stage.width();
    let high = unit * 24.0;
    let (first, second) = (wide * 0.22, wide * 0.78);
    fill_box(&mut stage.canvas, (0.0, deck), (wide, deck + unit * 1.2), light);
    for x in [first, second] {
        for hand in [-1.0, 1.0] {
            let at = x + hand * unit * 1.1;
            fill_box(&mut stage.canvas, (at - unit * 0.5, deck - high), (at + unit * 0.5, foot), light);
        }
        for beam in [0.15, 0.5, 0.85] {
            let y = deck - high * (1.0 - beam);
            fill_box(&mut stage.canvas, (x - unit * 1.2, y), (x + unit * 1.2, y + unit * 0.7), light);
        }
    }
    // Cables hang between the towers; hangers hold the road.
    let cable = |x: f32| {
        let span = (second - first) / 2.0;
        let off = if x < first {
            (first - x) / span
        } else if x > second {
            (x - second) / span
        } else {
            1.0 - ((x - wide / 2.0) / span).abs()
        };
        let sag = if x < first || x > second { off.min(1.0) } else { off * (2.0 - off) };
        deck - high * (1.0 - sag * 0.92)
    };
    let mut x = 0.0;
    while x < wide {
        let next = x + unit * 1.5;
        stroke(&mut stage.canvas, (x, cable(x)), (next, cable(next)), (unit * 0.42, unit * 0.42), light);
        stroke(&mut stage.canvas, (x, cable(x)), (x, deck), (unit * 0.13, unit * 0.13), light);
        x = next;
    }
    if stage.is_night() || stage.scene.time == Time::Dusk {
        let lamp = stage.palette.lamp(0xff_d8_90);
        let mut x = unit * 2.0;
        while x < wide {
            stage.canvas.glow((x, deck - unit * 0.5), unit * 1.1, lamp, 0.9);
            x += unit * 4.0;
        }
    }
    fill(
        &mut stage.canvas,
        &[(0.0, deck + unit), (wide, deck + unit), (wide, deck + unit * 1.5), (0.0, deck + unit * 1.5)],
        light,
    );
}
