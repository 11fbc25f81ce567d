//! What is looked after in the background: safeguards, and the daily caps of providers.
//!
//! Every server looks, and the row of the flag decides: who changes its version is the one that switched it off.

use std::collections::HashSet;
use std::sync::PoisonError;
use std::time::Duration;

use super::counts::Span;
use super::flag::{Flag, ProviderFlag};
use super::rule::{Rule, Setting};
use super::service::Flags;
use crate::audit::Actor;
use crate::platform::db::millis;
use crate::platform::error::AppResult;
use crate::platform::time::DAY;

/// How soon a change holds on every server, at most.
pub const REFRESH_EVERY: Duration = Duration::from_secs(2);
/// What safeguards look back on.
pub const WINDOW: Duration = Duration::from_mins(10);
/// With fewer attempts than these, an error rate says nothing.
pub const FEWEST_ASKED: i64 = 20;
/// From this part of a cap on, operators are told, in percent.
const NEAR: i64 = 80;

/// Which alerts were given, and for which day.
#[derive(Default)]
pub(super) struct Told {
    day: i64,
    given: HashSet<(ProviderFlag, bool)>,
}

/// When the first minute began that counts.
pub(super) fn since(now: i64) -> i64 {
    Span::Minute.start(now - millis(WINDOW))
}

impl Flags {
    /// Learns what holds, and does what follows from it.
    ///
    /// # Errors
    /// [`crate::platform::error::AppError::Unavailable`].
    pub async fn refresh(&self) -> AppResult<()> {
        self.load().await?;
        self.warn_of_caps();
        self.trip_safeguards().await
    }

    /// Forgets counts that nobody looks at any more.
    ///
    /// # Errors
    /// [`crate::platform::error::AppError::Unavailable`].
    pub async fn forget_counts(&self) -> AppResult<()> {
        let before = Span::Day.start(self.now()) - DAY;
        Ok(self.inner().parts.store.forget_counts(before).await?)
    }

    /// Says once a day that a provider is close to its cap, and once that it has reached it. Each server says so.
    fn warn_of_caps(&self) {
        let alerts = &self.inner().parts.alerts;
        let day = Span::Day.start(self.now());
        let mut told = self.inner().told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.day != day {
            *told = Told { day, given: HashSet::new() };
        }
        for status in self.list() {
            let (Flag::Provider(provider), Some(cap)) = (status.flag, status.setting.daily_cap_micros) else {
                continue;
            };
            let (name, cost) = (status.flag.name(), self.cost_today(provider));
            if cost >= cap && told.given.insert((provider, true)) {
                alerts.reached.inc();
                tracing::error!(provider = %name, cost, cap, "the cap of the day is reached: it is not asked until tomorrow");
            }
            let is_near = i128::from(cost) * 100 >= i128::from(cap) * i128::from(NEAR);
            if is_near && told.given.insert((provider, false)) {
                alerts.near.inc();
                tracing::warn!(provider = %name, cost, cap, "the cap of the day is near");
            }
        }
    }

    /// Switches off what is to go off by itself. It never comes on again by itself; what was counted before somebody changed it, does
    /// not count.
    async fn trip_safeguards(&self) -> AppResult<()> {
        let now = self.now();
        for status in self.list() {
            if status.setting.safeguard.is_empty() || status.setting.rule.is_for_nobody() {
                continue;
            }
            let from = since(now).max(status.changed_at.unwrap_or_default());
            let sum = self.snapshot().sum_since(status.flag, from);
            let Some(reason) = status.setting.safeguard.reached(sum) else { continue };
            let off = Setting { rule: Rule::Off, ..status.setting.clone() };
            if self.put(Actor::System, &status, off, Some(reason)).await?.is_some() {
                self.inner().parts.alerts.tripped.inc();
                let (asked, failed, cost) = (sum.asked, sum.failed, sum.cost_micros);
                tracing::error!(flag = %status.flag.name(), reason, asked, failed, cost, "a safeguard switched a flag off");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::time::MINUTE;

    #[test]
    fn the_window_begins_with_a_whole_minute() {
        let now = 1_000 * MINUTE + 1;
        assert_eq!((since(now), since(now) + millis(WINDOW)), (990 * MINUTE, 1_000 * MINUTE));
    }
}
