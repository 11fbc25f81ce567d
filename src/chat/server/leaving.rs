//! What is a user's of chat, to take along and erased: conversations in all their versions, what was sent with them, and what
//! programs asked.

use std::collections::HashSet;

use futures::StreamExt;

use super::Chat;
use super::export::{Format, file_name};
use super::response_cache::owner_of;
use crate::chat::ImageRef;
use crate::platform::archive::{Archive, Packing};
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::{AttachmentId, ConversationId, MessageId, UserId};
use crate::platform::image_type::ImageType;

/// What is read at a time.
const IDS: usize = 500;
const MESSAGES: usize = 100;

impl Chat {
    /// Writes all that a user has said and was told.
    ///
    /// # Errors
    /// [`AppError::Unavailable`], and those of the archive.
    pub async fn export(&self, user: UserId, archive: &mut Archive) -> AppResult<()> {
        let mut after = ConversationId::min();
        loop {
            let ids = self.store.list_ids(user, after, IDS).await?;
            let Some(last) = ids.last() else { break };
            after = *last;
            for id in ids {
                match self.export_conversation(user, id, archive).await {
                    // Deleted meanwhile.
                    Ok(()) | Err(AppError::NotFound) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        self.export_hidden(user, archive).await
    }

    /// As Markdown and as JSON, as it is shown; what other versions it has is beside it, and so are images.
    async fn export_conversation(&self, user: UserId, id: ConversationId, archive: &mut Archive) -> AppResult<()> {
        let mut shown = HashSet::new();
        let mut images: Vec<ImageRef> = Vec::new();
        let mut name = String::new();
        for format in [Format::Markdown, Format::Json] {
            let (head, mut parts) = self.read_whole(user, id).await?;
            if name.is_empty() {
                name = format!("conversations/{}-{id}", file_name(&head.title));
            }
            let ending = if format == Format::Json { "json" } else { "md" };
            let (begin, end) = format.frame(&head)?;
            archive.add(&format!("{name}.{ending}"), Packing::Text, begin).await?;
            let mut is_first = true;
            while let Some(messages) = parts.next().await {
                let messages = messages?;
                let text = format.write(&messages, is_first)?;
                is_first &= text.is_empty();
                archive.write(text).await?;
                if format == Format::Json {
                    shown.extend(messages.iter().map(|message| message.id.clone()));
                    images.extend(messages.into_iter().flat_map(|message| message.images));
                }
            }
            archive.write(end).await?;
        }
        self.export_versions(user, id, &name, &shown, &mut images, archive).await?;
        for image in images {
            self.export_attachment(user, &image, archive).await?;
        }
        Ok(())
    }

    /// Messages that another one has taken the place of, a line each.
    async fn export_versions(
        &self,
        user: UserId,
        id: ConversationId,
        name: &str,
        shown: &HashSet<String>,
        images: &mut Vec<ImageRef>,
        archive: &mut Archive,
    ) -> AppResult<()> {
        let (mut after, mut is_first) = (-1, true);
        loop {
            let messages = self.store.read_all(user, id, after, MESSAGES).await?;
            let Some((last, _)) = messages.last() else { return Ok(()) };
            after = *last;
            for (_, message) in messages.into_iter().filter(|(_, message)| !shown.contains(&message.id)) {
                if is_first {
                    archive.begin(&format!("{name}-other-versions.jsonl"), Packing::Text).await?;
                    is_first = false;
                }
                let mut line = serde_json::to_vec(&message).map_err(|_| AppError::Internal)?;
                line.push(b'\n');
                archive.write(line).await?;
                images.extend(message.images);
            }
        }
    }

    async fn export_attachment(&self, user: UserId, image: &ImageRef, archive: &mut Archive) -> AppResult<()> {
        let Ok(id) = image.id.parse::<AttachmentId>() else { return Ok(()) };
        let Some(found) = self.store.find_attachment(user, id).await? else { return Ok(()) };
        let ending = ImageType::sniff(&found.bytes).map_or("bin", ImageType::ending);
        archive.add(&format!("attachments/{id}.{ending}"), Packing::Stored, found.bytes.to_vec()).await
    }

    /// What programs asked by `/v1` and was not forgotten yet, a line each.
    async fn export_hidden(&self, user: UserId, archive: &mut Archive) -> AppResult<()> {
        let (mut after, mut is_first) = (MessageId::min(), true);
        loop {
            let messages = self.store.read_hidden(user, after, MESSAGES).await?;
            let Some(last) = messages.last() else { return Ok(()) };
            after = last.id.parse().map_err(|_| AppError::Internal)?;
            if std::mem::take(&mut is_first) {
                archive.begin("api/messages.jsonl", Packing::Text).await?;
            }
            for message in messages {
                let mut line = serde_json::to_vec(&message).map_err(|_| AppError::Internal)?;
                line.push(b'\n');
                archive.write(line).await?;
            }
        }
    }

    /// Deletes all of it, also the answers that are kept for whoever asks the same. What is running has been stopped before; what goes
    /// on all the same is not stored.
    ///
    /// # Errors
    /// [`AppError::Unavailable`], also while Redis is away; what is left is found again.
    pub async fn erase(&self, user: UserId) -> AppResult<()> {
        self.settle_unsettled(user, None).await?;
        self.store.delete_of_user(user).await?;
        if self.cache.forget(&owner_of(user)).await { Ok(()) } else { Err(AppError::Unavailable) }
    }
}
