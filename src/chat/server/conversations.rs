//! The rules of what people do with conversations besides talking: change, branch, share.
//!
//! What belongs to somebody else, or to a client of `/v1`, is not there.

use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, stream};

use super::Chat;
use super::service::{MESSAGES_PAGE, parse_message_cursor};
use super::store::{Changed, NewBranch, Part};
use crate::account::server::caller::Caller;
use crate::chat::{
    Conversation, ConversationChange, ConversationSummary, MAX_PINNED, MAX_SYSTEM_PROMPT_CHARS, MAX_TITLE_CHARS,
    Message, MessageState, ShareLink,
};
use crate::flags::Flag;
use crate::i18n::{Text, fill, t};
use crate::images::server::storage::Rendition;
use crate::images::server::store::Found;
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::{ConversationId, ImageId, MessageId, UserId};
use crate::platform::secret::{hash_secret, new_secret};

/// The messages of a conversation, part by part.
pub type Parts = BoxStream<'static, AppResult<Vec<Message>>>;

/// Messages of a whole conversation that are in memory at a time.
const READ_AT_ONCE: usize = 100;

impl Chat {
    /// Gives a conversation another title or system prompt, pins it or takes it down.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field, [`AppError::NotFound`], [`AppError::Conflict`] when too many are pinned.
    pub async fn change_conversation(
        &self,
        user: UserId,
        id: ConversationId,
        mut change: ConversationChange,
    ) -> AppResult<()> {
        if change == ConversationChange::default() {
            return Err(AppError::invalid("body", "Say what to change: title, pinned or systemPrompt."));
        }
        change.title = change.title.as_deref().map(check_title).transpose()?;
        change.system_prompt = change.system_prompt.as_deref().map(check_system_prompt).transpose()?;
        match self.store.change_conversation(user, id, change).await? {
            Changed::Done => Ok(()),
            Changed::NotFound => Err(AppError::NotFound),
            Changed::TooManyPinned => {
                Err(AppError::Conflict(fill(Text::TooManyPinned, &[("most", &MAX_PINNED.to_string())])))
            }
        }
    }

