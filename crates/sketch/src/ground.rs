//! Pictures on dry land: the near ground and what stands on it.

use super::buildings::{paint_castle, paint_church, paint_house, paint_windmill};
use super::colour::mix_light;
use super::curve::{clamp01, lerp, sin, smooth};
use super::land::{Layer, paint_dune, paint_hill};
use super::meadow::{cover_of, is_blooming, paint_bank, paint_blades, paint_flowers, paint_rocks};
use super::noise::Dice;
use super::plants::{paint_palm, paint_pine, paint_pines, paint_tree};
use super::scene::{Place, Season, Subject};
use super::shape::{Point, fill_with};
use super::stage::Stage;
use super::subjects::{paint_deer, paint_sitter};

/// Everything from the far land to the bottom edge.
pub fn paint_ground(stage: &mut Stage) {
    let (unit, wide, high, hand) = (stage.unit, stage.width(), stage.height(), stage.hand);
    match stage.scene.places[0] {
        Place::Desert => return paint_desert(stage),
        Place::Mountains => paint_foothills(stage),
        _ => {}
    }
    let depth = high - stage.horizon;
    let foot = stage.horizon + depth * 0.46;
    let layer = Layer { foot, rise: unit * 9.0, far: 0.14, part: 160 };
    let tops = paint_hill(stage, layer, cover_of(stage.scene), high);
    let at = |t: f32, deeper: f32| {
        let x = wide * (0.5 + hand * t);
        (x, tops[(x.max(0.0) as usize).min(tops.len() - 1)] + unit * deeper)
    };
    let mut dice = stage.dice(161);
    if stage.scene.is_at(Place::Road) {
        paint_road(stage, at(0.10, 0.4));
    }
    if stage.scene.is_at(Place::Castle) || stage.scene.has(Subject::Tower) {
        paint_castle(stage, at(0.17, 1.6), unit * 37.0, 0.12);
        grove(stage, &mut dice, at(0.17, 2.4), 22.0);
    }
    if stage.scene.is_at(Place::Village) {
        paint_village(stage, &mut dice, &tops);
    } else if stage.scene.has(Subject::House) {
        paint_house(stage, &mut dice, at(0.17, 2.6), unit * 15.0, 0.04);
        grove(stage, &mut dice, at(0.31, 2.0), 8.0);
    }
    if stage.scene.has(Subject::Windmill) {
        paint_windmill(stage, at(0.20, 1.8), unit * 32.0, 0.5);
    }
    paint_standing_trees(stage, &mut dice, &tops);
    if is_blooming(stage.scene) && !stage.scene.is_white() {
        let top = foot - unit * 3.0;
        paint_flowers(stage, top, 2.4);
    }
    paint_front(stage);
}

/// Woods below the peaks.
fn paint_foothills(stage: &mut Stage) {
    let (unit, horizon) = (stage.unit, stage.horizon);
    let wood = match stage.scene.season {
        _ if stage.scene.is_white() => 0xd4_de_ec,
        Some(Season::Autumn) => 0xb0_78_38,
        _ => 0x4c_7c_5c,
    };
    for (number, far) in [0.50, 0.34, 0.20].into_iter().enumerate() {
        let t = number as f32 / 2.0;
        let foot = horizon + unit * lerp(4.0, 15.0, t);
        let layer = Layer { foot, rise: unit * lerp(8.0, 12.0, t), far, part: 170 + number as u64 };
        let tops = paint_hill(stage, layer, wood, foot + unit * 20.0);
        paint_pines(stage, &tops, (unit * lerp(3.4, 7.0, t), far, 3.4), 175 + number as u64);
        super::weather::paint_mist(stage, foot + unit * 2.0, unit * 6.0, 0.40 - 0.12 * t);
    }
}

/// A few trees around a place.
fn grove(stage: &mut Stage, dice: &mut Dice, (x, y): Point, half: f32) {
    let unit = stage.unit;
    let tone = stage
        .palette
        .local(if stage.scene.is_white() { 0x60_76_86 } else { 0x28_54_40 }, 0.10)
        .mix(stage.palette.ink, 0.4);
    for _ in 0..(half * 1.3) as usize {
        let at = (x + unit * dice.range(-half, half), y + unit * dice.range(0.0, 1.6));
        let light = tone.lift(dice.range(-0.02, 0.03)).light();
        let high = unit * dice.range(3.0, 7.0);
        paint_pine(stage, dice, at, high, light);
    }
}

