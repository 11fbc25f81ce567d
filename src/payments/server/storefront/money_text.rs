//! Money as people read it.

use crate::i18n::{Language, current_language};
use crate::platform::amount::Amount;
use crate::platform::money::Money;

/// `$1,250.00`; currencies without a sign of their own here are named: `CHF 20.00`.
pub fn money_text(money: Money) -> String {
    signed(money.currency.code(), &money.to_decimal())
}

/// What a credit costs, where so many cost this: with two decimals more than the currency has, as far as they are not zero.
pub fn per_credit(price: Money, credits: Amount) -> String {
    let exponent = usize::try_from(price.currency.exponent()).unwrap_or_default();
    let micros = i128::from(credits.micros().max(1));
    let hundredths = (i128::from(price.minor) * 100 * 1_000_000 + micros / 2) / micros;
    let places = exponent + 2;
    let digits = format!("{hundredths:0>width$}", width = places + 1);
    let (whole, part) = digits.split_at(digits.len() - places);
    let (fixed, rest) = part.split_at(exponent);
    let part = format!("{fixed}{}", rest.trim_end_matches('0'));
    signed(price.currency.code(), &if part.is_empty() { whole.to_owned() } else { format!("{whole}.{part}") })
}

fn signed(code: &str, number: &str) -> String {
    let (whole, part) = number.split_once('.').map_or((number, ""), |(whole, part)| (whole, part));
    let mut text = whole.parse().map_or_else(|_| whole.to_owned(), crate::i18n::grouped);
    if !part.is_empty() {
        text.push('.');
        text.push_str(part);
    }
    match (current_language(), code) {
        (Language::En, "USD") => format!("${text}"),
        (Language::Zh, "USD") => format!("US${text}"),
        (_, "EUR") => format!("€{text}"),
        (_, "GBP") => format!("£{text}"),
        (Language::En, "JPY") | (Language::Zh, "CNY") => format!("¥{text}"),
        (Language::En, "CNY") => format!("CN¥{text}"),
        (Language::Zh, "JPY") => format!("JP¥{text}"),
        // A space that does not break.
        (_, code) => format!("{code}\u{a0}{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::i18n::in_language;
    use crate::platform::money::Currency;

    fn money(minor: i64, code: &str) -> Money {
        Money::new(minor, Currency::parse(code).unwrap())
    }

    #[tokio::test]
    async fn money_has_the_sign_of_its_currency() {
        let texts = || {
            [(125_000, "USD"), (2000, "CHF"), (1_500, "JPY"), (5, "EUR"), (1_234, "KWD")]
                .map(|(minor, code)| money_text(money(minor, code)).replace('\u{a0}', " "))
        };
        assert_eq!(texts(), ["$1,250.00", "CHF 20.00", "¥1,500", "€0.05", "KWD 1.234"]);
        assert_eq!(in_language(Language::Zh, async { texts() }).await[0], "US$1,250.00");
    }

    #[test]
    fn a_credit_costs_what_is_paid_for_it() {
        let each =
            |minor, code, credits| per_credit(money(minor, code), Amount::credits(credits)).replace('\u{a0}', " ");
        assert_eq!(
            [each(500, "USD", 100), each(2000, "USD", 500), each(6000, "USD", 2000)],
            ["$0.05", "$0.04", "$0.03"]
        );
        assert_eq!(
            [each(999, "USD", 100), each(2000, "USD", 550), each(100, "USD", 3)],
            ["$0.0999", "$0.0364", "$0.3333"]
        );
        assert_eq!([each(500, "JPY", 100), each(500, "JPY", 300), each(1, "KWD", 1000)], ["¥5", "¥1.67", "KWD 0.000"]);
    }
}
