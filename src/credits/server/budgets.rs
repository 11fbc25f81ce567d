//! Budgets: what may be spent in a day, a week or a month.
//!
//! Pure: which count belongs to which time. The counts themselves are moved by the stores, in the same step as the hold.

use std::collections::HashMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::store::SpendLimit;
use crate::credits::Period;
use crate::platform::amount::{Amount, micros};
use crate::platform::db::{StoreError, StoreResult};
use crate::platform::ids::{ApiKeyId, BudgetId};
use crate::platform::time::DAY;

/// How long a count is kept after its time, in milliseconds: work that began in it may still end.
const KEPT: i64 = 7 * DAY;

/// The budgets of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BudgetPlan {
    /// IANA name: where the days of the user begin.
    pub time_zone: String,
    pub budgets: Vec<Budget>,
}

impl Default for BudgetPlan {
    fn default() -> Self {
        Self { time_zone: "UTC".to_owned(), budgets: Vec::new() }
    }
}

impl BudgetPlan {
    /// The one that is stored as JSON, if there is one.
    pub(crate) fn from_json(stored: Option<&str>) -> StoreResult<Self> {
        let Some(stored) = stored else { return Ok(Self::default()) };
        serde_json::from_str(stored).map_err(|error| StoreError::Corrupt(format!("budgets: {error}")))
    }
}

/// Most that may be spent in a time, from when it was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Budget {
    pub id: BudgetId,
    pub period: Period,
    #[serde(with = "micros")]
    pub most: Amount,
    /// Only what this API key spends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<ApiKeyId>,
    /// Only what this model costs; with `*` at its end, those whose names begin so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// An admin set it: its user can neither change it nor take it away.
    #[serde(default)]
    pub by_admin: bool,
}

/// One day, week or month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Its first day.
    pub first: Date,
    /// When it begins, in milliseconds since 1970.
    pub start: i64,
    /// When the next begins, in milliseconds since 1970.
    pub end: i64,
}

/// What is spent.
#[derive(Debug, Clone, Copy)]
pub struct Spender<'a> {
    pub key: Option<ApiKeyId>,
    /// The model that is asked first.
    pub model: &'a str,
}

/// The day, week or month of a time zone that a time (in milliseconds since 1970) is in.
///
/// # Errors
/// [`StoreError::Corrupt`] for a time or a zone that there is not.
pub fn window(period: Period, time_zone: &str, now: i64) -> StoreResult<Window> {
    let wrong = |error: jiff::Error| StoreError::Corrupt(format!("a {} in {time_zone}: {error}", period.as_str()));
    let zone = TimeZone::get(time_zone).map_err(wrong)?;
    let today = Timestamp::from_millisecond(now).map_err(wrong)?.to_zoned(zone.clone()).date();
    let (first, next) = match period {
        Period::Day => (today, today.checked_add(1.day())),
        Period::Week => {
            let since_monday = i64::from(today.weekday().to_monday_zero_offset());
            let monday = today.checked_sub(since_monday.days()).map_err(wrong)?;
            (monday, monday.checked_add(1.week()))
        }
        Period::Month => (today.first_of_month(), today.first_of_month().checked_add(1.month())),
    };
    let begin = |date: Date| {
        let begin = date.to_zoned(zone.clone()).and_then(|time| time.start_of_day());
        begin.map(|time| time.timestamp().as_millisecond()).map_err(wrong)
    };
    Ok(Window { first, start: begin(first)?, end: begin(next.map_err(wrong)?)? })
}

impl BudgetPlan {
    /// What counts a hold that is made now (in milliseconds since 1970).
    ///
    /// # Errors
    /// As [`window`].
    pub fn limits(&self, spender: Spender<'_>, now: i64) -> StoreResult<Vec<SpendLimit>> {
        let concerned = self.budgets.iter().filter(|budget| budget.concerns(spender));
        concerned.map(|budget| Ok(budget.limit(window(budget.period, &self.time_zone, now)?))).collect()
    }

