//! Second factors and half sign-ins in MongoDB: a document for each user, with the recovery codes in it.

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{self, Document, doc};
use mongodb::options::ReturnDocument;
use serde::{Deserialize, Serialize};

use super::{AuthenticatorApp, HalfSignIn, SecondFactorStore};
use crate::account::server::second_factor::SealedKey;
use crate::platform::db::mongo::{Durability, Mongo, from_bson, is_duplicate, run, to_bson};
use crate::platform::db::{StoreError, StoreResult};
use crate::platform::ids::UserId;
use crate::platform::secret::SecretHash;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredApp {
    #[serde(rename = "_id")]
    user: bson::Uuid,
    key: bson::Binary,
    created_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    confirmed_at: Option<i64>,
    #[serde(default)]
    codes: Vec<bson::Binary>,
}

impl StoredApp {
    fn read(self) -> AuthenticatorApp {
        let codes_left = u32::try_from(self.codes.len()).unwrap_or(u32::MAX);
        AuthenticatorApp {
            key: self.key.bytes,
            created_at: self.created_at,
            confirmed_at: self.confirmed_at,
            codes_left,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredHalf {
    #[serde(rename = "_id")]
    token_hash: bson::Binary,
    user: bson::Uuid,
    password: bson::Binary,
    next: String,
    tries: i64,
    expires_at: i64,
}

impl StoredHalf {
    fn read(self) -> StoreResult<HalfSignIn> {
        let corrupt = || StoreError::Corrupt("a half sign-in".into());
        Ok(HalfSignIn {
            user: from_bson(self.user),
            password: self.password.bytes.try_into().map_err(|_| corrupt())?,
            next: self.next,
            tries: u32::try_from(self.tries).map_err(|_| corrupt())?,
            expires_at: self.expires_at,
        })
    }
}

/// [`SecondFactorStore`] over MongoDB.
pub struct MongoSecondFactorStore {
    apps: Collection<StoredApp>,
    halves: Collection<StoredHalf>,
}

impl MongoSecondFactorStore {
    #[must_use]
    pub fn new(mongo: &Mongo) -> Self {
        Self {
            apps: mongo.collection("authenticatorApps", Durability::Durable),
            halves: mongo.collection("halfSignIns", Durability::Durable),
        }
    }

    /// Whether there was an app to change.
    async fn change(&self, which: Document, update: Document) -> StoreResult<bool> {
        let apps = self.apps.clone();
        Ok(run(async move { apps.update_one(which, update).await }).await?.matched_count == 1)
    }
}

fn stored(bytes: &[u8]) -> bson::Binary {
    bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: bytes.to_vec() }
}

fn all_stored(codes: &[SecretHash]) -> Vec<bson::Binary> {
    codes.iter().map(|code| stored(code)).collect()
}

fn open_half(token: SecretHash, now: i64) -> Document {
    doc! { "_id": stored(&token), "expiresAt": { "$gt": now } }
}

#[async_trait]
impl SecondFactorStore for MongoSecondFactorStore {
    async fn begin(&self, user: UserId, key: SealedKey, at: i64) -> StoreResult<bool> {
        loop {
            let apps = self.apps.clone();
            let which = doc! { "_id": to_bson(user), "confirmedAt": { "$exists": false } };
            let update = doc! { "$set": { "key": stored(&key), "createdAt": at } };
            match run(async move { apps.update_one(which, update).upsert(true).await }).await {
                Ok(_) => return Ok(true),
                // One is confirmed; or another one was inserted at the same time, and there is something to change now.
                Err(error) if is_duplicate(&error) => {
                    if self.find(user).await?.is_some_and(|app| app.confirmed_at.is_some()) {
                        return Ok(false);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn find(&self, user: UserId) -> StoreResult<Option<AuthenticatorApp>> {
        let apps = self.apps.clone();
        let found = run(async move { apps.find_one(doc! { "_id": to_bson(user) }).await }).await?;
        Ok(found.map(StoredApp::read))
    }

    async fn confirm(
        &self,
        user: UserId,
        key: SealedKey,
        step: i64,
        codes: Vec<SecretHash>,
        at: i64,
    ) -> StoreResult<bool> {
        let which = doc! { "_id": to_bson(user), "key": stored(&key), "confirmedAt": { "$exists": false } };
        let set = doc! { "confirmedAt": at, "lastStep": step, "codes": all_stored(&codes) };
        self.change(which, doc! { "$set": set }).await
    }

    async fn accept_step(&self, user: UserId, key: SealedKey, step: i64) -> StoreResult<bool> {
        // Without a last step, none is less: it is not on.
        let which = doc! { "_id": to_bson(user), "key": stored(&key), "lastStep": { "$lt": step } };
        self.change(which, doc! { "$set": { "lastStep": step } }).await
    }

    async fn list_keys(&self) -> StoreResult<Vec<(UserId, SealedKey)>> {
        let apps = self.apps.clone();
        let apps: Vec<StoredApp> = run(async move { apps.find(doc! {}).await?.try_collect().await }).await?;
        Ok(apps.into_iter().map(|app| (from_bson(app.user), app.key.bytes)).collect())
    }

    async fn replace_key(&self, user: UserId, from: SealedKey, to: SealedKey) -> StoreResult<bool> {
        let which = doc! { "_id": to_bson(user), "key": stored(&from) };
        self.change(which, doc! { "$set": { "key": stored(&to) } }).await
    }

    async fn replace_codes(&self, user: UserId, codes: Vec<SecretHash>) -> StoreResult<bool> {
        let which = doc! { "_id": to_bson(user), "confirmedAt": { "$exists": true } };
        self.change(which, doc! { "$set": { "codes": all_stored(&codes) } }).await
    }

    async fn take_code(&self, user: UserId, code: SecretHash) -> StoreResult<bool> {
        let which = doc! { "_id": to_bson(user), "codes": stored(&code) };
        self.change(which, doc! { "$pull": { "codes": stored(&code) } }).await
    }

    async fn delete_of_user(&self, user: UserId) -> StoreResult<bool> {
        let (apps, halves) = (self.apps.clone(), self.halves.clone());
        run(async move { halves.delete_many(doc! { "user": to_bson(user) }).await }).await?;
        let deleted = run(async move { apps.find_one_and_delete(doc! { "_id": to_bson(user) }).await }).await?;
        Ok(deleted.is_some_and(|app| app.confirmed_at.is_some()))
    }

    async fn put_half(&self, token: SecretHash, half: HalfSignIn) -> StoreResult<()> {
        let half = StoredHalf {
            token_hash: stored(&token),
            user: to_bson(half.user),
            password: stored(&half.password),
            next: half.next,
            tries: half.tries.into(),
            expires_at: half.expires_at,
        };
        let halves = self.halves.clone();
        run(async move { halves.insert_one(half).await }).await?;
        Ok(())
    }

    async fn find_half(&self, token: SecretHash, now: i64) -> StoreResult<Option<HalfSignIn>> {
        let halves = self.halves.clone();
        let found = run(async move { halves.find_one(open_half(token, now)).await }).await?;
        found.map(StoredHalf::read).transpose()
    }

    async fn try_half(&self, token: SecretHash, most: u32, now: i64) -> StoreResult<Option<HalfSignIn>> {
        let mut which = open_half(token, now);
        which.insert("tries", doc! { "$lt": i64::from(most) });
        let halves = self.halves.clone();
        let tried = run(async move {
            let update = doc! { "$inc": { "tries": 1_i64 } };
            halves.find_one_and_update(which, update).return_document(ReturnDocument::After).await
        })
        .await?;
        tried.map(StoredHalf::read).transpose()
    }

    async fn take_half(&self, token: SecretHash, now: i64) -> StoreResult<Option<HalfSignIn>> {
        let halves = self.halves.clone();
        let found = run(async move { halves.find_one_and_delete(open_half(token, now)).await }).await?;
        found.map(StoredHalf::read).transpose()
    }

    async fn delete_expired(&self, now: i64) -> StoreResult<()> {
        let halves = self.halves.clone();
        run(async move { halves.delete_many(doc! { "expiresAt": { "$lte": now } }).await }).await?;
        Ok(())
    }
}
