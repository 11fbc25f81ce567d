//! Land: peaks, rolling hills and dunes. Each layer hides what is behind it and fades with its distance.

use super::colour::{mix_light, scale_light};
use super::curve::{clamp01, lerp, pow, smooth};
use super::scene::{Season, Time};
use super::shape::{fill_below, fill_between};
use super::stage::Stage;

/// One layer of land.
#[derive(Debug, Clone, Copy)]
pub struct Layer {
    /// The row of its foot.
    pub foot: f32,
    /// How far it rises above that, in pixels.
    pub rise: f32,
    /// From 0, right here, to 1, lost in the haze.
    pub far: f32,
    /// Picks another shape.
    pub part: u64,
}

/// A range of peaks, the tallest at the back.
pub fn paint_peaks(stage: &mut Stage, layer: Layer, count: usize) {
    let mut dice = stage.dice(layer.part);
    let wide = stage.width();
    // The main summit stands on a third, the others are spread around it.
    let main = wide * (0.5 + stage.hand * dice.range(0.10, 0.2));
    let mut peaks: Vec<(f32, f32, f32)> = (0..count)
        .map(|number| {
            let place = (number as f32 + dice.range(0.1, 0.9)) / count as f32;
            let x = lerp(-0.08, 1.08, place) * wide;
            let size = dice.range(0.42, 0.78);
            (x, layer.rise * size, layer.rise * size * dice.range(1.1, 1.6))
        })
        .collect();
    peaks.push((main, layer.rise, layer.rise * dice.range(1.25, 1.5)));
    peaks.sort_by(|a, b| b.1.total_cmp(&a.1));
    let shapes: Vec<Vec<f32>> = (0..)
        .zip(&peaks)
        .map(|(number, peak)| peak_line(stage, Layer { rise: peak.1, part: layer.part + 100 + number, ..layer }, *peak))
        .collect();
    for (number, (x, high, _)) in peaks.into_iter().enumerate() {
        // What the peaks in front of this one hide is not painted.
        let mut ends = vec![layer.foot; stage.canvas.width];
        for front in &shapes[number + 1..] {
            for (end, top) in ends.iter_mut().zip(front) {
                *end = end.min(top + 4.0);
            }
        }
        // Lower ones stand in front.
        let far = layer.far - 0.10 * number as f32 / (count + 1) as f32;
        paint_peak(
            stage,
            Layer { rise: high, far, part: layer.part + 100 + number as u64, ..layer },
            x,
            (&shapes[number], &ends),
        );
    }
}

/// The outline of a peak of a place, a height and a reach to both sides.
fn peak_line(stage: &Stage, layer: Layer, (middle, rise, reach): (f32, f32, f32)) -> Vec<f32> {
    let row = (layer.part % 97) as f32 * 3.7;
    let noise = &stage.noise;
    let summit = layer.foot - rise;
    (0..stage.canvas.width)
        .map(|column| {
            let off = (column as f32 - middle) / reach;
            let slope = pow(off.abs(), 0.9);
            let crag = (noise.line(column as f32 / rise * 7.0, row, 5) - 0.5) * 0.26 * smooth(0.0, 0.2, slope);
            let spur = (noise.line(column as f32 / rise * 2.2, row + 5.0, 2) - 0.5) * 0.34 * smooth(0.05, 0.5, slope);
            summit + rise * (slope + crag + spur).max(slope * 0.3)
        })
        .collect()
}

