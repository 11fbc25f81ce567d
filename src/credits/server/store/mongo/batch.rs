//! Guarded updates of accounts that come at the same time, sent in one command.
//!
//! A commit costs the database most of what an update does, so whatever gathers while one is under way goes together
//! in the next. An `update` command does not say which of its updates found what they expected: the accounts are read
//! after it, and an update was done where its entry is there. One that comes alone is a `findOneAndUpdate`.

use std::collections::HashMap;
use std::sync::Arc;

use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{self, Bson, Document, doc};
use mongodb::options::ReturnDocument;
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};

use super::documents::After;
use crate::platform::db::mongo::{Durability, Mongo, run, to_bson};
use crate::platform::db::{StoreError, StoreResult};
use crate::platform::ids::OwnerId;
use crate::platform::tasks::keep;

/// Most updates of one command.
const MOST: usize = 64;
/// Commands under way at once: while one waits for the journal, another is worked on.
const UNDER_WAY: usize = 3;
/// Updates that wait before those who ask have to.
const WAITING: usize = 4096;

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

struct Waiting {
    owner: OwnerId,
    change: Change,
    answer: oneshot::Sender<StoreResult<Option<After>>>,
}

/// Takes updates and answers each when it is as safe as it should be.
#[derive(Clone)]
pub(super) struct Batcher {
    accounts: Accounts,
    queue: mpsc::Sender<Waiting>,
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
        let (queue, waiting) = mpsc::channel(WAITING);
        let (to_update, waiting) = (accounts.clone(), Arc::new(Mutex::new(waiting)));
        tokio::spawn(keep("updates of accounts", move || send_all(to_update.clone(), waiting.clone())));
        Self { accounts, queue }
    }

    /// The account after the update; `None` where that cannot be seen.
    pub(super) async fn run(&self, owner: OwnerId, change: Change) -> StoreResult<Option<After>> {
        if change.alone {
            return self.accounts.update_one(owner, change).await;
        }
        let (answer, answered) = oneshot::channel();
        self.queue.send(Waiting { owner, change, answer }).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

async fn send_all(accounts: Accounts, waiting: Arc<Mutex<mpsc::Receiver<Waiting>>>) {
    let mut waiting = waiting.lock().await;
    let under_way = Arc::new(Semaphore::new(UNDER_WAY));
    while let Ok(permit) = under_way.clone().acquire_owned().await {
        let mut batch = Vec::new();
        if waiting.recv_many(&mut batch, MOST).await == 0 {
            return;
        }
        let accounts = accounts.clone();
        tokio::spawn(async move {
            accounts.send(batch).await;
            drop(permit);
        });
    }
}

impl Accounts {
    async fn send(&self, mut batch: Vec<Waiting>) {
        if batch.len() == 1
            && let Some(Waiting { owner, change, answer }) = batch.pop()
        {
            // Whoever asked may have gone away; the update stands.
            _ = answer.send(self.update_one(owner, change).await);
            return;
        }
        let (changes, answers): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|Waiting { owner, change, answer }| ((owner, change), answer)).unzip();
        match self.update_all(changes).await {
            Ok(results) => {
                for (answer, result) in answers.into_iter().zip(results) {
                    _ = answer.send(Ok(result));
                }
            }
            Err(error) => {
                let problem = error.to_string();
                for answer in answers {
                    _ = answer.send(Err(StoreError::Commit(problem.clone())));
                }
            }
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