fn paint_village(stage: &mut Stage, dice: &mut Dice, tops: &[f32]) {
    let (unit, wide, hand) = (stage.unit, stage.width(), stage.hand);
    for row in 0..3_u8 {
        let deep = f32::from(row);
        let size = unit * (5.2 + 2.4 * deep);
        for number in 0..6_u8 {
            let t = lerp(-0.30, 0.42, (f32::from(number) + dice.range(0.1, 0.8)) / 6.0);
            let x = wide * (0.5 + hand * t);
            let y = tops[(x as usize).min(tops.len() - 1)] + unit * (0.8 + 5.0 * deep);
            if row == 0 && number == 4 {
                paint_church(stage, dice, (x, y), size * 1.7, 0.18);
            } else {
                let size = size * dice.range(0.85, 1.15);
                paint_house(stage, dice, (x, y), size, 0.18 - 0.07 * deep);
            }
            if dice.chance(0.55) {
                grove(stage, dice, (x + size * 0.9, y + unit * 0.4), 2.2);
            }
        }
    }
}

fn paint_standing_trees(stage: &mut Stage, dice: &mut Dice, tops: &[f32]) {
    let (unit, wide, hand) = (stage.unit, stage.width(), stage.hand);
    let at = |t: f32| {
        let x = wide * (0.5 + hand * t);
        (x, tops[(x.max(0.0) as usize).min(tops.len() - 1)] + unit * 1.4)
    };
    if stage.scene.is_at(Place::Road) && !stage.scene.has(Subject::Trees) {
        for (t, high) in [(0.22, 13.0), (-0.10, 10.0), (0.40, 21.0), (-0.40, 27.0)] {
            paint_tree(stage, dice, at(t), unit * high, 0.10);
        }
    }
    let bare =
        !stage.scene.is_at(Place::Village) && !stage.scene.is_at(Place::Castle) && !stage.scene.has(Subject::House);
    if stage.scene.has(Subject::Trees) || stage.scene.is_at(Place::Garden) {
        paint_tree(stage, dice, at(-0.38), unit * 17.0, 0.10);
        paint_tree(stage, dice, at(0.40), unit * 13.0, 0.14);
        paint_tree(stage, dice, at(if bare { 0.20 } else { -0.24 }), unit * 34.0, 0.03);
    } else if stage.scene.places[0] == Place::Meadow && bare && !stage.scene.has(Subject::Windmill) {
        // A balloon flies on the subject's side: the tree makes room.
        let t = if stage.scene.has(Subject::Balloon) { 0.36 } else { 0.19 };
        paint_tree(stage, dice, at(t), unit * 27.0, 0.06);
    }
    if stage.scene.has(Subject::Palms) {
        let light = stage.palette.shade(0.05).light();
        paint_palm(stage, dice, at(0.22), unit * 34.0, -0.2 * hand, light);
    }
}

/// A road that winds from the near edge to a point on the crest.
fn paint_road(stage: &mut Stage, (end_x, end_y): Point) {
    const STEPS: u8 = 40;
    let (unit, high, wide, hand) = (stage.unit, stage.height(), stage.width(), stage.hand);
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for step in 0..=STEPS {
        let t = f32::from(step) / f32::from(STEPS);
        let near = t * t;
        let y = lerp(end_y, high + unit, near);
        let sway = sin(t * 6.0) * unit * (2.0 + 15.0 * t) * (1.0 - 0.35 * t);
        let x = lerp(end_x, wide * (0.5 - hand * 0.12), near) + sway * hand;
        let half = unit * (0.5 + 17.0 * near * t);
        left.push((x - half, y));
        right.push((x + half, y));
    }
    left.extend(right.into_iter().rev());
    let palette = &stage.palette;
    let ground = if stage.scene.is_white() { 0xc8_d4_e6 } else { 0xf0_dc_b4 };
    let lit = palette.local(ground, 0.12).mix(palette.sun, 0.10).light();
    let dark = palette.local(ground, 0.0).mix(palette.ink, 0.18).light();
    let (noise, fine) = (&stage.noise, 1.0 / (unit * 5.0));
    fill_with(&mut stage.canvas, &left, |x, y| {
        let t = (y - end_y) / (high - end_y);
        let rut = noise.fbm(x * fine * 0.6, y * fine * 2.4, 3) - 0.5;
        (mix_light(lit, dark, clamp01(t * 0.8 + rut * 0.7)), 1.0)
    });
}

