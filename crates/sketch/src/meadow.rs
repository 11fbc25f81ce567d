//! The ground in front: grass, flowers, sand, rocks and reeds.

use super::colour::{Lab, mix_light};
use super::curve::{clamp01, lerp, smooth};
use super::noise::Dice;
use super::palette::paint_of;
use super::scene::{Place, Scene, Season, Subject};
use super::shape::{Point, fill, fill_below, oval, stroke};
use super::stage::Stage;

/// What covers the ground, as `0xrrggbb`.
pub fn cover_of(scene: &Scene) -> u32 {
    if scene.is_white() {
        return 0xe8_ee_f8;
    }
    match (scene.season, scene.places[0]) {
        (_, Place::Desert) => 0xd8_a0_68,
        (_, Place::Beach | Place::Island) => 0xec_d2_9c,
        (Some(Season::Autumn), _) => 0xb8_8c_40,
        (Some(Season::Spring), _) => 0x84_bc_58,
        _ => 0x6a_a0_50,
    }
}

/// Blades of grass along a line, dark against what is behind.
pub fn paint_blades(stage: &mut Stage, tops: &[f32], most: f32, dense: f32, part: u64) {
    let mut dice = stage.dice(part);
    let dark = stage.palette.local(cover_of(stage.scene), 0.0).mix(stage.palette.ink, 0.55);
    let count = (stage.width() / stage.unit * dense) as usize;
    for _ in 0..count {
        let x = dice.unit() * stage.width();
        let y = tops[(x as usize).min(tops.len() - 1)] + most * 0.25;
        let tuft = stage.noise.line(x / (stage.unit * 6.0), part as f32, 2);
        let high = most * dice.range(0.35, 1.0) * lerp(0.4, 1.5, tuft);
        let bend = high * dice.range(-0.35, 0.35);
        let thick = stage.unit * dice.range(0.18, 0.34);
        let light = dark.lift(dice.range(-0.04, 0.05)).light();
        let middle = (x + bend * 0.35, y - high * 0.6);
        let points = [(x - thick, y), middle, (x + bend, y - high), (middle.0 + thick * 0.7, middle.1), (x + thick, y)];
        fill(&mut stage.canvas, &points, light);
    }
}

/// The colours of the flowers: the one asked for, or a mixed lot.
fn petals(stage: &Stage, dice: &mut Dice) -> Vec<u32> {
    const LOTS: [[u32; 4]; 4] = [
        [0xe8_48_3c, 0xf4_70_50, 0xd8_2c_3c, 0xf8_e0_d0],
        [0xf6_c4_3c, 0xfa_e4_84, 0xf0_94_38, 0xfc_f4_dc],
        [0x8c_60_d0, 0xb4_88_e8, 0x68_48_b8, 0xe4_d0_f8],
        [0xf0_80_a8, 0xf8_b8_cc, 0xe0_50_88, 0xfc_f0_f0],
    ];
    let asked = stage.scene.accent.or(stage.scene.colours.first().copied());
    if let Some(colour) = asked {
        let rgb = paint_of(colour);
        return vec![rgb, rgb, 0xfc_f4_ec];
    }
    let mut lot = LOTS[dice.below(LOTS.len())].to_vec();
    lot.extend(LOTS[dice.below(LOTS.len())].iter().take(2));
    lot
}

/// A field of flowers from a far row to the bottom: dabs far off, whole flowers near.
pub fn paint_flowers(stage: &mut Stage, top: f32, dense: f32) {
    let mut dice = stage.dice(50);
    let colours = petals(stage, &mut dice);
    let depth = stage.height() - top;
    let count = (stage.width() / stage.unit * dense * 9.0) as usize;
    let stem = stage.palette.local(0x3c_78_40, 0.0).mix(stage.palette.ink, 0.4).light();
    // Far ones first.
    for number in 0..count {
        let t = (number as f32 + dice.unit()) / count as f32;
        let near = t * t * t;
        let x = dice.unit() * stage.width();
        let wave = (stage.noise.line(x / (stage.unit * 18.0), 3.0, 3) - 0.5) * stage.unit * 7.0 * (1.0 - near);
        let y = top + wave + depth * (0.02 + 1.02 * near);
        let patch = stage.noise.fbm(x / (stage.unit * 22.0) / (0.25 + near), t * 5.0, 2);
        // The field thins out towards its far edge.
        if patch < 0.40 || dice.unit() > t * 5.0 {
            continue;
        }
        let size = stage.unit * (0.16 + 1.75 * near) * dice.range(0.7, 1.25);
        // Patches of one colour, with strays.
        let kind = if dice.chance(0.75) { (patch * 37.0) as usize } else { dice.below(colours.len()) };
        let colour = stage.palette.accent(colours[kind % colours.len()], 0.30 * (1.0 - t));
        if size < stage.unit * 0.55 {
            stage.canvas.spot((x, y), size, 1.2, colour.light(), 0.9);
        } else {
            let foot = (x + dice.range(-1.0, 1.0) * size, y + size * dice.range(3.0, 5.0));
            stroke(&mut stage.canvas, (x, y), foot, (size * 0.16, size * 0.22), stem);
            paint_flower(stage, &mut dice, (x, y), size, colour);
        }
    }
}

