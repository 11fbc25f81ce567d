//! A moment. Server and browser print the same at first, in UTC; then the browser prints it in the reader's own time, which is as
//! wide, so that nothing moves.

use leptos::prelude::*;
use wasm_bindgen::JsValue;

use crate::i18n::{Text, fill, t};

/// A moment, to the minute: in the reader's time, and without a script in UTC.
#[component]
pub fn Timestamp(
    /// RFC 3339, UTC.
    #[prop(into)]
    at: String,
) -> impl IntoView {
    let text = RwSignal::new(short_utc(&at));
    let moment = at.clone();
    // In an effect, so that the page is first taken over as the server made it.
    Effect::new(move |_| {
        if let Some(local) = short_local(&moment) {
            text.set(local);
        }
    });
    view! { <time datetime=at class="whitespace-nowrap tabular-nums noscript:after:content-['_UTC'] in-data-static:after:content-['_UTC']">{text}</time> }
}

/// `22 Nov 2026, 18:42` from `2026-11-22T18:42:29Z`; anything that is not such a moment stays as it is.
fn short_utc(at: &str) -> String {
    let parts = || {
        let month = at.get(5..7)?.parse::<usize>().ok()?.checked_sub(1)?;
        let day = at.get(8..10)?.trim_start_matches('0');
        moment(day, month, at.get(..4)?, at.get(11..16)?)
    };
    parts().unwrap_or_else(|| at.to_owned())
}

/// The same by the browser's clock and zone.
fn short_local(at: &str) -> Option<String> {
    let date = js_sys::Date::new(&JsValue::from_str(at));
    if date.get_time().is_nan() {
        return None;
    }
    let two = |number: u32| if number < 10 { format!("0{number}") } else { number.to_string() };
    let time = two(date.get_hours()) + ":" + &two(date.get_minutes());
    let month = usize::try_from(date.get_month()).ok()?;
    moment(&date.get_date().to_string(), month, &date.get_full_year().to_string(), &time)
}

/// `month` counts from 0.
fn moment(day: &str, month: usize, year: &str, time: &str) -> Option<String> {
    let month = t(Text::Months).split('|').nth(month)?;
    Some(fill(Text::Moment, &[("day", day), ("month", month), ("year", year), ("time", time)]))
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
