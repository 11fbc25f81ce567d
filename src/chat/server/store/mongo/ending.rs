//! Ending replies: those that end at the same time, in one command.

use std::sync::Arc;

use futures::future::BoxFuture;
use mongodb::bson::{self, Bson, Document, doc};

use super::documents::StoredMessage;
use crate::chat::MessageState;
use crate::chat::server::store::FinishedReply;
use crate::platform::db::mongo::{Durability, Gather, Mongo, failed, run, to_bson};
use crate::platform::db::{StoreError, StoreResult};

/// How a reply ends.
#[derive(Clone)]
pub(super) struct Ending {
    id: bson::Uuid,
    state: &'static str,
    content: String,
    charged: i64,
    set: Document,
}

impl Ending {
    pub(super) fn of(reply: FinishedReply) -> StoreResult<Self> {
        let mut set = doc! {
            "state": reply.state.as_str(),
            "content": &reply.text,
            "provider": reply.provider,
            "model": reply.model,
            "cached": reply.cached,
            "cut": reply.cut.is_some(),
            "charged": reply.credits.micros(),
            "unindexed": true,
        };
        if let Some(provider) = reply.fallback_from {
            set.insert("fallbackFrom", provider);
        }
        if let Some(code) = reply.error_code {
            set.insert("errorCode", code);
        }
        if let Some(reason) = reply.cut {
            set.insert("cutReason", reason.as_str());
        }
        if let Some(version) = reply.price_version {
            set.insert("priceVersion", version);
        }
        if !reply.calls.is_empty() {
            set.insert("calls", bson::serialize_to_bson(&reply.calls)?);
        }
        if let Some(thinking) = reply.thinking {
            set.insert("thinking", bson::serialize_to_bson(&thinking)?);
        }
        if let Some(usage) = reply.usage {
            set.insert("usage", bson::serialize_to_bson(&usage)?);
        }
        let (id, state, charged) = (to_bson(reply.id), reply.state.as_str(), reply.credits.micros());
        Ok(Self { id, state, content: reply.text, charged, set })
    }

    /// The reply while it runs.
    fn running(&self) -> Document {
        doc! { "_id": self.id, "state": MessageState::Running.as_str() }
    }

    /// The reply, if it has ended just so.
    pub(super) fn ended(self) -> Document {
        doc! { "_id": self.id, "state": self.state, "content": self.content, "charged": self.charged }
    }
}

/// Ends replies that run, durably: a charge depends on it. Says of each whether it did.
pub(super) fn gather_ends(mongo: &Mongo) -> Gather<Ending, bool> {
    let mongo = mongo.clone();
    let together = move |ends| -> BoxFuture<'static, _> { Box::pin(end_all(mongo.clone(), ends)) };
    Gather::new("ends of replies", Arc::new(together))
}

async fn end_all(mongo: Mongo, ends: Vec<Ending>) -> Vec<StoreResult<bool>> {
    if ends.len() > 1 {
        match end_together(&mongo, &ends).await {
            // All of them ran.
            Ok(true) => return ends.iter().map(|_| Ok(true)).collect(),
            // Which of them did not is found out one by one: those that did have ended just so.
            Ok(false) => {}
            Err(error) => return failed(error, ends.len()),
        }
    }
    let count = ends.len();
    let mut results = Vec::with_capacity(count);
    for end in ends {
        let messages = mongo.collection::<StoredMessage>("messages", Durability::Durable);
        match run(async move { messages.update_one(end.running(), doc! { "$set": end.set }).await }).await {
            Ok(ended) => results.push(Ok(ended.modified_count == 1)),
            Err(error) => {
                results.extend(failed(error, count - results.len()));
                break;
            }
        }
    }
    results
}

/// Whether all of them were running.
async fn end_together(mongo: &Mongo, ends: &[Ending]) -> StoreResult<bool> {
    let updates: Vec<Bson> =
        ends.iter().map(|end| doc! { "q": end.running(), "u": { "$set": &end.set } }.into()).collect();
    let durable = doc! { "w": "majority", "j": true };
    let command = doc! { "update": "messages", "updates": updates, "ordered": false, "writeConcern": durable };
    let done = mongo.command(command).await?;
    for problem in ["writeErrors", "writeConcernError"] {
        if let Some(problem) = done.get(problem) {
            return Err(StoreError::Commit(problem.to_string()));
        }
    }
    Ok(done.get_i32("nModified").is_ok_and(|count| usize::try_from(count).ok() == Some(ends.len())))
}
