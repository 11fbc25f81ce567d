//! What providers were asked and what they cost, by minute and by day. Each server counts what it asked itself, and writes its counts
//! as a whole: written again, they are the same.

use std::collections::HashMap;
use std::ops::AddAssign;
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::flag::ProviderFlag;
use super::watch::WINDOW;
use crate::platform::db::millis;
use crate::platform::time::{DAY, MINUTE};
use crate::platform::work_kind::WorkKind;

/// What a count is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Span {
    Minute,
    Day,
}

impl Span {
    /// The stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Minute => "minute",
            Self::Day => "day",
        }
    }

    /// The span of a stored name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Minute, Self::Day].into_iter().find(|span| span.as_str() == name)
    }

    /// When the one began that this moment is in.
    #[must_use]
    pub const fn start(self, at: i64) -> i64 {
        let length = match self {
            Self::Minute => MINUTE,
            Self::Day => DAY,
        };
        at - at.rem_euclid(length)
    }
}

/// Attempts, those of them that failed, and what they cost in millionths of a US dollar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    pub asked: i64,
    pub failed: i64,
    pub cost_micros: i64,
}

impl AddAssign for Sum {
    fn add_assign(&mut self, other: Self) {
        self.asked += other.asked;
        self.failed += other.failed;
        self.cost_micros += other.cost_micros;
    }
}

/// What one server counted of a provider in a span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    pub span: Span,
    /// When the span began, in milliseconds since 1970.
    pub at: i64,
    pub kind: WorkKind,
    pub provider: String,
    pub sum: Sum,
}

/// What was counted here.
pub struct Tally {
    /// This process, from its start to its end.
    pub server: Uuid,
    counts: Mutex<HashMap<(Span, i64, ProviderFlag), Count>>,
}

#[derive(Default)]
struct Count {
    sum: Sum,
    written: Sum,
}

/// What is to be written, and what today costs by it.
pub struct Taken {
    pub unwritten: Vec<Counted>,
    pub today: HashMap<ProviderFlag, i64>,
}

impl Default for Tally {
    fn default() -> Self {
        Self { server: Uuid::now_v7(), counts: Mutex::default() }
    }
}

impl Tally {
    fn lock(&self) -> MutexGuard<'_, HashMap<(Span, i64, ProviderFlag), Count>> {
        // Numbers: nothing in them can be half done.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn add(&self, now: i64, provider: ProviderFlag, sum: Sum) {
        let mut counts = self.lock();
        for span in [Span::Minute, Span::Day] {
            counts.entry((span, span.start(now), provider)).or_default().sum += sum;
        }
    }

    /// What it costs today, as far as it was asked here.
    pub fn cost(&self, day: i64, provider: ProviderFlag) -> i64 {
        self.lock().get(&(Span::Day, day, provider)).map_or(0, |count| count.sum.cost_micros)
    }

    /// What is not written yet; and forgets what is, and matters no more.
    pub fn take(&self, now: i64) -> Taken {
        let (today, window) = (Span::Day.start(now), now - millis(WINDOW) - MINUTE);
        let mut counts = self.lock();
        counts.retain(|(span, at, _), count| {
            let matters = match span {
                Span::Minute => *at >= window,
                Span::Day => *at >= today,
            };
            matters || count.sum != count.written
        });
        let unwritten = counts.iter().filter(|(_, count)| count.sum != count.written);
        let unwritten = unwritten.map(|((span, at, provider), count)| Counted {
            span: *span,
            at: *at,
            kind: provider.kind(),
            provider: provider.name().to_owned(),
            sum: count.sum,
        });
        let costs = counts.iter().filter(|((span, at, _), _)| *span == Span::Day && *at == today);
        let costs = costs.map(|((_, _, provider), count)| (*provider, count.sum.cost_micros));
        Taken { unwritten: unwritten.collect(), today: costs.collect() }
    }

    /// These are written.
    pub fn written(&self, written: &[Counted]) {
        for ((span, at, provider), count) in self.lock().iter_mut() {
            let own = written.iter().find(|row| {
                (row.span, row.at, row.kind) == (*span, *at, provider.kind()) && row.provider == provider.name()
            });
            if let Some(own) = own {
                count.written = own.sum;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_written_once_and_as_a_whole() {
        let (tally, provider) = (Tally::default(), ProviderFlag::new(WorkKind::Chat, "openai"));
        let now = 20_000 * DAY + 90_000;
        let one = Sum { asked: 1, failed: 1, cost_micros: 7 };
        tally.add(now, provider, one);
        tally.add(now, provider, one);
        let taken = tally.take(now);
        assert_eq!((taken.unwritten.len(), taken.today[&provider]), (2, 14));
        assert!(taken.unwritten.iter().all(|row| row.sum == Sum { asked: 2, failed: 2, cost_micros: 14 }));
        // One comes while it is being written.
        tally.add(now, provider, one);
        tally.written(&taken.unwritten);
        assert_eq!(tally.take(now).unwritten.len(), 2);
        tally.written(&tally.take(now).unwritten);
        assert!(tally.take(now).unwritten.is_empty());
        assert_eq!(
            (tally.cost(Span::Day.start(now), provider), tally.cost(Span::Day.start(now) + DAY, provider)),
            (21, 0)
        );
        assert!(tally.take(now + DAY).today.is_empty() && tally.lock().is_empty());
    }
}
