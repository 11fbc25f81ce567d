//! Identities in MongoDB. No step needs a transaction: an identity is one insert, which a unique index lets happen once.

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{self, Document, doc};
use serde::{Deserialize, Serialize};

use super::{Identity, IdentityStore, Unlinked};
use crate::account::server::ways::{MongoWays, Way};
use crate::platform::db::mongo::{Durability, Mongo, from_bson, is_duplicate, run, to_bson};
use crate::platform::db::{StoreError, StoreResult};
use crate::platform::ids::{IdentityId, UserId};
use crate::platform::secret::SecretHash;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredIdentity {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    issuer: String,
    subject: String,
    user: bson::Uuid,
    shown_as: String,
    created_at: i64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Aside {
    #[serde(rename = "_id")]
    token_hash: bson::Binary,
    identity: StoredIdentity,
    expires_at: i64,
}

impl StoredIdentity {
    fn of(identity: Identity) -> Self {
        let Identity { id, issuer, subject, user, shown_as, created_at } = identity;
        Self { id: to_bson(id), issuer, subject, user: to_bson(user), shown_as, created_at }
    }

    fn read(self) -> Identity {
        Identity {
            id: from_bson(self.id),
            issuer: self.issuer,
            subject: self.subject,
            user: from_bson(self.user),
            shown_as: self.shown_as,
            created_at: self.created_at,
        }
    }
}

/// [`IdentityStore`] over MongoDB.
pub struct MongoIdentityStore {
    identities: Collection<StoredIdentity>,
    aside: Collection<Aside>,
    users: Collection<Document>,
    ways: MongoWays,
}

impl MongoIdentityStore {
    #[must_use]
    pub fn new(mongo: &Mongo) -> Self {
        Self {
            identities: mongo.collection("identities", Durability::Durable),
            aside: mongo.collection("identitiesAside", Durability::Durable),
            users: mongo.collection("users", Durability::Durable),
            ways: MongoWays::new(mongo),
        }
    }

    async fn has_user(&self, filter: Document) -> StoreResult<bool> {
        let users = self.users.clone();
        Ok(run(async move { users.find_one(filter).await }).await?.is_some())
    }
}

fn stored(hash: SecretHash) -> bson::Binary {
    bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: hash.to_vec() }
}

#[async_trait]
impl IdentityStore for MongoIdentityStore {
    async fn find(&self, issuer: &str, subject: &str) -> StoreResult<Option<UserId>> {
        let (identities, filter) = (self.identities.clone(), doc! { "issuer": issuer, "subject": subject });
        let found = run(async move { identities.find_one(filter).await }).await?;
        Ok(found.map(|found| from_bson(found.user)))
    }

    async fn add(&self, identity: Identity) -> StoreResult<UserId> {
        let user = identity.user;
        let (issuer, subject) = (identity.issuer.clone(), identity.subject.clone());
        let (identities, identity) = (self.identities.clone(), StoredIdentity::of(identity));
        match run(async move { identities.insert_one(identity).await }).await {
            Ok(_) => Ok(user),
            Err(error) if is_duplicate(&error) => {
                // Taken away again in between: whoever asked comes again.
                self.find(&issuer, &subject).await?.ok_or(StoreError::TimedOut)
            }
            Err(error) => Err(error),
        }
    }

    async fn list(&self, user: UserId) -> StoreResult<Vec<Identity>> {
        let identities = self.identities.clone();
        let found: Vec<StoredIdentity> = run(async move {
            identities.find(doc! { "user": to_bson(user) }).sort(doc! { "_id": 1 }).await?.try_collect().await
        })
        .await?;
        Ok(found.into_iter().map(StoredIdentity::read).collect())
    }

    async fn remove(&self, user: UserId, id: IdentityId) -> StoreResult<Unlinked> {
        self.ways.remove(Way::Identity, user, to_bson(id)).await
    }

    async fn remove_orphan(&self, issuer: &str, subject: &str, user: UserId) -> StoreResult<()> {
        if self.has_user(doc! { "_id": to_bson(user) }).await? {
            return Ok(());
        }
        let filter = doc! { "issuer": issuer, "subject": subject, "user": to_bson(user) };
        let identities = self.identities.clone();
        run(async move { identities.delete_one(filter).await }).await?;
        Ok(())
    }

    async fn delete_of_user(&self, user: UserId) -> StoreResult<()> {
        let (identities, aside) = (self.identities.clone(), self.aside.clone());
        run(async move { identities.delete_many(doc! { "user": to_bson(user) }).await }).await?;
        run(async move { aside.delete_many(doc! { "identity.user": to_bson(user) }).await }).await?;
        Ok(())
    }

    async fn put_aside(&self, token: SecretHash, identity: Identity, expires_at: i64) -> StoreResult<()> {
        let aside = Aside { token_hash: stored(token), identity: StoredIdentity::of(identity), expires_at };
        let collection = self.aside.clone();
        run(async move { collection.insert_one(aside).await }).await?;
        Ok(())
    }

    async fn take(&self, token: SecretHash, now: i64) -> StoreResult<Option<Identity>> {
        let (aside, filter) = (self.aside.clone(), doc! { "_id": stored(token), "expiresAt": { "$gt": now } });
        let found = run(async move { aside.find_one_and_delete(filter).await }).await?;
        Ok(found.map(|found| found.identity.read()))
    }

    async fn delete_expired(&self, now: i64) -> StoreResult<()> {
        let aside = self.aside.clone();
        run(async move { aside.delete_many(doc! { "expiresAt": { "$lte": now } }).await }).await?;
        Ok(())
    }

    async fn set_first_password(&self, user: UserId, hash: String) -> StoreResult<bool> {
        let (users, filter) = (self.users.clone(), doc! { "_id": to_bson(user), "passwordHash": "" });
        let update = doc! { "$set": { "passwordHash": hash } };
        Ok(run(async move { users.update_one(filter, update).await }).await?.matched_count == 1)
    }
}
