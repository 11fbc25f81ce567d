//! Shapes with clean edges: polygons, strokes and the land below a line.

use super::canvas::Canvas;
use super::colour::Light;
use super::curve::{clamp01, cos, sin};

/// A point of the canvas, in pixels.
pub type Point = (f32, f32);

/// Scan lines per pixel row.
const SLICES: usize = 4;

/// Fills a polygon with one colour.
pub fn fill(canvas: &mut Canvas, points: &[Point], light: Light) {
    fill_with(canvas, points, |_, _| (light, 1.0));
}

/// Fills a polygon; `paint` says the light and the cover of a pixel. Parts that overlap stay filled.
pub fn fill_with(canvas: &mut Canvas, points: &[Point], mut paint: impl FnMut(f32, f32) -> (Light, f32)) {
    let (Some(left), Some(right)) = (least(points, |p| p.0), least(points, |p| -p.0)) else { return };
    let (Some(top), Some(bottom)) = (least(points, |p| p.1), least(points, |p| -p.1)) else { return };
    let columns = canvas.columns(left, -right);
    if columns.is_empty() {
        return;
    }
    let mut cover = vec![0.0_f32; columns.len()];
    let mut edges: Vec<(Point, Point)> = Vec::new();
    let mut crossings: Vec<(f32, i32)> = Vec::new();
    for row in canvas.rows(top, -bottom) {
        let (above, below) = (row as f32, row as f32 + 1.0);
        edges.clear();
        let next = points.iter().cycle().skip(1);
        edges.extend(
            points.iter().copied().zip(next.copied()).filter(|(a, b)| a.1.min(b.1) < below && a.1.max(b.1) > above),
        );
        if edges.is_empty() {
            continue;
        }
        cover.fill(0.0);
        for slice in 0..SLICES {
            let y = above + (slice as f32 + 0.5) / SLICES as f32;
            crossings.clear();
            for (a, b) in &edges {
                if (a.1 <= y) != (b.1 <= y) {
                    let x = a.0 + (y - a.1) / (b.1 - a.1) * (b.0 - a.0);
                    crossings.push((x - columns.start as f32, if a.1 <= y { 1 } else { -1 }));
                }
            }
            crossings.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
            let mut winding = 0;
            for pair in crossings.windows(2) {
                winding += pair[0].1;
                if winding != 0 {
                    add_span(&mut cover, pair[0].0, pair[1].0);
                }
            }
        }
        for (column, &share) in columns.clone().zip(&cover) {
            if share > 0.0 {
                let (light, alpha) = paint(column as f32 + 0.5, row as f32 + 0.5);
                canvas.blend(column, row, light, clamp01(share) * alpha);
            }
        }
    }
}

/// The share of each pixel that lies between two points of a scan line.
fn add_span(cover: &mut [f32], from: f32, to: f32) {
    let (from, to) = (from.max(0.0), to.min(cover.len() as f32));
    if from >= to {
        return;
    }
    let (first, last) = (from as usize, (to as usize).min(cover.len() - 1));
    let slice = 1.0 / SLICES as f32;
    if first == last {
        cover[first] += (to - from) * slice;
        return;
    }
    cover[first] += (first as f32 + 1.0 - from) * slice;
    for share in &mut cover[first + 1..last] {
        *share += slice;
    }
    cover[last] += (to - last as f32) * slice;
}

fn least(points: &[Point], part: impl Fn(&Point) -> f32) -> Option<f32> {
    points.iter().map(part).filter(|x| x.is_finite()).min_by(f32::total_cmp)
}

/// A line that is `from_width` wide at its start and `to_width` at its end.
pub fn stroke(canvas: &mut Canvas, from: Point, to: Point, (from_width, to_width): (f32, f32), light: Light) {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let long = (dx * dx + dy * dy).sqrt().max(0.001);
    let (nx, ny) = (-dy / long / 2.0, dx / long / 2.0);
    let points = [
        (from.0 + nx * from_width, from.1 + ny * from_width),
        (to.0 + nx * to_width, to.1 + ny * to_width),
        (to.0 - nx * to_width, to.1 - ny * to_width),
        (from.0 - nx * from_width, from.1 - ny * from_width),
    ];
    fill(canvas, &points, light);
}

/// An upright box.
pub fn fill_box(canvas: &mut Canvas, (left, top): Point, (right, bottom): Point, light: Light) {
    fill(canvas, &[(left, top), (right, top), (right, bottom), (left, bottom)], light);
}

/// The outline of an ellipse.
pub fn oval((x, y): Point, wide: f32, high: f32) -> Vec<Point> {
    const CORNERS: u8 = 28;
    (0..CORNERS)
        .map(|corner| {
            let angle = f32::from(corner) / f32::from(CORNERS) * std::f32::consts::TAU;
            (x + wide * cos(angle), y + high * sin(angle))
        })
        .collect()
}

/// Paints everything below a line, down to the row `bottom`. `tops` has one height per column; `paint` gets the column,
/// the row and the depth below the line.
pub fn fill_below(canvas: &mut Canvas, tops: &[f32], bottom: f32, paint: impl Fn(f32, f32, f32) -> Light) {
    fill_between(canvas, tops, &vec![bottom; tops.len()], paint);
}

/// As [`fill_below`], each column down to a row of its own in `ends`: what lies deeper will be hidden anyway.
pub fn fill_between(canvas: &mut Canvas, tops: &[f32], ends: &[f32], paint: impl Fn(f32, f32, f32) -> Light) {
    let bottom = ends.iter().copied().fold(0.0, f32::max);
    let highest = tops.iter().copied().fold(f32::INFINITY, f32::min);
    // A steep line crosses many rows per column: its edge is measured across, not down.
    let across: Vec<f32> = (0..tops.len())
        .map(|x| {
            let slope = (tops[(x + 1).min(tops.len() - 1)] - tops[x.saturating_sub(1)]) / 2.0;
            1.0 / (1.0 + slope * slope).sqrt()
        })
        .collect();
    for row in canvas.rows(highest - 2.0, bottom) {
        for (column, ((&top, &across), &end)) in tops.iter().zip(&across).zip(ends).enumerate().take(canvas.width) {
            let depth = row as f32 + 0.5 - top;
            let cover = depth * across + 0.5;
            if cover > 0.0 && row as f32 <= end {
                canvas.blend(column, row, paint(column as f32, row as f32, depth.max(0.0)), cover.min(1.0));
            }
        }
    }
}
