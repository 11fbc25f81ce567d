//! The versions of what was said: which messages of a conversation are on the path that is shown.
//!
//! Messages stay in the places in which they were stored. One that takes the place of another begins a new run of places,
//! which follows what was before the replaced one; so does the next message after another version was chosen. A path is
//! read backwards from the end of a run. Where nothing was ever replaced, there are no runs, and all messages are shown.

use serde::{Deserialize, Serialize};

/// The runs of a conversation, in the order of their places.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Versions(Vec<Run>);

/// Messages that follow each other, up to the next run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    /// The place of its first message.
    at: i64,
    /// The place that it follows; 0: none.
    after: i64,
    /// The one with the highest number is shown.
    seen: i64,
}

/// The places of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places(Vec<(i64, i64)>);

impl Places {
    /// From one to another, both included, the newest first.
    #[must_use]
    pub fn ranges(&self) -> &[(i64, i64)] {
        &self.0
    }

    #[must_use]
    pub fn contains(&self, place: i64) -> bool {
        self.0.iter().any(|(from, to)| (*from..=*to).contains(&place))
    }

    /// The last place; `i64::MAX`: that of the message that was stored last.
    #[must_use]
    pub fn end(&self) -> i64 {
        self.0.first().map_or(0, |(_, to)| *to)
    }

    /// The same without a place and what comes after it.
    #[must_use]
    pub fn below(mut self, place: i64) -> Self {
        self.0.retain_mut(|(from, to)| {
            *to = (place - 1).min(*to);
            from <= to
        });
        self
    }

    /// The same from a place on.
    #[must_use]
    pub fn since(mut self, place: i64) -> Self {
        self.0.retain_mut(|(from, to)| {
            *from = place.max(*from);
            from <= to
        });
        self
    }
}

impl Versions {
    /// Nothing was ever replaced.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is shown.
    #[must_use]
    pub fn shown(&self) -> Places {
        match self.0.iter().enumerate().max_by_key(|(_, run)| run.seen) {
            Some((index, _)) => self.path(index, self.end_of(index)),
            None => Places(vec![(1, i64::MAX)]),
        }
    }

    /// What was said up to a place, with it.
    #[must_use]
    pub fn up_to(&self, place: i64) -> Places {
        match self.run_of(place) {
            _ if place < 1 => Places(Vec::new()),
            Some(index) => self.path(index, place),
            None => Places(vec![(1, place)]),
        }
    }

    /// The path with this place that was shown last.
    #[must_use]
    pub fn through(&self, place: i64) -> Places {
        self.newest_through(place).map_or_else(|| self.shown(), |index| self.path(index, self.end_of(index)))
    }

    /// Shows the path with this place that was shown last; `false` where it is shown already.
    pub fn choose(&mut self, place: i64) -> bool {
        if self.shown().contains(place) {
            return false;
        }
        let Some(index) = self.newest_through(place) else { return false };
        self.0[index].seen = self.next_seen();
        true
    }

    /// What comes before a message and all of its versions: the place of the last.
    #[must_use]
    pub fn before(&self, place: i64) -> i64 {
        match self.run_of(place).map(|index| self.0[index]) {
            Some(run) if run.at == place => run.after,
            _ => place - 1,
        }
    }

    /// The place after which the next message goes on, where that is not the message that was stored last.
    #[must_use]
    pub fn goes_on_after(&self) -> Option<i64> {
        Some(self.shown().end()).filter(|end| *end != i64::MAX)
    }

    /// Messages from the place `at` on follow the place `after`, and are shown.
    pub fn begin(&mut self, at: i64, after: i64) {
        if self.0.is_empty() {
            self.0.push(Run { at: 1, after: 0, seen: 0 });
        }
        let run = Run { at, after: after.min(at - 1), seen: self.next_seen() };
        match self.0.binary_search_by_key(&at, |run| run.at) {
            Ok(index) => self.0[index] = run,
            Err(index) => self.0.insert(index, run),
        }
    }

    /// Messages from the place `at` on go on from the place `after`, or from what others have said after that meanwhile.
    pub fn go_on(&mut self, at: i64, after: i64) {
        let end = self.through(after).end();
        let is_newest = end == i64::MAX && self.0.last().is_none_or(|last| last.at <= at);
        if !is_newest {
            self.begin(at, if end < at { end } else { after });
        }
    }

    /// The places of a message and of its versions, oldest first.
    #[must_use]
    pub fn of(&self, place: i64) -> Vec<i64> {
        let before = self.before(place);
        let first = Some(before + 1).filter(|first| self.0.iter().all(|run| run.at != *first));
        first.into_iter().chain(self.0.iter().filter(|run| run.after == before).map(|run| run.at)).collect()
    }

    fn next_seen(&self) -> i64 {
        self.0.iter().map(|run| run.seen).max().unwrap_or(0) + 1
    }

    /// The run with this place.
    fn run_of(&self, place: i64) -> Option<usize> {
        self.0.partition_point(|run| run.at <= place).checked_sub(1)
    }

    fn newest_through(&self, place: i64) -> Option<usize> {
        let through = |index: &usize| self.path(*index, self.end_of(*index)).contains(place);
        (0..self.0.len()).filter(through).max_by_key(|index| self.0[*index].seen)
    }

