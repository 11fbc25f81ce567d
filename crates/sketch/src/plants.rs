//! Trees and palms. Meadows with their grass and flowers are in `meadow`.

use super::colour::{Light, mix_light};
use super::curve::{cos, lerp, sin};
use super::noise::Dice;
use super::palette::any_of;
use super::scene::{Colour, Season, Subject};
use super::shape::{Point, fill, stroke};
use super::stage::Stage;

/// A conifer that stands on a point.
pub fn paint_pine(stage: &mut Stage, dice: &mut Dice, (x, y): Point, high: f32, light: Light) {
    let tiers = if high < stage.unit * 7.0 {
        5
    } else if high < stage.unit * 24.0 {
        11
    } else {
        19
    };
    let half = high * dice.range(0.17, 0.23);
    let lean = dice.range(-0.015, 0.015) * high;
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for tier in 0..tiers {
        let t = (tier as f32 + 1.0) / tiers as f32;
        let reach = half * (0.10 + 0.90 * t);
        let rows = y - high * (1.0 - t * 0.93);
        for (hand, sign) in [(&mut left, -1.0), (&mut right, 1.0)] {
            let tip = reach * dice.range(0.62, 1.12);
            let droop = high * 0.19 / tiers as f32;
            hand.push((x + lean * (1.0 - t) + sign * tip, rows + droop * dice.range(0.5, 1.5)));
            hand.push((x + lean * (1.0 - t) + sign * reach * dice.range(0.40, 0.58), rows - droop * 0.5));
        }
    }
    let mut points = vec![(x + lean, y - high)];
    points.extend(right);
    let trunk = high * 0.016;
    points.extend([
        (x + trunk, y - high * 0.06),
        (x + trunk, y + 1.0),
        (x - trunk, y + 1.0),
        (x - trunk, y - high * 0.06),
    ]);
    points.extend(left.into_iter().rev());
    fill(&mut stage.canvas, &points, light);
}

/// Conifers along a line of land. `most` is their height in pixels, `dense` how many stand per hundredth of the picture.
pub fn paint_pines(stage: &mut Stage, tops: &[f32], (most, far, dense): (f32, f32, f32), part: u64) {
    let mut dice = stage.dice(part);
    let count = (stage.width() / stage.unit * dense) as usize;
    let near = if stage.scene.is_white() { 0x5a_70_80 } else { 0x22_4a_3c };
    let body = stage.palette.local(near, far).mix(stage.palette.shade(far), 0.45);
    for _ in 0..count {
        let x = dice.unit() * stage.width();
        // They stand in groups.
        let group = stage.noise.line(x / (stage.unit * 14.0), part as f32, 2);
        if group < 0.42 {
            continue;
        }
        let high = most * dice.range(0.5, 1.0) * lerp(0.6, 1.15, group);
        let y = tops[(x as usize).min(tops.len() - 1)] + most * 0.05;
        let light = body.lift(dice.range(-0.02, 0.025)).light();
        paint_pine(stage, &mut dice, (x, y), high, light);
    }
}

/// The leaves of a broad tree, from their dark to their light tones.
fn leaves(stage: &Stage) -> [u32; 3] {
    let asked = stage.scene.accent.filter(|_| stage.scene.has(Subject::Trees));
    match (asked, stage.scene.season) {
        (Some(Colour::Red), _) => [0x6a_1c_24, 0xa8_2c_28, 0xdc_58_34],
        (Some(Colour::Gold | Colour::Orange), _) | (_, Some(Season::Autumn)) => [0x8c_3a_20, 0xc8_64_24, 0xf0_a0_3c],
        (Some(Colour::Pink), _) | (_, Some(Season::Spring)) => [0xb0_5c_80, 0xe4_90_ac, 0xfc_cc_d8],
        (_, Some(Season::Winter)) => [0x8a_98_b0, 0xc4_d0_e0, 0xf2_f6_fc],
        _ if stage.scene.is_white() => [0x8a_98_b0, 0xc4_d0_e0, 0xf2_f6_fc],
        _ => [0x20_4a_34, 0x3c_74_40, 0x7c_ac_50],
    }
}

/// A broad tree that stands on a point: a trunk, boughs, and a crown of strokes, lit from the sun's side.
pub fn paint_tree(stage: &mut Stage, dice: &mut Dice, (x, y): Point, high: f32, far: f32) {
    let bark = stage.palette.local(0x4a_36_30, far).mix(stage.palette.shade(far), 0.5).light();
    let lean = dice.range(-0.05, 0.05) * high;
    let fork = (x + lean, y - high * 0.42);
    stroke(&mut stage.canvas, (x, y), fork, (high * 0.075, high * 0.04), bark);
    for bough in 0..5_u8 {
        let angle = lerp(-2.5, -0.65, f32::from(bough) / 4.0) + dice.range(-0.15, 0.15);
        let long = high * dice.range(0.22, 0.34);
        let from = (lerp(x, fork.0, 0.8), lerp(y, fork.1, 0.8));
        let to = (fork.0 + long * cos(angle), fork.1 + long * sin(angle));
        stroke(&mut stage.canvas, from, to, (high * 0.032, high * 0.008), bark);
    }
    let tones = leaves(stage);
    let toward = if stage.sun.0 < x { -1.0 } else { 1.0 };
    let crown = (fork.0, y - high * 0.64);
    // Clumps first, so that the crown has a shape of its own; then strokes from dark to light.
    let mut clumps = vec![(crown, high * 0.20)];
    for number in 0..11_u8 {
        let angle = f32::from(number) * 0.571 + dice.range(-0.2, 0.2);
        let off = dice.range(0.6, 1.0);
        let at = (crown.0 + high * 0.29 * off * cos(angle), crown.1 + high * 0.19 * off * sin(angle));
        clumps.push((at, high * dice.range(0.09, 0.14)));
    }
    // Low clumps lie behind the high ones, which catch the light.
    clumps.sort_by(|a, b| b.0.1.total_cmp(&a.0.1));
    let strokes = if high > stage.unit * 16.0 { 44 } else { 16 };
    let colours = tones.map(|rgb| {
        stage.palette.accent(rgb, far).mix(stage.palette.local(rgb, far), 0.6).mix(stage.palette.shade(far), 0.10)
    });
    for ((cx, cy), size) in clumps {
        for (step, colour) in colours.into_iter().enumerate() {
            let depth = step as f32;
            for _ in 0..strokes {
                let (angle, off) = (dice.range(0.0, std::f32::consts::TAU), dice.unit().sqrt());
                let reach = size * (1.12 - 0.24 * depth);
                let px = cx + reach * off * cos(angle) + toward * size * 0.24 * depth;
                let py = cy + reach * off * sin(angle) - size * 0.30 * depth;
                let light = colour.lift(dice.range(-0.025, 0.03)).light();
                let dab = size * dice.range(0.08, 0.17) * (1.2 - 0.2 * depth);
                stage.canvas.spot((px, py), dab, 1.2, light, 0.95);
            }
        }
    }
}

