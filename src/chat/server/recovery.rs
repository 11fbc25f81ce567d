//! What becomes of replies whose server was killed.

use async_trait::async_trait;

use super::Chat;
use super::context::HISTORY;
use super::store::StoredReply;
use crate::chat::MessageState;
use crate::generation::recovery::{Recover, Recovered};
use crate::generation::{PendingAttempt, Reserved, TextSizes};
use crate::platform::error::AppResult;
use crate::platform::ids::{MessageId, WorkId};
use crate::usage::Outcome;

/// Nobody goes on with a reply: it was stored whole and is charged for, or what there is of it is free. One whose row is gone was
/// deleted while it ran, which is stopping it: what was published is charged for, at a flat price. At one per token nobody
/// knows how much that was.
pub struct ReplyRecovery {
    chat: Chat,
}

impl ReplyRecovery {
    #[must_use]
    pub const fn new(chat: Chat) -> Self {
        Self { chat }
    }

    /// Whether it has a flat price: that of a model that is asked here, or one from before prices had versions.
    fn is_flat(&self, hold: &Reserved) -> bool {
        hold.price_version().is_empty()
            || self.chat.models.now().models.iter().any(|model| {
                let offer = self.chat.usual_offer(&model.provider);
                !offer.is_per_token() && offer.price.version == hold.price_version()
            })
    }

    /// Puts down that a provider was asked, and that nobody heard the end of it: it has its price all the same.
    async fn record(&self, hold: &Reserved, reply: StoredReply) -> AppResult<()> {
        let (chat, message) = (&self.chat, reply.message);
        let all = chat.providers();
        let asked = all.iter().find(|provider| Some(provider.name()) == message.provider.as_deref());
        // One that is not configured any more.
        let Some(provider) = asked else { return Ok(()) };
        let past = chat.store.find_past(hold.user(), reply.conversation, None, HISTORY).await?;
        let past = past.map(|past| past.messages).unwrap_or_default();
        let sizes = TextSizes {
            // With the answer so far, if there is some: it is no more than about right.
            input_bytes: past.iter().map(|message| message.content.len()).sum(),
            input_images: past.iter().map(|message| message.images.len()).sum(),
            output_bytes: message.content.len(),
        };
        let now = chat.generation.database.now();
        let at = message.created_at.parse::<jiff::Timestamp>().map_or(now, jiff::Timestamp::as_millisecond);
        let attempt = PendingAttempt::cut_off(hold, at, now);
        let model = message.model.unwrap_or_else(|| provider.model());
        chat.generation.record_text(&attempt, hold, provider.provider(), model, sizes, Outcome::Cut);
        Ok(())
    }
}

#[async_trait]
impl Recover for ReplyRecovery {
    async fn recover(&self, hold: &Reserved) -> AppResult<Recovered> {
        let store = &self.chat.store;
        let before = store.find_message(hold.user(), hold.id().into()).await?;
        // Only a reply that was charged for has a price; an abandoned one has none.
        let recovered = match store.abandon_reply(hold.id().into()).await? {
            Some(price) if price.is_positive() => Recovered::Settle(Some(price)),
            None if self.is_flat(hold) && hold.is_published().await? => Recovered::Settle(None),
            _ => Recovered::Release,
        };
        if let Some(reply) =
            before.filter(|reply| recovered == Recovered::Release && reply.message.state == MessageState::Running)
            && let Err(error) = self.record(hold, reply).await
        {
            tracing::warn!(%error, "an attempt that was cut off is missing from the record");
        }
        Ok(recovered)
    }

    async fn stop_requests(&self, running: Vec<WorkId>) -> AppResult<Vec<WorkId>> {
        let stopped = self.chat.store.stop_requests(running.into_iter().map(MessageId::from).collect()).await?;
        Ok(stopped.into_iter().map(WorkId::from).collect())
    }
}
