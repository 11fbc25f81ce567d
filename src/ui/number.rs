//! A whole number with its digits in groups of three: the same on server and browser, without a locale. Fractions are
//! printed by the server, as printing floats costs 9 KB of WASM.

use leptos::prelude::*;

use crate::i18n;

/// A whole number.
#[component]
pub fn Number(
    /// The number.
    #[prop(into)]
    value: i64,
) -> impl IntoView {
    view! { <span class="whitespace-nowrap tabular-nums">{grouped(value)}</span> }
}

/// `1,234,567`. The minus is U+2212, which is as wide as a plus.
#[must_use]
pub fn grouped(value: i64) -> String {
    let minus = if value < 0 { "\u{2212}" } else { "" };
    minus.to_owned() + &i18n::grouped(value.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn digits_stand_in_groups_of_three() {
        for (value, text) in
            [(0, "0"), (7, "7"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567"), (-1000, "\u{2212}1,000")]
        {
            assert_eq!(grouped(value), text);
        }
        assert_eq!([7, 2048, 400_000, 1_048_576].map(grouped), ["7", "2,048", "400,000", "1,048,576"]);
        assert_eq!(grouped(i64::MIN), "\u{2212}9,223,372,036,854,775,808");
    }
}
