//! What moves: boats, balloons, birds, animals and fireflies.

use super::colour::mix_light;
use super::curve::{clamp01, cos, lerp, sin};
use super::noise::Dice;
use super::palette::{any_of, paint_of};
use super::shape::{Point, fill, fill_with, oval, stroke};
use super::stage::Stage;

/// A sailing boat on the water, with its mirror image. `size` is its length in pixels.
pub fn paint_boat(stage: &mut Stage, (x, y): Point, size: f32, far: f32) {
    let hull = stage.palette.local(0x5c_34_2c, far).mix(stage.palette.shade(far), 0.4).light();
    let sail = stage.palette.accent(stage.scene.accent.map_or(0xfa_f0_e0, paint_of), far);
    let lit = sail.mix(stage.palette.sun, 0.15).light();
    let shade = sail.mix(stage.palette.ink, 0.28).light();
    let face = -stage.hand;
    let at = |u: f32, v: f32| (x + face * u * size, y - v * size);
    // The mirror image first, paler and broken.
    for line in 0..26_u8 {
        let t = f32::from(line) / 26.0;
        let row = y + size * (0.06 + 0.75 * t);
        let half = size * (0.40 - 0.36 * t);
        let sway = size * 0.03 * sin(f32::from(line) * 2.1);
        let tone = if line < 5 { hull } else { shade };
        let points = oval((x + sway - face * size * 0.04, row), half, size * 0.011);
        fill_with(&mut stage.canvas, &points, |_, _| (tone, 0.34 * (1.0 - t)));
    }
    fill(&mut stage.canvas, &[at(-0.5, 0.10), at(0.54, 0.13), at(0.36, -0.05), at(-0.40, -0.05)], hull);
    stroke(&mut stage.canvas, at(-0.5, 0.10), at(0.54, 0.13), (size * 0.025, size * 0.025), lit);
    let mast = at(0.04, 1.12);
    stroke(&mut stage.canvas, at(0.04, 0.08), mast, (size * 0.028, size * 0.014), hull);
    let belly = |from: Point, to: Point, bulge: f32| -> Vec<Point> {
        (0..=10_u8)
            .map(|step| {
                let t = f32::from(step) / 10.0;
                let out = bulge * 4.0 * t * (1.0 - t);
                (lerp(from.0, to.0, t) + face * out * size, lerp(from.1, to.1, t) + out * 0.15 * size)
            })
            .collect()
    };
    let mut main = belly(at(0.02, 1.08), at(-0.46, 0.20), -0.06);
    main.push(at(0.02, 0.20));
    fill(&mut stage.canvas, &main, lit);
    let mut jib = belly(at(0.06, 1.0), at(0.52, 0.20), 0.05);
    jib.push(at(0.06, 0.22));
    fill(&mut stage.canvas, &jib, shade);
}

