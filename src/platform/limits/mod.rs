//! Rate limits: the port, its two adapters, and who is asking.

mod client;
mod local;
mod rate;
mod redis;
mod slots;

use async_trait::async_trait;

pub use self::client::{ClientAddress, TrustedProxy};
pub use self::local::LocalRateLimiter;
pub use self::rate::{Limit, Rate, Rates};
pub use self::redis::RedisRateLimiter;
pub use self::slots::{Slot, Slots};
use super::error::{AppError, AppResult};

/// What is left of a limit after an attempt that it allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// How many in its time.
    pub limit: u32,
    /// How many at once from now.
    pub remaining: u32,
    /// Seconds until all of the limit is there again.
    pub reset_secs: u64,
}

/// Something that a limit is asked about.
#[derive(Debug, Clone)]
pub struct Attempt {
    pub limit: Limit,
    /// Whom it counts for.
    pub subject: String,
    /// Whether it takes one, or only asks whether there is one.
    pub counts: bool,
}

impl Attempt {
    /// One that counts.
    pub fn of(limit: Limit, subject: impl Into<String>) -> Self {
        Self { limit, subject: subject.into(), counts: true }
    }

    /// One that only looks.
    pub fn look(limit: Limit, subject: impl Into<String>) -> Self {
        Self { limit, subject: subject.into(), counts: false }
    }
}

/// Counts attempts (GCRA: a limit may be used up at once and comes back evenly).
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Counts these attempts in their order, up to the first that is refused, in one step: what is left of each.
    ///
    /// # Errors
    /// The refusal: [`AppError::RateLimited`] or [`AppError::TooManyStops`].
    async fn check_all(&self, attempts: &[Attempt]) -> AppResult<Vec<Quota>>;

    /// Counts one attempt of `key`.
    ///
    /// # Errors
    /// As [`RateLimiter::check_all`].
    async fn check(&self, limit: Limit, key: &str) -> AppResult<Quota> {
        let quotas = self.check_all(&[Attempt::of(limit, key)]).await?;
        quotas.into_iter().next().ok_or(AppError::Internal)
    }

    /// Forgets keys that have long been quiet.
    fn forget_idle(&self);
}
