//! The port to second factors and half sign-ins.

mod mongo;
mod sqlite;

use async_trait::async_trait;
pub use mongo::MongoSecondFactorStore;
pub use sqlite::SqliteSecondFactorStore;

use super::SealedKey;
use crate::platform::db::StoreResult;
use crate::platform::ids::UserId;
use crate::platform::secret::SecretHash;

/// The authenticator app of a user. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticatorApp {
    pub key: SealedKey,
    pub created_at: i64,
    /// When its owner first showed a code; `None`: not yet, and nobody is asked for one.
    pub confirmed_at: Option<i64>,
    /// Recovery codes that were not used.
    pub codes_left: u32,
}

/// Somebody who has shown who they are in one way, and has to in another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HalfSignIn {
    pub user: UserId,
    /// The hash of what the password was then: another one ends it.
    pub password: SecretHash,
    /// A path of this site, to go to afterwards.
    pub next: String,
    /// Codes that were tried.
    pub tries: u32,
    pub expires_at: i64,
}

/// Authenticator apps, recovery codes and half sign-ins. Of each user there is one app at most.
#[async_trait]
pub trait SecondFactorStore: Send + Sync {
    /// Keeps a key until it is confirmed, in the place of one that was not; `false` where one was.
    async fn begin(&self, user: UserId, key: SealedKey, at: i64) -> StoreResult<bool>;

    async fn find(&self, user: UserId) -> StoreResult<Option<AuthenticatorApp>>;

    /// Turns it on, by the code of a step; `false` where the key is another one, or is confirmed already.
    async fn confirm(
        &self,
        user: UserId,
        key: SealedKey,
        step: i64,
        codes: Vec<SecretHash>,
        at: i64,
    ) -> StoreResult<bool>;

    /// Accepts the code of a step, if none of it or of a later one was: however many ask at once, one is told `true`.
    async fn accept_step(&self, user: UserId, key: SealedKey, step: i64) -> StoreResult<bool>;

    /// The keys of all users, whether they are confirmed or not.
    async fn list_keys(&self) -> StoreResult<Vec<(UserId, SealedKey)>>;

    /// Keeps a key that is sealed otherwise, in the place of the same key; `false` where it is another one by now.
    async fn replace_key(&self, user: UserId, from: SealedKey, to: SealedKey) -> StoreResult<bool>;

    /// Other recovery codes, in the place of all that there are; `false` where it is not on.
    async fn replace_codes(&self, user: UserId, codes: Vec<SecretHash>) -> StoreResult<bool>;

    /// Uses a recovery code: however many ask at once, one is told `true`.
    async fn take_code(&self, user: UserId, code: SecretHash) -> StoreResult<bool>;

    /// Forgets all of a user, half sign-ins as well; `false` where nothing was on.
    async fn delete_of_user(&self, user: UserId) -> StoreResult<bool>;

    async fn put_half(&self, token: SecretHash, half: HalfSignIn) -> StoreResult<()>;

    /// Looks at one that has not expired at `now`.
    async fn find_half(&self, token: SecretHash, now: i64) -> StoreResult<Option<HalfSignIn>>;

    /// Counts a try, if there were fewer than `most`: the half sign-in, with this try.
    async fn try_half(&self, token: SecretHash, most: u32, now: i64) -> StoreResult<Option<HalfSignIn>>;

    /// Ends one that has not expired at `now`: however many ask at once, one gets it.
    async fn take_half(&self, token: SecretHash, now: i64) -> StoreResult<Option<HalfSignIn>>;

    /// Forgets half sign-ins that have expired at `now`.
    async fn delete_expired(&self, now: i64) -> StoreResult<()>;
}