/// A palm that leans to one side; `leaf` is the light of its fronds.
pub fn paint_palm(stage: &mut Stage, dice: &mut Dice, (x, y): Point, high: f32, bow: f32, leaf: Light) {
    const JOINTS: u8 = 12;
    let bark = mix_light(leaf, stage.palette.local(0x7c_5a_44, 0.0).light(), 0.5);
    let bend = |t: f32| (x + bow * high * t * t, y - high * t);
    let thick = |t: f32| high * lerp(0.045, 0.022, t);
    for joint in 0..JOINTS {
        let (from, to) = (f32::from(joint) / f32::from(JOINTS), f32::from(joint + 1) / f32::from(JOINTS) + 0.01);
        stroke(&mut stage.canvas, bend(from), bend(to), (thick(from), thick(to)), bark);
    }
    let head = bend(1.0);
    stage.canvas.spot(head, high * 0.03, 1.0, leaf, 1.0);
    for frond in 0..12_u8 {
        let rise = lerp(1.12, -0.30, f32::from(frond / 2) / 5.0) + dice.range(-0.10, 0.10);
        let angle = if frond % 2 == 0 { -rise } else { rise - std::f32::consts::PI };
        let long = high * dice.range(0.36, 0.48) * lerp(0.86, 1.0, f32::from(frond) / 11.0);
        paint_frond(stage, head, angle, long, leaf);
    }
}

/// A leaf that hangs over, with a comb of leaflets.
fn paint_frond(stage: &mut Stage, (x, y): Point, angle: f32, long: f32, light: Light) {
    const LEAFLETS: u8 = 26;
    let rib = |t: f32| (x + long * t * cos(angle), y + long * (t * sin(angle) * (1.0 - 0.25 * t) + 0.62 * t * t));
    let mut before = rib(0.0);
    for leaflet in 1..=LEAFLETS {
        let t = f32::from(leaflet) / f32::from(LEAFLETS);
        let here = rib(t);
        stroke(&mut stage.canvas, before, here, (long * 0.022, long * 0.018), light);
        let size = long * 0.30 * (1.06 - t * t) * (0.25 + 1.6 * t).min(1.0);
        // Leaflets point along the rib and hang from both its sides.
        let (dx, dy) = (here.0 - before.0, here.1 - before.1);
        let step = (dx * dx + dy * dy).sqrt().max(0.01);
        let (dx, dy) = (dx / step, dy / step);
        for (aside, down) in [(0.62, 0.38), (-0.50, 0.16)] {
            let aside = if dx > 0.0 { aside } else { -aside };
            let tip = (here.0 + size * (dx * 0.55 - dy * aside), here.1 + size * (dy * 0.55 + dx * aside + down));
            stroke(&mut stage.canvas, here, tip, (long * 0.034, 0.4), light);
        }
        before = here;
    }
}

/// A bare or leafy twig that reaches into the picture from a corner above.
pub fn paint_twigs(stage: &mut Stage, hand: f32) {
    let mut dice = stage.dice(44);
    let light = stage.palette.shade(0.0).light();
    let tones = leaves(stage);
    let edge = if hand > 0.0 { stage.width() } else { 0.0 };
    let unit = stage.unit;
    for bough in 0..3_u8 {
        let mut from = (edge + hand * unit * 2.0, unit * (4.0 + 9.0 * f32::from(bough)));
        let mut angle = dice.range(-0.05, 0.35);
        let mut thick = unit * 1.1;
        for _ in 0..9 {
            angle += dice.range(-0.28, 0.30);
            let long = unit * dice.range(2.0, 4.4);
            let to = (from.0 - hand * long * cos(angle), from.1 + long * sin(angle));
            stroke(&mut stage.canvas, from, to, (thick, thick * 0.82), light);
            for _ in 0..16 {
                let colour = stage.palette.local(any_of(&mut dice, &tones), 0.0).mix(stage.palette.ink, 0.35);
                let at = (to.0 + dice.range(-2.6, 2.6) * unit, to.1 + dice.range(-1.8, 2.2) * unit);
                stage.canvas.spot(at, unit * dice.range(0.25, 0.6), 1.2, colour.light(), 0.95);
            }
            from = to;
            thick *= 0.82;
        }
    }
}