fn paint_desert(stage: &mut Stage) {
    let (unit, wide, high, hand) = (stage.unit, stage.width(), stage.height(), stage.hand);
    let depth = high - stage.horizon;
    let middle = Layer { foot: stage.horizon + depth * 0.60, rise: unit * 26.0, far: 0.14, part: 181 };
    paint_dune(stage, middle, high);
    let near = Layer { foot: high + unit * 2.0, rise: unit * 22.0, far: 0.0, part: 182 };
    paint_dune(stage, near, high);
    let mut dice = stage.dice(183);
    if stage.scene.has(Subject::Palms) || stage.scene.has(Subject::Trees) {
        let light = stage.palette.shade(0.03).light();
        for (t, size, lean) in [(0.30, 34.0, -0.15), (0.36, 26.0, 0.2), (0.25, 22.0, -0.3)] {
            paint_palm(stage, &mut dice, (wide * (0.5 + hand * t), high * 0.86), unit * size, lean * hand, light);
        }
    }
    if stage.scene.has(Subject::Fox) || stage.scene.has(Subject::Cat) {
        paint_sitter(stage, (wide * (0.5 + hand * 0.2), high * 0.90), unit * 11.0, stage.scene.has(Subject::Fox));
    }
}

/// The frame in front: a dark bank with grass, pines at the side, animals.
fn paint_front(stage: &mut Stage) {
    let (unit, wide, high, hand) = (stage.unit, stage.width(), stage.height(), stage.hand);
    let mut dice = stage.dice(162);
    if is_blooming(stage.scene) && !stage.scene.is_white() || stage.scene.is_at(Place::Road) {
        return paint_animals(stage, (wide * (0.5 - hand * 0.18), high - unit * 7.0));
    }
    let tops = paint_bank(stage, high - unit * 1.0, unit * 12.0, cover_of(stage.scene), 163);
    let at = |t: f32| {
        let x = wide * (0.5 + hand * t);
        (x, tops[(x.max(0.0) as usize).min(tops.len() - 1)] + unit)
    };
    if stage.scene.places[0] == Place::Mountains || stage.scene.has(Subject::Pines) {
        let tone = stage.palette.shade(0.0).mix(stage.palette.local(0x20_48_3c, 0.0), 0.25);
        for (t, size) in [(0.47, 58.0), (0.40, 40.0), (0.33, 24.0), (-0.49, 46.0), (-0.43, 28.0), (0.52, 44.0)] {
            let light = tone.lift(dice.range(-0.01, 0.02)).light();
            let high = unit * size * dice.range(0.9, 1.1);
            paint_pine(stage, &mut dice, at(t), high, light);
        }
    }
    if !stage.scene.is_white() {
        paint_blades(stage, &tops, unit * 4.0, 5.0, 164);
    } else if dice.chance(0.5) {
        paint_rocks(stage, high, 165);
    }
    paint_animals(stage, at(smooth(0.0, 1.0, dice.unit()) * 0.2 - 0.22));
}

fn paint_animals(stage: &mut Stage, foot: Point) {
    let unit = stage.unit;
    let foot = (foot.0, foot.1 + unit * 0.6);
    if stage.scene.has(Subject::Deer) {
        paint_deer(stage, foot, unit * 9.0);
    }
    if stage.scene.has(Subject::Fox) {
        paint_sitter(stage, (foot.0 + unit * 8.0, foot.1), unit * 9.5, true);
    }
    if stage.scene.has(Subject::Cat) {
        paint_sitter(stage, (foot.0 - unit * 8.0, foot.1), unit * 12.0, false);
    }
}
