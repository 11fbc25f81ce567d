//! What was told by mail, in SQLite.

use async_trait::async_trait;
use rusqlite::params;

use super::NoticeStore;
use crate::platform::db::StoreResult;
use crate::platform::db::sqlite::{Durability, Sqlite};
use crate::platform::ids::OwnerId;

/// [`NoticeStore`] over the embedded database.
pub struct SqliteNoticeStore {
    db: Sqlite,
}

impl SqliteNoticeStore {
    #[must_use]
    pub const fn new(db: Sqlite) -> Self {
        Self { db }
    }
}

#[async_trait]
impl NoticeStore for SqliteNoticeStore {
    async fn claim(&self, owner: OwnerId, key: &str, now: i64, again: i64) -> StoreResult<bool> {
        let key = key.to_owned();
        self.db
            .write(Durability::Durable, move |connection| {
                let changed = connection
                    .prepare_cached(
                        "INSERT INTO mailed_notices (owner_id, key, at) VALUES (?1, ?2, ?3)
                         ON CONFLICT (owner_id, key) DO UPDATE SET at = ?3 WHERE at < ?4",
                    )?
                    .execute(params![owner, key, now, again])?;
                Ok(changed == 1)
            })
            .await
    }

    async fn forget_before(&self, at: i64) -> StoreResult<()> {
        self.db
            .write(Durability::Relaxed, move |connection| {
                connection.prepare_cached("DELETE FROM mailed_notices WHERE at < ?1")?.execute([at])?;
                Ok(())
            })
            .await
    }
}
