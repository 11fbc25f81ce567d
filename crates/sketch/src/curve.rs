//! The few functions of real numbers that painting needs, made of `+ - * /` and `sqrt` alone.
//!
//! The standard library asks the machine's C library for sines and powers, and those differ in the last bit from one
//! machine to the next. These do not: the same picture comes out everywhere.

use std::f32::consts::{LN_2, PI, TAU};

/// From `a` to `b` as `t` goes from 0 to 1.
pub fn lerp(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

/// Cuts off what is not between 0 and 1.
pub fn clamp01(x: f32) -> f32 {
    x.clamp(0.0, 1.0)
}

/// 0 before `from`, 1 after `to`, a soft S between. `from` may be the greater one.
pub fn smooth(from: f32, to: f32, x: f32) -> f32 {
    let t = clamp01((x - from) / (to - from));
    t * t * (3.0 - 2.0 * t)
}

/// The greatest whole number that is not above `x`. Faster than `f32::floor` where that is a call.
pub fn floor(x: f32) -> i32 {
    let whole = x as i32;
    whole - i32::from((whole as f32) > x)
}

/// The sine of an angle in radians, right to about 0.0001.
pub fn sin(x: f32) -> f32 {
    let turns = x / TAU;
    let mut x = (turns - floor(turns + 0.5) as f32) * TAU;
    // Both outer quarters mirror the inner ones.
    if x > PI / 2.0 {
        x = PI - x;
    } else if x < -PI / 2.0 {
        x = -PI - x;
    }
    let square = x * x;
    x * (1.0 - square / 6.0 * (1.0 - square / 20.0 * (1.0 - square / 42.0 * (1.0 - square / 72.0))))
}

/// The cosine of an angle in radians, right to about 0.0001.
pub fn cos(x: f32) -> f32 {
    sin(x + PI / 2.0)
}

/// 2 to the power of `x`; `x` is cut to -126..126.
fn exp2(x: f32) -> f32 {
    let x = x.clamp(-126.0, 126.0);
    let whole = floor(x);
    let rest = (x - whole as f32) * LN_2;
    let series = 1.0 + rest * (1.0 + rest / 2.0 * (1.0 + rest / 3.0 * (1.0 + rest / 4.0 * (1.0 + rest / 5.0))));
    series * f32::from_bits(((whole + 127) as u32) << 23)
}

/// The binary logarithm of a positive number.
fn log2(x: f32) -> f32 {
    let bits = x.to_bits();
    let exponent = (bits >> 23).cast_signed() - 127;
    let mantissa = f32::from_bits((bits & 0x007f_ffff) | 0x3f80_0000);
    let z = (mantissa - 1.0) / (mantissa + 1.0);
    let square = z * z;
    let series = z * (1.0 + square * (1.0 / 3.0 + square * (1.0 / 5.0 + square * (1.0 / 7.0 + square / 9.0))));
    exponent as f32 + 2.0 * series / LN_2
}

/// `x` to the power of `y`; 0 for an `x` that is not positive.
pub fn pow(x: f32, y: f32) -> f32 {
    if x <= 0.0 { 0.0 } else { exp2(y * log2(x)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_close(a: f32, b: f32) -> bool {
        (a - b).abs() <= 0.0002 * (1.0 + b.abs())
    }

    #[test]
    fn the_curves_follow_those_of_the_standard_library() {
        for step in -400i16..400 {
            let x = f32::from(step) * 0.05;
            assert!(is_close(sin(x), x.sin()), "sin {x}");
            assert!(is_close(cos(x), x.cos()), "cos {x}");
            assert!(is_close(pow(x.abs() + 0.01, 2.4), (x.abs() + 0.01).powf(2.4)), "pow {x}");
            assert_eq!(floor(x), x.floor() as i32, "floor {x}");
        }
    }
}
