//! Times that a report is about: days as they are cut in a time zone, or the last 24 hours.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::sums::{BUCKET, bucket_of};
use crate::i18n::{Text, fill, t};
use crate::platform::error::{AppError, AppResult};
use crate::platform::time::HOUR;

/// Most days of a range: one can be compared with the one before for as long as records are kept.
pub const MOST_DAYS: i64 = 366;

/// Which range somebody picked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Picked {
    LastDay,
    Week,
    #[default]
    Month,
    Quarter,
    /// From one day to another, both with it.
    Days(Date, Date),
}

impl Picked {
    /// Those that have a name alone.
    pub const NAMED: [Self; 4] = [Self::LastDay, Self::Week, Self::Month, Self::Quarter];

    /// As addresses name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LastDay => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
            Self::Quarter => "90d",
            Self::Days(..) => "custom",
        }
    }

    /// What an address names; empty is the usual.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field.
    pub fn parse(name: &str, from: &str, until: &str) -> AppResult<Self> {
        let day =
            |field: &str, text: &str| text.parse::<Date>().map_err(|_| AppError::invalid(field, t(Text::DayWanted)));
        if let Some(named) = Self::NAMED.into_iter().find(|known| known.name() == name) {
            return Ok(named);
        }
        match name {
            "" => Ok(Self::default()),
            "custom" => {
                let (from, until) = (day("from", from)?, day("until", until)?);
                let days = i64::from(from.until(until).map_err(|_| AppError::Internal)?.get_days()) + 1;
                if days < 1 {
                    return Err(AppError::invalid("until", t(Text::EndsBeforeItBegins)));
                }
                if days > MOST_DAYS {
                    return Err(AppError::invalid("from", fill(Text::MostDays, &[("most", &MOST_DAYS.to_string())])));
                }
                Ok(Self::Days(from, until))
            }
            _ => Err(AppError::invalid("range", "The range is 24h, 7d, 30d, 90d or custom.")),
        }
    }
}

/// A day or an hour. Times are milliseconds since 1970: from the first on, and before the second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    /// `2026-11-29`, or `2026-11-29 08:15`, in the range's time zone.
    pub name: String,
    pub from: i64,
    pub until: i64,
}

/// A range with its parts, which follow each other, and the range of as many parts before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    pub picked: Picked,
    /// The name of the time zone.
    pub zone: String,
    pub slices: Vec<Slice>,
    pub before: Vec<Slice>,
}

impl Range {
    /// The range at this moment, in milliseconds since 1970.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field: there is no such time zone, or no such day.
    pub fn new(picked: Picked, zone: &str, now: i64) -> AppResult<Self> {
        let unknown = || AppError::invalid("zone", t(Text::ZoneWanted));
        let tz = TimeZone::get(zone.trim()).map_err(|_| unknown())?;
        let zone = tz.iana_name().ok_or_else(unknown)?.to_owned();
        let moment = |at: i64| Timestamp::from_millisecond(at).map_err(|_| AppError::Internal);
        let today = moment(now)?.to_zoned(tz.clone()).date();
        let (first, count) = match picked {
            Picked::LastDay => {
                let end = bucket_of(now) + BUCKET;
                let hours = |first: i64| -> AppResult<Vec<Slice>> {
                    let slice = |hour: i64| {
                        let from = first + hour * HOUR;
                        let name = moment(from)?.to_zoned(tz.clone()).strftime("%Y-%m-%d %H:%M").to_string();
                        Ok(Slice { name, from, until: from + HOUR })
                    };
                    (0..24).map(slice).collect()
                };
                let (slices, before) = (hours(end - 24 * HOUR)?, hours(end - 48 * HOUR)?);
                return Ok(Self { picked, zone, slices, before });
            }
            Picked::Week => (days_before(today, 6)?, 7),
            Picked::Month => (days_before(today, 29)?, 30),
            Picked::Quarter => (days_before(today, 89)?, 90),
            Picked::Days(from, until) => {
                let days = from.until(until).map_err(|_| no_such_day())?.get_days();
                (from, i64::from(days) + 1)
            }
        };
        let slices = days(first, count, &tz)?;
        let before = days(days_before(first, count)?, count, &tz)?;
        Ok(Self { picked, zone, slices, before })
    }

    /// Where it begins and ends, in milliseconds since 1970.
    #[must_use]
    pub fn ends(&self) -> (i64, i64) {
        ends(&self.slices)
    }

    /// Whether its parts are hours.
    #[must_use]
    pub const fn is_hourly(&self) -> bool {
        matches!(self.picked, Picked::LastDay)
    }
}

/// Where parts that follow each other begin and end.
fn ends(slices: &[Slice]) -> (i64, i64) {
    (slices.first().map_or(0, |slice| slice.from), slices.last().map_or(0, |slice| slice.until))
}

