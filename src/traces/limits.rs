//! How many traces are kept, and when it is time to see whether there are more.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::platform::config::Reader;
use crate::platform::ids::UserId;
use crate::platform::trace::TraceRecord;

/// Refused requests of a user whose traces are kept, a minute.
const REFUSALS: u32 = 20;
const MINUTE: Duration = Duration::from_mins(1);
/// Users that are counted at a time.
const MOST_USERS: usize = 10_000;
/// What comes on top before the oldest are looked for: the tenth part.
const SLACK: u32 = 10;

/// How many traces are kept; the oldest go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceLimits {
    /// `TRACES_PER_USER` (1,000): of one user.
    pub per_user: u32,
    /// `TRACES_MAX` (500,000): of all.
    pub in_all: u32,
}

impl Default for TraceLimits {
    fn default() -> Self {
        Self { per_user: 1000, in_all: 500_000 }
    }
}

impl TraceLimits {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        let Self { per_user, in_all } = Self::default();
        Self {
            per_user: reader.at_least("TRACES_PER_USER", per_user, 10),
            in_all: reader.at_least("TRACES_MAX", in_all, 100),
        }
    }
}

/// What is written, counted until it is time to look.
#[derive(Debug, Default)]
pub(super) struct Written {
    of_users: HashMap<UserId, u32>,
    in_all: u32,
}

/// Whose oldest traces are to be looked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Due {
    pub users: Vec<UserId>,
    pub all: bool,
}

impl Written {
    /// Counts what was written just now.
    pub fn count(&mut self, limits: TraceLimits, traces: &[TraceRecord]) -> Due {
        // Those of many users reach the limit of all.
        if self.of_users.len() > MOST_USERS {
            self.of_users.clear();
        }
        for user in traces.iter().filter_map(|trace| trace.user) {
            *self.of_users.entry(user).or_default() += 1;
        }
        let users: Vec<UserId> = self
            .of_users
            .iter()
            .filter(|(_, count)| **count >= limits.per_user / SLACK)
            .map(|(user, _)| *user)
            .collect();
        for user in &users {
            self.of_users.remove(user);
        }
        self.in_all = self.in_all.saturating_add(u32::try_from(traces.len()).unwrap_or(u32::MAX));
        let all = self.in_all >= limits.in_all / SLACK;
        if all {
            self.in_all = 0;
        }
        Due { users, all }
    }
}

/// Refused requests of this minute, by user. Whoever floods is refused most of the time, and need not fill the queue with it.
pub(super) struct Refusals {
    since: Instant,
    of_users: HashMap<UserId, u32>,
}

impl Default for Refusals {
    fn default() -> Self {
        Self { since: Instant::now(), of_users: HashMap::new() }
    }
}

impl Refusals {
    /// Whether the trace of one more is kept.
    pub fn admit(&mut self, user: UserId, now: Instant) -> bool {
        if now.duration_since(self.since) >= MINUTE {
            *self = Self { since: now, of_users: HashMap::new() };
        }
        if self.of_users.len() >= MOST_USERS && !self.of_users.contains_key(&user) {
            return false;
        }
        let count = self.of_users.entry(user).or_default();
        *count += 1;
        *count <= REFUSALS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::ids::TraceId;

    fn trace(user: Option<UserId>) -> TraceRecord {
        TraceRecord {
            id: TraceId::now_v7(),
            request_id: "r".to_owned(),
            what: "POST /api/chat".to_owned(),
            user,
            at: 0,
            status: Some(200),
            took: 0,
            steps: Vec::new(),
            cut: 0,
            parent: None,
            is_kept: true,
        }
    }

    #[test]
    fn it_is_time_to_look_after_a_tenth_of_what_may_be_kept() {
        let limits = TraceLimits { per_user: 20, in_all: 100 };
        let (user, mut written) = (UserId::now_v7(), Written::default());
        assert_eq!(written.count(limits, &[trace(Some(user)), trace(None)]), Due::default());
        assert_eq!(written.count(limits, &[trace(Some(user))]), Due { users: vec![user], all: false });
        let others: Vec<_> = (0..7).map(|_| trace(Some(UserId::now_v7()))).collect();
        assert_eq!(written.count(limits, &others), Due { users: Vec::new(), all: true });
        assert_eq!(written.count(limits, &[trace(Some(user))]), Due::default());
    }

    #[test]
    fn of_a_users_refused_requests_some_a_minute_are_kept() {
        let (user, other, mut refusals) = (UserId::now_v7(), UserId::now_v7(), Refusals::default());
        let now = Instant::now();
        let kept = (0..1000).filter(|_| refusals.admit(user, now)).count();
        assert_eq!(kept, 20);
        assert!(refusals.admit(other, now), "who floods takes nothing from others");
        assert!(refusals.admit(user, now + MINUTE));
    }
}