fn paint_peak(stage: &mut Stage, layer: Layer, middle: f32, (tops, ends): (&[f32], &[f32])) {
    let Layer { foot, rise, far, part } = layer;
    let row = (part % 97) as f32 * 3.7;
    let noise = &stage.noise;
    let summit = foot - rise;

    let palette = &stage.palette;
    let white = stage.scene.is_white();
    let rock = if stage.scene.season == Some(Season::Autumn) { 0x86_70_6a } else { 0x6e_76_92 };
    let sunny = palette.local(rock, far * 0.9).mix(palette.sun, 0.20).lift(0.03);
    let shady = palette.local(rock, far).mix(palette.shade(far), 0.45);
    let snow = palette.local(0xfb_fb_ff, far * 0.55);
    let (snow_lit, snow_shady) = (snow.mix(palette.sun, 0.3), snow.mix(palette.sky[0], 0.42).lift(-0.06));
    let [sunny, shady, snow_lit, snow_shady] = [sunny, shady, snow_lit, snow_shady].map(super::colour::Lab::light);
    let mist = palette.haze.mix(palette.sky[2], 0.35).light();
    let lit_side = if stage.sun.0 < middle { -1.0 } else { 1.0 };
    let bare_moon = stage.scene.places[0] == super::scene::Place::Space;
    let snow_share = if white {
        2.4
    } else if bare_moon {
        -1.0
    } else {
        0.42
    };
    let zag = rise * 0.16;
    let wobble: Vec<f32> = (0..=(rise as usize + 64))
        .map(|depth| (noise.line(depth as f32 / rise * 5.0, row + 9.0, 4) - 0.5) * zag * 2.2)
        .collect();
    fill_between(&mut stage.canvas, tops, ends, |x, y, depth| {
        let down = (y - summit).max(1.0);
        let share = down / rise;
        let ridge =
            middle + wobble[(down as usize).min(wobble.len() - 1)] * smooth(0.0, 0.3, share) - lit_side * zag * share;
        let bend =
            noise.at(x / (rise * 0.16), y / (rise * 0.16)) + 0.5 * noise.at(x / (rise * 0.07), y / (rise * 0.07));
        let across = (x - middle) / (down + rise * 0.12) + (bend - 0.75) * 0.16;
        // Rays from the summit: gullies run down the slope.
        let gully = noise.fbm(across * 5.2 + row, share * 3.2 + row, 3);
        let edge = (x - ridge) * lit_side / (rise * 0.008) + (gully - 0.5) * 16.0 * share;
        let light = clamp01(edge * 0.5 + 0.5) * (0.72 + 0.28 * smooth(0.40, 0.52, gully));
        let light = light + (1.0 - light) * 0.30 * smooth(0.56, 0.66, gully);
        let snow_line = snow_share * (0.50 + 1.1 * (gully - 0.25)) - 0.25 * depth / rise;
        let cover = smooth(-0.012, 0.012, snow_line - share);
        let bare = mix_light(shady, sunny, light);
        let cold = mix_light(snow_shady, snow_lit, light);
        mix_light(mix_light(bare, cold, cover), mist, 0.72 * smooth(0.45, 1.0, share))
    });
}

/// The line of a row of soft hills, one height per column.
pub fn hill_line(stage: &Stage, layer: Layer) -> Vec<f32> {
    let row = (layer.part % 89) as f32 * 5.3;
    let scale = 1.0 / (stage.unit * 62.0);
    (0..stage.canvas.width)
        .map(|column| {
            let x = column as f32 * scale + row;
            let swell = smooth(0.1, 0.9, stage.noise.line(x, row, 2));
            layer.foot - layer.rise * (swell + 0.05 * stage.noise.line(x * 9.0, row, 2))
        })
        .collect()
}

