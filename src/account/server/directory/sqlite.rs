//! Looking for users in SQLite. One who writes at a time, so that a change is one statement.

use std::fmt::Write;

use async_trait::async_trait;
use rusqlite::{OptionalExtension, Row, ToSql, params, params_from_iter};

use super::{Access, AccessChange, ListedUser, Place, UserDirectory, UserFilter, UserOrder};
use crate::account::Role;
use crate::account::server::sessions::UserStatus;
use crate::account::server::store::sqlite::{USER, USER_COLUMNS, checked, read_user};
use crate::platform::db::StoreResult;
use crate::platform::db::sqlite::{Durability, Sqlite};
use crate::platform::ids::UserId;

/// [`UserDirectory`] over the embedded database.
pub struct SqliteUserDirectory {
    db: Sqlite,
}

impl SqliteUserDirectory {
    #[must_use]
    pub const fn new(db: Sqlite) -> Self {
        Self { db }
    }
}

fn read_listed(row: &Row<'_>) -> StoreResult<ListedUser> {
    Ok(ListedUser { user: checked(read_user(row)?)?, created_at: row.get(USER_COLUMNS)? })
}

/// The statement of a list, and its values. What most users are is looked at row by row: only what few are is worth an index (a `+`
/// keeps one out).
fn statement(
    filter: UserFilter,
    order: UserOrder,
    after: Option<Place>,
    limit: usize,
) -> (String, Vec<Box<dyn ToSql>>) {
    let (mut only, mut values): (String, Vec<Box<dyn ToSql>>) = (String::new(), vec![Box::new(limit)]);
    if let Some(role) = filter.role {
        let column = if role == Role::User { "+u.role" } else { "u.role" };
        // Writing to a string does not fail.
        _ = write!(only, " AND {column} = '{}'", role.as_str());
    }
    if let Some(status) = filter.status {
        let column = if status == UserStatus::Active { "+u.status" } else { "u.status" };
        _ = write!(only, " AND {column} = '{}'", status.as_str());
    }
    if let Some(begin) = filter.email {
        values.push(Box::new(format!("{begin}\u{10ffff}")));
        values.push(Box::new(begin));
        only.push_str(" AND u.email < ?2 AND u.email >= ?3");
    }
    for (at, bound) in [(filter.from, ">="), (filter.until, "<")] {
        if let Some(at) = at {
            values.push(Box::new(UserId::first_of(at)));
            _ = write!(only, " AND u.id {bound} ?{}", values.len());
        }
    }
    let (column, beyond, way) = match order {
        UserOrder::Newest => ("u.id", "<", "DESC"),
        UserOrder::Oldest => ("u.id", ">", "ASC"),
        UserOrder::Email => ("u.email", ">", "ASC"),
    };
    if let Some(Place { id, email }) = after {
        values.push(if order == UserOrder::Email { Box::new(email) as Box<dyn ToSql> } else { Box::new(id) });
        _ = write!(only, " AND {column} {beyond} ?{}", values.len());
    }
    let sql = format!("SELECT {USER}, u.created_at FROM users u WHERE true{only} ORDER BY {column} {way} LIMIT ?1");
    (sql, values)
}

#[async_trait]
impl UserDirectory for SqliteUserDirectory {
    async fn list(
        &self,
        filter: UserFilter,
        order: UserOrder,
        after: Option<Place>,
        limit: usize,
    ) -> StoreResult<Vec<ListedUser>> {
        self.db
            .read(move |connection| {
                let (sql, values) = statement(filter, order, after, limit);
                let mut found = connection.prepare_cached(&sql)?;
                let mut rows = found.query(params_from_iter(values))?;
                let mut users = Vec::new();
                while let Some(row) = rows.next()? {
                    users.push(read_listed(row)?);
                }
                Ok(users)
            })
            .await
    }

    async fn find(&self, id: UserId) -> StoreResult<Option<ListedUser>> {
        self.db
            .read(move |connection| {
                let mut found =
                    connection.prepare_cached(&format!("SELECT {USER}, u.created_at FROM users u WHERE u.id = ?1"))?;
                let mut rows = found.query([id])?;
                rows.next()?.map(read_listed).transpose()
            })
            .await
    }

    async fn change_access(&self, id: UserId, from: Access, to: Access) -> StoreResult<AccessChange> {
        self.db
            .write(Durability::Durable, move |connection| {
                let changed = connection
                    .prepare_cached(
                        "UPDATE users SET role = ?4, status = ?5 WHERE id = ?1 AND role = ?2 AND status = ?3
                         AND (?6 OR EXISTS (
                             SELECT 1 FROM users o WHERE o.role = 'ADMIN' AND o.status = 'active' AND o.id <> ?1))",
                    )?
                    .execute(params![
                        id,
                        from.role.as_str(),
                        from.status.as_str(),
                        to.role.as_str(),
                        to.status.as_str(),
                        to.is_admin() || !from.is_admin(),
                    ])?;
                if changed == 1 {
                    return Ok(AccessChange::Changed);
                }
                let is_as_told = connection
                    .prepare_cached("SELECT 1 FROM users WHERE id = ?1 AND role = ?2 AND status = ?3")?
                    .query_row(params![id, from.role.as_str(), from.status.as_str()], |_| Ok(()))
                    .optional()?;
                Ok(if is_as_told.is_some() { AccessChange::LastAdmin } else { AccessChange::Stale })
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    /// However many there are, a page is read along an index, and what is sorted is what few are.
    #[tokio::test]
    async fn a_page_of_users_is_read_along_an_index() {
        let folder = TempDir::new().unwrap();
        let db = Sqlite::open(&folder.path().join("tessera.db")).unwrap();
        let plan = async |email: Option<&str>, role, status, order, goes_on: bool| {
            let filter = UserFilter { email: email.map(str::to_owned), role, status, ..UserFilter::default() };
            let after = goes_on.then(|| Place { id: UserId::min(), email: "a".into() });
            db.read(move |connection| {
                let (sql, values) = statement(filter, order, after, 25);
                let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
                let steps = plan.query_map(params_from_iter(values), |row| row.get::<_, String>(3))?;
                Ok(steps.collect::<Result<Vec<_>, _>>()?.join("; "))
            })
            .await
            .unwrap()
        };
        let roles = [None, Some(Role::User), Some(Role::Admin)];
        let statuses = [None, Some(UserStatus::Active), Some(UserStatus::Disabled)];
        for (role, status) in roles.into_iter().flat_map(|role| statuses.map(|status| (role, status))) {
            let is_rare = role == Some(Role::Admin) || status == Some(UserStatus::Disabled);
            for (email, order) in [
                (None, UserOrder::Newest),
                (None, UserOrder::Oldest),
                (None, UserOrder::Email),
                (Some("a"), UserOrder::Email),
            ] {
                for goes_on in [false, true] {
                    let steps = plan(email, role, status, order, goes_on).await;
                    let sorts = steps.contains("TEMP B-TREE");
                    assert!(!sorts || is_rare && order == UserOrder::Email, "{role:?} {status:?} {order:?}: {steps}");
                    let searches = steps.starts_with("SEARCH");
                    assert!(searches || email.is_none() && !is_rare && !goes_on, "{role:?} {status:?}: {steps}");
                }
            }
        }
    }
}
