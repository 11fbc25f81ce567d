//! Views of lists in SQLite.

use async_trait::async_trait;
use rusqlite::params;

use super::{SavedView, ViewStore, ViewedList};
use crate::platform::db::StoreResult;
use crate::platform::db::sqlite::{Durability, Sqlite};
use crate::platform::ids::UserId;

/// [`ViewStore`] over the embedded database.
pub struct SqliteViewStore {
    db: Sqlite,
}

impl SqliteViewStore {
    #[must_use]
    pub const fn new(db: Sqlite) -> Self {
        Self { db }
    }
}

#[async_trait]
impl ViewStore for SqliteViewStore {
    async fn save(&self, user: UserId, list: ViewedList, view: SavedView, most: usize) -> StoreResult<bool> {
        self.db
            .write(Durability::Durable, move |connection| {
                let list = list.as_str();
                let others: usize = connection
                    .prepare_cached("SELECT count(*) FROM saved_views WHERE user_id = ?1 AND list = ?2 AND name <> ?3")?
                    .query_row(params![user, list, view.name], |row| row.get(0))?;
                if others >= most {
                    return Ok(false);
                }
                connection
                    .prepare_cached(
                        "INSERT INTO saved_views (user_id, list, name, address) VALUES (?1, ?2, ?3, ?4)
                         ON CONFLICT DO UPDATE SET address = excluded.address",
                    )?
                    .execute(params![user, list, view.name, view.address])?;
                Ok(true)
            })
            .await
    }

    async fn list(&self, user: UserId, list: ViewedList) -> StoreResult<Vec<SavedView>> {
        self.db
            .read(move |connection| {
                let mut found = connection.prepare_cached(
                    "SELECT name, address FROM saved_views WHERE user_id = ?1 AND list = ?2 ORDER BY name",
                )?;
                let read = |row: &rusqlite::Row<'_>| Ok(SavedView { name: row.get(0)?, address: row.get(1)? });
                let views = found.query_map(params![user, list.as_str()], read)?;
                Ok(views.collect::<rusqlite::Result<_>>()?)
            })
            .await
    }

    async fn remove(&self, user: UserId, list: ViewedList, name: &str) -> StoreResult<()> {
        let name = name.to_owned();
        self.db
            .write(Durability::Durable, move |connection| {
                connection
                    .prepare_cached("DELETE FROM saved_views WHERE user_id = ?1 AND list = ?2 AND name = ?3")?
                    .execute(params![user, list.as_str(), name])?;
                Ok(())
            })
            .await
    }

    async fn forget_user(&self, user: UserId) -> StoreResult<()> {
        self.db
            .write(Durability::Durable, move |connection| {
                connection.prepare_cached("DELETE FROM saved_views WHERE user_id = ?1")?.execute([user])?;
                Ok(())
            })
            .await
    }
}
