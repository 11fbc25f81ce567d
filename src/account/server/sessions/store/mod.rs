//! The port to sessions.

mod mongo;
mod sqlite;

use async_trait::async_trait;
pub use mongo::MongoSessionStore;
use sha2::{Digest, Sha256};
pub use sqlite::SqliteSessionStore;
use uuid::Builder;

use crate::account::server::plans::Period;
use crate::account::server::store::User;
use crate::credits::server::budgets::BudgetPlan;
use crate::platform::db::StoreResult;
use crate::platform::ids::{ImageId, SessionId, UserId};
use crate::platform::secret::SecretHash;

/// Where somebody is signed in. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Of its token only the hash is kept: who reads the database cannot sign in with it.
    pub token: SecretHash,
    /// The browser and the system, in words; empty where nothing was said.
    pub device: String,
    /// Where it began; empty where that is not known.
    pub address: String,
    pub created_at: i64,
    pub last_used_at: i64,
    /// When its owner last proved who they are.
    pub confirmed_at: i64,
    pub expires_at: i64,
}

impl Session {
    /// By which its owner names it. It follows from the hash and says nothing about it, so that sessions from before there were
    /// ids have one too.
    #[must_use]
    pub fn id(&self) -> SessionId {
        let digest = Sha256::new().chain_update(b"session id").chain_update(self.token).finalize();
        let mut random = [0; 10];
        random.copy_from_slice(&digest[..10]);
        let millis = u64::try_from(self.created_at).unwrap_or_default();
        SessionId::from(Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }
}

/// Who is signed in by a session, with all that is asked of them in every request: one look for all of it.
#[derive(Debug, Clone)]
pub struct SignedIn {
    pub user: User,
    pub session: Session,
    /// All times of their plans.
    pub periods: Vec<Period>,
    pub known: Known,
}

/// What was read of a user together with who they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    pub budgets: BudgetPlan,
    /// Who is asked first where a device has chosen nobody.
    pub provider: Option<String>,
    /// The picture that they show of themselves.
    pub avatar: Option<ImageId>,
}

/// Sessions of users.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// Stores a new session. Of more than `most` of its user, those go that were not used for the longest time.
    async fn create(&self, user: UserId, session: Session, most: usize) -> StoreResult<()>;
    /// A session that has not expired at `now`, and whose it is.
    async fn find(&self, token: SecretHash, now: i64) -> StoreResult<Option<(User, Session)>>;
    /// The same, with all that requests ask of its user.
    async fn find_signed_in(&self, token: SecretHash, now: i64) -> StoreResult<Option<SignedIn>>;
    /// The sessions of a user that have not expired at `now`, the last used first.
    async fn list(&self, user: UserId, now: i64) -> StoreResult<Vec<Session>>;
    /// Keeps when a session was used, if that is later than what is known.
    async fn touch(&self, token: SecretHash, at: i64) -> StoreResult<()>;
    /// Keeps when its owner proved who they are.
    async fn confirm(&self, token: SecretHash, at: i64) -> StoreResult<()>;
    /// Ends a session; one that is not there has ended already.
    async fn delete(&self, token: SecretHash) -> StoreResult<()>;
    /// Ends all sessions of a user but this one. Returns how many.
    async fn delete_of_user(&self, user: UserId, except: Option<SecretHash>) -> StoreResult<u64>;
    async fn delete_expired(&self, now: i64) -> StoreResult<()>;
}
