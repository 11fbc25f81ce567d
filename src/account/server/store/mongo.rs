//! Users and their keys in MongoDB.

use async_trait::async_trait;
use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{self, Document, doc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{AccountStore, StoredKey, User, from_json, read_hash, read_scopes, to_json};
use crate::account::server::sessions::{Preferences, UserStatus};
use crate::account::{Email, Role, Scope};
use crate::platform::amount::Amount;
use crate::platform::db::mongo::{Durability, Mongo, delete_all, from_bson, is_duplicate, run, to_bson};
use crate::platform::db::{StoreError, StoreResult};
use crate::platform::ids::{ApiKeyId, UserId};
use crate::platform::secret::SecretHash;

/// A user as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::account::server) struct StoredUser {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    email: String,
    name: String,
    password_hash: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    email_verified_at: Option<i64>,
    role: String,
    created_at: bson::DateTime,
    /// `None`: active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<String>,
}

impl StoredUser {
    /// When they registered, in milliseconds since 1970.
    pub(in crate::account::server) const fn created_at(&self) -> i64 {
        self.created_at.timestamp_millis()
    }

    /// A role or a status that nobody wrote must not pass for a harmless one.
    pub(in crate::account::server) fn read(self) -> StoreResult<User> {
        let role = Role::parse(&self.role).ok_or_else(|| StoreError::Corrupt(format!("role {:?}", self.role)))?;
        let status = match self.status {
            None => UserStatus::Active,
            Some(name) => UserStatus::parse(&name).ok_or_else(|| StoreError::Corrupt(format!("status {name:?}")))?,
        };
        Ok(User {
            id: from_bson(self.id),
            email: self.email,
            name: self.name,
            password_hash: read_hash(self.password_hash),
            email_verified_at: self.email_verified_at,
            role,
            status,
        })
    }
}

/// An API key.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyDocument {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    user: bson::Uuid,
    hash: bson::Binary,
    name: String,
    hint: String,
    per_minute: Option<u32>,
    /// Most that it may ever spend, in millionths of a credit.
    limit: Option<i64>,
    /// A server of an older version, beside this one, knows none.
    #[serde(default = "all_scopes")]
    scopes: Vec<String>,
    expires_at: Option<i64>,
    created_at: i64,
    last_used_at: Option<i64>,
    /// Which of a user's places it has: no two keys have the same, so there are never more keys than places. Keys from before
    /// there were places have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    slot: Option<i64>,
}

/// A place that is free where there are `most`, some other one for each `number`. Those of keys without one are the last.
pub(in crate::account::server) fn free_slot(taken: &[Option<i64>], most: usize, number: u128) -> Option<i64> {
    if taken.len() >= most {
        return None;
    }
    let places = most.saturating_sub(taken.iter().filter(|slot| slot.is_none()).count());
    let mut free = (0..i64::try_from(places).ok()?).filter(|place| !taken.contains(&Some(*place)));
    let count = u128::try_from(free.clone().count()).ok().filter(|count| *count > 0)?;
    free.nth(usize::try_from(number % count).ok()?)
}

fn all_scopes() -> Vec<String> {
    Scope::ALL.map(|scope| scope.as_str().to_owned()).to_vec()
}

impl KeyDocument {
    fn read(self) -> StoreResult<StoredKey> {
        let Self { id, name, hint, per_minute, limit, scopes, expires_at, created_at, last_used_at, .. } = self;
        let budget = limit.map(Amount::from_micros);
        let (id, scopes) = (from_bson(id), read_scopes(scopes.iter().map(String::as_str))?);
        Ok(StoredKey { id, name, hint, per_minute, budget, scopes, expires_at, created_at, last_used_at })
    }
}

/// [`AccountStore`] over MongoDB.
pub struct MongoAccountStore {
    users: Collection<StoredUser>,
    keys: Collection<KeyDocument>,
    welcomed: Collection<Document>,
}

impl MongoAccountStore {
    #[must_use]
    pub fn new(mongo: &Mongo) -> Self {
        Self {
            users: mongo.collection("users", Durability::Durable),
            keys: mongo.collection("apiKeys", Durability::Durable),
            welcomed: mongo.collection("welcomed", Durability::Durable),
        }
    }

    /// Returns how many there were.
    async fn update_user(&self, which: Document, update: Document) -> StoreResult<u64> {
        let users = self.users.clone();
        Ok(run(async move { users.update_one(which, update).await }).await?.matched_count)
    }
}

pub(in crate::account::server) fn stored(token: SecretHash) -> bson::Binary {
    bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: token.to_vec() }
}

