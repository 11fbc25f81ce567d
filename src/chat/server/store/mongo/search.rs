//! The index over what was said: the words of a text are a field of its document, so they come, change and go with it.
//! A text whose words are not there yet is flagged.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;

use futures::TryStreamExt;
use mongodb::Collection;
use mongodb::bson::{self, Document, doc};
use mongodb::options::Hint;
use serde::Deserialize;

use super::MongoChatStore;
use super::conversations::write_cursor;
use crate::chat::ConversationSummary;
use crate::chat::server::search::{Wanted, index_words, snippet};
use crate::credits::Page;
use crate::platform::db::StoreResult;
use crate::platform::db::mongo::{run, to_bson};
use crate::platform::ids::{ConversationId, UserId};

/// Texts that are indexed, or flagged, in one step.
const BATCH: i64 = 128;
/// Conversations that are looked into at once.
const CHUNK: usize = 100;

/// A message or, with its title, a conversation.
#[derive(Deserialize)]
struct Text {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    #[serde(alias = "title")]
    content: String,
    #[serde(default)]
    hidden: bool,
}

#[derive(Deserialize)]
struct Id {
    #[serde(rename = "_id")]
    id: bson::Uuid,
}

/// Where a message is.
#[derive(Deserialize)]
struct Place {
    conversation: bson::Uuid,
}

#[derive(Deserialize)]
struct Said {
    #[serde(rename = "_id")]
    id: bson::Uuid,
    conversation: bson::Uuid,
    content: String,
    #[serde(default)]
    place: i64,
}

impl MongoChatStore {
    /// Indexes the newest of what is flagged; how much there was.
    pub(super) async fn index_flagged(&self) -> StoreResult<usize> {
        let titles = index_texts(self.conversations.clone_with_type(), "title").await?;
        Ok(titles + index_texts(self.messages.clone_with_type(), "content").await?)
    }

    /// Flags some of what was there before the index; 0 once all of it is.
    pub(super) async fn flag_older(&self) -> StoreResult<usize> {
        if self.all_flagged.load(Ordering::Relaxed) {
            return Ok(0);
        }
        let meta = self.meta.clone();
        let below = run(async move { meta.find_one(doc! { "_id": "search" }).await }).await?.unwrap_or_default();
        let conversations = self.flag("conversations", &self.conversations.clone_with_type(), &below).await?;
        let messages = self.flag("messages", &self.messages.clone_with_type(), &below).await?;
        let flagged = conversations + messages;
        self.all_flagged.store(flagged == 0, Ordering::Relaxed);
        Ok(flagged)
    }

    /// Goes on below the id where the last step of any server ended.
    async fn flag(&self, name: &str, collection: &Collection<Id>, below: &Document) -> StoreResult<usize> {
        let Some(below) = below.get(name).cloned() else { return Ok(0) };
        let texts = collection.clone();
        let ids: Vec<bson::Uuid> = run(async move {
            let next = texts.find(doc! { "_id": { "$lt": below } }).sort(doc! { "_id": -1 }).limit(BATCH);
            next.projection(doc! { "_id": 1 }).await?.map_ok(|found| found.id).try_collect().await
        })
        .await?;
        let flagged = ids.len();
        let done = ids.last().map_or_else(|| doc! { "$unset": { name: "" } }, |last| doc! { "$set": { name: last } });
        let (texts, meta) = (collection.clone(), self.meta.clone());
        run(async move {
            let unknown = doc! { "_id": { "$in": ids }, "words": { "$exists": false }, "state": { "$ne": "running" } };
            texts.update_many(unknown, doc! { "$set": { "unindexed": true } }).await?;
            meta.update_one(doc! { "_id": "search" }, done).await
        })
        .await?;
        Ok(flagged)
    }

