//! What an answer cost and where it came from.

use crate::chat::Message;

/// How many credits, in words.
#[must_use]
pub fn credits_text(credits: i64) -> String {
    match credits {
        0 => "free".to_owned(),
        1 => "1 credit".to_owned(),
        more => format!("{more} credits"),
    }
}

/// `1 credit · local · SmolLM2-135M`.
#[must_use]
pub fn receipt_of(message: &Message) -> String {
    let mut receipt = credits_text(message.credits);
    let cached = message.cached.then_some("cached");
    for part in [message.provider.as_deref(), message.model.as_deref(), cached].into_iter().flatten() {
        if !part.is_empty() {
            receipt.push_str(" · ");
            receipt.push_str(part);
        }
    }
    receipt
}
