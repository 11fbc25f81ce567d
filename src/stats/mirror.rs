//! The buckets in memory, so that a report reads no database, however many records and users there are.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use uuid::Uuid;

use super::store::{Source, StoredBucket};
use super::sums::{KeySums, Share, Sums};
use crate::platform::time::DAY;

/// Times that are remembered; beyond that they are forgotten together.
const MOST_SPANS: usize = 2000;
/// Models, users and API keys of a report: those that cost the most.
pub const MOST_ROWS: usize = 50;

/// A bucket of a source.
struct Part {
    mark: i64,
    is_stored: bool,
    is_corrected: bool,
    sums: Sums,
    /// By their numbers.
    people: Vec<(u32, Share)>,
}

/// What a user has of a time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Person {
    pub attempts: u32,
    /// In millionths of a US dollar.
    pub cost_micros: i64,
    /// Replies and images that were paid for.
    pub works: u32,
    /// In millionths of a credit.
    pub spent: i64,
    /// What was paid for those credits, in millionths of a US dollar.
    pub earned_micros: i64,
}

impl Person {
    /// Whether they did anything.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        self.attempts > 0 || self.works > 0
    }
}

/// All buckets, by their beginning and source.
#[derive(Default)]
pub(super) struct Mirror {
    buckets: BTreeMap<i64, BTreeMap<Source, Part>>,
    /// Users have numbers here, as they are in many buckets.
    numbers: HashMap<Uuid, u32>,
    names: Vec<Uuid>,
    /// Changes of each day (UTC).
    changes: BTreeMap<i64, u64>,
    /// Sums of times.
    spans: Remembered<Arc<Sums>>,
    /// Active users of times.
    seen: Remembered<Arc<Vec<u64>>>,
    /// The users and keys that cost the most in times.
    users: Remembered<Arc<Vec<(Uuid, Person)>>>,
    keys: Remembered<Arc<Vec<(Uuid, KeySums)>>>,
}

/// What was found of times, each with the changes that it knows of.
type Remembered<T> = Mutex<HashMap<(i64, i64), (u64, T)>>;

impl Mirror {
    pub fn mark(&self, source: Source, start: i64) -> Option<i64> {
        Some(self.buckets.get(&start)?.get(&source)?.mark)
    }

    pub fn is_stored(&self, source: Source, start: i64) -> bool {
        self.buckets.get(&start).and_then(|parts| parts.get(&source)).is_some_and(|part| part.is_stored)
    }

    /// Puts a bucket in the place of what was known of it.
    pub fn put(&mut self, bucket: StoredBucket, is_stored: bool) {
        let StoredBucket { source, start, mark, is_corrected, sums, people } = bucket;
        let people = people.into_iter().map(|(user, share)| (self.number(user), share)).collect();
        let parts = self.buckets.entry(start).or_default();
        let is_corrected = is_corrected || parts.get(&source).is_some_and(|part| part.is_corrected);
        parts.insert(source, Part { mark, is_stored, is_corrected, sums, people });
        *self.changes.entry(start.div_euclid(DAY)).or_default() += 1;
    }

    fn number(&mut self, user: Uuid) -> u32 {
        let next = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(user).or_insert(next);
        if number == next {
            self.names.push(user);
        }
        number
    }

    /// What a time adds up to.
    pub fn sums(&self, from: i64, until: i64) -> Arc<Sums> {
        self.remember(&self.spans, (from, until), || {
            let mut sums = Sums::default();
            for part in self.buckets.range(from..until).flat_map(|(_, parts)| parts.values()) {
                sums.add(&part.sums);
            }
            Arc::new(sums)
        })
    }

    /// What times add up to, which follow each other: of those that are over, what was found before.
    pub fn sums_of(&self, spans: &[(i64, i64)]) -> Arc<Sums> {
        let (Some((from, _)), Some((_, until))) = (spans.first(), spans.last()) else { return Arc::default() };
        self.remember(&self.spans, (*from, *until), || {
            let mut all = Sums::default();
            for (from, until) in spans {
                all.add(&self.sums(*from, *until));
            }
            Arc::new(all)
        })
    }

