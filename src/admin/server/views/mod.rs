//! Views of lists that an admin keeps: filters and order under a name. Each admin has their own.

mod mongo;
mod sqlite;

use async_trait::async_trait;
use serde::Serialize;

pub use self::mongo::MongoViewStore;
pub use self::sqlite::SqliteViewStore;
use super::{Admin, Authority};
use crate::audit::Actor;
use crate::i18n::{Text, fill, t};
use crate::platform::archive::Archive;
use crate::platform::db::StoreResult;
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::UserId;

/// Views of one list that an admin keeps, at most.
pub const MOST_VIEWS: usize = 20;
/// Characters of a name, at most.
pub const NAME_CHARS: usize = 40;
/// Bytes of an address, at most.
const ADDRESS_BYTES: usize = 2000;

/// A list that views are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ViewedList {
    Users,
    Attempts,
}

impl ViewedList {
    pub const ALL: [Self; 2] = [Self::Users, Self::Attempts];

    /// The stored name, and that of forms.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Attempts => "attempts",
        }
    }

    /// The list of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|list| list.as_str() == name)
    }

    /// Where it is.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Users => "/admin/users",
            Self::Attempts => "/admin/costs/attempts",
        }
    }
}

/// A view that is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SavedView {
    /// Of one list, an admin has one of a name.
    pub name: String,
    /// Path and query.
    pub address: String,
}

/// Views by the admin who keeps them.
#[async_trait]
pub trait ViewStore: Send + Sync {
    /// Keeps a view, in the place of one of the same name. `false`: there are `most` others.
    async fn save(&self, user: UserId, list: ViewedList, view: SavedView, most: usize) -> StoreResult<bool>;

    /// In the order of their names.
    async fn list(&self, user: UserId, list: ViewedList) -> StoreResult<Vec<SavedView>>;

    async fn remove(&self, user: UserId, list: ViewedList, name: &str) -> StoreResult<()>;

    /// Forgets those of a user.
    async fn forget_user(&self, user: UserId) -> StoreResult<()>;
}

/// Writes the views of who is or was an admin; of others there is nothing to write.
///
/// # Errors
/// [`AppError::Unavailable`], and those of the archive.
pub async fn export(store: &dyn ViewStore, user: UserId, archive: &mut Archive) -> AppResult<()> {
    for list in ViewedList::ALL {
        let views = store.list(user, list).await?;
        if !views.is_empty() {
            archive.add_json(&format!("admin/views-of-{}.json", list.as_str()), &views).await?;
        }
    }
    Ok(())
}

impl Admin {
    /// The views of a list that an admin keeps; whoever runs the server has none.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn saved_views(&self, by: Authority, list: ViewedList) -> AppResult<Vec<SavedView>> {
        let Actor::User(user) = by.actor() else { return Ok(Vec::new()) };
        Ok(self.views.list(user, list).await?)
    }

    /// Keeps a view, in the place of one of the same name.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field, [`AppError::Conflict`] where there are [`MOST_VIEWS`].
    pub async fn save_view(&self, by: Authority, list: ViewedList, view: SavedView) -> AppResult<()> {
        let Actor::User(user) = by.actor() else { return Err(AppError::Forbidden) };
        let name = view.name.trim().to_owned();
        if name.is_empty() || name.chars().count() > NAME_CHARS || name.chars().any(char::is_control) {
            let most = NAME_CHARS.to_string();
            return Err(AppError::invalid("name", fill(Text::ViewNameWrong, &[("most", &most)])));
        }
        if view.address.len() > ADDRESS_BYTES {
            return Err(AppError::invalid("q", t(Text::ViewTooLong)));
        }
        if !self.views.save(user, list, SavedView { name, ..view }, MOST_VIEWS).await? {
            return Err(AppError::Conflict(fill(Text::TooManyViews, &[("most", &MOST_VIEWS.to_string())])));
        }
        Ok(())
    }

    /// Keeps a view no longer.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn remove_view(&self, by: Authority, list: ViewedList, name: &str) -> AppResult<()> {
        let Actor::User(user) = by.actor() else { return Err(AppError::Forbidden) };
        Ok(self.views.remove(user, list, name).await?)
    }
}
