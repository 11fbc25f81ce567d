//! What was published, by the ids of the holds: a document each, as the account forgets a hold when it has ended.

use std::collections::HashSet;

use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{self, doc};
use serde::{Deserialize, Serialize};

use super::documents::Entry;
use crate::credits::EntryKind;
use crate::credits::server::store::{Drift, HoldId};
use crate::platform::db::StoreResult;
use crate::platform::db::mongo::{Durability, Inserts, Mongo, from_bson, run, to_bson};
use crate::platform::ids::WorkId;

/// What was given back and is looked up at a time.
const AT_A_TIME: usize = 1000;

/// Work of which something has left for its user.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Published {
    #[serde(rename = "_id")]
    hold: bson::Uuid,
    #[serde(rename = "user")]
    owner: bson::Uuid,
    at: i64,
}

#[derive(Clone)]
pub(super) struct PublishedWork {
    mongo: Mongo,
    published: Collection<Published>,
    inserts: Inserts<Published>,
}

impl PublishedWork {
    pub(super) fn new(mongo: &Mongo) -> Self {
        let published = mongo.collection("published", Durability::Relaxed);
        let inserts = Inserts::new("marks of what is published", published.clone());
        Self { mongo: mongo.clone(), published, inserts }
    }

    pub(super) async fn mark(&self, HoldId { id, owner }: HoldId) -> StoreResult<()> {
        let new = Published { hold: to_bson(id), owner: to_bson(owner), at: self.mongo.now() };
        self.inserts.insert(vec![new]).await
    }

    pub(super) async fn contains(&self, HoldId { id, owner }: HoldId) -> StoreResult<bool> {
        let (published, own) = (self.published.clone(), doc! { "_id": to_bson(id), "user": to_bson(owner) });
        Ok(run(async move { published.find_one(own).await }).await?.is_some())
    }
}

/// Looks whether what was given back had been published.
pub(super) struct GivenBack {
    published: PublishedWork,
    waiting: Vec<(WorkId, Drift)>,
    /// Found so far: an entry that moves from its account to the ledger meanwhile is seen in both.
    found: HashSet<WorkId>,
}

impl GivenBack {
    pub(super) fn new(published: PublishedWork) -> Self {
        Self { published, waiting: Vec::new(), found: HashSet::new() }
    }

    /// Takes an entry of the books; what it should not be, had it been published, is returned sooner or later.
    pub(super) async fn add(&mut self, owner: bson::Uuid, entry: &Entry) -> StoreResult<Vec<Drift>> {
        if entry.kind == EntryKind::Release.as_str()
            && let Some(hold) = entry.hold_id()
        {
            let drift = Drift::unpaid(from_bson(owner), hold, entry.reason.as_deref());
            self.waiting.extend(drift.map(|drift| (hold, drift)));
        }
        if self.waiting.len() < AT_A_TIME { Ok(Vec::new()) } else { self.look().await }
    }

    /// Looks at what waits.
    pub(super) async fn look(&mut self) -> StoreResult<Vec<Drift>> {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<_> = waiting.iter().map(|(hold, _)| to_bson(*hold)).collect();
        let found: Vec<Published> =
            self.published.published.find(doc! { "_id": { "$in": ids } }).await?.try_collect().await?;
        let found: HashSet<WorkId> = found.into_iter().map(|published| from_bson(published.hold)).collect();
        let mut is_new = |hold: &WorkId| found.contains(hold) && self.found.insert(*hold);
        Ok(waiting.into_iter().filter(|(hold, _)| is_new(hold)).map(|(_, drift)| drift).collect())
    }
}
