//! Money: whole numbers of a currency's smallest unit, and exact decimals outside. Never floating point.

use std::fmt;

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize, Serializer};

/// The currencies of ISO 4217 that people pay with.
const CODES: &str = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF \
    CHF CLF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG \
    HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK \
    MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD \
    SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYI UYU UYW UZS VED \
    VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG";
/// Those whose smallest unit is the currency itself.
const WHOLE: &str = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
const THOUSANDTHS: &str = "BHD IQD JOD KWD LYD OMR TND";
const TEN_THOUSANDTHS: &str = "CLF UYW";
/// Most that is taken from outside, in the smallest unit: exact as a number of JSON too.
const MOST: i64 = 1_000_000_000_000;

/// A currency of ISO 4217.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    pub const USD: Self = Self(*b"USD");

    /// The currency of a code such as `USD`.
    #[must_use]
    pub fn parse(code: &str) -> Option<Self> {
        let known = CODES.split(' ').map(str::trim).any(|known| known == code);
        code.as_bytes().try_into().ok().filter(|_| known).map(Self)
    }

    #[must_use]
    pub fn code(&self) -> &str {
        // Only `parse` makes one: letters.
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// Digits after the point.
    #[must_use]
    pub fn exponent(self) -> u32 {
        let is_in = |list: &str| list.split(' ').any(|code| code == self.code());
        match () {
            () if is_in(WHOLE) => 0,
            () if is_in(THOUSANDTHS) => 3,
            () if is_in(TEN_THOUSANDTHS) => 4,
            () => 2,
        }
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    /// In the smallest unit of the currency.
    pub minor: i64,
    pub currency: Currency,
}

impl Money {
    #[must_use]
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Reads `5.00`: digits, and no more of them after a point than the currency has. `5` and `5.0` are the same.
    #[must_use]
    pub fn parse(text: &str, currency: Currency) -> Option<Self> {
        let (whole, part) = match text.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (text, ""),
        };
        let exponent = usize::try_from(currency.exponent()).ok()?;
        let is_number = |digits: &str| digits.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || whole.len() > 15 || !is_number(whole) || !is_number(part) || part.len() > exponent {
            return None;
        }
        let minor: i64 = format!("{whole}{part:0<exponent$}").parse().ok()?;
        (minor <= MOST).then_some(Self { minor, currency })
    }

    /// `5.00`: as many digits after the point as the currency has.
    #[must_use]
    pub fn to_decimal(self) -> String {
        let exponent = usize::try_from(self.currency.exponent()).unwrap_or_default();
        let minus = if self.minor < 0 { "-" } else { "" };
        let digits = format!("{:0>width$}", self.minor.unsigned_abs(), width = exponent + 1);
        match digits.split_at(digits.len() - exponent) {
            (whole, "") => format!("{minus}{whole}"),
            (whole, part) => format!("{minus}{whole}.{part}"),
        }
    }

    /// None of this currency.
    #[must_use]
    pub const fn none_of(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// `self * part / whole`, rounded down.
    #[must_use]
    pub fn share(self, part: i64, whole: i64) -> Self {
        Self { minor: share(self.minor, part, whole), ..self }
    }
}

/// `amount * part / whole`, rounded down; all of it where `whole` is nothing.
#[must_use]
pub fn share(amount: i64, part: i64, whole: i64) -> i64 {
    if whole <= 0 || part >= whole {
        return amount;
    }
    let exact = i128::from(amount) * i128::from(part.max(0)) / i128::from(whole);
    i64::try_from(exact).unwrap_or(amount)
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.to_decimal(), self.currency)
    }
}

/// As JSON has it.
#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "ssr", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "ssr", schema(as = Money))]
pub struct WrittenMoney {
    /// A decimal number with as many digits after the point as the currency has.
    #[cfg_attr(feature = "ssr", schema(example = "12.80"))]
    amount: String,
    /// ISO 4217.
    #[cfg_attr(feature = "ssr", schema(example = "USD"))]
    currency: String,
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = WrittenMoney { amount: self.to_decimal(), currency: self.currency.code().to_owned() };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let WrittenMoney { amount, currency } = WrittenMoney::deserialize(deserializer)?;
        let money = Currency::parse(&currency).and_then(|currency| Self::parse(&amount, currency));
        money.ok_or_else(|| D::Error::custom("expected an amount of money"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn currency(code: &str) -> Currency {
        Currency::parse(code).unwrap()
    }

    #[test]
    fn each_currency_has_its_own_exponent() {
        for (code, exponent) in [("USD", 2), ("EUR", 2), ("JPY", 0), ("KWD", 3), ("HUF", 2), ("TWD", 2), ("CLF", 4)] {
            assert_eq!(currency(code).exponent(), exponent, "{code}");
        }
        for wrong in ["usd", "US", "USDD", "", "USB", "XXX", "U D", " US"] {
            assert_eq!(Currency::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn money_is_read_exactly_or_not_at_all() {
        for (text, code, minor) in [
            ("5.00", "USD", 500),
            ("5", "USD", 500),
            ("5.5", "USD", 550),
            ("0.01", "USD", 1),
            ("500", "JPY", 500),
            ("1.234", "KWD", 1234),
        ] {
            assert_eq!(Money::parse(text, currency(code)).map(|money| money.minor), Some(minor), "{text} {code}");
        }
        for (text, code) in [
            ("5.001", "USD"),
            ("500.0", "JPY"),
            ("5.", "USD"),
            (".5", "USD"),
            ("-5", "USD"),
            ("+5", "USD"),
            ("5e2", "USD"),
            ("5,00", "USD"),
            ("", "USD"),
            (" 5", "USD"),
            ("99999999999999999", "USD"),
            ("٥", "USD"),
        ] {
            assert_eq!(Money::parse(text, currency(code)), None, "{text} {code}");
        }
        assert_eq!(Money::new(-5, Currency::USD).to_decimal(), "-0.05");
        assert_eq!(Money::new(1234, currency("JPY")).to_string(), "1234 JPY");
        assert_eq!(Money::new(1280, Currency::USD).to_string(), "12.80 USD");
    }

    #[test]
    fn a_share_is_rounded_down() {
        assert_eq!(Money::new(2000, Currency::USD).share(320, 500).minor, 1280);
        assert_eq!(share(10, 1, 3), 3);
        assert_eq!((share(10, 4, 3), share(10, -1, 3), share(i64::MAX, 1, 1)), (10, 0, i64::MAX));
    }

    proptest! {
        #[test]
        fn money_makes_the_round_trip(minor in 0..=MOST, code in proptest::sample::select(vec!["USD", "JPY", "KWD", "CLF"])) {
            let money = Money::new(minor, currency(code));
            prop_assert_eq!(Money::parse(&money.to_decimal(), money.currency), Some(money));
            let json = serde_json::to_string(&money).unwrap();
            prop_assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money);
        }
    }
}
