//! Chance that repeats: a hash of the words, dice, and smooth noise.
//!
//! All of it is written here rather than taken from a crate: another version of a crate may throw other numbers, and
//! then the same prompt would give another picture.

use super::curve::{floor, lerp};

/// A well mixed number of any bytes (FNV-1a with a final stir).
pub fn hash(bytes: impl IntoIterator<Item = u8>) -> u64 {
    let sum = bytes
        .into_iter()
        .fold(0xcbf2_9ce4_8422_2325, |sum: u64, byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    stir(sum)
}

fn stir(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// A number from 0 to 1 for a cell of a grid.
pub fn speck(x: u32, y: u32) -> f32 {
    let mut bits = x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca77);
    bits = (bits ^ (bits >> 15)).wrapping_mul(0x2c1b_3c6d);
    bits = (bits ^ (bits >> 13)).wrapping_mul(0x297a_2d39);
    ((bits ^ (bits >> 16)) >> 8) as f32 / 16_777_216.0
}

/// Dice (`SplitMix64`).
#[derive(Debug, Clone)]
pub struct Dice {
    state: u64,
}

impl Dice {
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Other dice for one part of the picture: what one part throws never moves another part.
    pub fn for_part(&self, part: u64) -> Self {
        Self { state: stir(self.state ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15)) }
    }

    fn throw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        stir(self.state)
    }

    /// From 0 up to, not including, 1.
    pub fn unit(&mut self) -> f32 {
        (self.throw() >> 40) as f32 / 16_777_216.0
    }

    pub fn range(&mut self, from: f32, to: f32) -> f32 {
        lerp(from, to, self.unit())
    }

    /// A whole number below `count`, which is not 0.
    pub fn below(&mut self, count: usize) -> usize {
        (self.throw() >> 33) as usize % count
    }

    pub fn chance(&mut self, share: f32) -> bool {
        self.unit() < share
    }

    /// 1 or -1.
    pub fn hand(&mut self) -> f32 {
        if self.chance(0.5) { 1.0 } else { -1.0 }
    }
}

const SIDE: usize = 256;

/// Smooth noise from 0 to 1, about 0.5 in the mean.
pub struct Noise {
    table: Vec<f32>,
}

impl Noise {
    pub fn new(mut dice: Dice) -> Self {
        Self { table: (0..SIDE * SIDE).map(|_| dice.unit()).collect() }
    }

    /// At a point of the plane, one bump per unit.
    pub fn at(&self, x: f32, y: f32) -> f32 {
        let (column, row) = (floor(x), floor(y));
        let (u, v) = (x - column as f32, y - row as f32);
        let (u, v) = (u * u * (3.0 - 2.0 * u), v * v * (3.0 - 2.0 * v));
        let column = column as usize;
        let (left, right) = (column % SIDE, column.wrapping_add(1) % SIDE);
        let upper = (row as usize % SIDE) * SIDE;
        let lower = ((row as usize).wrapping_add(1) % SIDE) * SIDE;
        let above = lerp(self.table[upper + left], self.table[upper + right], u);
        let below = lerp(self.table[lower + left], self.table[lower + right], u);
        lerp(above, below, v)
    }

    /// Bumps upon bumps: each octave has half the size and half the weight of the one before.
    pub fn fbm(&self, mut x: f32, mut y: f32, octaves: u32) -> f32 {
        let (mut sum, mut weight, mut whole) = (0.0, 0.5, 0.0);
        for _ in 0..octaves {
            sum += weight * self.at(x, y);
            whole += weight;
            weight *= 0.5;
            // Turned a little, so that the grids of the octaves do not fall on one another.
            (x, y) = (x * 1.62 - y * 1.18 + 17.3, x * 1.18 + y * 1.62 + 41.7);
        }
        sum / whole
    }

    /// Bumps along a line; `row` picks the line.
    pub fn line(&self, x: f32, row: f32, octaves: u32) -> f32 {
        let (mut sum, mut weight, mut whole, mut x, mut row) = (0.0, 0.5, 0.0, x, row);
        for _ in 0..octaves {
            sum += weight * self.at(x, row);
            whole += weight;
            weight *= 0.5;
            x = x * 2.03 + 7.9;
            row += 13.37;
        }
        sum / whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_smooth_and_stays_between_nought_and_one() {
        let noise = Noise::new(Dice::new(7));
        for step in -5000i16..5000 {
            let x = f32::from(step) * 0.11;
            let here = noise.fbm(x, x * 0.7, 5);
            assert!((0.0..=1.0).contains(&here));
            assert!((here - noise.fbm(x + 0.001, x * 0.7, 5)).abs() < 0.05);
        }
    }

    #[test]
    fn dice_of_other_parts_throw_other_numbers() {
        let dice = Dice::new(1);
        assert_ne!(dice.for_part(1).throw(), dice.for_part(2).throw());
        assert_eq!(dice.for_part(1).throw(), dice.for_part(1).throw());
    }
}
