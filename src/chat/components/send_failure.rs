//! Why a message could not be sent, and what to do about it.

use leptos::prelude::*;

use crate::chat::client::ChatFailure;
use crate::chat::thread::Thread;
use crate::ui::{Alert, AlertTone};

/// What went wrong with the last message; nothing if nothing did.
#[component]
pub fn SendFailure(
    /// The chat page.
    thread: Thread,
) -> impl IntoView {
    let alert = |failure: ChatFailure| {
        let way_out = match &*failure.code {
            "insufficient_credits" => Some(("/dashboard", "See your credits")),
            "unauthenticated" => Some(("/sign-in?next=/chat", "Sign in")),
            _ => None,
        };
        let mut text = failure.message;
        if !text.contains("charged") && !text.contains("cost") {
            text.push_str(" Nothing was charged.");
        }
        view! {
            <Alert tone=AlertTone::Danger>
                {text}
                {way_out
                    .map(|(href, label)| {
                        let external = href.starts_with("/sign-in").then_some("external");
                        view! {
                            " "
                            <a href=href rel=external class="font-medium underline">
                                {label}
                            </a>
                        }
                    })}
            </Alert>
        }
    };
    move || thread.failure.get().map(alert)
}