#[async_trait]
impl AccountStore for MongoAccountStore {
    async fn create_user(&self, user: User) -> StoreResult<bool> {
        let stored = StoredUser {
            id: to_bson(user.id),
            email: user.email,
            name: user.name,
            password_hash: user.password_hash.unwrap_or_default(),
            email_verified_at: user.email_verified_at,
            role: user.role.as_str().to_owned(),
            created_at: bson::DateTime::now(),
            status: None,
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

    async fn find_user_by_id(&self, id: UserId) -> StoreResult<Option<User>> {
        let users = self.users.clone();
        let found = run(async move { users.find_one(doc! { "_id": to_bson(id) }).await }).await?;
        found.map(StoredUser::read).transpose()
    }

    async fn set_role(&self, email: &Email, role: Role) -> StoreResult<bool> {
        let (users, email) = (self.users.clone(), email.as_str().to_owned());
        let update = doc! { "$set": { "role": role.as_str() } };
        Ok(run(async move { users.update_one(doc! { "email": email }, update).await }).await?.matched_count == 1)
    }

    async fn change_status(&self, id: UserId, from: UserStatus, to: UserStatus) -> StoreResult<bool> {
        let mut which = doc! { "_id": to_bson(id) };
        // Users from before have none.
        match from {
            UserStatus::Active => {
                which.insert("status", doc! { "$in": [bson::Bson::Null, bson::Bson::from(from.as_str())] })
            }
            _ => which.insert("status", from.as_str()),
        };
        Ok(self.update_user(which, doc! { "$set": { "status": to.as_str() } }).await? == 1)
    }

    async fn set_password(&self, id: UserId, hash: &str) -> StoreResult<()> {
        self.update_user(doc! { "_id": to_bson(id) }, doc! { "$set": { "passwordHash": hash } }).await.map(drop)
    }

    async fn set_profile(&self, id: UserId, name: Option<&str>, preferences: &Preferences) -> StoreResult<()> {
        let mut set = doc! { "preferences": to_json(preferences)? };
        if let Some(name) = name {
            set.insert("name", name);
        }
        self.update_user(doc! { "_id": to_bson(id) }, doc! { "$set": set }).await.map(drop)
    }

    async fn find_preferences(&self, id: UserId) -> StoreResult<Preferences> {
        #[derive(Deserialize)]
        struct Found {
            preferences: Option<String>,
        }
        let users = self.users.clone_with_type::<Found>();
        let found =
            run(async move { users.find_one(doc! { "_id": to_bson(id) }).projection(doc! { "preferences": 1 }).await })
                .await?;
        from_json(found.and_then(|found| found.preferences).as_deref())
    }

    async fn verify_email(&self, user: UserId, email: &str, at: i64) -> StoreResult<bool> {
        let (users, own) = (self.users.clone(), doc! { "_id": to_bson(user), "email": email });
        let seen = doc! { "$set": { "emailVerifiedAt": at } };
        Ok(run(async move { users.update_one(own, seen).await }).await?.matched_count == 1)
    }

    async fn change_email(&self, user: UserId, from: &str, to: &str, at: i64) -> StoreResult<bool> {
        let (users, own) = (self.users.clone(), doc! { "_id": to_bson(user), "email": from });
        let other = doc! { "$set": { "email": to, "emailVerifiedAt": at } };
        match run(async move { users.update_one(own, other).await }).await {
            Ok(changed) => Ok(changed.matched_count == 1),
            Err(error) if is_duplicate(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn create_key(&self, hash: SecretHash, user: UserId, key: StoredKey, most: usize) -> StoreResult<bool> {
        let (number, user, hash) = (Uuid::from(key.id).as_u128(), to_bson(user), stored(hash));
        loop {
            let keys = self.keys.clone();
            let found: Vec<_> =
                run(async move { keys.find(doc! { "user": user }).await?.try_collect::<Vec<_>>().await }).await?;
            let taken: Vec<_> = found.iter().map(|key| key.slot).collect();
            let Some(slot) = free_slot(&taken, most, number) else { return Ok(false) };
            let key = key.clone();
            let new = KeyDocument {
                id: to_bson(key.id),
                user,
                hash: hash.clone(),
                name: key.name,
                hint: key.hint,
                per_minute: key.per_minute,
                limit: key.budget.map(Amount::micros),
                scopes: key.scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
                expires_at: key.expires_at,
                created_at: key.created_at,
                last_used_at: key.last_used_at,
                slot: Some(slot),
            };
            let keys = self.keys.clone();
            match run(async move { keys.insert_one(new).await }).await {
                Ok(_) => return Ok(true),
                // Somebody else was faster: there is one place less now, so this ends.
                Err(error) if is_duplicate(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn list_keys(&self, user: UserId) -> StoreResult<Vec<StoredKey>> {
        let keys = self.keys.clone();
        let found: Vec<_> = run(async move {
            keys.find(doc! { "user": to_bson(user) }).sort(doc! { "_id": 1 }).await?.try_collect().await
        })
        .await?;
        found.into_iter().map(KeyDocument::read).collect()
    }

    async fn find_key(&self, hash: SecretHash) -> StoreResult<Option<(User, StoredKey)>> {
        #[derive(Deserialize)]
        struct Found {
            #[serde(flatten)]
            key: KeyDocument,
            owner: StoredUser,
        }
        let keys = self.keys.clone();
        let lookup = [
            doc! { "$match": { "hash": stored(hash) } },
            doc! { "$lookup": { "from": "users", "localField": "user", "foreignField": "_id", "as": "owner" } },
            doc! { "$unwind": "$owner" },
        ];
        let found = run(async move { keys.aggregate(lookup).with_type::<Found>().await?.try_next().await }).await?;
        found.map(|Found { key, owner }| Ok((owner.read()?, key.read()?))).transpose()
    }

    async fn touch_key(&self, id: ApiKeyId, at: i64) -> StoreResult<()> {
        let keys = self.keys.clone();
        run(async move { keys.update_one(doc! { "_id": to_bson(id) }, doc! { "$max": { "lastUsedAt": at } }).await })
            .await?;
        Ok(())
    }

    async fn delete_key(&self, user: UserId, id: ApiKeyId) -> StoreResult<bool> {
        let keys = self.keys.clone();
        let which = doc! { "_id": to_bson(id), "user": to_bson(user) };
        Ok(run(async move { keys.delete_one(which).await }).await?.deleted_count == 1)
    }

    async fn other_admins(&self, than: UserId) -> StoreResult<u64> {
        let users = self.users.clone();
        // Users from before have no status.
        let open = vec![bson::Bson::Null, bson::Bson::from(UserStatus::Active.as_str())];
        let others = doc! { "role": Role::Admin.as_str(), "status": { "$in": open }, "_id": { "$ne": to_bson(than) } };
        run(async move { users.count_documents(others).await }).await
    }

    async fn delete_user(&self, id: UserId) -> StoreResult<()> {
        delete_all(&self.keys, doc! { "user": to_bson(id) }).await?;
        let users = self.users.clone();
        run(async move { users.delete_one(doc! { "_id": to_bson(id) }).await }).await?;
        Ok(())
    }

    async fn keep_welcomed(&self, hashes: Vec<SecretHash>, until: i64) -> StoreResult<()> {
        for hash in hashes {
            let (welcomed, own) = (self.welcomed.clone(), doc! { "_id": stored(hash) });
            let keep = doc! { "$max": { "until": until } };
            run(async move { welcomed.update_one(own, keep).upsert(true).await }).await?;
        }
        Ok(())
    }

    async fn is_welcomed(&self, hashes: Vec<SecretHash>, now: i64) -> StoreResult<bool> {
        let mut known = doc! { "until": { "$gt": now } };
        if !hashes.is_empty() {
            known.insert("_id", doc! { "$in": hashes.into_iter().map(stored).collect::<Vec<_>>() });
        }
        let welcomed = self.welcomed.clone();
        Ok(run(async move { welcomed.find_one(known).await }).await?.is_some())
    }

    async fn forget_welcomed(&self, now: i64) -> StoreResult<()> {
        delete_all(&self.welcomed, doc! { "until": { "$lte": now } }).await
    }
}

#[cfg(test)]
mod tests {
    use super::free_slot;

    #[test]
    fn keys_without_a_place_take_one_all_the_same() {
        assert_eq!(free_slot(&[], 0, 7), None);
        assert_eq!(free_slot(&[], 2, 7), Some(1));
        assert_eq!(free_slot(&[Some(1)], 2, 7), Some(0));
        assert_eq!(free_slot(&[Some(1), Some(0)], 2, 7), None);
        assert_eq!(free_slot(&[None, Some(0)], 3, 7), Some(1));
        assert_eq!(free_slot(&[None, None, Some(0)], 3, 7), None);
        assert_eq!(free_slot(&[None, None, Some(3)], 4, 7), Some(1), "a place of one that has none is not given away");
        assert_eq!(free_slot(&[Some(2), Some(3)], 2, 7), None, "where there were more places before");
    }
}
