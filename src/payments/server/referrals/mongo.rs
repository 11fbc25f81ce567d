//! Referrals in MongoDB: a document for each user.

use async_trait::async_trait;
use mongodb::Collection;
use mongodb::bson::{self, Document, doc};
use mongodb::options::ReturnDocument;
use serde::{Deserialize, Serialize};

use super::ReferralStore;
use crate::platform::db::mongo::{Durability, Mongo, from_bson, is_duplicate, run, to_bson};
use crate::platform::db::{StoreError, StoreResult};
use crate::platform::ids::UserId;

/// The code of a user.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct StoredCode {
    #[serde(rename = "_id")]
    user: bson::Uuid,
    code: String,
}

/// The inviter of a user.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct StoredInviter {
    #[serde(rename = "_id")]
    user: bson::Uuid,
    inviter: bson::Uuid,
}

/// [`ReferralStore`] over MongoDB.
pub struct MongoReferralStore {
    codes: Collection<StoredCode>,
    inviters: Collection<StoredInviter>,
}

impl MongoReferralStore {
    #[must_use]
    pub fn new(mongo: &Mongo) -> Self {
        Self {
            codes: mongo.collection("inviteCodes", Durability::Durable),
            inviters: mongo.collection("inviters", Durability::Durable),
        }
    }
}

fn id_of(user: UserId) -> Document {
    doc! { "_id": to_bson(user) }
}

#[async_trait]
impl ReferralStore for MongoReferralStore {
    async fn find_code(&self, user: UserId) -> StoreResult<Option<String>> {
        let codes = self.codes.clone();
        let stored = run(async move { codes.find_one(id_of(user)).await }).await?;
        Ok(stored.map(|stored| stored.code))
    }

    async fn code_of(&self, user: UserId, new: String) -> StoreResult<String> {
        let (codes, set) = (self.codes.clone(), doc! { "$setOnInsert": { "code": new } });
        let stored = run(async move {
            codes.find_one_and_update(id_of(user), set).upsert(true).return_document(ReturnDocument::After).await
        })
        .await;
        match stored {
            Ok(stored) => stored.map(|stored| stored.code).ok_or_else(missing),
            // Another request was faster.
            Err(error) if is_duplicate(&error) => self.find_code(user).await?.ok_or_else(missing),
            Err(error) => Err(error),
        }
    }

    async fn user_of(&self, code: &str) -> StoreResult<Option<UserId>> {
        let (codes, code) = (self.codes.clone(), doc! { "code": code });
        let stored = run(async move { codes.find_one(code).await }).await?;
        Ok(stored.map(|stored| from_bson(stored.user)))
    }

    async fn set_inviter(&self, user: UserId, inviter: UserId) -> StoreResult<()> {
        let inviters = self.inviters.clone();
        let stored = StoredInviter { user: to_bson(user), inviter: to_bson(inviter) };
        match run(async move { inviters.insert_one(stored).await }).await {
            Err(error) if !is_duplicate(&error) => Err(error),
            _ => Ok(()),
        }
    }

    async fn inviter_of(&self, user: UserId) -> StoreResult<Option<UserId>> {
        let inviters = self.inviters.clone();
        let stored = run(async move { inviters.find_one(id_of(user)).await }).await?;
        Ok(stored.map(|stored| from_bson(stored.inviter)))
    }

    async fn forget(&self, user: UserId) -> StoreResult<()> {
        let (codes, inviters) = (self.codes.clone(), self.inviters.clone());
        let both = doc! { "$or": [{ "_id": to_bson(user) }, { "inviter": to_bson(user) }] };
        run(async move { codes.delete_one(id_of(user)).await }).await?;
        run(async move { inviters.delete_many(both).await }).await.map(drop)
    }
}

fn missing() -> StoreError {
    StoreError::Corrupt("a code that was stored is gone".to_owned())
}
