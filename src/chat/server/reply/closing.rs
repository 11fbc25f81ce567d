//! The end of a reply: it is delivered, stored and settled, in this order.

use super::Draft;
use crate::chat::server::store::FinishedReply;
use crate::chat::{ChatAnswer, CutReason, DoneEvent, ThinkingEvent, ToolCall, Usage};
use crate::generation::{Closed, PATIENCE, ReleaseReason};
use crate::platform::amount::Amount;
use crate::platform::db::keep_trying;
use crate::platform::error::AppResult;

impl Draft<'_> {
    /// Whether what is going to be charged for has reached the connection that it was made for, if it was for one.
    pub(super) async fn deliver(
        &self,
        text: &str,
        calls: &[ToolCall],
        thoughts: Vec<ThinkingEvent>,
        credits: Amount,
        cut: Option<CutReason>,
        usage: Option<Usage>,
    ) -> bool {
        let (hold, generation) = (&self.work.hold, &self.chat.generation);
        let Some(delivery) = self.work.delivery.as_ref().filter(|delivery| !delivery.is_taken()) else { return true };
        let Ok(balance) = keep_trying(|| generation.credits.balance(hold.user().into(), hold.request_id())).await
        else {
            return false;
        };
        let done = DoneEvent {
            reply: Some(text.to_owned()),
            calls: calls.to_vec(),
            thoughts,
            cached: false,
            cut: cut.is_some(),
            cut_reason: cut,
            // All that is held is not in it any more; what is not charged of that comes back.
            remaining_credits: balance.available + hold.held() - credits,
            credits,
            usage,
        };
        delivery.deliver(done, PATIENCE).await
    }

    /// The answer to a request that waits for it, but for what is left.
    pub(super) fn answer_of(&self, reply: &FinishedReply) -> ChatAnswer {
        ChatAnswer {
            reply: reply.text.clone(),
            remaining_credits: Amount::ZERO,
            credits: reply.credits,
            cached: reply.cached,
            cut_reason: reply.cut,
            fallback: reply.fallback_from.is_some(),
            provider: reply.provider.clone(),
            model: reply.model.clone(),
            conversation_id: self.work.conversation.to_string(),
            message_id: self.work.id().to_string(),
        }
    }

    /// Returns what was charged and what is left, and whether the reply is stored as it is.
    pub(super) async fn close_books(
        &self,
        reply: FinishedReply,
        credits: Amount,
        reason: ReleaseReason,
    ) -> AppResult<(Closed, bool)> {
        let (hold, store) = (&self.work.hold, &self.chat.store);
        if credits.is_positive()
            && let Some(closed) = hold.settle_with(|hold| store.finish_paid(reply.clone(), hold)).await?
        {
            return Ok((closed, true));
        }
        let is_gone = !keep_trying(|| store.finish_reply(reply.clone())).await?;
        if is_gone && keep_trying(|| store.find_message(hold.user(), hold.id().into())).await?.is_some() {
            // It was given up for dead and has ended so.
            return Ok((hold.release(ReleaseReason::Interrupted).await?, false));
        }
        if credits.is_positive() {
            // Deleted while it was written, it was stopped: what was read of it is paid for, and nobody else knows how much that is.
            let settled = if is_gone { hold.settle(credits).await } else { hold.settle_stored(credits).await };
            return Ok((settled?, !is_gone));
        }
        let released = hold.release(match reason {
            ReleaseReason::Incomplete | ReleaseReason::Undelivered => reason,
            // Perhaps it is written down that something has left; nothing has.
            _ if self.is_marked => ReleaseReason::Interrupted,
            _ if is_gone => ReleaseReason::Deleted,
            _ => reason,
        });
        Ok((released.await?, !is_gone))
    }
}
