//! Exports and erasures in MongoDB, a document each.

use async_trait::async_trait;
use bytes::Bytes;
use mongodb::Collection;
use mongodb::bson::{self, Document, doc};
use mongodb::options::ReturnDocument;
use serde::{Deserialize, Serialize};

use super::{Leaving, LeavingKind, LeavingStore, Piece};
use crate::platform::db::StoreResult;
use crate::platform::db::mongo::{Durability, Mongo, delete_all, from_bson, is_duplicate, run, to_bson};
use crate::platform::ids::{RunId, UserId};
use crate::platform::secret::SecretHash;

/// Of whom, and what.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Key {
    user: bson::Uuid,
    kind: String,
}

/// [`Leaving`], with ids as MongoDB has them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredLeaving {
    #[serde(rename = "_id")]
    key: Key,
    run: bson::Uuid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    look_at: Option<i64>,
    free_at: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    receipt: Option<bson::Binary>,
    body: String,
}

impl From<Leaving> for StoredLeaving {
    fn from(new: Leaving) -> Self {
        Self {
            key: key(new.user, new.kind),
            run: to_bson(new.run),
            look_at: new.look_at,
            free_at: new.free_at,
            receipt: new.receipt.map(stored),
            body: new.body,
        }
    }
}

impl StoredLeaving {
    fn read(self) -> Leaving {
        let is_export = self.key.kind == LeavingKind::Export.as_str();
        Leaving {
            user: from_bson(self.key.user),
            kind: if is_export { LeavingKind::Export } else { LeavingKind::Erasure },
            run: from_bson(self.run),
            look_at: self.look_at,
            free_at: self.free_at,
            receipt: self.receipt.and_then(|receipt| receipt.bytes.try_into().ok()),
            body: self.body,
        }
    }
}

/// A piece, named by its run and number.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredPiece {
    #[serde(rename = "_id")]
    place: Place,
    user: bson::Uuid,
    expires_at: i64,
    bytes: bson::Binary,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Place {
    run: bson::Uuid,
    number: i64,
}

fn key(user: UserId, kind: LeavingKind) -> Key {
    Key { user: to_bson(user), kind: kind.as_str().to_owned() }
}

fn own(user: UserId, kind: LeavingKind) -> Document {
    doc! { "_id": { "user": to_bson(user), "kind": kind.as_str() } }
}

fn stored(hash: SecretHash) -> bson::Binary {
    bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: hash.to_vec() }
}

/// [`LeavingStore`] over MongoDB.
pub struct MongoLeavingStore {
    leavings: Collection<StoredLeaving>,
    pieces: Collection<StoredPiece>,
}

impl MongoLeavingStore {
    #[must_use]
    pub fn new(mongo: &Mongo) -> Self {
        Self {
            leavings: mongo.collection("leavings", Durability::Durable),
            pieces: mongo.collection("exportPieces", Durability::Durable),
        }
    }

    async fn find_one(&self, which: Document) -> StoreResult<Option<Leaving>> {
        let leavings = self.leavings.clone();
        Ok(run(async move { leavings.find_one(which).await }).await?.map(StoredLeaving::read))
    }

    async fn update(&self, which: Document, change: Document) -> StoreResult<bool> {
        let leavings = self.leavings.clone();
        Ok(run(async move { leavings.update_one(which, change).await }).await?.matched_count == 1)
    }
}

#[async_trait]
impl LeavingStore for MongoLeavingStore {
    async fn begin(&self, new: Leaving, now: i64) -> StoreResult<bool> {
        let mut free = own(new.user, new.kind);
        free.extend(doc! { "lookAt": { "$exists": false }, "freeAt": { "$lte": now } });
        let (leavings, new) = (self.leavings.clone(), StoredLeaving::from(new));
        match run(async move { leavings.replace_one(free, new).upsert(true).await }).await {
            Ok(_) => Ok(true),
            // One is there that is not free.
            Err(error) if is_duplicate(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn find(&self, user: UserId, kind: LeavingKind) -> StoreResult<Option<Leaving>> {
        self.find_one(own(user, kind)).await
    }

    async fn find_by_receipt(&self, receipt: SecretHash) -> StoreResult<Option<Leaving>> {
        self.find_one(doc! { "receipt": stored(receipt) }).await
    }

    async fn claim(
        &self,
        kind: LeavingKind,
        now: i64,
        try_id: RunId,
        lease_until: i64,
    ) -> StoreResult<Option<Leaving>> {
        let leavings = self.leavings.clone();
        let due = doc! { "_id.kind": kind.as_str(), "lookAt": { "$lte": now } };
        let change = doc! { "$set": { "run": to_bson(try_id), "lookAt": lease_until } };
        let claimed = run(async move {
            let claim = leavings.find_one_and_update(due, change).sort(doc! { "lookAt": 1 });
            claim.return_document(ReturnDocument::After).await
        });
        Ok(claimed.await?.map(StoredLeaving::read))
    }

    async fn save(&self, leaving: Leaving) -> StoreResult<bool> {
        let mut which = own(leaving.user, leaving.kind);
        which.insert("run", to_bson(leaving.run));
        let mut set = doc! { "freeAt": leaving.free_at, "body": leaving.body };
        let mut change = Document::new();
        match leaving.look_at {
            Some(at) => drop(set.insert("lookAt", at)),
            None => drop(change.insert("$unset", doc! { "lookAt": "" })),
        }
        change.insert("$set", set);
        self.update(which, change).await
    }

    async fn renew(&self, user: UserId, kind: LeavingKind, try_id: RunId, lease_until: i64) -> StoreResult<bool> {
        let mut which = own(user, kind);
        which.extend(doc! { "run": to_bson(try_id), "lookAt": { "$exists": true } });
        self.update(which, doc! { "$set": { "lookAt": lease_until } }).await
    }

    async fn delete(&self, user: UserId, kind: LeavingKind) -> StoreResult<()> {
        let leavings = self.leavings.clone();
        run(async move { leavings.delete_one(own(user, kind)).await }).await?;
        Ok(())
    }

    async fn put_piece(&self, piece: Piece) -> StoreResult<()> {
        let new = StoredPiece {
            place: Place { run: to_bson(piece.run), number: i64::from(piece.number) },
            user: to_bson(piece.user),
            expires_at: piece.expires_at,
            bytes: bson::Binary { subtype: bson::spec::BinarySubtype::Generic, bytes: piece.bytes.to_vec() },
        };
        let pieces = self.pieces.clone();
        run(async move { pieces.insert_one(new).await }).await?;
        Ok(())
    }

    async fn find_piece(&self, of: RunId, number: u32) -> StoreResult<Option<Bytes>> {
        let (pieces, place) = (self.pieces.clone(), doc! { "run": to_bson(of), "number": i64::from(number) });
        let found = run(async move { pieces.find_one(doc! { "_id": place }).await }).await?;
        Ok(found.map(|piece| piece.bytes.bytes.into()))
    }

    async fn delete_pieces(&self, user: UserId, except: Option<RunId>) -> StoreResult<()> {
        let mut which = doc! { "user": to_bson(user) };
        if let Some(except) = except {
            which.insert("_id.run", doc! { "$ne": to_bson(except) });
        }
        delete_all(&self.pieces, which).await
    }

    async fn delete_expired(&self, now: i64) -> StoreResult<()> {
        delete_all(&self.pieces, doc! { "expiresAt": { "$lte": now } }).await
    }
}
