//! Decimal numbers exactly as they are written: no double comes between a file and an amount.

/// Significant digits of a number, at most.
const DIGITS: usize = 30;
/// The largest exponent, and the smallest.
const EXPONENT: i32 = 60;

/// A number that is not negative: `digits * 10^exponent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    digits: u128,
    exponent: i32,
}

/// What is wrong with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotDecimal {
    /// It is none, or has more digits than a price ever has.
    Unreadable,
    Negative,
}

impl Decimal {
    /// Reads `0.25`, `12`, `7.5e-08`.
    pub fn parse(text: &str) -> Result<Self, NotDecimal> {
        let text = text.trim();
        if let Some(size) = text.strip_prefix('-') {
            let size = Self::parse_size(size)?;
            return if size.digits == 0 { Ok(size) } else { Err(NotDecimal::Negative) };
        }
        Self::parse_size(text.strip_prefix('+').unwrap_or(text))
    }

    fn parse_size(text: &str) -> Result<Self, NotDecimal> {
        let (number, exponent) = match text.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, read_exponent(exponent)?),
            None => (text, 0),
        };
        let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(part) {
            return Err(NotDecimal::Unreadable);
        }
        let part = part.trim_end_matches('0');
        let digits = format!("{whole}{part}");
        let digits = digits.trim_start_matches('0');
        if digits.len() > DIGITS {
            return Err(NotDecimal::Unreadable);
        }
        let digits = if digits.is_empty() { 0 } else { digits.parse().map_err(|_| NotDecimal::Unreadable)? };
        let places = i32::try_from(part.len()).map_err(|_| NotDecimal::Unreadable)?;
        Ok(Self { digits, exponent: exponent - places })
    }

    /// As a whole number of units of `10^-places`, rounded up, and whether it is exactly that; `None`: it is too large.
    pub fn in_units(self, places: i32) -> Option<(u64, bool)> {
        if self.digits == 0 {
            return Some((0, true));
        }
        let exponent = self.exponent + places;
        let Ok(shift) = u32::try_from(exponent) else {
            let Some(unit) = 10_u128.checked_pow(exponent.unsigned_abs()) else {
                return Some((1, false));
            };
            let units = u64::try_from(self.digits.div_ceil(unit)).ok()?;
            return Some((units, self.digits.is_multiple_of(unit)));
        };
        let units = self.digits.checked_mul(10_u128.checked_pow(shift)?)?;
        Some((u64::try_from(units).ok()?, true))
    }
}

fn read_exponent(text: &str) -> Result<i32, NotDecimal> {
    let exponent: i32 = text.parse().map_err(|_| NotDecimal::Unreadable)?;
    if (-EXPONENT..=EXPONENT).contains(&exponent) { Ok(exponent) } else { Err(NotDecimal::Unreadable) }
}

/// Millionths as a decimal number without trailing zeros: `0.075`.
pub fn written(millionths: u64) -> String {
    let (whole, part) = (millionths / 1_000_000, millionths % 1_000_000);
    let part = format!("{part:06}");
    let part = part.trim_end_matches('0');
    if part.is_empty() { whole.to_string() } else { format!("{whole}.{part}") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn millionths(text: &str) -> Option<(u64, bool)> {
        Decimal::parse(text).unwrap().in_units(6)
    }

    #[test]
    fn numbers_are_read_exactly_however_they_are_written() {
        for (text, is) in [
            ("0", 0),
            ("1", 1_000_000),
            ("0.25", 250_000),
            ("+2.50", 2_500_000),
            (" 12 ", 12_000_000),
            ("7.5e-1", 750_000),
            ("1E3", 1_000_000_000),
            ("00012.000000000000000000000000000000000000", 12_000_000),
            ("-0", 0),
            ("-0.0", 0),
        ] {
            assert_eq!(millionths(text), Some((is, true)), "{text}");
        }
        // A price of a token is a million times that of a million of them.
        assert_eq!(Decimal::parse("7.5e-08").unwrap().in_units(12), Some((75_000, true)));
        assert_eq!(Decimal::parse("0.0000045").unwrap().in_units(12), Some((4_500_000, true)));
    }

    #[test]
    fn what_is_finer_than_its_unit_is_rounded_up_and_said() {
        assert_eq!(millionths("0.0000001"), Some((1, false)));
        assert_eq!(millionths("1.00000010"), Some((1_000_001, false)));
        assert_eq!(millionths("3.3333333333333335e-05"), Some((34, false)));
        assert_eq!(millionths("1e-60"), Some((1, false)));
        assert_eq!((millionths("1e60"), millionths("99999999999999999999")), (None, None));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in
            ["", ".", "1.", ".5", "1e", "e5", "1e1000", "nan", "inf", "1_000", "1,5", "1.2.3", "0x10", "١", "--1"]
        {
            assert_eq!(Decimal::parse(text), Err(NotDecimal::Unreadable), "{text}");
        }
        assert_eq!(Decimal::parse(&"9".repeat(31)), Err(NotDecimal::Unreadable));
        assert_eq!(Decimal::parse("-0.5"), Err(NotDecimal::Negative));
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_is_read(millionths in 0..=1_000_000_000_000_000_u64, shift in 0..20_i32) {
            prop_assert_eq!(Decimal::parse(&written(millionths)).unwrap().in_units(6), Some((millionths, true)));
            let text = format!("{millionths}e-{shift}");
            prop_assert_eq!(Decimal::parse(&text).unwrap().in_units(shift), Some((millionths, true)));
        }
    }
}
