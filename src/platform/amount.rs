//! Amounts of credits: exact inside, and as people and programs read them outside.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::i18n::grouped;

/// Micro-credits in a credit.
const CREDIT: i64 = 1_000_000;
/// Digits after the point.
const DECIMALS: usize = 6;
/// Digits after the point that a person reads.
const READABLE: i64 = CREDIT / 100;

/// An amount of credits, in millionths of a credit (micro-credits).
///
/// Outside it is a number of credits with at most six decimals, without trailing zeros: `1`, `0.25`. What comes from outside
/// is at most [`Amount::MAX`], so that it is exact as a number of JSON too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "ssr", schema(value_type = f64, multiple_of = 0.000_001, example = 1))]
pub struct Amount(i64);

impl Amount {
    pub const ZERO: Self = Self(0);
    /// The least that can be charged: a millionth of a credit.
    pub const LEAST: Self = Self(1);
    /// Most that is taken from outside: a thousand million credits.
    pub const MAX: Self = Self(1_000_000_000 * CREDIT);

    /// So many millionths of a credit.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// In millionths of a credit.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// So many whole credits.
    #[must_use]
    pub const fn credits(credits: i64) -> Self {
        Self(credits.saturating_mul(CREDIT))
    }

    /// Reads a decimal number of credits: digits, and at most six of them after a point; at most [`Amount::MAX`].
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let is_number =
            |digits: &str, most| (1..=most).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        if !is_number(whole, 10) || !is_number(part, DECIMALS) {
            return None;
        }
        let mut micros = whole.parse::<i64>().ok()?.checked_mul(CREDIT)?;
        let mut unit = CREDIT;
        for digit in part.bytes() {
            unit /= 10;
            micros += i64::from(digit - b'0') * unit;
        }
        Some(Self(micros)).filter(|amount| *amount <= Self::MAX)
    }

    /// So many times as much.
    #[must_use]
    pub fn times(self, count: usize) -> Self {
        Self(self.0.saturating_mul(i64::try_from(count).unwrap_or(i64::MAX)))
    }

    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    #[must_use]
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// What a person reads of a price: two decimals, rounded up.
    #[must_use]
    pub fn as_price(self) -> String {
        shown(self.0.div_euclid(READABLE) + i64::from(self.0.rem_euclid(READABLE) > 0))
    }

    /// What a person reads of what there is: two decimals, rounded down, so that never more is shown than can be spent.
    #[must_use]
    pub fn as_balance(self) -> String {
        shown(self.0.div_euclid(READABLE))
    }

    /// All of its decimals, with the digits before the point in groups. The minus is U+2212, which is as wide as a plus.
    #[must_use]
    pub fn as_entry(self) -> String {
        written(self.0, grouped, "\u{2212}")
    }
}

/// Of an amount in hundredths of a credit.
fn shown(hundredths: i64) -> String {
    written(hundredths.saturating_mul(READABLE), grouped, "\u{2212}")
}

fn written(micros: i64, whole: impl Fn(u64) -> String, minus: &str) -> String {
    let size = micros.unsigned_abs();
    let (credits, mut part) = (size / CREDIT.unsigned_abs(), size % CREDIT.unsigned_abs());
    let mut text = if micros < 0 { minus.to_owned() } else { String::new() };
    text.push_str(&whole(credits));
    if part > 0 {
        text.push('.');
        let mut unit = CREDIT.unsigned_abs() / 10;
        while part > 0 {
            text.push_str(&(part / unit).to_string());
            part %= unit;
            unit /= 10;
        }
    }
    text
}

impl fmt::Display for Amount {
    /// For programs: `-1234.5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&written(self.0, |credits| credits.to_string(), "-"))
    }
}

impl Add for Amount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Amount {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Amount {
    type Output = Self;

    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl SubAssign for Amount {
    fn sub_assign(&mut self, other: Self) {
        self.0 -= other.0;
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 % CREDIT == 0 {
            return serializer.serialize_i64(self.0 / CREDIT);
        }
        // Exact: below 2^32 credits no two amounts have the same double, and the shortest text of a double is the amount.
        #[expect(clippy::cast_precision_loss, reason = "amounts are below 2^53 millionths")]
        serializer.serialize_f64(self.0 as f64 / CREDIT as f64)
    }
}

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Credits)
    }
}

struct Credits;

