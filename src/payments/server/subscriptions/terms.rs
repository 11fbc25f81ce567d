//! What a subscription was bought for: what the file says later changes nothing.

use jiff::{Span, Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::payments::server::shop::Plan;
use crate::platform::amount::{Amount, micros};
use crate::platform::money::Money;

/// A plan as it was when somebody chose it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Terms {
    /// The id of the plan in the file.
    pub plan: String,
    pub name: String,
    #[serde(with = "micros")]
    pub credits: Amount,
    /// Of a month.
    pub price: Money,
    /// Requests a minute.
    pub per_minute: u32,
    /// The provider's plan.
    pub provider_plan: String,
    /// Since when they hold, in milliseconds since 1970.
    pub since: i64,
}

impl Terms {
    #[must_use]
    pub fn of(plan: &Plan, provider_plan: String, now: i64) -> Self {
        Self {
            plan: plan.id.clone(),
            name: plan.name.clone(),
            credits: plan.credits,
            price: plan.price,
            per_minute: plan.per_minute,
            provider_plan,
            since: now,
        }
    }

    /// Whether the same is sold.
    #[must_use]
    pub fn is_of(&self, plan: &Plan) -> bool {
        (&self.plan, self.credits, self.price) == (&plan.id, plan.credits, plan.price)
    }
}

/// A month after a moment, on the same day, or the last one of a month that has no such day; in milliseconds since 1970.
#[must_use]
pub fn month_after(at: i64) -> i64 {
    let moment = Timestamp::from_millisecond(at).unwrap_or_default().to_zoned(TimeZone::UTC);
    moment.checked_add(Span::new().months(1)).map_or(at, |end| end.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_ends_on_its_day() {
        let after = |from: &str| {
            let at: Timestamp = from.parse().unwrap();
            Timestamp::from_millisecond(month_after(at.as_millisecond())).unwrap().to_string()
        };
        assert_eq!(after("2026-11-29T10:00:00Z"), "2026-12-29T10:00:00Z");
        assert_eq!(after("2027-01-31T23:59:59Z"), "2027-02-28T23:59:59Z");
        assert_eq!(after("2028-01-31T00:00:00Z"), "2028-02-29T00:00:00Z");
    }
}