    /// A conversation without its messages, and all of them as they are stored, read part by part.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn read_whole(&self, user: UserId, id: ConversationId) -> AppResult<(Conversation, Parts)> {
        let mut head = self.read_part(user, id, None).await?;
        let (first, rest) = (std::mem::take(&mut head.messages), head.next_cursor.take());
        let chat = self.clone();
        let more = stream::try_unfold(rest, move |cursor| {
            let chat = chat.clone();
            async move {
                let Some(cursor) = cursor else { return Ok(None) };
                let part = chat.read_part(user, id, Some(parse_message_cursor(&cursor)?)).await?;
                Ok(Some((part.messages, part.next_cursor)))
            }
        });
        Ok((head, stream::iter([Ok(first)]).chain(more).boxed()))
    }

    async fn read_part(&self, user: UserId, id: ConversationId, after: Option<MessageId>) -> AppResult<Conversation> {
        self.store.find_part(user, id, Part::After(after, READ_AT_ONCE)).await?.ok_or(AppError::NotFound)
    }

    /// Begins another conversation with what has been said up to the message `until`. The copies cost nothing; as the
    /// request writes much, it counts against the limit as a message does.
    ///
    /// # Errors
    /// [`AppError::NotFound`], [`AppError::Conflict`] for a reply that is being written, [`AppError::RateLimited`].
    pub async fn branch_conversation(
        &self,
        caller: &Caller,
        of: ConversationId,
        until: MessageId,
    ) -> AppResult<ConversationSummary> {
        let user = caller.id;
        let last = self.find_reply(user, until).await?;
        if last.conversation != of {
            return Err(AppError::NotFound);
        }
        if last.message.state == MessageState::Running {
            return Err(AppError::Conflict(t(Text::BranchTooEarly).to_owned()));
        }
        caller.count_spending(self.generation.limiter.as_ref()).await?;
        let branch = NewBranch { user, id: ConversationId::now_v7(), of, until };
        self.store.branch_conversation(branch).await?.ok_or(AppError::NotFound)
    }

    /// Shows the version of what was said that has this message, as it was shown last. Nothing is asked, and nothing charged; what
    /// is being written in the version that was shown before goes on.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where there is no such message in it.
    pub async fn choose_version(&self, user: UserId, id: ConversationId, message: MessageId) -> AppResult<()> {
        if self.store.choose_version(user, id, message).await? { Ok(()) } else { Err(AppError::NotFound) }
    }

    /// Makes the link by which anybody can read a conversation; the one before ends.
    ///
    /// # Errors
    /// [`AppError::NotFound`], [`AppError::SwitchedOff`].
    pub async fn share_conversation(&self, caller: &Caller, id: ConversationId) -> AppResult<ShareLink> {
        self.generation.flags.check(Flag::ShareLinks, caller)?;
        let token = new_secret();
        if !self.store.share_conversation(caller.id, id, Some(hash_secret(&token))).await? {
            return Err(AppError::NotFound);
        }
        let url = self.site.public_url.join(&format!("/share/{token}")).map_err(|_| AppError::Internal)?;
        Ok(ShareLink { url: url.into() })
    }

    /// Ends the link, if there is one.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn unshare_conversation(&self, user: UserId, id: ConversationId) -> AppResult<()> {
        if self.store.share_conversation(user, id, None).await? { Ok(()) } else { Err(AppError::NotFound) }
    }

    /// The conversation behind a link as strangers may see it: what has been said and answered so far, from its beginning
    /// or after the message that `cursor` names, rendered.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for a link that never was, or is no more, [`AppError::InvalidInput`] naming `cursor`,
    /// [`AppError::SwitchedOff`].
    pub async fn load_shared(&self, token: &str, cursor: Option<&str>) -> AppResult<Conversation> {
        self.generation.flags.check_anybody(Flag::ShareLinks)?;
        let part = Part::After(cursor.map(parse_message_cursor).transpose()?, MESSAGES_PAGE);
        let _turn = self.renderer.stranger().await?;
        let found = self.store.find_shared_part(hash_secret(token), part).await?;
        let mut conversation = found.ok_or(AppError::NotFound)?;
        conversation.messages.retain(|message| message.state != MessageState::Running && !message.content.is_empty());
        self.renderer.render(&mut conversation.messages).await?;
        Ok(conversation)
    }

    /// The file of an image that a shared conversation shows, because it was made there or in what that is a branch of. An
    /// address that a model wrote opens nothing.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn load_shared_image(&self, token: &str, id: ImageId, rendition: Rendition) -> AppResult<Bytes> {
        self.generation.flags.check_anybody(Flag::ShareLinks)?;
        let reply = match self.images.store.look_up(id).await? {
            Found::Ended { credits, shown_in: Some((_, reply)) } if credits.is_positive() => reply,
            _ => return Err(AppError::NotFound),
        };
        if !self.store.is_shared(hash_secret(token), reply).await? {
            return Err(AppError::NotFound);
        }
        self.images.load_bytes(id, rendition).await
    }
}

fn check_title(title: &str) -> AppResult<String> {
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    if !(1..=MAX_TITLE_CHARS).contains(&title.chars().count()) || title.contains(char::is_control) {
        return Err(AppError::invalid("title", fill(Text::InvalidTitle, &[("most", &MAX_TITLE_CHARS.to_string())])));
    }
    Ok(title)
}

/// The system prompt as it is kept; an empty one is none.
///
/// # Errors
/// [`AppError::InvalidInput`] naming `systemPrompt`.
pub(super) fn check_system_prompt(prompt: &str) -> AppResult<String> {
    let prompt = prompt.trim();
    if prompt.chars().count() > MAX_SYSTEM_PROMPT_CHARS {
        let message = fill(Text::SystemPromptTooLong, &[("most", &MAX_SYSTEM_PROMPT_CHARS.to_string())]);
        return Err(AppError::invalid("systemPrompt", message));
    }
    Ok(prompt.to_owned())
}
