//! The port to users and their keys.

pub(in crate::account::server) mod mongo;
pub(in crate::account::server) mod sqlite;

use async_trait::async_trait;
pub use mongo::MongoAccountStore;
pub use sqlite::SqliteAccountStore;

use crate::account::server::sessions::{Preferences, UserStatus};
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
    /// PHC string; `None`: they sign in with a provider only.
    pub password_hash: Option<String>,
    /// When it was shown last that the address is this user's, in milliseconds since 1970.
    pub email_verified_at: Option<i64>,
    pub role: Role,
    pub status: UserStatus,
}

impl User {
    /// What clients may see.
    #[must_use]
    pub fn profile(&self) -> Profile {
        Profile { id: self.id.to_string(), email: self.email.clone(), name: self.name.clone(), role: self.role }
    }
}

/// The hash of a password as it is kept: where there is no password, it is empty, which is the hash of none.
fn read_hash(stored: String) -> Option<String> {
    Some(stored).filter(|hash| !hash.is_empty())
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

/// What is kept as JSON.
fn to_json(preferences: &Preferences) -> StoreResult<String> {
    serde_json::to_string(preferences).map_err(|error| StoreError::Corrupt(format!("preferences: {error}")))
}

pub(in crate::account::server) fn from_json(text: Option<&str>) -> StoreResult<Preferences> {
    let Some(text) = text else { return Ok(Preferences::default()) };
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt(format!("preferences: {error}")))
}

/// Users and their API keys. Times are milliseconds since 1970.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Stores a new user; `false` when the address, or the id, is taken.
    async fn create_user(&self, user: User) -> StoreResult<bool>;
    async fn find_user(&self, email: &Email) -> StoreResult<Option<User>>;
    async fn find_user_by_id(&self, id: UserId) -> StoreResult<Option<User>>;
    /// Changes the role of the user with this address; `false` where there is none.
    async fn set_role(&self, email: &Email, role: Role) -> StoreResult<bool>;
    /// Changes a status to another one; `false` where it was not that.
    async fn change_status(&self, id: UserId, from: UserStatus, to: UserStatus) -> StoreResult<bool>;
    async fn set_password(&self, id: UserId, hash: &str) -> StoreResult<()>;
    /// Sets how a user wants it, and the name, where there is one.
    async fn set_profile(&self, id: UserId, name: Option<&str>, preferences: &Preferences) -> StoreResult<()>;
    async fn find_preferences(&self, id: UserId) -> StoreResult<Preferences>;
    /// Keeps that the address is the user's, if it still is; `false` where it is not.
    async fn verify_email(&self, user: UserId, email: &str, at: i64) -> StoreResult<bool>;
    /// Gives the user another address, which was shown to be theirs; `false` where it is taken, or the one before is not `from`.
    async fn change_email(&self, user: UserId, from: &str, to: &str, at: i64) -> StoreResult<bool>;
    /// Stores a new key; `false` where the user has `most` already, however many are made at once.
    async fn create_key(&self, hash: SecretHash, user: UserId, key: StoredKey, most: usize) -> StoreResult<bool>;
    /// The keys of a user, oldest first.
    async fn list_keys(&self, user: UserId) -> StoreResult<Vec<StoredKey>>;
    async fn find_key(&self, hash: SecretHash) -> StoreResult<Option<(User, StoredKey)>>;
    /// Keeps when a key was used, if that is later than what is known.
    async fn touch_key(&self, id: ApiKeyId, at: i64) -> StoreResult<()>;
    /// `false` where the user has no such key.
    async fn delete_key(&self, user: UserId, id: ApiKeyId) -> StoreResult<bool>;
    /// How many others than this user are admins whose account is open.
    async fn other_admins(&self, than: UserId) -> StoreResult<u64>;
    /// Deletes a user with all keys. Whoever is not there is gone already.
    async fn delete_user(&self, id: UserId) -> StoreResult<()>;
    /// Remembers who has had the credits of new accounts.
    async fn keep_welcomed(&self, hashes: Vec<SecretHash>, until: i64) -> StoreResult<()>;
    /// Whether one of these has had them and is remembered at `now`; of none: whether anybody is.
    async fn is_welcomed(&self, hashes: Vec<SecretHash>, now: i64) -> StoreResult<bool>;
    /// Forgets those that were remembered until `now`.
    async fn forget_welcomed(&self, now: i64) -> StoreResult<()>;
}
