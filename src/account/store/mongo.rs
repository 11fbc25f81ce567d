//! Users and sessions in MongoDB.

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{self, doc};
use serde::{Deserialize, Serialize};

use super::{AccountStore, TokenHash, User};
use crate::account::{Email, Role};
use crate::server::db::mongo::{Durability, Mongo, from_bson, is_duplicate, run, to_bson};
use crate::server::db::{StoreError, StoreResult};
use uuid::Uuid;

/// A user as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredUser {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    email: String,
    name: String,
    password_hash: String,
    role: String,
    created_at: bson::DateTime,
}

impl StoredUser {
    /// A role that nobody wrote must not pass for a harmless one.
    fn read(self) -> StoreResult<User> {
        let role = Role::parse(&self.role).ok_or_else(|| StoreError::Corrupt(format!("role {:?}", self.role)))?;
        Ok(User { id: from_bson(self.id), email: self.email, name: self.name, password_hash: self.password_hash, role })
    }
}

/// A session. Only the hash of its token is kept: who reads the database cannot sign in with it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredSession {
    #[serde(rename = "_id")]
    token_hash: bson::Binary,
    user: bson::Uuid,
    created_at: bson::DateTime,
    expires_at: i64,
}

/// [`AccountStore`] over MongoDB.
pub struct MongoAccountStore {
    users: Collection<StoredUser>,
    sessions: Collection<StoredSession>,
}

impl MongoAccountStore {
    #[must_use]
    pub fn new(mongo: &Mongo) -> Self {
        Self {
            users: mongo.collection("users", Durability::Durable),
            sessions: mongo.collection("sessions", Durability::Durable),
        }
    }
}

fn stored(token: TokenHash) -> bson::Binary {
    bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: token.to_vec() }
}

#[async_trait]
impl AccountStore for MongoAccountStore {
    async fn create_user(&self, user: User) -> StoreResult<bool> {
        let stored = StoredUser {
            id: to_bson(user.id),
            email: user.email,
            name: user.name,
            password_hash: user.password_hash,
            role: user.role.as_str().to_owned(),
            created_at: bson::DateTime::now(),
        };
        let users = self.users.clone();
        match run(async move { users.insert_one(stored).await }).await {
            Ok(_) => Ok(true),
            Err(error) if is_duplicate(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn find_user(&self, email: &Email) -> StoreResult<Option<User>> {
        let (users, email) = (self.users.clone(), email.as_str().to_owned());
        let found = run(async move { users.find_one(doc! { "email": email }).await }).await?;
        found.map(StoredUser::read).transpose()
    }

    async fn set_role(&self, email: &Email, role: Role) -> StoreResult<bool> {
        let (users, email) = (self.users.clone(), email.as_str().to_owned());
        let update = doc! { "$set": { "role": role.as_str() } };
        Ok(run(async move { users.update_one(doc! { "email": email }, update).await }).await?.matched_count == 1)
    }

    async fn create_session(&self, token: TokenHash, user: Uuid, expires_at: i64) -> StoreResult<()> {
        let session = StoredSession {
            token_hash: stored(token),
            user: to_bson(user),
            created_at: bson::DateTime::now(),
            expires_at,
        };
        let sessions = self.sessions.clone();
        run(async move { sessions.insert_one(session).await }).await?;
        Ok(())
    }

    async fn find_session(&self, token: TokenHash, now: i64) -> StoreResult<Option<User>> {
        let sessions = self.sessions.clone();
        let lookup = [
            doc! { "$match": { "_id": stored(token), "expiresAt": { "$gt": now } } },
            doc! { "$lookup": { "from": "users", "localField": "user", "foreignField": "_id", "as": "users" } },
            doc! { "$unwind": "$users" },
            doc! { "$replaceRoot": { "newRoot": "$users" } },
        ];
        let found =
            run(async move { sessions.aggregate(lookup).with_type::<StoredUser>().await?.try_next().await }).await?;
        found.map(StoredUser::read).transpose()
    }

    async fn delete_session(&self, token: TokenHash) -> StoreResult<()> {
        let sessions = self.sessions.clone();
        run(async move { sessions.delete_one(doc! { "_id": stored(token) }).await }).await?;
        Ok(())
    }

    async fn delete_expired_sessions(&self, now: i64) -> StoreResult<()> {
        let sessions = self.sessions.clone();
        run(async move { sessions.delete_many(doc! { "expiresAt": { "$lte": now } }).await }).await?;
        Ok(())
    }
}
