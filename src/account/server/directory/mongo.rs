//! Looking for users in MongoDB, and the rule of the last admin without a transaction.
//!
//! Whoever takes an admin away marks them first, then looks for another who is not marked, and only then does it, if the mark is
//! still theirs. Of several who do so at once, the last to mark sees the marks of all others: the admin that it finds is one that
//! stays. A mark of a server that died is taken away after a while; if it was only slow, it finds its mark gone.

use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{self, Document, doc};
use tokio::time::sleep;

use super::{Access, AccessChange, ListedUser, Place, UserDirectory, UserFilter, UserOrder};
use crate::account::server::sessions::UserStatus;
use crate::account::server::store::mongo::StoredUser;
use crate::platform::db::mongo::{Durability, Mongo, run, to_bson};
use crate::platform::db::{StoreResult, to_i64};
use crate::platform::ids::UserId;

/// For how long a mark is heeded, in milliseconds.
const MARK_LASTS: i64 = 30_000;
/// How often it is tried where others do the same, and the longest pause between.
const TRIES: usize = 40;
const LONGEST_PAUSE: u64 = 60;

fn read(stored: StoredUser) -> StoreResult<ListedUser> {
    Ok(ListedUser { created_at: stored.created_at(), user: stored.read()? })
}

/// [`UserDirectory`] over MongoDB.
pub struct MongoUserDirectory {
    mongo: Mongo,
    users: Collection<Document>,
}

impl MongoUserDirectory {
    #[must_use]
    pub fn new(mongo: Mongo) -> Self {
        Self { users: mongo.collection("users", Durability::Durable), mongo }
    }

    /// Whether the update met a user.
    async fn update(&self, which: Document, update: Document) -> StoreResult<bool> {
        let users = self.users.clone();
        Ok(run(async move { users.update_one(which, update).await }).await?.matched_count == 1)
    }

    async fn is_there(&self, which: Document) -> StoreResult<bool> {
        let users = self.users.clone();
        Ok(run(async move { users.find_one(which).projection(doc! { "_id": 1 }).await }).await?.is_some())
    }

    /// Takes away the marks of servers that died.
    async fn forget_marks(&self) -> StoreResult<()> {
        let (users, old) = (self.users.clone(), doc! { "$lt": self.mongo.now() - MARK_LASTS });
        let forget = doc! { "$unset": { "leaving": "" } };
        run(async move { users.update_many(doc! { "leaving.at": old }, forget).await }).await?;
        Ok(())
    }

    /// Takes an admin away, if another stays.
    async fn take_admin(&self, own: Document, others: Document, set: Document) -> StoreResult<AccessChange> {
        for _ in 0..TRIES {
            self.forget_marks().await?;
            let mark = bson::Uuid::new();
            let mut unmarked = own.clone();
            unmarked.insert("leaving", doc! { "$exists": false });
            let leaving = doc! { "$set": { "leaving": { "mark": mark, "at": self.mongo.now() } } };
            if self.update(unmarked, leaving).await? {
                let mut marked = own.clone();
                marked.insert("leaving.mark", mark);
                let mut staying = others.clone();
                staying.insert("leaving", doc! { "$exists": false });
                if self.is_there(staying).await? {
                    let done = doc! { "$set": set.clone(), "$unset": { "leaving": "" } };
                    let is_done = self.update(marked, done).await?;
                    return Ok(if is_done { AccessChange::Changed } else { AccessChange::Stale });
                }
                self.update(marked, doc! { "$unset": { "leaving": "" } }).await?;
                if !self.is_there(others.clone()).await? {
                    return Ok(AccessChange::LastAdmin);
                }
                // The others are about to leave too: whoever comes first does.
            } else if !self.is_there(own.clone()).await? {
                return Ok(AccessChange::Stale);
            }
            sleep(Duration::from_millis(rand::random_range(1..=LONGEST_PAUSE))).await;
        }
        Ok(AccessChange::Stale)
    }
}

/// Users from before have no status.
fn of_status(status: UserStatus) -> bson::Bson {
    match status {
        UserStatus::Active => doc! { "$in": [bson::Bson::Null, bson::Bson::from(status.as_str())] }.into(),
        _ => status.as_str().into(),
    }
}

fn of_access(access: Access) -> Document {
    doc! { "role": access.role.as_str(), "status": of_status(access.status) }
}

#[async_trait]
impl UserDirectory for MongoUserDirectory {
    async fn list(
        &self,
        filter: UserFilter,
        order: UserOrder,
        after: Option<Place>,
        limit: usize,
    ) -> StoreResult<Vec<ListedUser>> {
        let mut which = Document::new();
        if let Some(role) = filter.role {
            which.insert("role", role.as_str());
        }
        if let Some(status) = filter.status {
            which.insert("status", of_status(status));
        }
        let mut email = Document::new();
        if let Some(begin) = filter.email {
            email.insert("$lt", format!("{begin}\u{10ffff}"));
            email.insert("$gte", begin);
        }
        let sort = match order {
            UserOrder::Newest => doc! { "_id": -1 },
            UserOrder::Oldest => doc! { "_id": 1 },
            UserOrder::Email => doc! { "email": 1 },
        };
        let mut ids = Vec::new();
        match (order, after) {
            (UserOrder::Newest, Some(place)) => ids.push(doc! { "_id": { "$lt": to_bson(place.id) } }),
            (UserOrder::Oldest, Some(place)) => ids.push(doc! { "_id": { "$gt": to_bson(place.id) } }),
            (UserOrder::Email, Some(place)) => drop(email.insert("$gt", place.email)),
            (_, None) => {}
        }
        for (at, bound) in [(filter.from, "$gte"), (filter.until, "$lt")] {
            ids.extend(at.map(|at| doc! { "_id": { bound: to_bson(UserId::first_of(at)) } }));
        }
        if !ids.is_empty() {
            which.insert("$and", ids);
        }
        if !email.is_empty() {
            which.insert("email", email);
        }
        let (users, limit) = (self.users.clone_with_type::<StoredUser>(), to_i64(limit));
        let found: Vec<StoredUser> =
            run(async move { users.find(which).sort(sort).limit(limit).await?.try_collect().await }).await?;
        found.into_iter().map(read).collect()
    }

    async fn find(&self, id: UserId) -> StoreResult<Option<ListedUser>> {
        let users = self.users.clone_with_type::<StoredUser>();
        let found = run(async move { users.find_one(doc! { "_id": to_bson(id) }).await }).await?;
        found.map(read).transpose()
    }

    async fn change_access(&self, id: UserId, from: Access, to: Access) -> StoreResult<AccessChange> {
        let mut own = of_access(from);
        own.insert("_id", to_bson(id));
        let set = doc! { "role": to.role.as_str(), "status": to.status.as_str() };
        if from.is_admin() && !to.is_admin() {
            let mut others = of_access(from);
            others.insert("_id", doc! { "$ne": to_bson(id) });
            return self.take_admin(own, others, set).await;
        }
        let is_done = self.update(own, doc! { "$set": set }).await?;
        Ok(if is_done { AccessChange::Changed } else { AccessChange::Stale })
    }
}
