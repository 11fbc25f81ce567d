//! A day as people read it.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Text, fill, t};

/// The day of a moment in a zone, such as `3 May 2027`; it is not broken over two lines. `at` is in milliseconds since 1970.
#[must_use]
pub fn day_text(zone: &TimeZone, at: i64) -> String {
    let date = Timestamp::from_millisecond(at).unwrap_or_default().to_zoned(zone.clone()).date();
    let month = usize::try_from(date.month() - 1).ok().and_then(|month| t(Text::Months).split('|').nth(month));
    let (day, year) = (date.day().to_string(), date.year().to_string());
    fill(Text::Day, &[("day", &day), ("month", month.unwrap_or_default()), ("year", &year)])
}
