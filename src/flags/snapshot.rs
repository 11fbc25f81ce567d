//! What holds, as one server knows it.

use std::collections::HashMap;

use super::announcement::{ANNOUNCEMENT, Announced};
use super::counts::{Counted, Span, Sum};
use super::flag::{Flag, ProviderFlag};
use super::rule::{Rule, Setting};
use super::store::StoredSetting;
use crate::audit::Actor;
use crate::platform::db::millis;

/// After so long, what is on for all, or for nobody, is no flag any more.
const STALE_AFTER: std::time::Duration = std::time::Duration::from_hours(24 * 90);

/// A flag, and what is set for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlagStatus {
    pub flag: Flag,
    pub setting: Setting,
    /// 0 for what was never changed.
    pub version: i64,
    /// In milliseconds since 1970.
    pub changed_at: Option<i64>,
    pub changed_by: Option<Actor>,
}

impl FlagStatus {
    /// As it is before anybody changes it.
    pub(super) fn new(flag: Flag) -> Self {
        let rule = if flag.is_possible() { Rule::On } else { Rule::Off };
        let setting = Setting { rule, ..Setting::default() };
        Self { flag, setting, version: 0, changed_at: None, changed_by: None }
    }

    fn read(flag: Flag, row: &StoredSetting) -> serde_json::Result<Self> {
        Ok(Self {
            flag,
            setting: serde_json::from_str(&row.value)?,
            version: row.version,
            changed_at: Some(row.changed_at),
            changed_by: Some(row.changed_by),
        })
    }

    /// Whether nothing was tried out with it for long. What nobody ever changed is as it is meant to be.
    #[must_use]
    pub fn is_stale(&self, now: i64) -> bool {
        self.setting.rule.is_settled() && self.changed_at.is_some_and(|at| at <= now - millis(STALE_AFTER))
    }
}

/// What holds, all of one moment.
#[derive(Default)]
pub(super) struct Snapshot {
    pub flags: HashMap<Flag, FlagStatus>,
    pub announced: Option<Announced>,
    /// What all servers counted, of the window and of today.
    counts: HashMap<(Span, i64, ProviderFlag), Sum>,
    /// What of today's cost is this server's own.
    own: HashMap<ProviderFlag, i64>,
    /// When the day began that the costs are of.
    day: i64,
}

impl Snapshot {
    /// What these rows say. What cannot be read stays as it was: a newer server may have written it.
    pub fn read(known: &[Flag], rows: &[StoredSetting], before: &Self) -> Self {
        let unreadable = |name: &str, error: &serde_json::Error| {
            tracing::error!(%error, name, "a flag cannot be read, and stays as it was");
        };
        let status = |flag: &Flag| {
            let name = flag.name();
            let Some(row) = rows.iter().find(|row| row.name == name) else { return FlagStatus::new(*flag) };
            FlagStatus::read(*flag, row).unwrap_or_else(|error| {
                unreadable(&name, &error);
                before.flags.get(flag).cloned().unwrap_or_else(|| FlagStatus::new(*flag))
            })
        };
        let announced = rows.iter().find(|row| row.name == ANNOUNCEMENT).and_then(|row| {
            Announced::read(row).map_or_else(
                |error| {
                    unreadable(ANNOUNCEMENT, &error);
                    before.announced.clone()
                },
                Some,
            )
        });
        Self { flags: known.iter().map(|flag| (*flag, status(flag))).collect(), announced, ..Self::default() }
    }

    /// With what all servers counted.
    pub fn with_counts(
        mut self,
        known: &[Flag],
        counts: Vec<Counted>,
        day: i64,
        own: HashMap<ProviderFlag, i64>,
    ) -> Self {
        for row in counts {
            let provider = known.iter().find_map(|flag| match flag {
                Flag::Provider(one) if one.kind() == row.kind && one.name() == row.provider => Some(*one),
                _ => None,
            });
            if let Some(provider) = provider {
                *self.counts.entry((row.span, row.at, provider)).or_default() += row.sum;
            }
        }
        (self.day, self.own) = (day, own);
        self
    }

    /// The same with another setting of a flag, or another announcement.
    pub fn changed(&self, status: Option<FlagStatus>, announced: Option<Announced>) -> Self {
        let mut flags = self.flags.clone();
        flags.extend(status.map(|status| (status.flag, status)));
        let announced = announced.or_else(|| self.announced.clone());
        Self { flags, announced, counts: self.counts.clone(), own: self.own.clone(), day: self.day }
    }

    /// What the work that a flag is about came to, in minutes that began at this time or later.
    pub fn sum_since(&self, flag: Flag, since: i64) -> Sum {
        let mut sum = Sum::default();
        for ((span, at, provider), one) in &self.counts {
            if *span == Span::Minute && *at >= since && flag.measures(*provider) {
                sum += *one;
            }
        }
        sum
    }

    /// What a provider costs today, where this server knows `own_now` of itself.
    pub fn cost(&self, day: i64, provider: ProviderFlag, own_now: i64) -> i64 {
        if day != self.day {
            return own_now;
        }
        let all = self.counts.get(&(Span::Day, day, provider)).map_or(0, |sum| sum.cost_micros);
        all + own_now - self.own.get(&provider).copied().unwrap_or_default()
    }
}
