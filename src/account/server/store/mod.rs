//! The port to users and sessions.

mod mongo;
mod sqlite;

use async_trait::async_trait;
pub use mongo::MongoAccountStore;
pub use sqlite::SqliteAccountStore;

use crate::account::{Email, Profile, Role, Scope};
use crate::platform::amount::Amount;
use crate::platform::db::{StoreError, StoreResult};
use crate::platform::ids::{ApiKeyId, UserId};
use crate::platform::secret::SecretHash;

/// A stored user.
#[derive(Debug, Clone)]
pub struct User {
    pub id: UserId,
    pub email: String,
    pub name: String,
    /// PHC string.
    pub password_hash: String,
    pub role: Role,
}

impl User {
    /// What clients may see.
    #[must_use]
    pub fn profile(&self) -> Profile {
        Profile { id: self.id.to_string(), email: self.email.clone(), name: self.name.clone(), role: self.role }
    }
}

/// An API key without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    pub id: ApiKeyId,
    pub name: String,
    /// Its last characters.
    pub hint: String,
    /// Requests a minute.
    pub per_minute: Option<u32>,
    /// Credits in all.
    pub budget: Option<Amount>,
    /// Never empty.
    pub scopes: Vec<Scope>,
    pub expires_at: Option<i64>,
    pub created_at: i64,
    pub last_used_at: Option<i64>,
}

/// The scopes of stored names. One that nobody wrote must not pass for a harmless one.
fn read_scopes<'a>(names: impl Iterator<Item = &'a str>) -> StoreResult<Vec<Scope>> {
    names.map(|name| Scope::parse(name).ok_or_else(|| StoreError::Corrupt(format!("scope {name:?}")))).collect()
}

/// Users, their sessions and their API keys. Times are milliseconds since 1970.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Stores a new user; `false` when the address is taken.
    async fn create_user(&self, user: User) -> StoreResult<bool>;
    async fn find_user(&self, email: &Email) -> StoreResult<Option<User>>;
    async fn find_user_by_id(&self, id: UserId) -> StoreResult<Option<User>>;
    /// Changes the role of the user with this address; `false` where there is none.
    async fn set_role(&self, email: &Email, role: Role) -> StoreResult<bool>;
    async fn create_session(&self, token: SecretHash, user: UserId, expires_at: i64) -> StoreResult<()>;
    /// The user of a session that has not expired at `now`.
    async fn find_session(&self, token: SecretHash, now: i64) -> StoreResult<Option<User>>;
    async fn delete_session(&self, token: SecretHash) -> StoreResult<()>;
    async fn delete_expired_sessions(&self, now: i64) -> StoreResult<()>;
    /// Stores a new key; `false` where the user has `most` already, however many are made at once.
    async fn create_key(&self, hash: SecretHash, user: UserId, key: StoredKey, most: usize) -> StoreResult<bool>;
    /// The keys of a user, oldest first.
    async fn list_keys(&self, user: UserId) -> StoreResult<Vec<StoredKey>>;
    async fn find_key(&self, hash: SecretHash) -> StoreResult<Option<(User, StoredKey)>>;
    /// Keeps when a key was used, if that is later than what is known.
    async fn touch_key(&self, id: ApiKeyId, at: i64) -> StoreResult<()>;
    /// `false` where the user has no such key.
    async fn delete_key(&self, user: UserId, id: ApiKeyId) -> StoreResult<bool>;
}
