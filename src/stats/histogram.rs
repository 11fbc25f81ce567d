//! How long things took: counts by classes that are the same everywhere, so that two are one by adding.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Classes of each doubling: a time is known to a sixteenth of it.
const PARTS: u32 = 16;

/// Counts of times, in milliseconds, by their class.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Histogram(BTreeMap<u32, u64>);

impl Histogram {
    /// Counts a time.
    pub fn add(&mut self, millis: u32) {
        *self.0.entry(class_of(millis)).or_default() += 1;
    }

    /// Adds what another has counted.
    pub fn merge(&mut self, other: &Self) {
        for (class, count) in &other.0 {
            *self.0.entry(*class).or_default() += count;
        }
    }

    /// How many were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// The time that so many of a hundred did not exceed, at most a sixteenth too long; `None`: nothing was counted.
    #[must_use]
    pub fn percentile(&self, percent: u64) -> Option<u32> {
        let rank = (self.count() * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let class = self.0.iter().find(|(_, count)| {
            seen += **count;
            seen >= rank
        });
        class.map(|(class, _)| longest_of(*class))
    }
}

const fn class_of(millis: u32) -> u32 {
    if millis < PARTS {
        return millis;
    }
    let doublings = millis.ilog2() - PARTS.ilog2();
    PARTS + doublings * PARTS + (millis >> doublings) - PARTS
}

/// The longest time of a class.
fn longest_of(class: u32) -> u32 {
    if class < PARTS {
        return class;
    }
    let (doublings, part) = ((class - PARTS) / PARTS, (class - PARTS) % PARTS);
    let next = u64::from(PARTS + part + 1) << doublings;
    u32::try_from(next - 1).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_percentile_is_a_sixteenth_too_long_at_most(mut times in prop::collection::vec(any::<u32>(), 1..200), percent in 1_u64..=100) {
            let mut counted = Histogram::default();
            for time in &times { counted.add(*time); }
            times.sort_unstable();
            let rank = (times.len() as u64 * percent).div_ceil(100).max(1);
            let exact = times[usize::try_from(rank).unwrap() - 1];
            let found = counted.percentile(percent).unwrap();
            prop_assert!(found >= exact && found - exact <= exact / PARTS, "{found}, not {exact}");
        }

        #[test]
        fn parts_add_up_to_the_whole(times in prop::collection::vec(any::<u32>(), 0..100), cut in 0_usize..100) {
            let count = |times: &[u32]| {
                let mut counted = Histogram::default();
                for time in times { counted.add(*time); }
                counted
            };
            let (first, second) = times.split_at(cut.min(times.len()));
            let mut both = count(first);
            both.merge(&count(second));
            prop_assert_eq!(&both, &count(&times));
            let written = serde_json::to_string(&both).unwrap();
            prop_assert_eq!(serde_json::from_str::<Histogram>(&written).unwrap(), both);
        }
    }

    #[test]
    fn of_nothing_there_is_no_percentile() {
        assert_eq!(Histogram::default().percentile(50), None);
    }
}
