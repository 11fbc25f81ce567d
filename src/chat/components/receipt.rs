//! What an answer cost and where it came from.

use leptos::prelude::*;

use crate::chat::{Message, MessageState};

/// `1 credit · local · SmolLM2-135M`.
#[component]
pub fn Receipt(
    /// The answer, which has ended.
    message: RwSignal<Message>,
) -> impl IntoView {
    let text = Memo::new(move |_| message.with(receipt_of));
    view! { <p class="min-w-0 text-xs break-words text-ink-soft" data-receipt>{text}</p> }
}

/// How many credits, in words.
#[must_use]
pub fn credits_text(credits: i64) -> String {
    match credits {
        0 => "free".to_owned(),
        1 => "1 credit".to_owned(),
        more => format!("{more} credits"),
    }
}

fn receipt_of(message: &Message) -> String {
    if message.state == MessageState::Running {
        return String::new();
    }
    let mut parts = vec![credits_text(message.credits)];
    parts.extend(message.provider.clone());
    parts.extend(message.model.clone().filter(|model| !model.is_empty()));
    if message.cached {
        parts.push("cached".to_owned());
    }
    parts.join(" · ")
}
