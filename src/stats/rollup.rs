//! Adding up: raw records become sums by quarters of an hour.
//!
//! No request writes anything for this. What has changed is found by counting (`StatsStore::marks`), and only the records of those buckets
//! are read again: the last hour's when somebody looks, at most once a second, and older ones by a timer. A bucket is replaced as a
//! whole, so several servers may do the same at once, and one that dies leaves nothing half done.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::mirror::Mirror;
use super::store::{RawEntry, Source, Standing, StatsStore, StoredBucket};
use super::sums::{BUCKET, Buckets, bucket_of, fold_attempts, fold_entries, fold_payments, fold_replies, fold_users};
use crate::credits::{EntryKind, Origin};
use crate::platform::db::{Database, StoreResult, millis};
use crate::platform::error::AppResult;
use crate::platform::time::{DAY, HOUR};
use crate::usage::server::prices::PriceTable;
use crate::usage::server::store::KEPT;

/// What is looked at again whenever somebody looks. What comes later than this is a correction.
const OPEN: i64 = HOUR;
/// What the timer looks at each time, and how often it looks at everything.
const RECENT: i64 = 2 * DAY;
const ALL_EVERY: Duration = Duration::from_hours(24);
/// What is counted in one go.
const PIECE: i64 = 10 * DAY;
/// Records of so much time are read in one go.
const RUN: i64 = 6 * HOUR;
/// How often somebody who looks makes it look, at most. Where that takes long it is less often, as people who chat wait for the same
/// machine: of a hundred messages, not one is to meet a look.
const PAUSE: Duration = Duration::from_secs(1);
const SHARE: u32 = 100;
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// How long somebody who looks waits for others who do.
const WAIT: Duration = Duration::from_secs(2);
/// How old the standing may be, which takes a look at every account.
const STANDING: Duration = Duration::from_secs(30);

/// The statistics. Cheap to clone.
#[derive(Clone)]
pub struct Stats(Arc<Parts>);

struct Parts {
    database: Database,
    store: Arc<dyn StatsStore>,
    /// What asking again would have cost.
    prices: PriceTable,
    mirror: RwLock<Mirror>,
    turn: tokio::sync::Mutex<Turn>,
    standing: Mutex<Option<(Instant, Arc<Standing>)>>,
}

/// Who has it looks.
#[derive(Default)]
struct Turn {
    is_loaded: bool,
    next: Option<Instant>,
    all_looked_at: Option<Instant>,
}

impl Stats {
    #[must_use]
    pub fn new(database: Database, store: Arc<dyn StatsStore>, prices: PriceTable) -> Self {
        Self(Arc::new(Parts {
            database,
            store,
            prices,
            mirror: RwLock::default(),
            turn: tokio::sync::Mutex::default(),
            standing: Mutex::default(),
        }))
    }

    pub(super) fn store(&self) -> &dyn StatsStore {
        self.0.store.as_ref()
    }

    pub(super) fn now(&self) -> i64 {
        self.0.database.now()
    }

