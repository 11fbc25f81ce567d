//! Amounts as PayPal writes them: its number of decimals is not always that of ISO 4217.

use serde::{Deserialize, Serialize};

use crate::platform::money::{Currency, Money};

/// An amount as JSON has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Value {
    currency_code: String,
    value: String,
}

/// An amount as the older parts of PayPal have it. What went back may be negative there.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct OldValue {
    total: String,
    currency: String,
}

impl OldValue {
    /// How much it is, either way.
    pub(super) fn read(&self) -> Option<Money> {
        let value = self.total.strip_prefix('-').unwrap_or(&self.total).to_owned();
        Value { currency_code: self.currency.clone(), value }.read()
    }
}

/// How many digits PayPal takes after the point.
fn decimals(currency: Currency) -> u32 {
    match currency.code() {
        "HUF" | "JPY" | "TWD" => 0,
        _ => currency.exponent(),
    }
}

/// The least that PayPal moves of a currency, in its smallest unit.
pub(in crate::payments::server) fn step_of(currency: Currency) -> i64 {
    10_i64.saturating_pow(currency.exponent().saturating_sub(decimals(currency)))
}

impl Value {
    /// `None` where PayPal has no decimals and the amount has some.
    pub(super) fn write(money: Money) -> Option<Self> {
        let unwritten = money.currency.exponent().saturating_sub(decimals(money.currency));
        let factor = 10_i64.checked_pow(unwritten)?;
        let value = match factor {
            1 => money.to_decimal(),
            _ if money.minor % factor == 0 => (money.minor / factor).to_string(),
            _ => return None,
        };
        Some(Self { currency_code: money.currency.code().to_owned(), value })
    }

    /// `None` where it is no amount that there can be.
    pub(super) fn read(&self) -> Option<Money> {
        let currency = Currency::parse(&self.currency_code)?;
        // Noughts that the currency has no room for say nothing.
        let bare = || match self.value.split_once('.') {
            Some((whole, part)) if !part.is_empty() && part.bytes().all(|digit| digit == b'0') => Some(whole),
            _ => None,
        };
        Money::parse(&self.value, currency).or_else(|| Money::parse(bare()?, currency))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(minor: i64, code: &str) -> Money {
        Money::new(minor, Currency::parse(code).unwrap())
    }

    fn value(value: &str, code: &str) -> Value {
        Value { currency_code: code.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn a_step_is_what_can_be_written() {
        for (code, step) in [("USD", 1), ("HUF", 100), ("TWD", 100), ("JPY", 1), ("KWD", 1)] {
            let currency = Currency::parse(code).unwrap();
            assert_eq!(step_of(currency), step, "{code}");
            assert!(Value::write(Money::new(7 * step, currency)).is_some(), "{code}");
        }
    }

    #[test]
    fn amounts_make_the_round_trip_in_each_exponent() {
        for (minor, code, written) in [
            (500, "USD", "5.00"),
            (5, "EUR", "0.05"),
            (500, "JPY", "500"),
            // Two decimals in ISO 4217, none at PayPal.
            (150_000, "HUF", "1500"),
            (15_000, "TWD", "150"),
            (1234, "KWD", "1.234"),
        ] {
            let amount = money(minor, code);
            assert_eq!(Value::write(amount), Some(value(written, code)));
            assert_eq!(value(written, code).read(), Some(amount));
        }
        for (minor, code) in [(150_050, "HUF"), (1, "TWD")] {
            assert_eq!(Value::write(money(minor, code)), None, "{minor} {code}");
        }
    }

    #[test]
    fn what_is_read_is_exact_or_nothing() {
        assert_eq!(value("500.00", "JPY").read(), Some(money(500, "JPY")));
        assert_eq!(value("1500.00", "HUF").read(), Some(money(150_000, "HUF")));
        assert_eq!(value("1500.5", "HUF").read(), Some(money(150_050, "HUF")), "another amount than was asked for");
        for (text, code) in [
            ("500.01", "JPY"),
            ("5.001", "USD"),
            ("-5.00", "USD"),
            ("5,00", "USD"),
            ("", "USD"),
            ("5.", "USD"),
            ("5", "usd"),
        ] {
            assert_eq!(value(text, code).read(), None, "{text} {code}");
        }
    }
}