impl Visitor<'_> for Credits {
    type Value = Amount;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of credits with at most six decimals")
    }

    fn visit_i64<E: de::Error>(self, credits: i64) -> Result<Amount, E> {
        let most = Amount::MAX.0 / CREDIT;
        if (-most..=most).contains(&credits) { Ok(Amount::credits(credits)) } else { Err(too_large()) }
    }

    fn visit_u64<E: de::Error>(self, credits: u64) -> Result<Amount, E> {
        self.visit_i64(i64::try_from(credits).map_err(|_| too_large())?)
    }

    fn visit_f64<E: de::Error>(self, credits: f64) -> Result<Amount, E> {
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "it is checked")]
        let (micros, credit) = ((credits * CREDIT as f64).round() as i64, CREDIT as f64);
        if micros.unsigned_abs() > Amount::MAX.0.unsigned_abs() {
            return Err(too_large());
        }
        #[expect(
            clippy::cast_precision_loss,
            clippy::float_cmp,
            reason = "amounts are below 2^53 millionths: the same double"
        )]
        let is_exact = micros as f64 / credit == credits;
        if is_exact { Ok(Amount(micros)) } else { Err(de::Error::custom("it has more than six decimals")) }
    }
}

fn too_large<E: de::Error>() -> E {
    de::Error::custom("it is at most 1000000000 credits")
}

/// As it is stored: an integer of millionths. For `#[serde(with = "…")]`.
pub mod micros {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Amount;

    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(amount: &Amount, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(amount.micros())
    }

    /// # Errors
    /// Those of the deserializer.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Amount, D::Error> {
        i64::deserialize(deserializer).map(Amount::from_micros)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_amount_is_written_exactly_and_without_trailing_zeros() {
        for (micros, text) in [
            (0, "0"),
            (1_000_000, "1"),
            (250_000, "0.25"),
            (-1_500_000, "-1.5"),
            (1, "0.000001"),
            (1_234_567_000_010, "1234567.00001"),
        ] {
            assert_eq!(Amount::from_micros(micros).to_string(), text);
            let read: Amount = serde_json::from_str(text).unwrap();
            assert_eq!(read.micros(), micros, "{text}");
        }
        let json = |micros| serde_json::to_string(&Amount::from_micros(micros)).unwrap();
        assert_eq!((json(2_000_000), json(250_000), json(-10_100_000)), ("2".into(), "0.25".into(), "-10.1".into()));
    }

    #[test]
    fn what_people_read_is_rounded_to_their_favour() {
        let amount = Amount::from_micros;
        assert_eq!(
            (amount(1).as_price(), amount(1).as_balance(), amount(1).as_entry()),
            ("0.01".into(), "0".into(), "0.000001".into())
        );
        assert_eq!((amount(1_250_000).as_price(), amount(1_259_999).as_balance()), ("1.25".into(), "1.25".into()));
        assert_eq!((amount(1_995_001).as_price(), amount(12_345_000_000).as_price()), ("2".into(), "12,345".into()));
        assert_eq!(amount(-1_234_500_000).as_entry(), "\u{2212}1,234.5");
        assert_eq!(amount(-1).as_balance(), "\u{2212}0.01");
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in
            ["", ".", "1.", ".5", "-1", "+1", "1e3", "0.0000001", "1000000001", "10000000000", "1,5", "1.2.3", "١"]
        {
            assert_eq!(Amount::parse(text), None, "{text}");
        }
        for text in ["0.0000001", "1000000001", "1e300", "-1e300", "\"1\"", "null", "1.00000049"] {
            assert!(serde_json::from_str::<Amount>(text).is_err(), "{text}");
        }
        assert_eq!(Amount::parse("1000000000"), Some(Amount::MAX));
        assert_eq!(Amount::parse("0.075").unwrap().micros(), 75_000);
    }

    proptest! {
        #[test]
        fn every_amount_makes_the_round_trip(micros in -Amount::MAX.0..=Amount::MAX.0) {
            let amount = Amount::from_micros(micros);
            let json = serde_json::to_string(&amount).unwrap();
            prop_assert_eq!(serde_json::from_str::<Amount>(&json).unwrap(), amount);
            prop_assert_eq!(serde_json::from_str::<Amount>(&amount.to_string()).unwrap(), amount);
            if !json.contains('e') {
                prop_assert_eq!(json, amount.to_string());
            }
            if micros >= 0 {
                prop_assert_eq!(Amount::parse(&amount.to_string()), Some(amount));
            }
        }
    }
}