fn no_such_day() -> AppError {
    AppError::invalid("from", "There is no such day.")
}

fn days_before(day: Date, count: i64) -> AppResult<Date> {
    day.checked_sub(jiff::Span::new().try_days(count).map_err(|_| no_such_day())?).map_err(|_| no_such_day())
}

/// Days from this one on. One that a zone has left out is there, and has no time.
fn days(first: Date, count: i64, tz: &TimeZone) -> AppResult<Vec<Slice>> {
    let start = |day: Date| {
        let begins = day.to_zoned(tz.clone()).map_err(|_| no_such_day())?;
        AppResult::Ok(begins.timestamp().as_millisecond())
    };
    let (mut day, mut from) = (first, start(first)?);
    let mut slices = Vec::new();
    for _ in 0..count {
        let next = day.tomorrow().map_err(|_| no_such_day())?;
        let until = start(next)?;
        slices.push(Slice { name: day.to_string(), from, until });
        (day, from) = (next, until);
    }
    Ok(slices)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ZURICH: &str = "Europe/Zurich";

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn zones() -> Vec<String> {
        jiff::tz::db().available().map(|name| name.to_string()).collect()
    }

    #[test]
    fn the_days_of_every_zone_are_made_of_quarters_of_an_hour() {
        let zones = zones();
        assert!(zones.len() > 400, "{}", zones.len());
        for zone in zones {
            let Ok(tz) = TimeZone::get(&zone) else { continue };
            for year in 2015..2038 {
                for slice in days(Date::new(year, 1, 1).unwrap(), 366, &tz).unwrap() {
                    assert_eq!(slice.from % BUCKET, 0, "{zone} {}", slice.name);
                    assert!(slice.from <= slice.until, "{zone} {}", slice.name);
                }
            }
        }
    }

    #[test]
    fn a_day_is_an_hour_shorter_or_longer_when_the_clock_is_changed() {
        let picked = Picked::parse("custom", "2026-03-28", "2026-10-26").unwrap();
        let range = Range::new(picked, "europe/zurich", 0).unwrap();
        assert_eq!(range.zone, ZURICH);
        let hours = |name: &str| {
            let slice = range.slices.iter().find(|slice| slice.name == name).unwrap();
            (slice.until - slice.from) / HOUR
        };
        assert_eq!(["2026-03-28", "2026-03-29", "2026-10-25"].map(hours), [24, 23, 25]);
    }

    #[test]
    fn a_range_of_days_ends_with_today_there() {
        let now = at("2026-11-29T20:00:00Z");
        let range = Range::new(Picked::Week, "Asia/Kathmandu", now).unwrap();
        let names: Vec<_> = range.slices.iter().map(|slice| &*slice.name).collect();
        assert_eq!((names[0], names[6], names.len()), ("2026-11-24", "2026-11-30", 7));
        assert_eq!(range.slices[6].from, at("2026-11-29T18:15:00Z"));
        assert_eq!(range.before.last().unwrap().until, range.slices[0].from);
        let hours = Range::new(Picked::LastDay, "Asia/Kathmandu", now).unwrap();
        assert_eq!((&*hours.slices[0].name, hours.slices.len()), ("2026-11-29 02:00", 24));
        assert!(hours.slices[23].from <= now && now < hours.slices[23].until);
    }

    #[test]
    fn what_is_no_range_is_refused_by_its_field() {
        let field = |name, from, until| match Picked::parse(name, from, until) {
            Err(AppError::InvalidInput { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        assert_eq!(field("1h", "", ""), "range");
        assert_eq!(field("custom", "", "2026-01-01"), "from");
        assert_eq!(field("custom", "2026-01-02", "2026-01-01"), "until");
        assert_eq!(field("custom", "2024-01-01", "2026-01-01"), "from");
        assert!(Range::new(Picked::Week, "Mars/Olympus", 0).is_err());
        assert_eq!(Picked::parse("", "", ""), Ok(Picked::Month));
    }

    proptest! {
        #[test]
        fn parts_follow_each_other_without_a_gap(
            zone in prop::sample::select(zones()), start in 16_436_i32..24_000, count in 0_i32..120,
        ) {
            let day = |days: i32| Timestamp::from_second(i64::from(days) * 86_400).unwrap().to_zoned(TimeZone::UTC).date();
            let picked = Picked::Days(day(start), day(start + count));
            let range = Range::new(picked, &zone, 0).unwrap();
            let all: Vec<_> = range.before.iter().chain(&range.slices).collect();
            prop_assert_eq!(all.len(), 2 * (usize::try_from(count).unwrap() + 1));
            for pair in all.windows(2) {
                prop_assert_eq!(pair[0].until, pair[1].from, "{}", zone);
            }
        }
    }
}
