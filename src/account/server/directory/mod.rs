//! Users as whoever runs this looks for them; and who may be in, which never leaves nobody who runs it.

mod mongo;
mod sqlite;

use std::fmt;

use async_trait::async_trait;

pub use self::mongo::MongoUserDirectory;
pub use self::sqlite::SqliteUserDirectory;
use super::sessions::UserStatus;
use super::store::User;
use crate::account::Role;
use crate::platform::db::StoreResult;
use crate::platform::ids::UserId;

/// What a user may do, and whether the account is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    pub role: Role,
    pub status: UserStatus,
}

impl Access {
    /// That of an admin who can sign in.
    #[must_use]
    pub fn is_admin(self) -> bool {
        self.role == Role::Admin && self.status == UserStatus::Active
    }
}

impl From<&User> for Access {
    fn from(user: &User) -> Self {
        Self { role: user.role, status: user.status }
    }
}

/// What came of changing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessChange {
    Changed,
    /// It is not what it was taken for, or somebody else is about to change it.
    Stale,
    /// Nobody else could sign in as an admin then.
    LastAdmin,
}

/// The order of a list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UserOrder {
    /// By id, which begins with the time of the registration.
    #[default]
    Newest,
    Oldest,
    Email,
}

/// Which users.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// What their address begins with.
    pub email: Option<String>,
    pub role: Option<Role>,
    pub status: Option<UserStatus>,
    /// Who registered then or later, in milliseconds since 1970: by their id, which begins with that time.
    pub from: Option<i64>,
    /// Who registered before.
    pub until: Option<i64>,
}

/// A user in a list.
#[derive(Debug, Clone)]
pub struct ListedUser {
    pub user: User,
    /// In milliseconds since 1970.
    pub created_at: i64,
}

/// Where a page of a list ends: in whatever order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub id: UserId,
    pub email: String,
}

impl Place {
    /// The place of a cursor.
    #[must_use]
    pub fn parse(cursor: &str) -> Option<Self> {
        let (id, email) = cursor.split_once(' ')?;
        Some(Self { id: id.parse().ok()?, email: email.to_owned() })
    }
}

impl From<&User> for Place {
    fn from(user: &User) -> Self {
        Self { id: user.id, email: user.email.clone() }
    }
}

impl fmt::Display for Place {
    /// As a cursor.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.email)
    }
}

/// The port to looking for users, and to what they may.
#[async_trait]
pub trait UserDirectory: Send + Sync {
    /// At most `limit` users after this place, in an order.
    async fn list(
        &self,
        filter: UserFilter,
        order: UserOrder,
        after: Option<Place>,
        limit: usize,
    ) -> StoreResult<Vec<ListedUser>>;

    async fn find(&self, id: UserId) -> StoreResult<Option<ListedUser>>;

    /// Changes what a user may, if it is `from`. However many are changed at once, an admin is left who can sign in, if there was one.
    async fn change_access(&self, id: UserId, from: Access, to: Access) -> StoreResult<AccessChange>;
}