    pub(super) fn read<T>(&self, what: impl FnOnce(&Mirror) -> T) -> T {
        what(&self.0.mirror.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds up what is new of the last hour, unless that was done a moment ago.
    ///
    /// # Errors
    /// [`crate::platform::error::AppError::Unavailable`].
    pub async fn refresh(&self) -> AppResult<()> {
        // Whoever waits too long sees what there is.
        let Ok(mut turn) = timeout(WAIT, self.0.turn.lock()).await else { return Ok(()) };
        if turn.next.is_some_and(|next| Instant::now() < next) {
            return Ok(());
        }
        let begun = Instant::now();
        if turn.is_loaded {
            let now = self.now();
            self.look(now, now - OPEN, now + BUCKET, turn.all_looked_at.is_some()).await?;
        } else {
            self.load(&mut turn).await?;
            return Ok(());
        }
        turn.next = Some(Instant::now() + (begun.elapsed() * SHARE).clamp(PAUSE, LONGEST_PAUSE));
        Ok(())
    }

    /// Looks at what is older too; for a timer.
    ///
    /// # Errors
    /// [`crate::platform::error::AppError::Unavailable`].
    pub async fn look_back(&self) -> AppResult<()> {
        let mut turn = self.0.turn.lock().await;
        if !turn.is_loaded {
            self.load(&mut turn).await?;
            return Ok(());
        }
        let is_due = turn.all_looked_at.is_none_or(|last| last.elapsed() >= ALL_EVERY);
        let was_looked_at = turn.all_looked_at.is_some();
        drop(turn);
        let now = self.now();
        let mut from = now - if is_due { millis(KEPT) } else { RECENT };
        while from < now + BUCKET {
            // Whoever looks meanwhile has a turn between the pieces.
            let _turn = self.0.turn.lock().await;
            self.look(now, from, (from + PIECE).min(now + BUCKET), was_looked_at).await?;
            from += PIECE;
        }
        if is_due {
            self.0.turn.lock().await.all_looked_at = Some(Instant::now());
        }
        Ok(())
    }

    /// Looks at everything at once, also at what was looked at a moment ago, as if this was the time; for tests and tools.
    ///
    /// # Errors
    /// [`crate::platform::error::AppError::Unavailable`].
    pub async fn look_at_all(&self, now: i64) -> AppResult<()> {
        let mut turn = self.0.turn.lock().await;
        let was_loaded = turn.is_loaded;
        if !was_loaded {
            self.load(&mut turn).await?;
            return Ok(());
        }
        self.look(now, now - millis(KEPT), now + BUCKET, true).await?;
        Ok(())
    }

    /// Reads the sums that are stored, and adds up what is missing.
    async fn load(&self, turn: &mut Turn) -> StoreResult<()> {
        let now = self.now();
        let first = bucket_of(now - millis(KEPT));
        let mut from = first;
        while from < now + BUCKET {
            let found = self.0.store.load(from, from + PIECE).await?;
            let mut mirror = self.0.mirror.write().unwrap_or_else(PoisonError::into_inner);
            for bucket in found {
                mirror.put(bucket, true);
            }
            drop(mirror);
            from += PIECE;
        }
        let mut from = first;
        while from < now + BUCKET {
            self.look(now, from, (from + PIECE).min(now + BUCKET), false).await?;
            from += PIECE;
        }
        *turn = Turn { is_loaded: true, next: Some(Instant::now() + PAUSE), all_looked_at: Some(Instant::now()) };
        Ok(())
    }

    /// Adds up what has changed of a time. `knows_all`: what is new there and old came late.
    async fn look(&self, now: i64, from: i64, until: i64, knows_all: bool) -> StoreResult<()> {
        let (from, until) = (bucket_of(from), bucket_of(until + BUCKET - 1));
        let is_over = |start: i64| start + BUCKET <= now;
        let is_old = |start: i64| start + BUCKET + OPEN <= now;
        let marks = self.0.store.marks(from, until).await?;
        let is_new = |source: Source, start: i64, mark: i64| {
            self.read(|mirror| match mirror.mark(source, start) {
                None => true,
                // What users delete later was there all the same: old sums only grow.
                Some(known) => mark > known || (mark != known && !is_old(start)),
            })
        };
        let changed = |source: Source| -> BTreeSet<i64> {
            let marks = marks.get(&source).into_iter().flatten();
            marks.filter(|(start, mark)| is_new(source, **start, **mark)).map(|(start, _)| *start).collect()
        };
        let changed: BTreeMap<Source, BTreeSet<i64>> =
            Source::ALL.into_iter().map(|source| (source, changed(source))).collect();
        // What was known before its time was over is stored now.
        let mut again = changed.clone();
        for (source, marks) in &marks {
            let left = |start: &i64| is_over(*start) && self.read(|mirror| !mirror.is_stored(*source, *start));
            again.entry(*source).or_default().extend(marks.keys().copied().filter(left));
        }
        // What an answer was charged may be in the bucket after it, and what it is a fallback of in the one before.
        let of = |source: Source, by: i64| changed.get(&source).into_iter().flatten().map(move |start| start + by);
        let near = of(Source::Attempts, BUCKET).chain(of(Source::Ledger, 0)).chain(of(Source::Ledger, -BUCKET));
        let asked = marks.get(&Source::Attempts);
        let near = near.filter(|start| asked.is_some_and(|asked| asked.contains_key(start)));
        again.entry(Source::Attempts).or_default().extend(near);
        for sources in Reading::ALL {
            let starts = |source: &Source| again.get(source).into_iter().flatten().copied();
            let all: BTreeSet<i64> = sources.of().iter().flat_map(starts).collect();
            for (from, until) in runs(&all) {
                let folded = self.add_up(sources, from, until).await?;
                // What was read before and after it only tells what is a fallback, and what it was charged.
                let buckets = folded.into_iter().filter(|bucket| {
                    let own = again.get(&bucket.source);
                    (from..until).contains(&bucket.start) && own.is_some_and(|own| own.contains(&bucket.start))
                });
                let is_late = |source: Source, start: i64| {
                    knows_all && is_old(start) && changed.get(&source).is_some_and(|own| own.contains(&start))
                };
                let buckets =
                    buckets.map(|bucket| StoredBucket { is_corrected: is_late(bucket.source, bucket.start), ..bucket });
                // What goes on changing would be written again and again.
                let (over, open): (Vec<_>, Vec<_>) = buckets.partition(|bucket| is_over(bucket.start));
                if !over.is_empty() {
                    self.0.store.keep(over.clone()).await?;
                }
                let mut mirror = self.0.mirror.write().unwrap_or_else(PoisonError::into_inner);
                for (buckets, is_stored) in [(over, true), (open, false)] {
                    for bucket in buckets {
                        mirror.put(bucket, is_stored);
                    }
                }
            }
        }
        Ok(())
    }

    /// The buckets of a time, and some of those beside it. Their marks are what the records that were read come to.
    async fn add_up(&self, what: Reading, from: i64, until: i64) -> StoreResult<Vec<StoredBucket>> {
        let store = self.store();
        Ok(match what {
            Reading::Work => {
                let attempts = store.attempts(from - BUCKET, until).await?;
                let entries = store.entries(from, until + BUCKET).await?;
                let lots = paid_lots(&entries);
                let prices = if lots.is_empty() { HashMap::new() } else { store.earnings(lots).await? };
                let asked = fold_attempts(&attempts, &entries, &prices);
                let moved = fold_entries(&entries, &prices);
                let mut buckets = marked(Source::Attempts, asked, attempts.iter().map(|attempt| (attempt.at, 1)));
                buckets.extend(marked(Source::Ledger, moved, entries.iter().map(|entry| (entry.at, 1))));
                buckets
            }
            Reading::Payments => {
                let payments = store.payments(from, until).await?;
                let marks = payments.iter().map(|payment| (payment.at, payment.version + 1));
                marked(Source::Payments, fold_payments(&payments), marks)
            }
            Reading::Users => {
                let times = store.users(from, until).await?;
                marked(Source::Users, fold_users(&times), times.iter().map(|at| (*at, 1)))
            }
            Reading::Replies => {
                let replies = store.replies(from, until).await?;
                let marks = replies.iter().map(|reply| (reply.at, 1));
                marked(Source::Replies, fold_replies(&replies, &self.0.prices), marks)
            }
        })
    }

    /// How things stand: users, and credits that are not spent. As it was a minute ago at most, unless it takes long to find out.
    ///
    /// # Errors
    /// [`crate::platform::error::AppError::Unavailable`].
    pub async fn standing(&self) -> AppResult<Arc<Standing>> {
        let known = self.0.standing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match known {
            None => Ok(self.look_around().await?),
            Some((at, standing)) => {
                if at.elapsed() < STANDING {
                    return Ok(standing);
                }
                // Nobody else begins it meanwhile.
                self.stand(standing.clone());
                let stats = self.clone();
                let look = tokio::spawn(async move {
                    let found = stats.look_around().await;
                    found.inspect_err(|error| tracing::warn!(%error, "how credits stand is not known any better")).ok()
                });
                // Where nobody has looked for long, it is waited for.
                if at.elapsed() < STANDING * 2 {
                    return Ok(standing);
                }
                let found = timeout(WAIT, look).await.ok().and_then(Result::ok).flatten();
                Ok(found.unwrap_or(standing))
            }
        }
    }

    async fn look_around(&self) -> StoreResult<Arc<Standing>> {
        let standing = Arc::new(self.0.store.standing().await?);
        self.stand(standing.clone());
        Ok(standing)
    }

    fn stand(&self, standing: Arc<Standing>) {
        *self.0.standing.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), standing));
    }
}

