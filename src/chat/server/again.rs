//! A request that is sent again because it failed: it takes the place of its first try, so that a question is asked once.

use std::str::FromStr;

use super::Chat;
use crate::chat::Author;
use crate::platform::db::{StoreError, StoreResult};
use crate::platform::error::AppResult;
use crate::platform::ids::{AttachmentId, ConversationId, MessageId, UserId};

/// Where a request that failed stands.
pub(super) struct FailedTry {
    pub conversation: ConversationId,
    /// The user's message.
    pub question: MessageId,
    /// What was sent with it.
    pub images: Vec<AttachmentId>,
}

impl Chat {
    /// Where this reply stands, if nothing has been said since.
    ///
    /// # Errors
    /// [`crate::platform::error::AppError::Unavailable`].
    pub(super) async fn find_failed_try(&self, user: UserId, reply: MessageId) -> AppResult<Option<FailedTry>> {
        let Some(found) = self.store.find_message(user, reply).await? else { return Ok(None) };
        let Some(conversation) = self.store.find_conversation(user, found.conversation).await? else {
            return Ok(None);
        };
        let [.., question, last] = conversation.messages.as_slice() else { return Ok(None) };
        if last.id != found.message.id || question.author != Author::User {
            return Ok(None);
        }
        Ok(Some(FailedTry {
            conversation: found.conversation,
            question: parse(&question.id)?,
            images: question.images.iter().map(|image| parse(&image.id)).collect::<StoreResult<_>>()?,
        }))
    }
}

fn parse<Id: FromStr>(id: &str) -> StoreResult<Id> {
    id.parse().map_err(|_| StoreError::Corrupt(format!("id {id:?}")))
}
