//! Which messages of a conversation are shown, and the versions of those that are: one field of its document, so that all
//! that is shown changes at once.

use futures::TryStreamExt;
use mongodb::bson::{self, Document, doc};
use serde::Deserialize;

use super::MongoChatStore;
use crate::chat::Message;
use crate::chat::server::store::{Version, places_of_versions, with_versions};
use crate::chat::server::versions::{Places, Versions};
use crate::platform::db::StoreResult;
use crate::platform::db::mongo::{from_bson, run, to_bson};
use crate::platform::ids::{ConversationId, MessageId, UserId};

/// What selects the messages in these places.
pub(super) fn within(places: &Places) -> Document {
    match places.ranges() {
        [(..=1, i64::MAX)] => Document::new(),
        [] => doc! { "place": { "$lt": 0_i64 } },
        ranges => {
            let between = |(from, to): &(i64, i64)| doc! { "place": { "$gte": *from, "$lte": *to } };
            doc! { "$or": ranges.iter().map(between).collect::<Vec<_>>() }
        }
    }
}

impl MongoChatStore {
    /// Changes what is shown of a conversation, whatever others change meanwhile; `false` where there is no such conversation.
    pub(super) async fn change_versions(
        &self,
        user: UserId,
        conversation: ConversationId,
        change: impl Fn(&mut Versions),
    ) -> StoreResult<bool> {
        loop {
            let Some(found) = self.find_owned(user, conversation).await? else { return Ok(false) };
            let mut versions = found.versions.clone();
            change(&mut versions);
            if versions == found.versions {
                return Ok(true);
            }
            let before = bson::serialize_to_bson(&found.versions)?;
            let before = if found.versions.is_empty() {
                doc! { "$exists": false }
            } else {
                doc! { "$eq": before }
            };
            let same = doc! { "_id": found.id, "versions": before };
            let update = doc! { "$set": { "versions": bson::serialize_to_bson(&versions)? } };
            let conversations = self.durable_conversations.clone();
            if run(async move { conversations.update_one(same, update).await }).await?.matched_count == 1 {
                return Ok(true);
            }
        }
    }

    pub(super) async fn choose(
        &self,
        user: UserId,
        conversation: ConversationId,
        message: MessageId,
    ) -> StoreResult<bool> {
        let Some(place) = self.place_of(to_bson(conversation), message).await? else { return Ok(false) };
        self.change_versions(user, conversation, |versions| {
            versions.choose(place);
        })
        .await
    }

    /// The messages, with the ids of their versions.
    pub(super) async fn name_versions(
        &self,
        conversation: bson::Uuid,
        versions: &Versions,
        messages: Vec<(i64, Message)>,
    ) -> StoreResult<Vec<Message>> {
        #[derive(Deserialize)]
        struct Placed {
            #[serde(rename = "_id")]
            id: bson::Uuid,
            place: i64,
            /// It is an answer without a text, and will stay so.
            empty: bool,
        }
        let places = places_of_versions(versions, &messages);
        if places.is_empty() {
            return Ok(with_versions(versions, messages, &[]));
        }
        let with_answers: Vec<i64> = places.iter().flat_map(|place| [*place, place + 1]).collect();
        let empty = doc! { "$and": [{ "$eq": ["$content", ""] }, { "$ne": ["$state", "running"] }] };
        let steps = [
            doc! { "$match": { "conversation": conversation, "place": { "$in": with_answers } } },
            doc! { "$sort": { "place": 1 } },
            doc! { "$project": { "place": 1, "empty": empty } },
        ];
        let stored = self.messages.clone();
        let found: Vec<Placed> =
            run(async move { stored.aggregate(steps).with_type::<Placed>().await?.try_collect().await }).await?;
        let is_unanswered = |place: i64| found.iter().any(|answer| answer.place == place + 1 && answer.empty);
        let known: Vec<Version> = found
            .iter()
            .filter(|found| places.contains(&found.place))
            .map(|found| Version {
                place: found.place,
                id: from_bson(found.id),
                is_unanswered: is_unanswered(found.place),
            })
            .collect();
        Ok(with_versions(versions, messages, &known))
    }
}