/// Rolling land in the colour of its cover. Gives back its line.
pub fn paint_hill(stage: &mut Stage, layer: Layer, rgb: u32, bottom: f32) -> Vec<f32> {
    let tops = hill_line(stage, layer);
    let palette = &stage.palette;
    let local = palette.local(rgb, layer.far);
    let crest = local.mix(palette.sun, if stage.is_night() { 0.05 } else { 0.16 }).lift(0.035).light();
    // Snow in the shade has the colour of the sky above it.
    let blue = if stage.scene.is_white() && !stage.is_night() { 0.30 } else { 0.0 };
    let local = local.mix(palette.sky[0].lift(0.10), blue);
    let body = local.light();
    let foot = palette
        .local(rgb, layer.far * 0.7)
        .mix(palette.sky[0], blue)
        .mix(palette.ink, 0.34 * (1.0 - layer.far))
        .light();
    let mist = palette.haze.light();
    let reach = stage.unit * 17.0;
    let (scale, noise) = (1.0 / (stage.unit * 9.0), &stage.noise);
    let row = layer.part as f32 * 7.7;
    let misty = layer.far * 0.5;
    fill_below(&mut stage.canvas, &tops, bottom, |x, _, depth| {
        let t = depth / reach;
        // Broad strokes along the slope, finer ones across.
        let stroke = noise.fbm((x + depth * 0.7) * scale * 0.55 + row, depth * scale * 2.2 + row, 2) - 0.5;
        let tone = clamp01(t + stroke * 0.8);
        let ground =
            if tone < 0.4 { mix_light(crest, body, tone / 0.4) } else { mix_light(body, foot, (tone - 0.4) / 0.6) };
        mix_light(ground, mist, misty * smooth(0.5, 2.0, t))
    });
    tops
}

/// Dunes: a sharp crest, one side in the light and one in the shade.
pub fn paint_dune(stage: &mut Stage, layer: Layer, bottom: f32) {
    let mut dice = stage.dice(layer.part);
    let (wide, noise) = (stage.width(), &stage.noise);
    let row = (layer.part % 83) as f32 * 4.1;
    let summit = wide * (0.5 + stage.hand * dice.range(-0.35, 0.4));
    let scale = 1.0 / (stage.unit * 70.0);
    let tops: Vec<f32> = (0..stage.canvas.width)
        .map(|column| {
            let x = column as f32;
            let off = (x - summit).abs() / (stage.unit * 75.0);
            let swell = noise.line(x * scale + row, row, 2);
            layer.foot - layer.rise * (0.55 * swell + 0.75 / (1.0 + 2.2 * off + 1.5 * off * off))
        })
        .collect();
    let palette = &stage.palette;
    let white = stage.scene.is_white();
    let sand = if white { 0xee_f0_f8 } else { 0xe6_ac_6c };
    let low_sun = matches!(stage.scene.time, Time::Dawn | Time::Dusk);
    let sunny = palette.local(sand, layer.far).mix(palette.sun, if low_sun { 0.30 } else { 0.16 }).light();
    let dim = palette
        .local(if white { 0xa0_aa_c8 } else { 0x9c_5c_50 }, layer.far)
        .mix(palette.shade(layer.far), 0.22)
        .light();
    let mist = palette.haze.light();
    let lit_side = if stage.sun.0 < summit { -1.0 } else { 1.0 };
    let (fine, rise) = (1.0 / (stage.unit * 2.4), layer.rise.max(stage.unit * 8.0));
    fill_below(&mut stage.canvas, &tops, bottom, |x, _, depth| {
        let share = depth / rise;
        // The crest winds down towards the viewer.
        let winding =
            (noise.line(share * 1.3 + row, row + 3.0, 2) - 0.5) * 1.5 * smooth(0.0, 0.7, share) + 0.30 * share;
        let edge = (x - summit) / rise - winding * lit_side;
        let hand = smooth(-0.012 - share * 0.05, 0.012 + share * 0.05, edge * lit_side);
        let ripple = noise.fbm(x * fine * 0.22 + row, (depth + x * 0.12) * fine * 1.3, 2) - 0.5;
        let gloom = smooth(1.0, 0.0, share * 0.7);
        let light =
            clamp01(hand * (0.93 + ripple * 0.34) + (1.0 - hand) * (0.10 + 0.22 * (1.0 - gloom)) + ripple * 0.05);
        scale_light(mix_light(mix_light(dim, sunny, light), mist, layer.far * 0.3 * smooth(0.6, 1.8, share)), 1.0)
    });
}
