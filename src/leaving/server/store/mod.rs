//! The port to exports and erasures, and to the pieces of archives.

mod mongo;
mod sqlite;

use async_trait::async_trait;
use bytes::Bytes;
pub use mongo::MongoLeavingStore;
pub use sqlite::SqliteLeavingStore;

use crate::platform::db::StoreResult;
use crate::platform::ids::{RunId, UserId};
use crate::platform::secret::SecretHash;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeavingKind {
    Export,
    Erasure,
}

impl LeavingKind {
    /// The stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Export => "export",
            Self::Erasure => "erasure",
        }
    }
}

/// An export or an erasure. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaving {
    pub user: UserId,
    pub kind: LeavingKind,
    /// The try that may go on with it.
    pub run: RunId,
    /// When to look at it again, or until when its try is taken for alive. `None`: it has ended.
    pub look_at: Option<i64>,
    /// When another may begin in its place.
    pub free_at: i64,
    /// What its user can follow it by.
    pub receipt: Option<SecretHash>,
    /// How far it is, as JSON.
    pub body: String,
}

/// A piece of an archive.
#[derive(Debug, Clone)]
pub struct Piece {
    pub user: UserId,
    /// The try that wrote it.
    pub run: RunId,
    pub number: u32,
    pub expires_at: i64,
    pub bytes: Bytes,
}

/// Exports and erasures: of each kind the newest of a user.
#[async_trait]
pub trait LeavingStore: Send + Sync {
    /// Stores a new one; `false` where there is one that has not ended, or is not free at `now`.
    async fn begin(&self, new: Leaving, now: i64) -> StoreResult<bool>;
    async fn find(&self, user: UserId, kind: LeavingKind) -> StoreResult<Option<Leaving>>;
    async fn find_by_receipt(&self, receipt: SecretHash) -> StoreResult<Option<Leaving>>;
    /// Gives the try `run` one that is to be looked at by `now`, until `lease_until`: whichever has waited longest. Of many that
    /// ask at once, one gets it.
    async fn claim(&self, kind: LeavingKind, now: i64, run: RunId, lease_until: i64) -> StoreResult<Option<Leaving>>;
    /// Stores how far it is; `false` where another try goes on with it, or it is gone.
    async fn save(&self, leaving: Leaving) -> StoreResult<bool>;
    /// Says that its try is alive; `false` as [`LeavingStore::save`].
    async fn renew(&self, user: UserId, kind: LeavingKind, run: RunId, lease_until: i64) -> StoreResult<bool>;
    async fn delete(&self, user: UserId, kind: LeavingKind) -> StoreResult<()>;
    async fn put_piece(&self, piece: Piece) -> StoreResult<()>;
    async fn find_piece(&self, run: RunId, number: u32) -> StoreResult<Option<Bytes>>;
    /// Deletes all pieces of a user, but those of one try.
    async fn delete_pieces(&self, user: UserId, except: Option<RunId>) -> StoreResult<()>;
    /// Deletes pieces that have expired at `now`.
    async fn delete_expired(&self, now: i64) -> StoreResult<()>;
}
