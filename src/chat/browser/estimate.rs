//! What the draft would cost and how full the context is, asked for while one writes.

use std::time::Duration;

use leptos::prelude::*;

use super::client;
use super::thread::{Quoted, Thread};
use crate::chat::{ContextInfo, Estimate, EstimateRequest};
use crate::i18n::{Text, fill, grouped, t};
use crate::platform::browser::time::sleep;

/// Nothing is asked before one has stopped typing for so long.
const PAUSE: Duration = Duration::from_millis(400);

/// Asks for the price of the draft, unless it has changed meanwhile.
pub(super) async fn ask(thread: Thread) {
    let Some(turn) = thread.quote_turn() else { return };
    sleep(PAUSE).await;
    if thread.busy.try_get_untracked() != Some(false) || !thread.is_quote_turn(turn) {
        return;
    }
    let message = thread.draft.get_untracked();
    let conversation = thread.conversation.get_untracked();
    let request = EstimateRequest {
        message: message.clone(),
        provider: thread.workspace.asked(),
        conversation_id: conversation.clone(),
        images: u32::try_from(thread.images.read_untracked().len()).unwrap_or(u32::MAX),
        ..EstimateRequest::default()
    };
    // Where it cannot be had, nothing is shown, and what is held is never more than there is.
    let Ok(estimate) = client::estimate(&request).await else { return };
    if thread.is_quote_turn(turn) {
        let Estimate { about, most, context, .. } = estimate;
        let amounts = [("about", &*about.as_price()), ("most", &*most.as_price())];
        let text = fill(Text::AboutAtMost, &amounts);
        let (context, parts) = (share_of(context), parts_of(context));
        thread.quoted.set(Some(Quoted { message, conversation, most, text, context, parts }));
    }
}

/// How full the context is, once that is worth a word.
fn share_of(context: ContextInfo) -> String {
    let used = u64::from(context.tokens) + u64::from(context.output);
    let percent = used * 100 / u64::from(context.window.max(1));
    if percent < 10 && context.left_out == 0 {
        return String::new();
    }
    fill(Text::ContextFull, &[("percent", &percent.min(100).to_string())])
}

/// With what.
fn parts_of(context: ContextInfo) -> String {
    let mut parts = String::new();
    let named = [
        (Text::ContextSystem, context.system),
        (Text::ContextHistory, context.history),
        (Text::ContextMessage, context.message),
        (Text::ContextImages, context.images),
        (Text::ContextReply, context.output),
        (Text::ContextWindow, context.window),
        (Text::ContextLeftOut, context.left_out),
    ];
    for (name, tokens) in named.into_iter().filter(|(_, tokens)| *tokens > 0) {
        if !parts.is_empty() {
            parts.push_str(" \u{b7} ");
        }
        parts.push_str(t(name));
        parts.push(' ');
        parts.push_str(&grouped(tokens.into()));
    }
    parts
}
