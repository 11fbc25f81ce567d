//! The whole receipt of an answer, once somebody opens it.

use web_sys::Element;

use super::client;
use super::thread::Thread;
use crate::chat::{Receipt, Usage};
use crate::credits::credits_text;
use crate::i18n::{Text, fill, grouped, t};

/// Fills the opened receipt.
pub(super) async fn open(_: Thread, details: Element) {
    let Ok(Some(place)) = details.query_selector("[data-whole]") else { return };
    if !place.text_content().unwrap_or_default().is_empty() {
        return;
    }
    let id = place.get_attribute("data-whole").unwrap_or_default();
    let text = match client::load_receipt(&id).await {
        Ok(receipt) => text_of(receipt),
        Err(failure) => failure.or_text(Text::Unavailable).text,
    };
    place.set_text_content(Some(&text));
}

fn text_of(receipt: Receipt) -> String {
    let mut lines = Vec::new();
    let charged = [("charged", &*receipt.credits.as_entry()), ("most", &*receipt.most.unwrap_or_default().as_entry())];
    if receipt.most.is_some() {
        lines.push(fill(Text::ChargedOfMost, &charged));
    }
    if let Some(usage) = receipt.usage {
        let Usage { input_tokens, output_tokens, cached_input_tokens, cache_write_tokens, reasoning_tokens, .. } =
            usage;
        let count = |tokens: u32| grouped(tokens.into());
        let numbers = [("input", &*count(input_tokens)), ("output", &*count(output_tokens))];
        lines.push(fill(Text::TokensInOut, &numbers));
        if let Some(cached) = cached_input_tokens.filter(|tokens| *tokens > 0) {
            lines.push(fill(Text::TokensCached, &[("count", &count(cached))]));
        }
        if let Some(written) = cache_write_tokens.filter(|tokens| *tokens > 0) {
            lines.push(fill(Text::TokensWritten, &[("count", &count(written))]));
        }
        if let Some(thought) = reasoning_tokens.filter(|tokens| *tokens > 0) {
            lines.push(fill(Text::TokensThought, &[("count", &count(thought))]));
        }
        if usage.estimated {
            lines.push(t(Text::TokensEstimated).to_owned());
        }
    }
    for lot in receipt.lots {
        lines.push(fill(Text::PaidFrom, &[("lot", t(lot.origin.text())), ("amount", &credits_text(lot.amount))]));
    }
    if receipt.conversation_credits > receipt.credits {
        let sum = credits_text(receipt.conversation_credits);
        lines.push(fill(Text::ConversationSum, &[("sum", &sum)]));
    }
    if let Some(version) = receipt.price_version {
        lines.push(fill(Text::PriceVersion, &[("version", &version)]));
    }
    lines.join(" \u{b7} ")
}
