//! The ways to sign in that can be taken away: identities and passkeys, over the tables and collections of both. The last one stays,
//! however many are taken away at once; a password is always one.

use std::time::Duration;

use mongodb::Collection;
use mongodb::bson::{self, Document, doc};
use rusqlite::{Connection, ToSql};

use crate::platform::db::mongo::{Durability, Mongo, run, to_bson};
use crate::platform::db::{StoreResult, now_millis};
use crate::platform::ids::UserId;

/// A server that marked a way and did not take it away within this time has died.
const LEAVING: Duration = Duration::from_mins(1);

/// A way to sign in, besides a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Identity,
    Passkey,
}

impl Way {
    /// Where they are stored, in either database.
    const fn place(self) -> &'static str {
        match self {
            Self::Identity => "identities",
            Self::Passkey => "passkeys",
        }
    }
}

/// What came of taking a way away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unlinked {
    Done,
    /// The user has no such way.
    Unknown,
    /// It is the only way in that the user has.
    LastWay,
}

/// Takes a way away in SQLite.
///
/// # Errors
/// The database is down.
pub fn remove_way(connection: &Connection, way: Way, user: UserId, id: impl ToSql) -> StoreResult<Unlinked> {
    let place = way.place();
    let removed = connection
        .prepare_cached(&format!(
            "DELETE FROM {place} WHERE id = ?1 AND user_id = ?2
             AND (EXISTS (SELECT 1 FROM users WHERE users.id = ?2 AND password_hash <> '')
                  OR (SELECT count(*) FROM identities WHERE user_id = ?2)
                     + (SELECT count(*) FROM passkeys WHERE user_id = ?2) > 1)"
        ))?
        .execute((&id, user))?;
    if removed == 1 {
        return Ok(Unlinked::Done);
    }
    let is_there = connection
        .prepare_cached(&format!("SELECT 1 FROM {place} WHERE id = ?1 AND user_id = ?2"))?
        .exists((&id, user))?;
    Ok(if is_there { Unlinked::LastWay } else { Unlinked::Unknown })
}

/// The ways of users in MongoDB.
pub struct MongoWays {
    identities: Collection<Document>,
    passkeys: Collection<Document>,
    users: Collection<Document>,
}

impl MongoWays {
    #[must_use]
    pub fn new(mongo: &Mongo) -> Self {
        Self {
            identities: mongo.collection(Way::Identity.place(), Durability::Durable),
            passkeys: mongo.collection(Way::Passkey.place(), Durability::Durable),
            users: mongo.collection("users", Durability::Durable),
        }
    }

    /// Takes a way away. It is marked before anything is looked at: of two that are taken away at once, each sees the other going.
    ///
    /// # Errors
    /// The database is down.
    pub async fn remove(&self, way: Way, user: UserId, id: bson::Uuid) -> StoreResult<Unlinked> {
        let ways = match way {
            Way::Identity => &self.identities,
            Way::Passkey => &self.passkeys,
        };
        let own = doc! { "_id": id, "user": to_bson(user) };
        let (marked, filter) = (ways.clone(), own.clone());
        let mark = doc! { "$set": { "leavingAt": now_millis() } };
        if run(async move { marked.update_one(filter, mark).await }).await?.matched_count == 0 {
            return Ok(Unlinked::Unknown);
        }
        let ways = ways.clone();
        if self.has_other_way(user, id).await? {
            run(async move { ways.delete_one(own).await }).await?;
            Ok(Unlinked::Done)
        } else {
            run(async move { ways.update_one(own, doc! { "$unset": { "leavingAt": "" } }).await }).await?;
            Ok(Unlinked::LastWay)
        }
    }

    /// Whether the user can sign in without this one.
    async fn has_other_way(&self, user: UserId, id: bson::Uuid) -> StoreResult<bool> {
        let dead = now_millis() - i64::try_from(LEAVING.as_millis()).unwrap_or(i64::MAX);
        let with_password = doc! { "_id": to_bson(user), "passwordHash": { "$ne": "" } };
        // One that is about to be taken away is none to rely on.
        let other = doc! {
            "user": to_bson(user),
            "_id": { "$ne": id },
            "$or": [{ "leavingAt": { "$exists": false } }, { "leavingAt": { "$lt": dead } }],
        };
        let looks = [(&self.users, with_password), (&self.identities, other.clone()), (&self.passkeys, other)];
        for (collection, filter) in looks {
            let collection = collection.clone();
            if run(async move { collection.find_one(filter).await }).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