/// A hot air balloon; `size` is its width in pixels.
pub fn paint_balloon(stage: &mut Stage, dice: &mut Dice, (x, y): Point, size: f32, far: f32) {
    let lots = [
        [0xe4_50_3c, 0xf8_e0_b0],
        [0x2c_88_a0, 0xf4_d4_70],
        [0xf0_98_38, 0xfa_f0_dc],
        [0x70_50_a8, 0xf4_a8_b8],
        [0xd8_44_68, 0xfc_d8_88],
    ];
    let mut lot = lots[dice.below(lots.len())];
    if let Some(colour) = stage.scene.accent {
        lot[0] = paint_of(colour);
    }
    let tones = lot.map(|rgb| stage.palette.accent(rgb, far).light());
    let (sun, ink) = (stage.palette.sun.light(), stage.palette.shade(far).light());
    let half = size / 2.0;
    let mut outline = Vec::new();
    for hand in [1.0, -1.0] {
        for step in 0..=18_u8 {
            let t = f32::from(if hand > 0.0 { step } else { 18 - step }) / 18.0;
            // Round above, drawn together below.
            let angle = t * 2.55;
            outline.push((
                x + hand * half * sin(angle) * if t > 0.72 { 1.0 - (t - 0.72) * 0.55 } else { 1.0 },
                y - half * cos(angle) * (1.0 + 0.25 * t),
            ));
        }
    }
    let toward = if stage.sun.0 < x { -1.0 } else { 1.0 };
    fill_with(&mut stage.canvas, &outline, |px, py| {
        let u = (px - x) / half;
        let v = (py - y) / half;
        let width = (1.0 - (v * 0.86) * (v * 0.86)).max(0.04).sqrt();
        let across = (u / width).clamp(-1.0, 1.0);
        // Gores of equal width on a round body look narrower at its sides.
        let gore = (across + 0.25 * across * across * across) * 3.6 + 10.5;
        let colour = tones[gore as usize % 2];
        let lit = clamp01(0.5 + 0.45 * across * toward - 0.18 * v);
        let shaded = mix_light(colour, ink, 0.42 * (1.0 - lit));
        (mix_light(shaded, sun, 0.22 * lit * lit), 1.0)
    });
    let mouth = y + half * 1.06;
    let basket = stage.palette.local(0x6c_44_2c, far).mix(stage.palette.shade(far), 0.3).light();
    for rope in [-1.0, 1.0] {
        stroke(
            &mut stage.canvas,
            (x + rope * half * 0.34, mouth),
            (x + rope * half * 0.15, mouth + half * 0.44),
            (half * 0.03, half * 0.03),
            basket,
        );
    }
    let (left, right, top, low) = (x - half * 0.17, x + half * 0.17, mouth + half * 0.42, mouth + half * 0.68);
    fill(
        &mut stage.canvas,
        &[(left, top), (right, top), (right - half * 0.03, low), (left + half * 0.03, low)],
        basket,
    );
    if stage.is_night() {
        let flame = stage.palette.lamp(0xff_b8_50);
        stage.canvas.glow((x, y + half * 0.5), half * 1.1, flame, 0.35);
    }
}

/// A loose flock.
pub fn paint_birds(stage: &mut Stage, count: u8) {
    let mut dice = stage.dice(70);
    let light = stage.palette.shade(0.22).light();
    let middle = (stage.width() * (0.5 + stage.hand * dice.range(0.02, 0.14)), stage.horizon * dice.range(0.3, 0.45));
    for _ in 0..count {
        let at = (middle.0 + dice.range(-20.0, 20.0) * stage.unit, middle.1 + dice.range(-8.0, 8.0) * stage.unit);
        let size = stage.unit * dice.range(0.9, 2.0);
        let lift = dice.range(0.15, 0.65);
        let tilt = dice.range(-0.2, 0.2);
        for hand in [-1.0, 1.0] {
            let elbow = (at.0 + hand * size * 0.5, at.1 - size * (lift + tilt * hand));
            let tip = (at.0 + hand * size * 1.15, at.1 - size * (lift * 0.55 + tilt * hand));
            stroke(&mut stage.canvas, at, elbow, (size * 0.20, size * 0.16), light);
            stroke(&mut stage.canvas, elbow, tip, (size * 0.16, 0.3), light);
        }
        stage.canvas.spot(at, size * 0.13, 0.8, light, 1.0);
    }
}

/// Small warm lights over the ground.
pub fn paint_fireflies(stage: &mut Stage) {
    let mut dice = stage.dice(71);
    let tones = [0xff_e8_80, 0xff_d0_60, 0xe4_f8_90];
    for _ in 0..70 {
        let light = stage.palette.lamp(any_of(&mut dice, &tones));
        let at = (dice.unit() * stage.width(), stage.height() * dice.range(0.52, 0.98));
        let size = stage.unit * dice.range(0.15, 0.42);
        stage.canvas.glow(at, size * 8.0, light, 0.28);
        stage.canvas.spot(at, size, 1.2, light, 0.95);
    }
}

