//! What an answer cost and where it came from.

use crate::chat::{CutReason, Message, MessageState, provider_label};
use crate::credits::credits_text;
use crate::i18n::{Text, fill, t};

/// `1 credit · 12 tokens in, 30 out · OpenAI · gpt-5.4-mini`.
#[must_use]
pub fn receipt_of(message: &Message) -> String {
    let mut receipt = if message.cached { t(Text::CachedFree).to_owned() } else { credits_text(message.credits) };
    let tokens = match message.usage {
        Some(usage) => fill(
            Text::TokensInOut,
            &[("input", &usage.input_tokens.to_string()), ("output", &usage.output_tokens.to_string())],
        ),
        // The provider did not say, or not yet.
        None if message.content.is_empty() => String::new(),
        None if message.shows_image() => t(Text::ReceiptImage).to_owned(),
        None => t(Text::TokensUnknown).to_owned(),
    };
    let provider = message.provider.as_deref().map(provider_label);
    // Any other reason is worth a sentence of its own.
    let is_long = matches!(message.cut_reason, None | Some(CutReason::Length));
    let cut = (message.cut && is_long).then(|| t(Text::CutAtLimit));
    for part in [Some(&*tokens), cut, provider, message.model.as_deref()].into_iter().flatten() {
        if !part.is_empty() {
            receipt.push_str(" · ");
            receipt.push_str(part);
        }
    }
    receipt
}

/// `Answered by OpenAI because Gemini failed.`
#[must_use]
pub fn fallback_text(message: &Message) -> Option<String> {
    let (to, from) = (message.provider.as_deref()?, message.fallback_from.as_deref()?);
    let has_answered = message.state != MessageState::Failed && !message.content.is_empty();
    // Another model of the same provider.
    let next = message.model.as_deref().filter(|_| to == from).unwrap_or_else(|| provider_label(to));
    has_answered.then(|| fill(Text::AnsweredBecauseFailed, &[("to", next), ("from", provider_label(from))]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::{Author, Usage};
    use crate::platform::amount::Amount;

    fn answer() -> Message {
        Message {
            id: "m".to_owned(),
            author: Author::Assistant,
            content: "Yes.".to_owned(),
            html: None,
            images: Vec::new(),
            versions: Vec::new(),
            calls: Vec::new(),
            state: MessageState::Complete,
            credits: Amount::credits(1),
            cached: false,
            cut: false,
            cut_reason: None,
            provider: Some("openai".to_owned()),
            model: Some("gpt-5.4-mini".to_owned()),
            fallback_from: None,
            error_code: None,
            usage: Some(Usage::of(12, 30)),
            price_version: None,
            thinking: None,
            created_at: String::new(),
        }
    }

    #[test]
    fn a_receipt_says_what_it_cost_and_where_it_came_from() {
        assert_eq!(receipt_of(&answer()), "1 credit · 12 tokens in, 30 out · OpenAI · gpt-5.4-mini");
        let cached = Message { cached: true, credits: Amount::ZERO, ..answer() };
        assert_eq!(receipt_of(&cached), "cached, free · 12 tokens in, 30 out · OpenAI · gpt-5.4-mini");
        let cut = Message { cut: true, ..answer() };
        assert_eq!(
            receipt_of(&cut),
            "1 credit · 12 tokens in, 30 out · cut off at the length limit · OpenAI · gpt-5.4-mini"
        );
        let silent = Message { usage: None, credits: Amount::credits(2), ..answer() };
        assert_eq!(receipt_of(&silent), "2 credits · tokens unknown · OpenAI · gpt-5.4-mini");
        let image = Message { content: "[![a fox](/api/images/1/file)](/images/1)".to_owned(), ..silent };
        assert_eq!(receipt_of(&image), "2 credits · image · OpenAI · gpt-5.4-mini");
        let failed = Message { usage: None, credits: Amount::ZERO, content: String::new(), ..answer() };
        assert_eq!(receipt_of(&failed), "free · OpenAI · gpt-5.4-mini");
    }

    #[test]
    fn a_fallback_says_for_whom_it_stands_in_once_it_has_answered() {
        let fallback = Message { fallback_from: Some("gemini".to_owned()), ..answer() };
        assert_eq!(fallback_text(&fallback).as_deref(), Some("Answered by OpenAI because Gemini failed."));
        assert_eq!(fallback_text(&answer()), None);
        let failed = Message { state: MessageState::Failed, content: String::new(), ..fallback };
        assert_eq!(fallback_text(&failed), None);
    }
}
