//! Finding a conversation, reading it whole, changing and pinning it.

use futures::TryStreamExt;
use mongodb::bson::{self, Document, doc};
use serde::Deserialize;
use uuid::Uuid;

use super::documents::{StoredConversation, StoredMessage};
use super::paths::within;
use super::{MongoChatStore, NEW_PLACES};
use crate::chat::server::store::{Changed, NewBranch, Part};
use crate::chat::server::versions::Versions;
use crate::chat::{Conversation, ConversationChange, ConversationSummary, MAX_PINNED, MessageState, branch_title};
use crate::credits::Page;
use crate::platform::amount::{Amount, micros};
use crate::platform::db::mongo::{from_bson, is_duplicate, run, to_bson};
use crate::platform::db::{StoreResult, to_i64};
use crate::platform::ids::{ConversationId, MessageId, UserId};

impl MongoChatStore {
    /// Changes a conversation, in one update.
    pub(super) async fn change(
        &self,
        user: UserId,
        id: ConversationId,
        change: ConversationChange,
    ) -> StoreResult<Changed> {
        let (mut set, mut unset) = (Document::new(), Document::new());
        if let Some(title) = change.title {
            set.insert("title", title);
            set.insert("unindexed", true);
        }
        match change.system_prompt {
            Some(prompt) if prompt.is_empty() => drop(unset.insert("systemPrompt", "")),
            Some(prompt) => drop(set.insert("systemPrompt", prompt)),
            None => {}
        }
        if change.pinned == Some(false) {
            unset.insert("pin", "");
        }
        loop {
            let Some(found) = self.find_owned(user, id).await? else { return Ok(Changed::NotFound) };
            let mut owned = doc! { "_id": to_bson(id), "user": to_bson(user) };
            let mut set = set.clone();
            if change.pinned == Some(true) && found.pin.is_none() {
                let Some(place) = self.free_pin(user, id).await? else {
                    // Unless it is this very one that took the last place meanwhile.
                    let is_pinned = self.find_owned(user, id).await?.is_some_and(|found| found.pin.is_some());
                    if is_pinned {
                        continue;
                    }
                    return Ok(Changed::TooManyPinned);
                };
                set.insert("pin", place);
                // Never from one place to another: a search meanwhile might see both taken.
                owned.insert("pin", doc! { "$exists": false });
            }
            let mut update = Document::new();
            for (operator, fields) in [("$set", &set), ("$unset", &unset)] {
                if !fields.is_empty() {
                    update.insert(operator, fields);
                }
            }
            if update.is_empty() {
                return Ok(Changed::Done);
            }
            let conversations = self.durable_conversations.clone();
            match run(async move { conversations.update_one(owned, update).await }).await {
                Ok(updated) if updated.matched_count == 1 => return Ok(Changed::Done),
                // Gone or pinned meanwhile, or somebody took the place: what is to be done now is another question.
                Ok(_) => {}
                Err(error) if is_duplicate(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) async fn find_owned(&self, user: UserId, id: ConversationId) -> StoreResult<Option<StoredConversation>> {
        self.find_one(doc! { "_id": to_bson(id), "user": to_bson(user) }).await
    }

    /// What all replies of a conversation were charged.
    pub(super) async fn sum_of_replies(&self, user: UserId, id: ConversationId) -> StoreResult<Amount> {
        #[derive(Deserialize)]
        struct Sum {
            #[serde(with = "micros")]
            charged: Amount,
        }
        let messages = self.messages.clone();
        let sums: Vec<Sum> = run(async move {
            let steps = [
                doc! { "$match": { "conversation": to_bson(id), "user": to_bson(user) } },
                doc! { "$group": { "_id": null, "charged": { "$sum": "$charged" } } },
            ];
            messages.aggregate(steps).with_type::<Sum>().await?.try_collect().await
        })
        .await?;
        Ok(sums.first().map_or(Amount::ZERO, |sum| sum.charged))
    }

    /// The conversations in which messages are shown. Those of a hidden one have none.
    pub(super) async fn titles_of(
        &self,
        user: UserId,
        messages: Vec<MessageId>,
    ) -> StoreResult<Vec<(MessageId, ConversationId, String)>> {
        #[derive(Deserialize)]
        struct Place {
            #[serde(rename = "_id")]
            id: bson::Uuid,
            conversation: bson::Uuid,
        }
        #[derive(Deserialize)]
        struct Titled {
            #[serde(rename = "_id")]
            id: bson::Uuid,
            title: String,
        }
        let ids: Vec<_> = messages.into_iter().map(to_bson).collect();
        let places = self.messages.clone_with_type::<Place>();
        let conversations = self.conversations.clone_with_type::<Titled>();
        run(async move {
            let own = doc! { "_id": { "$in": ids }, "user": to_bson(user) };
            let places = places.find(own).projection(doc! { "conversation": 1 }).await?;
            let places: Vec<Place> = places.try_collect().await?;
            let of: Vec<_> = places.iter().map(|place| place.conversation).collect();
            let own = doc! { "_id": { "$in": of }, "user": to_bson(user) };
            let titled = conversations.find(own).projection(doc! { "title": 1 }).await?;
            let titled: Vec<Titled> = titled.try_collect().await?;
            let title = |place: Place| {
                let shown = titled.iter().find(|shown| shown.id == place.conversation)?;
                Some((from_bson(place.id), from_bson(shown.id), shown.title.clone()))
            };
            Ok(places.into_iter().filter_map(title).collect())
        })
        .await
    }

    pub(super) async fn find_one(&self, filter: Document) -> StoreResult<Option<StoredConversation>> {
        let conversations = self.conversations.clone();
        run(async move { conversations.find_one(filter).await }).await
    }

    /// With a part of its messages.
    pub(super) async fn read(&self, mut found: StoredConversation, part: Part) -> StoreResult<Conversation> {
        let (start, end, most, from_end) = part.bounds();
        let start = self.place_of(found.id, start).await?.unwrap_or(-1);
        let end = self.place_of(found.id, end).await?.unwrap_or(i64::MAX);
        let mut wanted = doc! { "conversation": found.id, "place": { "$gt": start, "$lt": end } };
        wanted.extend(within(&found.versions.shown()));
        let limit = i64::try_from(most.saturating_add(1)).unwrap_or(i64::MAX);
        let messages = self.messages.clone();
        let messages: Vec<StoredMessage> = run(async move {
            let some = messages.find(wanted).sort(doc! { "place": if from_end { -1 } else { 1 } }).limit(limit);
            some.projection(doc! { "words": 0 }).await?.try_collect().await
        })
        .await?;
        let read = |message: StoredMessage| Ok((message.place, message.read()?));
        let messages = messages.into_iter().map(read).collect::<StoreResult<_>>()?;
        let (messages, next_cursor) = part.cut(messages);
        let messages = self.name_versions(found.id, &found.versions, messages).await?;
        let (system_prompt, picked) = (found.system_prompt.take(), found.picked.take());
        let ConversationSummary { id, title, pinned, shared, created_at, updated_at, .. } = found.summary()?;
        Ok(Conversation {
            id,
            title,
            pinned,
            shared,
            system_prompt,
            picked,
            offered: None,
            created_at,
            updated_at,
            next_cursor,
            messages,
        })
    }

    /// Those of a user, the one that was active last first, after `before`, that meet `conditions`.
    pub(super) async fn list(
        &self,
        user: UserId,
        pinned: Option<bool>,
        before: Option<(i64, ConversationId)>,
        conditions: Option<Document>,
        limit: usize,
    ) -> StoreResult<Vec<StoredConversation>> {
        let which = listed(user, pinned, before, conditions);
        let conversations = self.conversations.clone();
        run(async move {
            let newest = conversations.find(which).sort(newest_first());
            newest.limit(to_i64(limit)).await?.try_collect().await
        })
        .await
    }

    /// Those that are pinned, then, unless there is no room for any, a page of the others after `before`.
    pub(super) async fn list_pinned_and_others(
        &self,
        user: UserId,
        before: Option<(i64, ConversationId)>,
        limit: usize,
    ) -> StoreResult<Page<ConversationSummary>> {
        let some = |which: Document, most: usize| {
            let most = to_i64(most);
            vec![doc! { "$match": which }, doc! { "$sort": newest_first() }, doc! { "$limit": most }]
        };
        let mut look = some(listed(user, Some(true), None, None), MAX_PINNED);
        if limit > 0 {
            let others = some(listed(user, Some(false), before, None), limit + 1);
            look.push(doc! { "$unionWith": { "coll": "conversations", "pipeline": others } });
        }
        let conversations = self.conversations.clone();
        let found: Vec<StoredConversation> = run(async move {
            conversations.aggregate(look).with_type::<StoredConversation>().await?.try_collect().await
        })
        .await?;
        let (mut all, mut others): (Vec<_>, Vec<_>) = found.into_iter().partition(|found| found.pin.is_some());
        let more = others.len() > limit;
        others.truncate(limit);
        let next_cursor = others.last().filter(|_| more).map(|last| write_cursor(last.place()));
        all.append(&mut others);
        let items = all.into_iter().map(StoredConversation::summary).collect::<StoreResult<_>>()?;
        Ok(Page { items, next_cursor })
    }

    /// A place that none of the user's conversations is pinned to. Which of them goes by the id of the one that is to
    /// be: those that come at the same time should not all take the same.
    pub(super) async fn free_pin(&self, user: UserId, id: ConversationId) -> StoreResult<Option<i32>> {
        #[derive(Deserialize)]
        struct Pin {
            pin: i32,
        }
        let conversations = self.conversations.clone_with_type::<Pin>();
        let pinned: Vec<Pin> = run(async move {
            let pinned = doc! { "user": to_bson(user), "pin": { "$exists": true } };
            conversations.find(pinned).projection(doc! { "_id": 0, "pin": 1 }).await?.try_collect().await
        })
        .await?;
        let places = 0..i32::try_from(MAX_PINNED).unwrap_or(i32::MAX);
        let free: Vec<i32> = places.filter(|place| pinned.iter().all(|taken| taken.pin != *place)).collect();
        let [.., chance] = Uuid::from(id).into_bytes();
        Ok(free.get(usize::from(chance) % free.len().max(1)).copied())
    }

    /// The place of a message in its conversation; `None` for one that is not there.
    pub(super) async fn place_of(&self, conversation: bson::Uuid, message: MessageId) -> StoreResult<Option<i64>> {
        #[derive(Deserialize)]
        struct Place {
            place: i64,
        }
        if message == MessageId::min() || message == MessageId::max() {
            return Ok(None);
        }
        let messages = self.messages.clone_with_type::<Place>();
        let one = doc! { "_id": to_bson(message), "conversation": conversation };
        let found = run(async move { messages.find_one(one).projection(doc! { "place": 1 }).await }).await?;
        Ok(found.map(|found| found.place))
    }

    /// Copies what has been said up to a message: its messages first, as a conversation shows them.
    pub(super) async fn branch(&self, branch: NewBranch) -> StoreResult<Option<ConversationSummary>> {
        let Some(of) = self.find_owned(branch.user, branch.of).await? else { return Ok(None) };
        let messages = self.messages.clone();
        let Some(last) = self.place_of(of.id, branch.until).await? else { return Ok(None) };
        let mut said = doc! { "conversation": of.id, "state": { "$ne": MessageState::Running.as_str() } };
        said.extend(within(&of.versions.up_to(last)));
        let mut said: Vec<StoredMessage> = run(async move {
            let said = messages.find(said).sort(doc! { "place": 1 }).projection(doc! { "words": 0 });
            said.await?.try_collect().await
        })
        .await?;
        if said.last().is_none_or(|message| message.place != last) {
            return Ok(None);
        }
        for message in &mut said {
            let id = MessageId::now_v7();
            message.copy_of.get_or_insert(message.id);
            message.id = to_bson(id);
            message.conversation = to_bson(branch.id);
            message.charged = Amount::ZERO;
            message.unindexed = Some(true);
            self.share_images(&mut message.images, branch, id).await?;
        }
        let now = self.mongo.now();
        let conversation = StoredConversation {
            id: to_bson(branch.id),
            user: of.user,
            title: branch_title(&of.title),
            system_prompt: of.system_prompt,
            picked: of.picked,
            pin: None,
            share: None,
            last_place: said.last().map_or(NEW_PLACES, |last| last.place),
            versions: Versions::default(),
            created_at: now,
            updated_at: now,
            unindexed: Some(true),
        };
        let (messages, conversations) = (self.durable_messages.clone(), self.durable_conversations.clone());
        run(async move {
            messages.insert_many(said).await?;
            conversations.insert_one(&conversation).await?;
            Ok(conversation)
        })
        .await?
        .summary()
        .map(Some)
    }
}

impl MongoChatStore {
    /// Deletes a conversation with all of its messages, which go before it; its running replies.
    pub(super) async fn delete(&self, user: UserId, id: ConversationId) -> StoreResult<Option<Vec<MessageId>>> {
        if self.find_owned(user, id).await?.is_none() {
            return Ok(None);
        }
        self.delete_images(doc! { "conversation": to_bson(id) }).await?;
        let messages = self.durable_messages.clone();
        let running: Vec<StoredMessage> = run(async move {
            let of_conversation = doc! { "conversation": to_bson(id) };
            let running = doc! { "conversation": to_bson(id), "state": MessageState::Running.as_str() };
            let running = messages.find(running).projection(doc! { "words": 0 }).await?.try_collect().await?;
            messages.delete_many(of_conversation).await?;
            Ok(running)
        })
        .await?;
        let conversations = self.durable_conversations.clone();
        run(async move { conversations.delete_one(doc! { "_id": to_bson(id) }).await }).await?;
        Ok(Some(running.into_iter().map(|message| from_bson(message.id)).collect()))
    }
}

fn newest_first() -> Document {
    doc! { "updatedAt": -1, "_id": -1 }
}

/// What selects the conversations of a user, after `before`, that meet `conditions`.
fn listed(
    user: UserId,
    pinned: Option<bool>,
    before: Option<(i64, ConversationId)>,
    conditions: Option<Document>,
) -> Document {
    let mut all = vec![doc! { "user": to_bson(user) }];
    if let Some((before, before_id)) = before {
        // The first bound lets the index skip what the pages before have shown.
        all.push(doc! { "updatedAt": { "$lte": before } });
        all.push(doc! { "$or": [
            { "updatedAt": { "$lt": before } },
            { "_id": { "$lt": to_bson(before_id) } },
        ] });
    }
    if let Some(pinned) = pinned {
        all.push(doc! { "pin": { "$exists": pinned } });
    }
    all.extend(conditions);
    doc! { "$and": all }
}

impl StoredConversation {
    /// Where a page ends after this one: time of change and id.
    pub(super) fn place(&self) -> (i64, ConversationId) {
        (self.updated_at, from_bson(self.id))
    }
}

/// The last row of the page before.
pub(super) fn parse_cursor(cursor: &str) -> Option<(i64, ConversationId)> {
    let (time, id) = cursor.split_once('_')?;
    Some((time.parse().ok()?, id.parse().ok()?))
}

pub(super) fn write_cursor((time, id): (i64, ConversationId)) -> String {
    format!("{time}_{id}")
}
