//! What stands in the way: why a message could not be sent, why nobody would answer it, and what is waited for.

use leptos::prelude::*;

use crate::chat::ChatEvent;
use crate::chat::browser::thread::Thread;
use crate::i18n::{Text, t};
use crate::platform::browser::page_data::sign_in_address;
use crate::ui::{Alert, AlertTone};

/// What went wrong with the last message, what is wrong with the provider, and what is waited for; nothing if nothing is.
#[component]
pub fn Notices(
    /// The chat page.
    thread: Thread,
) -> impl IntoView {
    let notices = move || {
        let text = thread.failure.get();
        let failure = (!text.is_empty()).then(|| match thread.failure_code.get_untracked().as_str() {
            "insufficient_credits" => (AlertTone::Danger, text, Some(("/dashboard", t(Text::SeeYourCredits)))),
            "unauthenticated" => (AlertTone::Danger, text, Some((&*sign_in_address().leak(), t(Text::SignIn)))),
            // It passes by itself, or is only good to know.
            "rate_limited" | ChatEvent::SHORTENED => (AlertTone::Info, text, None),
            _ => (AlertTone::Danger, text, None),
        });
        let problem = thread.workspace.problem.get().map(|text| (AlertTone::Info, text, None));
        [failure, problem].map(|notice| notice.map(|(tone, text, link)| view! { <Alert tone text link /> }))
    };
    view! {
        {notices}
        <p
            class="text-sm text-ink-soft tabular-nums"
            hidden=Signal::derive(move || thread.waiting_for.read().is_empty())
        >
            {thread.waiting_for}
        </p>
    }
}