fn paint_flower(stage: &mut Stage, dice: &mut Dice, (x, y): Point, size: f32, colour: Lab) {
    let tilt = dice.range(0.55, 0.95);
    let turn = dice.range(0.0, 1.2);
    let (dark, light) = (colour.lift(-0.07).light(), colour.lift(0.05).light());
    for petal in 0..6_u8 {
        let angle = turn + f32::from(petal) * std::f32::consts::FRAC_PI_3;
        let off = (size * 0.62 * super::curve::cos(angle), size * 0.62 * tilt * super::curve::sin(angle));
        let tone = if off.1 < 0.0 { dark } else { light };
        fill(&mut stage.canvas, &oval((x + off.0, y + off.1), size * 0.52, size * 0.5 * tilt), tone);
    }
    let eye = stage.palette.accent(0xf4_c8_50, 0.0).light();
    fill(&mut stage.canvas, &oval((x, y), size * 0.30, size * 0.28 * tilt), eye);
}

/// A bank of ground in front, from a line to the bottom. Gives back the line.
pub fn paint_bank(stage: &mut Stage, foot: f32, rise: f32, rgb: u32, part: u64) -> Vec<f32> {
    let row = part as f32 * 3.3;
    let (wide, noise, hand) = (stage.width(), &stage.noise, stage.hand);
    let scale = 1.0 / (stage.unit * 26.0);
    let tops: Vec<f32> = (0..stage.canvas.width)
        .map(|column| {
            let x = column as f32;
            // Higher on the side of the subject.
            let lean = smooth(0.25, 1.0, 0.5 + hand * (x / wide - 0.5));
            foot - rise * (lean + 0.30 * (noise.line(x * scale, row, 3) - 0.3))
        })
        .collect();
    let palette = &stage.palette;
    let local = palette.local(rgb, 0.0);
    let rim = local.mix(palette.sun, if stage.is_night() { 0.08 } else { 0.22 }).light();
    let body = local.mix(palette.ink, 0.30).light();
    let dark = local.mix(palette.ink, 0.62).light();
    let (reach, fine, bottom) = (stage.unit * 22.0, 1.0 / (stage.unit * 5.0), stage.canvas.height as f32);
    fill_below(&mut stage.canvas, &tops, bottom, |x, _, depth| {
        let stroke = noise.fbm(x * fine * 0.5 + row, depth * fine * 1.8, 3) - 0.5;
        let tone = clamp01(depth / reach + stroke * 0.5);
        if tone < 0.22 { mix_light(rim, body, tone / 0.22) } else { mix_light(body, dark, (tone - 0.22) / 0.78) }
    });
    tops
}

/// Rocks at the water's edge.
pub fn paint_rocks(stage: &mut Stage, y: f32, part: u64) {
    let mut dice = stage.dice(part);
    let hand = stage.hand;
    let wide = stage.width();
    for number in 0..11_u8 {
        let t = f32::from(number) / 10.0;
        let size = stage.unit * dice.range(3.0, 9.0) * (1.25 - 0.8 * t);
        let x = wide * (0.5 + hand * (0.56 - 0.62 * t * dice.range(0.5, 1.0)));
        let foot = y + dice.range(0.0, 5.0) * stage.unit;
        paint_rock(stage, &mut dice, (x, foot), size);
    }
}

pub fn paint_rock(stage: &mut Stage, dice: &mut Dice, (x, y): Point, size: f32) {
    let stone = if stage.scene.is_white() { 0xb4_bc_cc } else { 0x6c_68_70 };
    let base = stage.palette.local(stone, 0.0).mix(stage.palette.ink, 0.55);
    let toward = if stage.sun.0 < x { -1.0 } else { 1.0 };
    let high = size * dice.range(0.55, 0.9);
    let mut outline = vec![(x - size * 1.1, y + high * 0.35)];
    for corner in 0..6_u8 {
        let t = f32::from(corner) / 5.0;
        let up = high * super::curve::sin(t * 3.0 + 0.07) * dice.range(0.8, 1.1);
        outline.push((x + size * (t * 2.0 - 1.0), y - up));
    }
    outline.push((x + size * 1.1, y + high * 0.35));
    fill(&mut stage.canvas, &outline, base.light());
    // The face towards the sun.
    let crown = outline[if toward < 0.0 { 3 } else { 4 }];
    let lit = base.mix(stage.palette.sun, 0.20).lift(0.03).light();
    let shoulder = outline[if toward < 0.0 { 2 } else { 5 }];
    let edge = outline[if toward < 0.0 { 1 } else { 6 }];
    fill(&mut stage.canvas, &[crown, shoulder, edge, (x + toward * size * 0.35, y + high * 0.1)], lit);
}

/// Reeds at a bank.
pub fn paint_reeds(stage: &mut Stage, x: f32, y: f32, part: u64) {
    let mut dice = stage.dice(part);
    let light = stage.palette.shade(0.04).light();
    for _ in 0..26 {
        let foot = (x + dice.range(-9.0, 9.0) * stage.unit, y + dice.range(0.0, 4.0) * stage.unit);
        let high = stage.unit * dice.range(6.0, 17.0);
        let tip = (foot.0 + high * dice.range(-0.18, 0.18), foot.1 - high);
        stroke(&mut stage.canvas, foot, tip, (stage.unit * 0.32, stage.unit * 0.12), light);
        if dice.chance(0.4) {
            stroke(
                &mut stage.canvas,
                tip,
                (tip.0, tip.1 - stage.unit * 2.2),
                (stage.unit * 0.7, stage.unit * 0.5),
                light,
            );
        }
    }
}

/// Whether flowers belong into the picture without being asked for.
pub fn is_blooming(scene: &Scene) -> bool {
    scene.has(Subject::Flowers)
        || scene.is_at(Place::Garden)
        || (scene.season == Some(Season::Spring) && !scene.is_white())
        || (scene.places[0] == Place::Meadow && scene.season.is_none() && scene.dice.for_part(53).chance(0.5))
}
