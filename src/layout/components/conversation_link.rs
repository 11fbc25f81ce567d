//! The link to a conversation.

use leptos::prelude::*;

use crate::platform::browser::navigation::{path_of, use_navigation};

/// Its title, as a link that says whether it is the one that is shown.
#[component]
pub fn ConversationLink(
    /// Where it leads.
    id: String,
    /// What it is called.
    title: String,
    /// The message that it leads to.
    message: Option<String>,
) -> impl IntoView {
    let address = use_navigation().address;
    let path = format!("/chat/{id}");
    let href = match message {
        Some(message) => format!("{path}?at={message}"),
        None => path.clone(),
    };
    let is_current = Signal::derive(move || if path_of(&address.read()) == path { "page" } else { "false" }.to_owned());
    view! {
        <a
            href=href
            dir="auto"
            aria-current=is_current
        >
            {title}
        </a>
    }
}
