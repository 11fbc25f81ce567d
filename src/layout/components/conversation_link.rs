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
) -> impl IntoView {
    let address = use_navigation().address;
    let href = format!("/chat/{id}");
    let is_current = {
        let href = href.clone();
        Signal::derive(move || if path_of(&address.read()) == href { "page" } else { "false" }.to_owned())
    };
    view! {
        <a
            href=href
            dir="auto"
            aria-current=is_current
            class="min-w-0 flex-1 truncate rounded-md py-2 pr-1 pl-3 aria-[current=page]:font-medium aria-[current=page]:text-accent"
        >
            {title}
        </a>
    }
}