    /// The users who did anything in a time: a bit for each number.
    fn seen(&self, from: i64, until: i64) -> Arc<Vec<u64>> {
        self.remember(&self.seen, (from, until), || {
            let mut seen = vec![0_u64; self.names.len().div_ceil(64)];
            for part in self.buckets.range(from..until).flat_map(|(_, parts)| parts.values()) {
                for (number, _) in &part.people {
                    let at = usize::try_from(*number / 64).unwrap_or(usize::MAX);
                    if let Some(bits) = seen.get_mut(at) {
                        *bits |= 1 << (number % 64);
                    }
                }
            }
            Arc::new(seen)
        })
    }

    /// How many users did anything in each of these times, and in all of them.
    pub fn active(&self, spans: &[(i64, i64)]) -> (Vec<u64>, u64) {
        let count = |bits: &[u64]| bits.iter().map(|bits| u64::from(bits.count_ones())).sum::<u64>();
        let mut all = vec![0_u64; self.names.len().div_ceil(64)];
        let mut by_span = Vec::with_capacity(spans.len());
        for (from, until) in spans {
            let seen = self.seen(*from, *until);
            by_span.push(count(&seen));
            for (all, bits) in all.iter_mut().zip(seen.iter()) {
                *all |= bits;
            }
        }
        (by_span, count(&all))
    }

    /// What was found before, unless something of that time has changed since.
    fn remember<T: Clone>(&self, known: &Remembered<T>, time: (i64, i64), find: impl FnOnce() -> T) -> T {
        let days = self.changes.range(time.0.div_euclid(DAY)..=time.1.div_euclid(DAY));
        let changes: u64 = days.map(|(_, changes)| changes).sum();
        let lock = || known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = lock().get(&time).filter(|(of, _)| *of == changes).map(|(_, found)| found.clone());
        if let Some(found) = found {
            return found;
        }
        let found = find();
        let mut known = lock();
        if known.len() >= MOST_SPANS {
            known.clear();
        }
        known.insert(time, (changes, found.clone()));
        found
    }

    /// Whether a bucket of a time changed after its time was over.
    pub fn is_corrected(&self, from: i64, until: i64) -> bool {
        self.buckets.range(from..until).flat_map(|(_, parts)| parts.values()).any(|part| part.is_corrected)
    }

    /// The API keys that cost the most in a time, at most so many.
    pub fn top_keys(&self, from: i64, until: i64) -> Arc<Vec<(Uuid, KeySums)>> {
        self.remember(&self.keys, (from, until), || {
            let mut all: HashMap<Uuid, KeySums> = HashMap::new();
            let parts = self.buckets.range(from..until).filter_map(|(_, parts)| parts.get(&Source::Attempts));
            for (key, sums) in parts.flat_map(|part| &part.sums.keys) {
                all.entry(*key).or_default().add(sums);
            }
            let mut keys: Vec<_> = all.into_iter().collect();
            keys.sort_by_key(|(key, sums)| (Reverse(sums.cost_micros), Reverse(sums.attempts), *key));
            keys.truncate(MOST_ROWS);
            Arc::new(keys)
        })
    }

    /// The users that cost the most in a time, at most so many.
    pub fn top_users(&self, from: i64, until: i64) -> Arc<Vec<(Uuid, Person)>> {
        self.remember(&self.users, (from, until), || {
            let people = self.people(from, until);
            let mut order: Vec<usize> = (0..people.len()).filter(|at| people[*at].is_active()).collect();
            let key = |at: &usize| (Reverse(people[*at].cost_micros), self.names[*at]);
            if order.len() > MOST_ROWS {
                order.select_nth_unstable_by_key(MOST_ROWS, key);
                order.truncate(MOST_ROWS);
            }
            order.sort_unstable_by_key(key);
            Arc::new(order.into_iter().map(|at| (self.names[at], people[at])).collect())
        })
    }

    /// What each user has of a time, by their numbers.
    fn people(&self, from: i64, until: i64) -> Vec<Person> {
        let mut all = vec![Person::default(); self.names.len()];
        for (source, part) in self.buckets.range(from..until).flat_map(|(_, parts)| parts) {
            for (number, share) in &part.people {
                let at = usize::try_from(*number).unwrap_or(usize::MAX);
                let Some(person) = all.get_mut(at) else { continue };
                if *source == Source::Attempts {
                    person.attempts += share.count;
                    person.cost_micros += share.amount;
                } else {
                    person.works += share.count;
                    person.spent += share.amount;
                    person.earned_micros += share.earned;
                }
            }
        }
        all
    }
}