/// A stag in silhouette; `size` is the height at its shoulder in pixels.
pub fn paint_deer(stage: &mut Stage, foot: Point, size: f32) {
    const BODY: [Point; 34] = [
        (-0.62, 0.92),
        (-0.70, 0.72),
        (-0.60, 0.52),
        (-0.62, 0.28),
        (-0.58, 0.0),
        (-0.51, 0.0),
        (-0.50, 0.28),
        (-0.40, 0.50),
        (-0.30, 0.54),
        (0.18, 0.52),
        (0.28, 0.44),
        (0.30, 0.22),
        (0.32, 0.0),
        (0.39, 0.0),
        (0.40, 0.26),
        (0.44, 0.0),
        (0.51, 0.0),
        (0.48, 0.30),
        (0.50, 0.56),
        (0.58, 0.72),
        (0.68, 1.06),
        (0.76, 1.20),
        (0.92, 1.14),
        (1.00, 1.17),
        (1.00, 1.24),
        (0.84, 1.38),
        (0.74, 1.46),
        (0.66, 1.42),
        (0.54, 1.46),
        (0.58, 1.36),
        (0.46, 1.12),
        (0.32, 0.98),
        (-0.10, 0.94),
        (-0.45, 1.00),
    ];
    let light = stage.palette.shade(0.03).light();
    let face = -stage.hand;
    let at = |(u, v): Point| (foot.0 + face * u * size, foot.1 - v * size);
    fill(&mut stage.canvas, &BODY.map(at), light);
    fill(
        &mut stage.canvas,
        &[(-0.5, 0.5), (-0.42, 0.30), (-0.44, 0.0), (-0.38, 0.0), (-0.35, 0.32), (-0.22, 0.56)].map(at),
        light,
    );
    for lean in [0.0, 0.16] {
        let beam = [(0.70, 1.42), (0.60 + lean, 1.66), (0.58 + lean * 1.6, 1.90), (0.72 + lean * 1.8, 2.10)];
        for pair in beam.windows(2) {
            stroke(&mut stage.canvas, at(pair[0]), at(pair[1]), (size * 0.045, size * 0.035), light);
        }
        for (from, tip) in
            [(beam[1], (0.80 + lean, 1.80)), (beam[2], (0.44 + lean, 2.08)), (beam[2], (0.86 + lean, 2.0))]
        {
            stroke(&mut stage.canvas, at(from), at(tip), (size * 0.035, size * 0.012), light);
        }
    }
}

/// A sitting cat or fox in silhouette; `size` is its height in pixels.
pub fn paint_sitter(stage: &mut Stage, foot: Point, size: f32, fox: bool) {
    let tone = if fox {
        stage.palette.accent(0xc8_60_28, 0.0).mix(stage.palette.ink, 0.35)
    } else {
        stage.palette.shade(0.02)
    };
    let light = tone.light();
    let face = -stage.hand;
    let at = |(u, v): Point| (foot.0 + face * u * size, foot.1 - v * size);
    let body = [
        (-0.26, 0.0),
        (-0.31, 0.18),
        (-0.24, 0.42),
        (-0.06, 0.64),
        (0.02, 0.72),
        (0.22, 0.66),
        (0.23, 0.45),
        (0.20, 0.22),
        (0.24, 0.0),
    ];
    fill(&mut stage.canvas, &body.map(at), light);
    let snout = if fox { 0.42 } else { 0.30 };
    let head = [
        (-0.04, 0.72),
        (-0.05, 0.86),
        (-0.05, 1.04),
        (0.06, 0.94),
        (0.13, 0.94),
        (0.22, 1.02),
        (0.24, 0.86),
        (snout, 0.74),
        (snout - 0.04, 0.70),
        (0.16, 0.62),
        (0.02, 0.62),
    ];
    fill(&mut stage.canvas, &head.map(at), light);
    let wide = if fox { 0.17 } else { 0.08 };
    for step in 0..16_u8 {
        let t = f32::from(step) / 15.0;
        let bend = (-0.22 - 0.42 * sin(t * 2.4), 0.06 + 0.34 * t * t);
        let radius = size * wide * (0.45 + 0.9 * t * (1.25 - t));
        let tip = fox && step > 12;
        let tone = if tip { stage.palette.accent(0xf4_ec_e0, 0.0).light() } else { light };
        stage.canvas.spot(at(bend), radius * 0.8, 1.0, tone, 1.0);
    }
}