/// What is read together.
#[derive(Clone, Copy)]
enum Reading {
    /// Attempts, and the entries of the ledger that tell what they were charged.
    Work,
    Payments,
    Users,
    Replies,
}

impl Reading {
    const ALL: [Self; 4] = [Self::Work, Self::Payments, Self::Users, Self::Replies];

    const fn of(self) -> &'static [Source] {
        match self {
            Self::Work => &[Source::Attempts, Source::Ledger],
            Self::Payments => &[Source::Payments],
            Self::Users => &[Source::Users],
            Self::Replies => &[Source::Replies],
        }
    }
}

/// Buckets with their marks, which are added up by their moments.
fn marked(source: Source, buckets: Buckets, by: impl Iterator<Item = (i64, i64)>) -> Vec<StoredBucket> {
    let mut marks: BTreeMap<i64, i64> = BTreeMap::new();
    for (at, mark) in by {
        *marks.entry(bucket_of(at)).or_default() += mark;
    }
    let stored = |(start, (sums, people))| {
        let mark = marks.get(&start).copied().unwrap_or_default();
        StoredBucket { source, start, mark, is_corrected: false, sums, people }
    };
    buckets.into_iter().map(stored).collect()
}

/// The lots that money was paid for.
fn paid_lots(entries: &[RawEntry]) -> Vec<uuid::Uuid> {
    let settled = entries.iter().filter(|entry| entry.kind == EntryKind::Settle).flat_map(|entry| &entry.lots);
    let paid = settled.filter(|(_, origin, _)| matches!(origin, Origin::Bought | Origin::Plan));
    paid.map(|(id, _, _)| *id).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Buckets as times that are read in one go.
fn runs(starts: &BTreeSet<i64>) -> Vec<(i64, i64)> {
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for start in starts {
        match runs.last_mut() {
            Some((first, end)) if start - *first < RUN => *end = start + BUCKET,
            _ => runs.push((*start, start + BUCKET)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_together_is_read_together() {
        let starts = BTreeSet::from([0, BUCKET, 3 * BUCKET, RUN, 10 * RUN]);
        assert_eq!(runs(&starts), [(0, 4 * BUCKET), (RUN, RUN + BUCKET), (10 * RUN, 10 * RUN + BUCKET)]);
    }
}
