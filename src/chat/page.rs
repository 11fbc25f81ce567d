//! Placeholder until the chat helper's page lands.

use leptos::prelude::*;

/// The chat page.
#[component]
pub fn ChatPage() -> impl IntoView {
    view! { <h1>"Chat"</h1> }
}
