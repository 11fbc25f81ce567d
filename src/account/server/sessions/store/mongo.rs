//! Sessions in MongoDB.

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{self, Document, doc};
use serde::{Deserialize, Serialize};

use super::{Known, Session, SessionStore, SignedIn};
use crate::account::server::plans::mongo::StoredPeriod;
use crate::account::server::store::mongo::{StoredUser, stored};
use crate::account::server::store::{User, from_json};
use crate::credits::server::store::StoredPlan;
use crate::platform::db::mongo::{Durability, Mongo, from_bson, run, to_bson};
use crate::platform::db::{StoreError, StoreResult};
use crate::platform::ids::UserId;
use crate::platform::secret::SecretHash;

/// A session as it is stored. What is missing is as of its beginning: sessions from before.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredSession {
    #[serde(rename = "_id")]
    token_hash: bson::Binary,
    user: bson::Uuid,
    #[serde(default)]
    device: String,
    #[serde(default)]
    address: String,
    created_at: bson::DateTime,
    last_used_at: Option<i64>,
    confirmed_at: Option<i64>,
    expires_at: i64,
}

impl StoredSession {
    fn read(self) -> StoreResult<Session> {
        let token = self.token_hash.bytes.try_into().map_err(|_| StoreError::Corrupt("hash of a session".into()))?;
        let created_at = self.created_at.timestamp_millis();
        Ok(Session {
            token,
            device: self.device,
            address: self.address,
            created_at,
            last_used_at: self.last_used_at.unwrap_or(created_at),
            confirmed_at: self.confirmed_at.unwrap_or(created_at),
            expires_at: self.expires_at,
        })
    }
}

/// [`SessionStore`] over MongoDB.
pub struct MongoSessionStore {
    sessions: Collection<StoredSession>,
}

impl MongoSessionStore {
    #[must_use]
    pub fn new(mongo: &Mongo) -> Self {
        Self { sessions: mongo.collection("sessions", Durability::Durable) }
    }

    async fn find_all(&self, filter: Document) -> StoreResult<Vec<Session>> {
        let sessions = self.sessions.clone();
        let found: Vec<_> = run(async move { sessions.find(filter).await?.try_collect().await }).await?;
        let mut found: Vec<Session> = found.into_iter().map(StoredSession::read).collect::<StoreResult<_>>()?;
        // They are few, and those from before have no field to sort by.
        found.sort_by_key(|session| std::cmp::Reverse((session.last_used_at, session.created_at)));
        Ok(found)
    }

    async fn set(&self, filter: Document, update: Document) -> StoreResult<()> {
        let sessions = self.sessions.clone();
        run(async move { sessions.update_one(filter, update).await }).await?;
        Ok(())
    }
}

#[async_trait]
impl SessionStore for MongoSessionStore {
    async fn create(&self, user: UserId, session: Session, most: usize) -> StoreResult<()> {
        let token = session.token;
        let document = StoredSession {
            token_hash: stored(token),
            user: to_bson(user),
            device: session.device,
            address: session.address,
            created_at: bson::DateTime::from_millis(session.created_at),
            last_used_at: Some(session.last_used_at),
            confirmed_at: Some(session.confirmed_at),
            expires_at: session.expires_at,
        };
        let sessions = self.sessions.clone();
        run(async move { sessions.insert_one(document).await }).await?;
        let mut others = self.find_all(doc! { "user": to_bson(user) }).await?;
        others.retain(|other| other.token != token);
        let too_many: Vec<_> =
            others.into_iter().skip(most.saturating_sub(1)).map(|session| stored(session.token)).collect();
        if !too_many.is_empty() {
            let sessions = self.sessions.clone();
            run(async move { sessions.delete_many(doc! { "_id": { "$in": too_many } }).await }).await?;
        }
        Ok(())
    }

