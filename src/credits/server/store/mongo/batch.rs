//! Guarded updates of accounts that come at the same time, sent in one command.
//!
//! An `update` command does not say which of its updates found what they expected: the accounts are read
//! after it, and an update was done where its entry is there. One that comes alone is a `findOneAndUpdate`.

use std::collections::HashMap;
use std::sync::Arc;

use futures::TryStreamExt;
use futures::future::BoxFuture;
use mongodb::Collection;
use mongodb::bson::{self, Bson, Document, doc};
use mongodb::options::ReturnDocument;

use super::documents::After;
use crate::platform::db::mongo::{Durability, Gather, Mongo, failed, run, to_bson};
use crate::platform::db::{StoreError, StoreResult};
use crate::platform::ids::OwnerId;

/// A guarded update of an account that appends an entry.
pub(super) struct Change {
    /// What the account must be like.
    pub guard: Document,
    pub update: Document,
    /// Id of the entry that the update appends.
    pub entry: bson::Uuid,
    /// In a command of its own, whose answer leaves no doubt.
    pub alone: bool,
}

/// Takes updates and answers each when it is as safe as it should be.
#[derive(Clone)]
pub(super) struct Batcher {
    accounts: Accounts,
    gather: Gather<(OwnerId, Change), Option<After>>,
}

#[derive(Clone)]
struct Accounts {
    mongo: Mongo,
    collection: Collection<After>,
    durability: Durability,
}

impl Batcher {
    /// Whose updates are answered when they are so safe.
    pub(super) fn new(mongo: &Mongo, durability: Durability) -> Self {
        let collection = mongo.collection("accounts", durability);
        let accounts = Accounts { mongo: mongo.clone(), collection, durability };
        let to_update = accounts.clone();
        let together = move |changes| -> BoxFuture<'static, _> {
            let accounts = to_update.clone();
            Box::pin(async move { accounts.update(changes).await })
        };
        Self { accounts, gather: Gather::new("updates of accounts", Arc::new(together)) }
    }

    /// The account after the update; `None` where that cannot be seen.
    pub(super) async fn run(&self, owner: OwnerId, change: Change) -> StoreResult<Option<After>> {
        if change.alone {
            return self.accounts.update_one(owner, change).await;
        }
        self.gather.run((owner, change)).await
    }
}

impl Accounts {
    async fn update(&self, mut changes: Vec<(OwnerId, Change)>) -> Vec<StoreResult<Option<After>>> {
        if changes.len() == 1
            && let Some((owner, change)) = changes.pop()
        {
            return vec![self.update_one(owner, change).await];
        }
        let count = changes.len();
        match self.update_all(changes).await {
            Ok(results) => results.into_iter().map(Ok).collect(),
            Err(error) => failed(error, count),
        }
    }

    async fn update_one(&self, owner: OwnerId, Change { mut guard, update, .. }: Change) -> StoreResult<Option<After>> {
        guard.insert("_id", to_bson(owner));
        let accounts = self.collection.clone();
        run(async move {
            accounts
                .find_one_and_update(guard, update)
                .return_document(ReturnDocument::After)
                .projection(left_by_an_update())
                .await
        })
        .await
    }

    async fn update_all(&self, changes: Vec<(OwnerId, Change)>) -> StoreResult<Vec<Option<After>>> {
        let asked: Vec<_> = changes.iter().map(|(owner, change)| (to_bson(*owner), change.entry)).collect();
        let updates: Vec<Bson> = changes
            .into_iter()
            .map(|(owner, Change { mut guard, update, .. })| {
                guard.insert("_id", to_bson(owner));
                doc! { "q": guard, "u": update }.into()
            })
            .collect();
        let concern = match self.durability {
            Durability::Durable => doc! { "w": "majority", "j": true },
            Durability::Relaxed => doc! { "w": 1 },
        };
        let command = doc! { "update": "accounts", "updates": updates, "ordered": false, "writeConcern": concern };
        let done = self.mongo.command(command).await?;
        for problem in ["writeErrors", "writeConcernError"] {
            if let Some(problem) = done.get(problem) {
                return Err(StoreError::Commit(problem.to_string()));
            }
        }
        let (collection, owners) = (self.collection.clone(), asked.iter().map(|(owner, _)| *owner).collect::<Vec<_>>());
        let seen: Vec<After> = run(async move {
            let mut fields = left_by_an_update();
            fields.insert("recent.id", 1);
            collection.find(doc! { "_id": { "$in": owners } }).projection(fields).await?.try_collect().await
        })
        .await?;
        let seen: HashMap<_, _> = seen.into_iter().map(|seen| (seen.owner.bytes(), seen)).collect();
        let result = |(owner, entry): (bson::Uuid, bson::Uuid)| {
            let seen = seen.get(&owner.bytes())?;
            seen.has(entry).then(|| seen.clone())
        };
        Ok(asked.into_iter().map(result).collect())
    }
}

/// The fields of [`After`].
fn left_by_an_update() -> Document {
    doc! { "balance": 1, "lots": { "$slice": 1 }, "posted": 1, "cutAt": 1 }
}
