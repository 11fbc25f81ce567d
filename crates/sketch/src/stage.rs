//! What every painter gets: the canvas, the scene and its colours, and where things are.

use super::canvas::Canvas;
use super::noise::{Dice, Noise};
use super::palette::Palette;
use super::scene::{Place, Scene, Subject, Time};
use super::shape::Point;

pub struct Stage<'a> {
    pub canvas: Canvas,
    pub scene: &'a Scene,
    pub palette: Palette,
    pub noise: Noise,
    /// Pixels of one hundredth of the picture: what sizes are measured in.
    pub unit: f32,
    /// The row where the sky ends.
    pub horizon: f32,
    /// The middle of the sun or the moon.
    pub sun: Point,
    /// 1 where the subject stands right of the middle, -1 where left: away from the sun.
    pub hand: f32,
}

impl<'a> Stage<'a> {
    pub fn new(scene: &'a Scene, width: usize, height: usize) -> Self {
        let mut dice = scene.dice.for_part(3);
        let (wide, high) = (width as f32, height as f32);
        let hand = dice.hand();
        let tall = high > wide * 1.2;
        let share = match scene.places[0] {
            Place::City => 0.70,
            Place::Lake | Place::River => 0.62,
            Place::Desert | Place::Garden => 0.54,
            _ => 0.60,
        };
        let horizon = high * (share + if tall { 0.04 } else { 0.0 });
        let low = matches!(scene.time, Time::Dawn | Time::Dusk);
        let up = if low { dice.range(0.62, 0.8) } else { dice.range(0.26, 0.38) };
        let sun = (wide * (0.5 - hand * dice.range(0.16, 0.26)), horizon * up);
        Self {
            canvas: Canvas::new(width, height),
            scene,
            palette: Palette::new(scene),
            noise: Noise::new(scene.dice.for_part(4)),
            unit: high.min(wide * 1.2) / 100.0,
            horizon,
            sun,
            hand,
        }
    }

    pub fn width(&self) -> f32 {
        self.canvas.width as f32
    }

    pub fn height(&self) -> f32 {
        self.canvas.height as f32
    }

    pub fn dice(&self, part: u64) -> Dice {
        self.scene.dice.for_part(part)
    }

    pub fn is_night(&self) -> bool {
        self.scene.time == Time::Night
    }

    /// Sun or moon are to be seen.
    pub fn has_disc(&self) -> bool {
        self.scene.has(Subject::Moon) || !self.scene.is_overcast()
    }
}
