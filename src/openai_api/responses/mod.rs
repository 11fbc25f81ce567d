//! `OpenAI`'s Responses: chat whose answers are kept for a time, so that a client may go on with them. Shapes:
//! <https://platform.openai.com/docs/api-reference/responses>.
//!
//! Only reading, writing and keeping are here: what is asked becomes the same turns as everywhere under `/v1`.

mod api;
mod items;
mod request;
mod schemas;
pub mod store;
mod writer;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use serde_json::Value;
use uuid::Uuid;

pub use self::api::routes;
use self::store::{ResponseStore, StoredResponse};
use super::error::V1Error;
use crate::chat::server::Chat;
use crate::platform::archive::{Archive, Packing};
use crate::platform::db::millis;
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::{MessageId, UserId};

/// How long a response is kept.
pub const KEPT: Duration = Duration::from_hours(30 * 24);
/// Responses that one may go back to from one.
const LONGEST_CHAIN: usize = 1000;
/// Bytes of what one goes on with, at most.
const MOST_HISTORY: usize = 16 * 1024 * 1024;
/// Bytes of a request that is kept, at most: MongoDB takes 16 MiB.
const MOST_KEPT: usize = 12 * 1024 * 1024;
/// What is read at a time.
const AT_A_TIME: usize = 20;

/// Responses that are kept. Cheap to clone.
#[derive(Clone)]
pub struct Responses {
    pub chat: Chat,
    pub store: Arc<dyn ResponseStore>,
}

/// What a request goes on with.
#[derive(Debug, Default)]
struct Past {
    /// Oldest first.
    chain: Vec<StoredResponse>,
    /// Items that are named, as JSON.
    items: HashMap<String, Bytes>,
}

impl Responses {
    /// A response of a user.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    async fn find(&self, user: UserId, id: MessageId) -> AppResult<Option<StoredResponse>> {
        let since = self.chat.generation.database.now() - millis(KEPT);
        Ok(self.store.find(user, id, since).await?)
    }

    /// The same by the name that clients know.
    ///
    /// # Errors
    /// [`AppError::NotFound`] in words, where there is none.
    async fn find_named(&self, user: UserId, name: &str) -> Result<StoredResponse, V1Error> {
        let found = match parse_name("resp_", name) {
            Some((id, _)) => self.find(user, id).await?,
            None => None,
        };
        found.ok_or_else(|| V1Error::no_response(name))
    }

    /// The response that a request goes on with, and all before it.
    async fn find_chain(&self, user: UserId, name: &str) -> Result<Vec<StoredResponse>, V1Error> {
        let mut next = parse_name("resp_", name).map(|(id, _)| id);
        if next.is_none() {
            return Err(V1Error::no_previous(name));
        }
        let (mut chain, mut bytes) = (Vec::new(), 0);
        while let Some(id) = next {
            let found = self.find(user, id).await?.ok_or_else(|| V1Error::no_previous(&response_name(id)))?;
            bytes += found.bytes();
            if chain.len() >= LONGEST_CHAIN || bytes > MOST_HISTORY {
                return Err(AppError::ContextTooLong.into());
            }
            next = found.previous;
            chain.push(found);
        }
        chain.reverse();
        Ok(chain)
    }

    /// An item by its name, as JSON.
    async fn find_item(&self, user: UserId, name: &str) -> Result<Bytes, V1Error> {
        let missing = || V1Error::no_item(name);
        let parsed = ["msg_", "fc_", "ctc_", "rs_"].into_iter().find_map(|prefix| parse_name(prefix, name));
        let (id, _) = parsed.ok_or_else(missing)?;
        let stored = self.find(user, id).await?.ok_or_else(missing)?;
        let mut items = stored.input_items()?.into_iter().chain(stored.output_items()?);
        let item = items.find(|item| item["id"] == name).ok_or_else(missing)?;
        Ok(item.to_string().into())
    }

    /// That a request may be kept.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming `store`.
    fn check_size(&self, bytes: usize) -> AppResult<()> {
        if bytes > MOST_KEPT || bytes as u64 > self.chat.config.attachment_quota {
            return Err(AppError::invalid("store", "This is too much to be kept: send store: false."));
        }
        Ok(())
    }
}

impl StoredResponse {
    /// What it was asked, without what came before.
    fn input_items(&self) -> AppResult<Vec<Value>> {
        let items: Vec<Value> = serde_json::from_str(&self.input).map_err(|_| AppError::Internal)?;
        let name = |number| format!("msg_{}_{number}", Uuid::from(self.id).simple());
        let named = items.into_iter().enumerate().map(|(number, mut item)| {
            item["id"] = name(number).into();
            item
        });
        Ok(named.collect())
    }

    /// What it answered.
    fn output_items(&self) -> AppResult<Vec<Value>> {
        let mut response: Value = serde_json::from_str(&self.response).map_err(|_| AppError::Internal)?;
        match response["output"].take() {
            Value::Array(items) => Ok(items),
            _ => Err(AppError::Internal),
        }
    }
}

fn response_name(id: MessageId) -> String {
    format!("resp_{}", Uuid::from(id).simple())
}

/// The response in the name of one, or of an item; and the place of the item in what was asked.
fn parse_name(prefix: &str, name: &str) -> Option<(MessageId, Option<usize>)> {
    let rest = name.strip_prefix(prefix)?;
    let (id, place) = match rest.split_once('_') {
        Some((id, place)) => (id, Some(place.parse().ok()?)),
        None => (rest, None),
    };
    let id = Uuid::try_parse(id).ok().filter(|_| id.len() == 32)?;
    Some((id.into(), place))
}

/// Writes the responses of a user, a line each.
///
/// # Errors
/// [`AppError::Unavailable`], and those of the archive.
pub async fn export(store: &dyn ResponseStore, user: UserId, archive: &mut Archive) -> AppResult<()> {
    let (mut after, mut is_first) = (MessageId::min(), true);
    loop {
        let responses = store.list(user, after, AT_A_TIME).await?;
        let Some(last) = responses.last() else { return Ok(()) };
        after = last.id;
        if std::mem::take(&mut is_first) {
            archive.begin("api/responses.jsonl", Packing::Text).await?;
        }
        for StoredResponse { input, response, .. } in responses {
            // Both are JSON.
            archive.write(format!("{{\"input\":{input},\"response\":{response}}}\n").into_bytes()).await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_which_response_and_which_item_is_meant() {
        let id = MessageId::now_v7();
        assert_eq!(parse_name("resp_", &response_name(id)), Some((id, None)));
        let simple = Uuid::from(id).simple();
        assert_eq!(parse_name("msg_", &format!("msg_{simple}")), Some((id, None)));
        assert_eq!(parse_name("msg_", &format!("msg_{simple}_3")), Some((id, Some(3))));
        for odd in ["", "resp_", "resp_1", "msg_x_1", "msg__", &format!("msg_{id}"), &format!("msg_{simple}_x")] {
            assert_eq!(parse_name("msg_", odd), None, "{odd}");
        }
    }
}
