//! Passkeys in MongoDB. No step needs a transaction: a passkey is one insert, at a place among those of its user that nobody else has.

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{self, doc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Added, Ceremony, PasskeyStore, StoredPasskey};
use crate::account::server::store::mongo::free_slot;
use crate::account::server::ways::{MongoWays, Unlinked, Way};
use crate::platform::db::StoreResult;
use crate::platform::db::mongo::{Durability, Mongo, from_bson, is_duplicate, run, to_bson};
use crate::platform::ids::{PasskeyId, UserId};
use crate::platform::secret::SecretHash;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PasskeyDocument {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    user: bson::Uuid,
    credential_id: bson::Binary,
    credential: String,
    counter: u32,
    name: String,
    device: String,
    created_at: i64,
    last_used_at: Option<i64>,
    /// Which of a user's places it has.
    slot: i64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CeremonyDocument {
    #[serde(rename = "_id")]
    handle_hash: bson::Binary,
    user: Option<bson::Uuid>,
    state: String,
    expires_at: i64,
}

impl PasskeyDocument {
    fn of(passkey: StoredPasskey, slot: i64) -> Self {
        Self {
            id: to_bson(passkey.id),
            user: to_bson(passkey.user),
            credential_id: binary(&passkey.credential_id),
            credential: passkey.credential,
            counter: passkey.counter,
            name: passkey.name,
            device: passkey.device,
            created_at: passkey.created_at,
            last_used_at: passkey.last_used_at,
            slot,
        }
    }

    fn read(self) -> StoredPasskey {
        StoredPasskey {
            id: from_bson(self.id),
            user: from_bson(self.user),
            credential_id: self.credential_id.bytes,
            credential: self.credential,
            counter: self.counter,
            name: self.name,
            device: self.device,
            created_at: self.created_at,
            last_used_at: self.last_used_at,
        }
    }
}

/// [`PasskeyStore`] over MongoDB.
pub struct MongoPasskeyStore {
    passkeys: Collection<PasskeyDocument>,
    ceremonies: Collection<CeremonyDocument>,
    ways: MongoWays,
}

impl MongoPasskeyStore {
    #[must_use]
    pub fn new(mongo: &Mongo) -> Self {
        Self {
            passkeys: mongo.collection("passkeys", Durability::Durable),
            ceremonies: mongo.collection("passkeyCeremonies", Durability::Durable),
            ways: MongoWays::new(mongo),
        }
    }

    async fn taken_slots(&self, user: UserId) -> StoreResult<Vec<Option<i64>>> {
        let passkeys = self.passkeys.clone();
        let own = doc! { "user": to_bson(user) };
        let found: Vec<_> = run(async move { passkeys.find(own).await?.try_collect::<Vec<_>>().await }).await?;
        Ok(found.iter().map(|passkey| Some(passkey.slot)).collect())
    }
}

fn binary(bytes: &[u8]) -> bson::Binary {
    bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: bytes.to_vec() }
}

#[async_trait]
impl PasskeyStore for MongoPasskeyStore {
    async fn begin(&self, handle: SecretHash, ceremony: Ceremony) -> StoreResult<()> {
        let Ceremony { user, state, expires_at } = ceremony;
        let document = CeremonyDocument { handle_hash: binary(&handle), user: user.map(to_bson), state, expires_at };
        let ceremonies = self.ceremonies.clone();
        run(async move { ceremonies.insert_one(document).await }).await?;
        Ok(())
    }

    async fn take(&self, handle: SecretHash, now: i64) -> StoreResult<Option<Ceremony>> {
        let open = doc! { "_id": binary(&handle), "expiresAt": { "$gt": now } };
        let ceremonies = self.ceremonies.clone();
        let found = run(async move { ceremonies.find_one_and_delete(open).await }).await?;
        Ok(found.map(|CeremonyDocument { user, state, expires_at, .. }| Ceremony {
            user: user.map(from_bson),
            state,
            expires_at,
        }))
    }

    async fn delete_expired(&self, now: i64) -> StoreResult<()> {
        let ceremonies = self.ceremonies.clone();
        run(async move { ceremonies.delete_many(doc! { "expiresAt": { "$lte": now } }).await }).await?;
        Ok(())
    }

    async fn add(&self, passkey: StoredPasskey, most: usize) -> StoreResult<Added> {
        let number = Uuid::from(passkey.id).as_u128();
        loop {
            if self.find(&passkey.credential_id).await?.is_some() {
                return Ok(Added::Taken);
            }
            let taken = self.taken_slots(passkey.user).await?;
            let Some(slot) = free_slot(&taken, most, number) else { return Ok(Added::TooMany) };
            let (passkeys, document) = (self.passkeys.clone(), PasskeyDocument::of(passkey.clone(), slot));
            match run(async move { passkeys.insert_one(document).await }).await {
                Ok(_) => return Ok(Added::Done),
                // Somebody else was faster, with this one or at this place.
                Err(error) if is_duplicate(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn find(&self, credential_id: &[u8]) -> StoreResult<Option<StoredPasskey>> {
        let (passkeys, filter) = (self.passkeys.clone(), doc! { "credentialId": binary(credential_id) });
        let found = run(async move { passkeys.find_one(filter).await }).await?;
        Ok(found.map(PasskeyDocument::read))
    }

    async fn list(&self, user: UserId) -> StoreResult<Vec<StoredPasskey>> {
        let passkeys = self.passkeys.clone();
        let found: Vec<PasskeyDocument> = run(async move {
            passkeys.find(doc! { "user": to_bson(user) }).sort(doc! { "_id": 1 }).await?.try_collect().await
        })
        .await?;
        Ok(found.into_iter().map(PasskeyDocument::read).collect())
    }

    async fn keep_use(&self, id: PasskeyId, credential: String, counter: u32, at: i64) -> StoreResult<bool> {
        let counter = i64::from(counter);
        // One that never counts stays at 0.
        let before = if counter == 0 {
            doc! { "$eq": 0 }
        } else {
            doc! { "$lt": counter }
        };
        let filter = doc! { "_id": to_bson(id), "counter": before };
        let seen = doc! { "$set": { "credential": credential, "counter": counter, "lastUsedAt": at } };
        let passkeys = self.passkeys.clone();
        Ok(run(async move { passkeys.update_one(filter, seen).await }).await?.matched_count == 1)
    }

    async fn rename(&self, user: UserId, id: PasskeyId, name: &str) -> StoreResult<bool> {
        let own = doc! { "_id": to_bson(id), "user": to_bson(user) };
        let (passkeys, named) = (self.passkeys.clone(), doc! { "$set": { "name": name } });
        Ok(run(async move { passkeys.update_one(own, named).await }).await?.matched_count == 1)
    }

    async fn remove(&self, user: UserId, id: PasskeyId) -> StoreResult<Unlinked> {
        self.ways.remove(Way::Passkey, user, to_bson(id)).await
    }

    async fn delete_of_user(&self, user: UserId) -> StoreResult<()> {
        let own = doc! { "user": to_bson(user) };
        let (passkeys, ceremonies, of_both) = (self.passkeys.clone(), self.ceremonies.clone(), own.clone());
        run(async move { passkeys.delete_many(own).await }).await?;
        run(async move { ceremonies.delete_many(of_both).await }).await?;
        Ok(())
    }
}
