//! The port to passkeys, and to the ceremonies that make and use them.

mod mongo;
mod sqlite;

use async_trait::async_trait;

pub use self::mongo::MongoPasskeyStore;
pub use self::sqlite::SqlitePasskeyStore;
use crate::account::server::ways::Unlinked;
use crate::platform::db::StoreResult;
use crate::platform::ids::{PasskeyId, UserId};
use crate::platform::secret::SecretHash;

/// A passkey of a user. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPasskey {
    pub id: PasskeyId,
    pub user: UserId,
    /// By which authenticators name it. No two have the same.
    pub credential_id: Vec<u8>,
    /// What its signatures are checked with, as JSON: the public key, and what was seen of it.
    pub credential: String,
    /// How often it had signed when it was last used, as it says; 0 where it does not count.
    pub counter: u32,
    pub name: String,
    /// Where it was made, in words; empty where nothing was said.
    pub device: String,
    pub created_at: i64,
    pub last_used_at: Option<i64>,
}

/// What came of adding a passkey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    Done,
    /// Somebody has it already.
    Taken,
    /// The user has as many as there may be.
    TooMany,
}

/// What is kept between the two halves of a ceremony.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ceremony {
    /// Who registers a passkey; `None`: somebody signs in.
    pub user: Option<UserId>,
    /// The challenge and what else is checked against, as JSON.
    pub state: String,
    pub expires_at: i64,
}

/// Passkeys and ceremonies.
#[async_trait]
pub trait PasskeyStore: Send + Sync {
    /// Keeps a ceremony until it is finished.
    async fn begin(&self, handle: SecretHash, ceremony: Ceremony) -> StoreResult<()>;
    /// The ceremony with this handle that has not expired at `now`: once, however many want it.
    async fn take(&self, handle: SecretHash, now: i64) -> StoreResult<Option<Ceremony>>;
    /// Forgets the ceremonies that nobody has finished.
    async fn delete_expired(&self, now: i64) -> StoreResult<()>;
    /// Stores a passkey, unless its user has `most` already, however many are added at once.
    async fn add(&self, passkey: StoredPasskey, most: usize) -> StoreResult<Added>;
    async fn find(&self, credential_id: &[u8]) -> StoreResult<Option<StoredPasskey>>;
    /// The passkeys of a user, oldest first.
    async fn list(&self, user: UserId) -> StoreResult<Vec<StoredPasskey>>;
    /// Keeps what was seen of a passkey when it was used; `false` where it is gone, or counts and has not counted on.
    async fn keep_use(&self, id: PasskeyId, credential: String, counter: u32, at: i64) -> StoreResult<bool>;
    /// `false` where the user has no such passkey.
    async fn rename(&self, user: UserId, id: PasskeyId, name: &str) -> StoreResult<bool>;
    /// Takes a passkey away, but never the last way to sign in, however many are taken away at once.
    async fn remove(&self, user: UserId, id: PasskeyId) -> StoreResult<Unlinked>;
    /// Takes all passkeys of a user away, also the last, and what they have begun.
    async fn delete_of_user(&self, user: UserId) -> StoreResult<()>;
}