    /// The conversations of a user in which it is found, the one that was active last first, after `before`.
    pub(super) async fn search(
        &self,
        user: UserId,
        wanted: &Wanted,
        pinned: Option<bool>,
        mut before: Option<(i64, ConversationId)>,
        limit: usize,
    ) -> StoreResult<Page<ConversationSummary>> {
        let having = having(user, wanted);
        let matching = doc! { "_id": { "$in": self.find_places(having.clone()).await? } };
        let mut page = Page { items: Vec::new(), next_cursor: None };
        let mut last = None;
        loop {
            let chunk = self.list(user, pinned, before, Some(matching.clone()), CHUNK).await?;
            let is_last = chunk.len() < CHUNK;
            let mut said = self.read_said(having.clone(), chunk.iter().map(|found| found.id).collect()).await?;
            for found in chunk {
                before = Some(found.place());
                // The index knows neither the order of words nor what stands between them.
                let shown = found.versions.shown();
                let in_message = said.remove(&found.id).into_iter().flatten().find_map(|said| {
                    // Another version may be shown in its place.
                    let range = wanted.find(&said.content).filter(|_| shown.contains(said.place))?;
                    Some((snippet(&said.content, &range), said.id.to_string()))
                });
                if in_message.is_none() && wanted.find(&found.title).is_none() {
                    continue;
                }
                if page.items.len() == limit {
                    page.next_cursor = last.map(write_cursor);
                    return Ok(page);
                }
                last = before;
                let (snippet, message_id) = in_message.unzip();
                page.items.push(ConversationSummary { snippet, message_id, ..found.summary()? });
            }
            if is_last {
                return Ok(page);
            }
        }
    }

    /// The conversations that have the words, in a message or in the title.
    async fn find_places(&self, having: Document) -> StoreResult<Vec<bson::Uuid>> {
        let messages = self.messages.clone_with_type::<Place>();
        let titles = self.conversations.clone_with_type::<Id>();
        let places: HashSet<bson::Uuid> = run(async move {
            // From the index alone.
            let said = messages.find(having.clone()).projection(doc! { "_id": 0, "conversation": 1 }).hint(by_words());
            let mut places: HashSet<_> = said.await?.map_ok(|said| said.conversation).try_collect().await?;
            let mut titles = titles.find(having).projection(doc! { "_id": 1 }).await?;
            while let Some(title) = titles.try_next().await? {
                places.insert(title.id);
            }
            Ok(places)
        })
        .await?;
        Ok(places.into_iter().collect())
    }

    /// The messages of these conversations that have the words, the newest first.
    async fn read_said(
        &self,
        mut having: Document,
        conversations: Vec<bson::Uuid>,
    ) -> StoreResult<HashMap<bson::Uuid, Vec<Said>>> {
        having.insert("conversation", doc! { "$in": conversations });
        let messages = self.messages.clone_with_type::<Said>();
        run(async move {
            let found = messages.find(having).sort(doc! { "_id": -1 }).hint(by_words());
            let mut found = found.projection(doc! { "conversation": 1, "content": 1, "place": 1 }).await?;
            let mut said: HashMap<bson::Uuid, Vec<Said>> = HashMap::new();
            while let Some(next) = found.try_next().await? {
                said.entry(next.conversation).or_default().push(next);
            }
            Ok(said)
        })
        .await
    }
}

/// The index of messages.
fn by_words() -> Hint {
    Hint::Keys(doc! { "user": 1, "words": 1, "conversation": 1 })
}

/// What has the words of a query. They are letters, digits and symbols, so none of them means something in a pattern.
fn having(user: UserId, wanted: &Wanted) -> Document {
    let (whole, beginning) = wanted.words();
    let mut words: Vec<Document> = whole.iter().map(|word| doc! { "words": word }).collect();
    words.push(doc! { "words": { "$regex": format!("^{beginning}") } });
    doc! { "user": to_bson(user), "$and": words }
}

/// Gives the newest texts that are flagged their words; how many there were.
async fn index_texts(texts: Collection<Text>, field: &'static str) -> StoreResult<usize> {
    run(async move {
        let flagged = texts.find(doc! { "unindexed": true }).sort(doc! { "_id": -1 }).limit(BATCH);
        let flagged: Vec<Text> = flagged.projection(doc! { field: 1, "hidden": 1 }).await?.try_collect().await?;
        for text in &flagged {
            let words = if text.hidden { None } else { Some(index_words(&text.content)) };
            let mut update = doc! { "$unset": { "unindexed": "" } };
            if let Some(mut words) = words {
                words.sort_unstable();
                words.dedup();
                update.insert("$set", doc! { "words": words });
            }
            // Only as it was read: another title has other words.
            texts.update_one(doc! { "_id": text.id, field: &text.content }, update).await?;
        }
        Ok(flagged.len())
    })
    .await
}
