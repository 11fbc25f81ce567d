//! Times of plans in SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, Row, params};

use super::{Period, PlanStore};
use crate::platform::db::StoreResult;
use crate::platform::db::sqlite::{Durability, Lane, Sqlite};
use crate::platform::ids::UserId;

/// [`PlanStore`] over the embedded database.
pub struct SqlitePlanStore {
    db: Sqlite,
}

impl SqlitePlanStore {
    #[must_use]
    pub const fn new(db: Sqlite) -> Self {
        Self { db }
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Period> {
    Ok(Period {
        id: row.get(0)?,
        name: row.get(1)?,
        per_minute: row.get(2)?,
        from: row.get(3)?,
        until: row.get(4)?,
        is_prepaid: row.get(5)?,
    })
}

/// The times of a user, in the order in which they begin.
pub(in crate::account::server) fn find_periods(connection: &Connection, user: UserId) -> StoreResult<Vec<Period>> {
    let mut found = connection.prepare_cached(
        "SELECT id, name, per_minute, from_at, until_at, is_prepaid FROM plan_periods
         WHERE user_id = ?1 ORDER BY from_at, id",
    )?;
    let rows = found.query_map([user], read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

#[async_trait]
impl PlanStore for SqlitePlanStore {
    async fn set_period(&self, user: UserId, period: Period) -> StoreResult<()> {
        self.db
            .write(Durability::Durable, move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO plan_periods (user_id, id, name, per_minute, from_at, until_at, is_prepaid)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                         ON CONFLICT (user_id, id) DO UPDATE SET name = ?3, per_minute = ?4, from_at = ?5, until_at = ?6",
                    )?
                    .execute(params![
                        user,
                        period.id,
                        period.name,
                        period.per_minute,
                        period.from,
                        period.until,
                        period.is_prepaid,
                    ])?;
                Ok(())
            })
            .await
    }

    async fn periods(&self, user: UserId) -> StoreResult<Vec<Period>> {
        self.db.read_in(Lane::Urgent, move |connection| find_periods(connection, user)).await
    }

    async fn delete_of_user(&self, user: UserId) -> StoreResult<()> {
        self.db
            .write(Durability::Durable, move |connection| {
                connection.prepare_cached("DELETE FROM plan_periods WHERE user_id = ?1")?.execute([user])?;
                Ok(())
            })
            .await
    }
}
