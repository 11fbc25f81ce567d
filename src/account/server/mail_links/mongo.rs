//! Links by mail in MongoDB: a document for each user and purpose, which a new link replaces.

use async_trait::async_trait;
use mongodb::Collection;
use mongodb::bson::{self, doc};
use serde::{Deserialize, Serialize};

use super::{MailLink, MailLinkStore, Purpose};
use crate::platform::db::StoreResult;
use crate::platform::db::mongo::{Durability, Mongo, from_bson, is_duplicate, run, to_bson};
use crate::platform::ids::UserId;
use crate::platform::secret::SecretHash;

/// Whose it is, and what for.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Key {
    user: bson::Uuid,
    purpose: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredLink {
    #[serde(rename = "_id")]
    key: Key,
    hash: bson::Binary,
    email: String,
    expires_at: i64,
}

impl StoredLink {
    fn read(self) -> StoreResult<MailLink> {
        let purpose = Purpose::stored(&self.key.purpose)?;
        Ok(MailLink { user: from_bson(self.key.user), purpose, email: self.email, expires_at: self.expires_at })
    }
}

/// [`MailLinkStore`] over MongoDB.
pub struct MongoMailLinkStore {
    links: Collection<StoredLink>,
}

impl MongoMailLinkStore {
    #[must_use]
    pub fn new(mongo: &Mongo) -> Self {
        Self { links: mongo.collection("mailLinks", Durability::Durable) }
    }
}

fn stored(hash: SecretHash) -> bson::Binary {
    bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: hash.to_vec() }
}

#[async_trait]
impl MailLinkStore for MongoMailLinkStore {
    async fn put(&self, hash: SecretHash, link: MailLink) -> StoreResult<()> {
        let MailLink { user, purpose, email, expires_at } = link;
        let key = Key { user: to_bson(user), purpose: purpose.as_str().to_owned() };
        let link = StoredLink { key, hash: stored(hash), email, expires_at };
        let own = doc! { "_id": { "user": to_bson(user), "purpose": purpose.as_str() } };
        loop {
            let (links, own, link) = (self.links.clone(), own.clone(), link.clone());
            match run(async move { links.replace_one(own, link).upsert(true).await }).await {
                Ok(_) => return Ok(()),
                // Another one was inserted at the same time: there is something to replace now.
                Err(error) if is_duplicate(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn find(&self, hash: SecretHash, now: i64) -> StoreResult<Option<MailLink>> {
        let (links, open) = (self.links.clone(), doc! { "hash": stored(hash), "expiresAt": { "$gt": now } });
        run(async move { links.find_one(open).await }).await?.map(StoredLink::read).transpose()
    }

    async fn take(&self, hash: SecretHash, purposes: &[Purpose], now: i64) -> StoreResult<Option<MailLink>> {
        let purposes: Vec<_> = purposes.iter().map(|purpose| purpose.as_str()).collect();
        let open = doc! { "hash": stored(hash), "_id.purpose": { "$in": purposes }, "expiresAt": { "$gt": now } };
        let links = self.links.clone();
        run(async move { links.find_one_and_delete(open).await }).await?.map(StoredLink::read).transpose()
    }

    async fn delete_of(&self, user: UserId) -> StoreResult<()> {
        let all = Purpose::ALL.map(|purpose| doc! { "user": to_bson(user), "purpose": purpose.as_str() });
        let links = self.links.clone();
        run(async move { links.delete_many(doc! { "_id": { "$in": all.to_vec() } }).await }).await?;
        Ok(())
    }

    async fn delete_expired(&self, now: i64) -> StoreResult<()> {
        let links = self.links.clone();
        run(async move { links.delete_many(doc! { "expiresAt": { "$lte": now } }).await }).await?;
        Ok(())
    }
}
