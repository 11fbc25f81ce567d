//! The built-in painter: pictures from the words it knows, without any model.
//!
//! `words` says what a prompt means, `scene` turns that into plain data, `palette` chooses the colours, and `compose`
//! paints layer by layer from the sky to the foreground. Light is added up in linear RGB and mixed in `OKLab`. Nothing
//! outside the standard library is used, not even its sines: the same prompt, size and seed give the same bytes with
//! every compiler and on every machine.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "pixels, tables and shares: small numbers that change between counts and lengths"
)]

mod backdrop;
mod buildings;
mod canvas;
mod city;
mod clouds;
mod colour;
mod compose;
mod curve;
mod forest;
mod ground;
mod land;
mod meadow;
mod noise;
mod palette;
mod plants;
mod scene;
mod shape;
mod sky;
mod space;
mod stage;
mod subjects;
mod water;
mod waterside;
mod weather;
mod words;

/// The least and the greatest side of a picture, in pixels.
const SIDES: std::ops::RangeInclusive<u32> = 64..=2048;

/// Paints the prompt. Width and height are in pixels, from 64 to 2048; others are cut to that range.
///
/// The bytes are RGB, 8 bits each, row by row.
#[must_use]
pub fn paint(prompt: &str, width: u32, height: u32, seed: u32) -> Vec<u8> {
    let [width, height] = [width, height].map(|hand| hand.clamp(*SIDES.start(), *SIDES.end()) as usize);
    let scene = scene::Scene::new(prompt, seed);
    let mut stage = stage::Stage::new(&scene, width, height);
    compose::paint_scene(&mut stage);
    stage.canvas.into_bytes(seed)
}

#[cfg(test)]
mod tests;
