//! Views of lists in MongoDB: a document for each admin and list, so that a change is one update.

use async_trait::async_trait;
use mongodb::Collection;
use mongodb::bson::{self, Document, doc};
use serde::{Deserialize, Serialize};

use super::{SavedView, ViewStore, ViewedList};
use crate::platform::db::StoreResult;
use crate::platform::db::mongo::{Durability, Mongo, is_duplicate, run, to_bson};
use crate::platform::ids::UserId;

/// All views of a list that an admin keeps.
#[derive(Debug, Serialize, Deserialize)]
struct StoredViews {
    views: Vec<StoredView>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredView {
    name: String,
    address: String,
}

/// [`ViewStore`] over MongoDB.
pub struct MongoViewStore {
    views: Collection<StoredViews>,
}

impl MongoViewStore {
    #[must_use]
    pub fn new(mongo: &Mongo) -> Self {
        Self { views: mongo.collection("savedViews", Durability::Durable) }
    }

    /// How many views an update changed the place of, or added.
    async fn update(&self, which: Document, update: Document, upsert: bool) -> StoreResult<bool> {
        let views = self.views.clone();
        match run(async move { views.update_one(which, update).upsert(upsert).await }).await {
            Ok(done) => Ok(done.matched_count > 0 || done.upserted_id.is_some()),
            // The document is there, and is not as it should be for this.
            Err(error) if is_duplicate(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn place(user: UserId, list: ViewedList) -> Document {
    doc! { "user": to_bson(user), "list": list.as_str() }
}

#[async_trait]
impl ViewStore for MongoViewStore {
    async fn save(&self, user: UserId, list: ViewedList, view: SavedView, most: usize) -> StoreResult<bool> {
        let SavedView { name, address } = view;
        let id = place(user, list);
        let there = || doc! { "_id": id.clone(), "views.name": &name };
        let put = || doc! { "$set": { "views.$.address": &address } };
        if self.update(there(), put(), false).await? {
            return Ok(true);
        }
        let has_room = doc! {
            "_id": id.clone(),
            "views.name": { "$ne": &name },
            format!("views.{}", most.saturating_sub(1)): { "$exists": false },
        };
        let add = doc! { "$push": { "views": {
            "$each": [bson::serialize_to_bson(&StoredView { name: name.clone(), address: address.clone() })?],
            "$sort": { "name": 1 },
        } } };
        // The same form sent twice at once has just added it.
        Ok(self.update(has_room, add, true).await? || self.update(there(), put(), false).await?)
    }

    async fn list(&self, user: UserId, list: ViewedList) -> StoreResult<Vec<SavedView>> {
        let (views, which) = (self.views.clone(), doc! { "_id": place(user, list) });
        let found = run(async move { views.find_one(which).await }).await?;
        let read = |StoredView { name, address }| SavedView { name, address };
        Ok(found.into_iter().flat_map(|found| found.views).map(read).collect())
    }

    async fn remove(&self, user: UserId, list: ViewedList, name: &str) -> StoreResult<()> {
        let pull = doc! { "$pull": { "views": { "name": name } } };
        self.update(doc! { "_id": place(user, list) }, pull, false).await.map(drop)
    }

    async fn forget_user(&self, user: UserId) -> StoreResult<()> {
        let ids: Vec<_> = ViewedList::ALL.into_iter().map(|list| place(user, list)).collect();
        let views = self.views.clone();
        run(async move { views.delete_many(doc! { "_id": { "$in": ids } }).await }).await?;
        Ok(())
    }
}
