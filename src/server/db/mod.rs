//! Databases: how the adapters of the features reach them, and what can go wrong on the way.

pub mod sqlite;

use crate::error::AppError;

/// What an operation on a store can come to, for logs; clients see an [`AppError`].
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("sqlite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// The commit that this piece of work was part of failed; nothing of it is stored.
    #[error("commit failed: {0}")]
    Commit(String),
    /// A row holds what the program never writes.
    #[error("stored data cannot be read: {0}")]
    Corrupt(String),
    #[error("the database is of version {0}, this program knows {1}")]
    TooNew(usize, usize),
    #[error("the database thread has ended")]
    Closed,
    #[error("a piece of database work panicked")]
    Panicked,
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Shorthand for what the adapters return.
pub type StoreResult<T> = Result<T, StoreError>;

/// The boundary: the cause is logged here once, with the request id of the span around it.
impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a store failed");
        match error {
            StoreError::Corrupt(_) | StoreError::TooNew(..) | StoreError::Panicked => Self::Internal,
            StoreError::Sqlite(rusqlite::Error::SqliteFailure(cause, _))
                if cause.code == rusqlite::ErrorCode::ConstraintViolation =>
            {
                Self::Internal
            }
            _ => Self::Unavailable,
        }
    }
}
