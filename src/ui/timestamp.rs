//! A moment. Server and browser print the same: UTC, without a time zone database or a locale.

use leptos::prelude::*;

use crate::i18n::{Text, fill, t};

/// A moment, to the minute, in UTC.
#[component]
pub fn Timestamp(
    /// RFC 3339, UTC.
    #[prop(into)]
    at: String,
) -> impl IntoView {
    let text = short_utc(&at);
    view! { <time datetime=at class="whitespace-nowrap tabular-nums">{text}</time> }
}

/// `22 Nov 2026, 18:42` from `2026-11-22T18:42:29Z`; anything that is not such a moment stays as it is.
fn short_utc(at: &str) -> String {
    let parts = || {
        let month = at.get(5..7)?.parse::<usize>().ok()?.checked_sub(1)?;
        let month = t(Text::Months).split('|').nth(month)?;
        let day = at.get(8..10)?.trim_start_matches('0');
        Some(fill(Text::Moment, &[("day", day), ("month", month), ("year", at.get(..4)?), ("time", at.get(11..16)?)]))
    };
    parts().unwrap_or_else(|| at.to_owned())
}

#[cfg(test)]
mod tests {
    use super::short_utc;

    #[test]
    fn a_moment_is_shown_to_the_minute() {
        assert_eq!(short_utc("2026-11-22T18:42:29.123Z"), "22 Nov 2026, 18:42");
    }

    #[test]
    fn what_is_no_moment_stays_as_it_is() {
        for text in ["", "soon", "2026-13-01T00:00:00Z", "ä026-11-22T18:42:29Z"] {
            assert_eq!(short_utc(text), text);
        }
    }
}
