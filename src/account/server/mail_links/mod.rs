//! Links that are sent by mail, and work once: whoever follows one reads the mails of its address.

mod account_view;
pub mod api;
mod letters;
mod mongo;
pub mod pages;
mod reset_pages;
mod rules;
mod sign_up;
mod sqlite;
mod views;

use std::time::Duration;

use async_trait::async_trait;

pub use self::account_view::email_html;
pub use self::mongo::MongoMailLinkStore;
pub use self::sqlite::SqliteMailLinkStore;
use crate::platform::db::{StoreError, StoreResult};
use crate::platform::ids::UserId;
use crate::platform::secret::SecretHash;

/// What a link is for. One that was made for something else opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A new password.
    Reset,
    /// That the address is the user's.
    Verify,
    SignIn,
    /// Another address.
    Change,
}

impl Purpose {
    pub const ALL: [Self; 4] = [Self::Reset, Self::Verify, Self::SignIn, Self::Change];

    /// The stored name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::Verify => "verify",
            Self::SignIn => "sign-in",
            Self::Change => "change",
        }
    }

    /// The purpose of a stored name.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`].
    pub fn stored(name: &str) -> StoreResult<Self> {
        let found = Self::ALL.into_iter().find(|purpose| purpose.as_str() == name);
        found.ok_or_else(|| StoreError::Corrupt(format!("purpose {name:?}")))
    }

    /// How long a link lasts.
    #[must_use]
    pub const fn lasts(self) -> Duration {
        match self {
            Self::Reset => Duration::from_mins(30),
            Self::SignIn => Duration::from_mins(15),
            Self::Verify | Self::Change => Duration::from_hours(24),
        }
    }
}

/// A link without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailLink {
    pub user: UserId,
    pub purpose: Purpose,
    /// The address that it was sent to: of another it says nothing.
    pub email: String,
    /// In milliseconds since 1970.
    pub expires_at: i64,
}

/// The port to links. Of each user there is one of each purpose at most, so a new one ends the one before.
#[async_trait]
pub trait MailLinkStore: Send + Sync {
    async fn put(&self, hash: SecretHash, link: MailLink) -> StoreResult<()>;

    /// Looks at a link that has not expired at `now`. That is no use of it.
    async fn find(&self, hash: SecretHash, now: i64) -> StoreResult<Option<MailLink>>;

    /// Uses a link of one of these purposes that has not expired at `now`: it is gone, and however many ask at once, one gets it.
    async fn take(&self, hash: SecretHash, purposes: &[Purpose], now: i64) -> StoreResult<Option<MailLink>>;

    /// Ends all links of a user.
    async fn delete_of(&self, user: UserId) -> StoreResult<()>;

    /// Forgets those that have expired at `now`.
    async fn delete_expired(&self, now: i64) -> StoreResult<()>;
}
