//! The port to identities: who of a provider is which user here.

mod mongo;
mod sqlite;

use async_trait::async_trait;

pub use self::mongo::MongoIdentityStore;
pub use self::sqlite::SqliteIdentityStore;
pub use crate::account::server::ways::Unlinked;
use crate::platform::db::StoreResult;
use crate::platform::ids::{IdentityId, UserId};
use crate::platform::secret::SecretHash;

/// Somebody of a provider, as one of our users. Issuer and subject together are one person's for ever; an address is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub id: IdentityId,
    pub issuer: String,
    pub subject: String,
    pub user: UserId,
    /// What the provider called them when it was linked: only to be shown.
    pub shown_as: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
}

/// Identities, and those that wait for their owner to sign in. Times are milliseconds since 1970.
#[async_trait]
pub trait IdentityStore: Send + Sync {
    /// Whose identity it is.
    async fn find(&self, issuer: &str, subject: &str) -> StoreResult<Option<UserId>>;
    /// Stores an identity, unless somebody has it. Returns whose it is now, however many do so at once.
    async fn add(&self, identity: Identity) -> StoreResult<UserId>;
    /// The identities of a user, oldest first.
    async fn list(&self, user: UserId) -> StoreResult<Vec<Identity>>;
    /// Takes an identity away from a user, but never the last way to sign in, however many are taken away at once.
    async fn remove(&self, user: UserId, id: IdentityId) -> StoreResult<Unlinked>;
    /// Takes back an identity that was given to a user who does not exist.
    async fn remove_orphan(&self, issuer: &str, subject: &str, user: UserId) -> StoreResult<()>;
    /// Takes all identities of a user away, also the last: the user goes.
    async fn delete_of_user(&self, user: UserId) -> StoreResult<()>;
    /// Keeps an identity until its user has signed in.
    async fn put_aside(&self, token: SecretHash, identity: Identity, expires_at: i64) -> StoreResult<()>;
    /// The identity that was put aside and has not expired at `now`; once.
    async fn take(&self, token: SecretHash, now: i64) -> StoreResult<Option<Identity>>;
    async fn delete_expired(&self, now: i64) -> StoreResult<()>;
    /// Gives a user the password that they did not have; `false` where there is one.
    async fn set_first_password(&self, user: UserId, hash: String) -> StoreResult<bool>;
}
