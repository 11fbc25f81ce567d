//! Calls of tools in a reply: paid for and published as they come, like its words.

use std::mem::take;

use tokio::time::Instant;
use uuid::Uuid;

use super::super::providers::{CallHead, CallPiece, Finish};
use super::{Draft, Ending};
use crate::chat::{CallEvent, ChatEvent, ToolCall, UsageEvent};
use crate::usage::Outcome;

impl Draft<'_> {
    /// Bytes of the calls so far.
    pub(super) fn calls_bytes(&self) -> usize {
        self.calls.iter().map(|call| call.name.len() + call.arguments.len()).sum()
    }

    /// Publishes a piece of a call, as far as it is paid for. Says how the reply ends, if it does by this piece.
    pub(super) async fn append_call(&mut self, piece: CallPiece, now: Instant) -> Option<Ending> {
        let CallPiece { index, begins, mut arguments } = piece;
        // Where one at a time is wanted, the others are left out, whoever does not know how to keep to that.
        if index > 0 && self.work.sampling.toolbox.parallel == Some(false) {
            return None;
        }
        let is_last = self.limit.take(&mut arguments);
        let name = begins.as_ref().map_or("", |head| head.name.as_str());
        let mut paid = format!("{name}{arguments}");
        let whole = paid.len();
        let cut = match self.pay_for(&mut paid).await {
            Ok(cut) => cut,
            Err(ending) => {
                self.record(Outcome::Stopped);
                return Some(ending);
            }
        };
        let paid_arguments = paid.len().checked_sub(name.len());
        if paid.len() < whole {
            arguments.truncate(paid_arguments.unwrap_or_default());
        }
        // A call without all of its name is none.
        if paid_arguments.is_some() && !paid.is_empty() {
            if let Err(ending) = self.mark_published().await {
                return Some(ending);
            }
            self.mind.speaks(now);
            self.tell_thoughts();
            self.publish_call(index, begins, arguments);
            if let Some(credits) = self.meter.count(&paid, now) {
                self.publish(&ChatEvent::Usage(UsageEvent { credits }));
            }
        }
        if let Some(reason) = cut {
            self.record(Outcome::Stopped);
            return Some(Ending::Cut(reason));
        }
        is_last.then(|| self.ended(Finish::Limit, None))
    }

    fn publish_call(&mut self, index: usize, begins: Option<CallHead>, arguments: String) {
        let mut event = CallEvent { index, arguments, ..CallEvent::default() };
        if let Some(CallHead { mut id, name }) = begins {
            // Servers that number the calls of each answer say an id of an earlier turn again, which agents refuse.
            if self.work.turns.iter().flat_map(|turn| &turn.calls).any(|call| call.id == id) {
                id = format!("call_{}", Uuid::now_v7().simple());
            }
            self.calls.push(ToolCall { id: id.clone(), name: name.clone(), arguments: String::new() });
            (event.id, event.name) = (Some(id), Some(name));
        }
        let Some(call) = self.calls.get_mut(index) else { return };
        call.arguments.push_str(&event.arguments);
        self.publish(&ChatEvent::Call(take(&mut event)));
    }
}
