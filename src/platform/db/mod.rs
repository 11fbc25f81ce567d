//! Databases: how the adapters of the features reach them, and what can go wrong on the way.

mod amounts;
mod clock;
mod config;
mod group_commit;
pub mod mongo;
pub mod sqlite;

use std::time::Duration;

use tokio::time::{Instant, sleep};

pub use self::clock::{Clock, millis};
pub use self::config::DatabaseConfig;
use self::mongo::Mongo;
use self::sqlite::Sqlite;

use super::error::AppError;
use super::patience::{self, Source};

/// How long finished work waits for a database that is gone, before it is given up.
const KEEP_TRYING: Duration = Duration::from_secs(90);

/// What an operation on a store can come to, for logs; clients see an [`AppError`].
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("sqlite: {}", sqlite::in_words(.0))]
    Sqlite(#[from] rusqlite::Error),
    #[error("mongodb: {}", mongo::in_one_line(.0))]
    Mongo(#[from] mongodb::error::Error),
    #[error("bson: {0}")]
    Bson(#[from] mongodb::bson::error::Error),
    /// The database did not answer in time. Whether the operation was done is not known.
    #[error("the database did not answer in time")]
    TimedOut,
    /// The commit that this piece of work was part of failed; nothing of it is stored.
    #[error("commit failed: {0}")]
    Commit(String),
    /// A row holds what the program never writes.
    #[error("stored data cannot be read: {0}")]
    Corrupt(String),
    #[error(
        "the database is of version {0}, and Tessera {program} knows {1}: start the newer Tessera again, or restore a backup of before the update",
        program = env!("CARGO_PKG_VERSION")
    )]
    TooNew(i64, i64),
    /// Found by looking for it, page by page.
    #[error("{damaged}: {0}", damaged = sqlite::DAMAGED)]
    Damaged(String),
    #[error("the database thread has ended")]
    Closed,
    #[error("a piece of database work panicked")]
    Panicked,
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// The database was away, or its clock was set, where nobody wrote to it for longer, in milliseconds. Servers do every five
/// seconds, and what they have running is taken for alive for longer than this.
const GAP: i64 = 15_000;

/// What came of writing to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probed {
    /// How far this server's own clock is ahead, in milliseconds.
    pub ahead: i64,
    /// For how long it has been written to by some server without a gap, in milliseconds.
    pub steady: i64,
}

/// The database itself, whatever is stored in it.
#[derive(Clone)]
pub enum Database {
    Sqlite(Sqlite),
    Mongo(Mongo),
}

impl Database {
    /// What its clock says now, in milliseconds since 1970.
    #[must_use]
    pub fn now(&self) -> i64 {
        match self {
            Self::Sqlite(sqlite) => sqlite.now(),
            Self::Mongo(mongo) => mongo.now(),
        }
    }

    /// Writes something, as safely as what moves credits, and looks at the clock.
    ///
    /// # Errors
    /// When nothing can be stored.
    pub async fn probe(&self) -> StoreResult<Probed> {
        match self {
            Self::Sqlite(sqlite) => sqlite.probe().await,
            Self::Mongo(mongo) => mongo.probe().await,
        }
    }

    /// Leaves nothing on the disk of what was deleted, where the database is a file of ours.
    ///
    /// # Errors
    /// When nothing can be written.
    pub async fn wipe(&self) -> StoreResult<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite.wipe().await,
            Self::Mongo(_) => Ok(()),
        }
    }

    /// Looks for damage, page by page, where the database is a file of ours.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with what was found first.
    pub async fn look_for_damage(&self) -> StoreResult<()> {
        match self {
            Self::Sqlite(sqlite) => sqlite.look_for_damage().await,
            Self::Mongo(_) => Ok(()),
        }
    }
}

/// Shorthand for what the adapters return.
pub type StoreResult<T> = Result<T, StoreError>;

/// The boundary: the cause is logged here once, with the request id of the span around it.
impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a store failed");
        match error {
            StoreError::Corrupt(_) | StoreError::TooNew(..) | StoreError::Panicked | StoreError::Bson(_) => {
                Self::Internal
            }
            StoreError::Sqlite(rusqlite::Error::SqliteFailure(cause, _))
                if cause.code == rusqlite::ErrorCode::ConstraintViolation =>
            {
                Self::Internal
            }
            StoreError::Mongo(cause) if mongo::is_corrupt(&cause) => Self::Internal,
            _ => Self::Unavailable,
        }
    }
}

/// How long a request waits for the database in all.
const PATIENCE: Duration = Duration::from_secs(3);

/// Whether the request that is being served has waited for the database for as long as it may.
#[must_use]
pub fn patience_is_over() -> bool {
    patience::left(Source::Database, PATIENCE).is_some_and(|left| left.is_zero())
}

/// Waits for an operation for as long as the request does; outside of any, not longer than `alone`.
async fn wait<T>(operation: impl Future<Output = StoreResult<T>>, alone: Option<Duration>) -> StoreResult<T> {
    patience::wait(Source::Database, PATIENCE, alone, operation).await.unwrap_or(Err(StoreError::TimedOut))
}

/// A number of rows or bytes, as databases have numbers.
#[must_use]
pub fn to_i64(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Now, in milliseconds since 1970.
#[must_use]
pub fn now_millis() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// A stored time as clients see it: RFC 3339 in UTC.
///
/// # Errors
/// [`StoreError::Corrupt`] for a time that no calendar has.
pub fn rfc3339(millis: i64) -> StoreResult<String> {
    jiff::Timestamp::from_millisecond(millis)
        .map(|time| format!("{time:.3}"))
        .map_err(|_| StoreError::Corrupt(format!("time {millis}")))
}

/// A database that is gone for a while should not cost the user what was made. Longer, and the sweeper ends the hold.
pub async fn keep_trying<T, F, Fut>(operation: F) -> StoreResult<T>
where
    F: Fn() -> Fut,
    Fut: Future<Output = StoreResult<T>>,
{
    let begun = Instant::now();
    let mut pause = Duration::from_millis(100);
    loop {
        match operation().await {
            Err(error) if begun.elapsed() < KEEP_TRYING => tracing::warn!(%error, "trying again in {pause:?}"),
            result => return result,
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
    }
}