    /// The last place of a run.
    fn end_of(&self, index: usize) -> i64 {
        self.0.get(index + 1).map_or(i64::MAX, |next| next.at - 1)
    }

    /// What was said up to a place of this run.
    fn path(&self, mut index: usize, mut end: i64) -> Places {
        let mut places = Vec::new();
        loop {
            let run = self.0[index];
            places.push((run.at, end));
            // It only ever goes back.
            end = run.after.min(run.at - 1);
            match self.run_of(end) {
                Some(before) if end > 0 => index = before,
                _ => return Places(places),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The places that are shown, of as many as were stored.
    fn shown(versions: &Versions, last: i64) -> Vec<i64> {
        let places = versions.shown();
        (1..=last).filter(|place| places.contains(*place)).collect()
    }

    #[test]
    fn without_versions_all_is_shown() {
        let mut versions = Versions::default();
        assert_eq!(shown(&versions, 4), [1, 2, 3, 4]);
        assert_eq!((versions.goes_on_after(), versions.before(3), versions.of(3)), (None, 2, vec![3]));
        assert_eq!(versions.up_to(3).ranges(), [(1, 3)]);
        assert_eq!(versions.up_to(0).ranges(), []);
        assert!(!versions.choose(3));
        assert!(versions.is_empty());
    }

    #[test]
    fn another_version_is_chosen_with_the_rest_of_its_path() {
        // 1 2 3 4 5 6; 7 8 instead of 3; 9 10 instead of 5, on the first path again.
        let mut versions = Versions::default();
        versions.begin(7, versions.before(3));
        assert_eq!(shown(&versions, 8), [1, 2, 7, 8]);
        assert_eq!((versions.of(3), versions.of(7)), (vec![3, 7], vec![3, 7]));
        assert!(versions.choose(3));
        assert_eq!(shown(&versions, 8), [1, 2, 3, 4, 5, 6]);
        assert!(!versions.choose(5));
        assert_eq!(versions.goes_on_after(), Some(6));
        versions.begin(9, versions.before(5));
        assert_eq!(shown(&versions, 10), [1, 2, 3, 4, 9, 10]);
        assert_eq!((versions.of(5), versions.of(3), versions.of(1)), (vec![5, 9], vec![3, 7], vec![1]));
        // Each way back is the one that was left.
        versions.choose(5);
        versions.choose(7);
        assert_eq!(shown(&versions, 10), [1, 2, 7, 8]);
        versions.choose(3);
        assert_eq!(shown(&versions, 10), [1, 2, 3, 4, 5, 6]);
        // From one that is not shown straight to another.
        versions.choose(7);
        versions.choose(9);
        assert_eq!(shown(&versions, 10), [1, 2, 3, 4, 9, 10]);
        assert_eq!(versions.through(5).since(4).ranges(), [(4, 6)]);
        assert_eq!(versions.up_to(8).ranges(), [(7, 8), (1, 2)]);
        assert_eq!(versions.through(8).since(3).ranges(), [(7, 8)]);
    }

    #[test]
    fn a_chosen_version_goes_on_after_its_end() {
        // 1 2; 3 4 instead of 1; back to 1, and on with 5 6; those again with 7 8.
        let mut versions = Versions::default();
        versions.begin(3, versions.before(1));
        assert_eq!((versions.of(1), versions.of(3), versions.before(3)), (vec![1, 3], vec![1, 3], 0));
        versions.choose(1);
        assert_eq!(versions.goes_on_after(), Some(2));
        versions.begin(5, 2);
        assert_eq!(shown(&versions, 6), [1, 2, 5, 6]);
        assert_eq!((versions.of(5), versions.goes_on_after()), (vec![5], None));
        versions.begin(7, versions.before(5));
        assert_eq!(shown(&versions, 10), [1, 2, 7, 8, 9, 10]);
        assert_eq!(versions.of(7), [5, 7]);
        versions.choose(3);
        assert_eq!(shown(&versions, 10), [3, 4]);
    }

    #[test]
    fn two_who_go_on_at_once_lose_nothing() {
        // 1 2; 3 4 instead of 1; back to 1, and on with 5 6 and 7 8, which both saw the end at 2.
        let mut chosen = Versions::default();
        chosen.begin(3, 0);
        chosen.choose(1);
        let mut versions = chosen.clone();
        versions.go_on(5, 2);
        versions.go_on(7, 2);
        assert_eq!(shown(&versions, 8), [1, 2, 5, 6, 7, 8]);
        // The later one was faster: each is a version of the other.
        let mut versions = chosen;
        versions.go_on(7, 2);
        versions.go_on(5, 2);
        assert_eq!((shown(&versions, 8), versions.of(5)), (vec![1, 2, 5, 6], vec![5, 7]));
        // Another was chosen meanwhile.
        versions.choose(3);
        versions.go_on(9, 6);
        assert_eq!(shown(&versions, 10), [1, 2, 5, 6, 9, 10]);
    }

    #[test]
    fn what_is_stored_otherwise_ends_as_well() {
        let text = r#"[{"at":1,"after":9,"seen":0},{"at":5,"after":7,"seen":3}]"#;
        let versions: Versions = serde_json::from_str(text).unwrap();
        assert_eq!(shown(&versions, 6), [1, 2, 3, 4, 5, 6]);
        assert_eq!(serde_json::to_string(&versions).unwrap(), text);
    }
}