    /// Each budget with what is spent of it now, and the time that it is for.
    ///
    /// # Errors
    /// As [`window`].
    pub fn state(&self, spending: &HashMap<String, Amount>, now: i64) -> StoreResult<Vec<(Budget, Amount, Window)>> {
        let state = |budget: &Budget| {
            let window = window(budget.period, &self.time_zone, now)?;
            let spent = spending.get(&budget.counter(window)).copied().unwrap_or_default();
            Ok((budget.clone(), spent, window))
        };
        self.budgets.iter().map(state).collect()
    }
}

impl Budget {
    fn concerns(&self, spender: Spender<'_>) -> bool {
        let is_of_model = self.model.as_deref().is_none_or(|model| match model.strip_suffix('*') {
            Some(start) => spender.model.starts_with(start),
            None => spender.model == model,
        });
        is_of_model && self.key.is_none_or(|key| spender.key == Some(key))
    }

    fn counter(&self, window: Window) -> String {
        format!("{}@{}", self.id, window.first)
    }

    fn limit(&self, window: Window) -> SpendLimit {
        SpendLimit {
            counter: self.counter(window),
            most: Some(self.most),
            budget: Some(self.id),
            until: Some(window.end.saturating_add(KEPT)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::platform::time::HOUR;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn a_day_may_have_23_or_25_hours() {
        for (now, hours) in [("2026-03-29T12:00:00Z", 23), ("2026-10-25T12:00:00Z", 25), ("2026-11-28T12:00:00Z", 24)] {
            let Window { start, end, .. } = window(Period::Day, "Europe/Zurich", at(now)).unwrap();
            assert_eq!(end - start, hours * HOUR, "{now}");
        }
        // A day that begins at one, as there is no midnight.
        let day = window(Period::Day, "America/Santiago", at("2026-09-06T12:00:00Z")).unwrap();
        assert_eq!((day.end - day.start, day.start), (23 * HOUR, at("2026-09-06T04:00:00Z")));
    }

    #[test]
    fn a_week_begins_on_monday_and_a_month_on_its_first() {
        let week = window(Period::Week, "Asia/Shanghai", at("2026-11-29T20:00:00Z")).unwrap();
        assert_eq!(week.first, "2026-11-30".parse().unwrap());
        let month = window(Period::Month, "Pacific/Kiritimati", at("2026-11-30T10:00:00Z")).unwrap();
        assert_eq!((month.first, month.start), ("2026-12-01".parse().unwrap(), at("2026-11-30T10:00:00Z")));
    }

    #[test]
    fn a_budget_concerns_its_key_and_its_model() {
        let key = ApiKeyId::now_v7();
        let budget = |key, model: Option<&str>| Budget {
            id: BudgetId::now_v7(),
            period: Period::Day,
            most: Amount::credits(1),
            key,
            model: model.map(str::to_owned),
            by_admin: false,
        };
        let by = |key, model| Spender { key, model };
        assert!(budget(None, None).concerns(by(None, "m")) && budget(None, None).concerns(by(Some(key), "m")));
        assert!(
            budget(Some(key), None).concerns(by(Some(key), "m")) && !budget(Some(key), None).concerns(by(None, "m"))
        );
        assert!(
            budget(None, Some("gpt-*")).concerns(by(None, "gpt-5"))
                && !budget(None, Some("gpt")).concerns(by(None, "gpt-5"))
        );
    }

    fn zones() -> Vec<String> {
        let known = jiff::tz::db().available().map(|name| name.as_str().to_owned());
        known.filter(|name| TimeZone::get(name).is_ok()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3000, ..ProptestConfig::default() })]
        /// Every moment is in one window, whichever way the clocks are set.
        #[test]
        fn windows_follow_each_other_in_every_zone(
            zone in proptest::sample::select(zones()),
            now in at("1990-01-01T00:00:00Z")..at("2060-01-01T00:00:00Z"),
        ) {
            for period in Period::ALL {
                let this = window(period, &zone, now).unwrap();
                prop_assert!(this.start <= now && now < this.end, "{this:?}");
                for inside in [this.start, this.end - 1] {
                    prop_assert_eq!(window(period, &zone, inside).unwrap(), this);
                }
                let next = window(period, &zone, this.end).unwrap();
                prop_assert_eq!(next.start, this.end);
                prop_assert!(next.first > this.first);
                let before = window(period, &zone, this.start - 1).unwrap();
                prop_assert_eq!(before.end, this.start);
            }
        }
    }
}