    async fn find(&self, token: SecretHash, now: i64) -> StoreResult<Option<(User, Session)>> {
        #[derive(Deserialize)]
        struct Found {
            #[serde(flatten)]
            session: StoredSession,
            owner: StoredUser,
        }
        let sessions = self.sessions.clone();
        let lookup = [
            doc! { "$match": { "_id": stored(token), "expiresAt": { "$gt": now } } },
            doc! { "$lookup": { "from": "users", "localField": "user", "foreignField": "_id", "as": "owner" } },
            doc! { "$unwind": "$owner" },
        ];
        let found = run(async move { sessions.aggregate(lookup).with_type::<Found>().await?.try_next().await }).await?;
        found.map(|Found { session, owner }| Ok((owner.read()?, session.read()?))).transpose()
    }

    async fn find_signed_in(&self, token: SecretHash, now: i64) -> StoreResult<Option<SignedIn>> {
        #[derive(Deserialize)]
        struct Found {
            #[serde(flatten)]
            session: StoredSession,
            owner: StoredUser,
            /// What each device is told, as JSON.
            preferences: Option<String>,
            periods: Vec<StoredPeriod>,
            budgets: Option<StoredPlan>,
            avatar: Option<bson::Uuid>,
        }
        let sessions = self.sessions.clone();
        let of_user = |from: &str, key: &str, name: &str| {
            doc! { "$lookup": { "from": from, "localField": "user", "foreignField": key, "as": name } }
        };
        let lookup = [
            doc! { "$match": { "_id": stored(token), "expiresAt": { "$gt": now } } },
            of_user("users", "_id", "owner"),
            doc! { "$unwind": "$owner" },
            of_user("planPeriods", "_id.user", "periods"),
            of_user("avatars", "_id", "avatar"),
            // Their own account is theirs: as `OwnerId` is made of a user.
            doc! { "$set": { "plan": { "owner": "$user", "user": "$user" } } },
            doc! { "$lookup": { "from": "budgets", "localField": "plan", "foreignField": "_id", "as": "budgets" } },
            doc! { "$set": {
                "preferences": "$owner.preferences",
                "budgets": { "$first": "$budgets" },
                "avatar": { "$first": "$avatar.image" },
            } },
        ];
        let found = run(async move { sessions.aggregate(lookup).with_type::<Found>().await?.try_next().await }).await?;
        let Some(Found { session, owner, preferences, periods, budgets, avatar }) = found else { return Ok(None) };
        let known = Known {
            budgets: budgets.map(StoredPlan::read).unwrap_or_default(),
            // Whoever cannot be told how they want it is still let in.
            provider: from_json(preferences.as_deref()).unwrap_or_default().provider,
            avatar: avatar.map(from_bson),
        };
        let periods = periods.into_iter().map(StoredPeriod::read).collect();
        Ok(Some(SignedIn { user: owner.read()?, session: session.read()?, periods, known }))
    }

    async fn list(&self, user: UserId, now: i64) -> StoreResult<Vec<Session>> {
        self.find_all(doc! { "user": to_bson(user), "expiresAt": { "$gt": now } }).await
    }

    async fn touch(&self, token: SecretHash, at: i64) -> StoreResult<()> {
        self.set(doc! { "_id": stored(token) }, doc! { "$max": { "lastUsedAt": at } }).await
    }

    async fn confirm(&self, token: SecretHash, at: i64) -> StoreResult<()> {
        self.set(doc! { "_id": stored(token) }, doc! { "$set": { "confirmedAt": at } }).await
    }

    async fn delete(&self, token: SecretHash) -> StoreResult<()> {
        let sessions = self.sessions.clone();
        run(async move { sessions.delete_one(doc! { "_id": stored(token) }).await }).await?;
        Ok(())
    }

    async fn delete_of_user(&self, user: UserId, except: Option<SecretHash>) -> StoreResult<u64> {
        let mut which = doc! { "user": to_bson(user) };
        if let Some(except) = except {
            which.insert("_id", doc! { "$ne": stored(except) });
        }
        let sessions = self.sessions.clone();
        Ok(run(async move { sessions.delete_many(which).await }).await?.deleted_count)
    }

    async fn delete_expired(&self, now: i64) -> StoreResult<()> {
        let sessions = self.sessions.clone();
        run(async move { sessions.delete_many(doc! { "expiresAt": { "$lte": now } }).await }).await?;
        Ok(())
    }
}
