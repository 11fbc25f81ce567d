//! What stands in the way: why a message could not be sent, and why nobody would answer it.

use leptos::prelude::*;

use crate::chat::thread::Thread;
use crate::ui::{Alert, AlertTone};

/// What went wrong with the last message, and what is wrong with the provider; nothing if nothing is.
#[component]
pub fn Notices(
    /// The chat page.
    thread: Thread,
) -> impl IntoView {
    move || {
        let text = thread.failure.get();
        let failure = (!text.is_empty()).then(|| {
            let link = match thread.failure_code.get_untracked().as_str() {
                "insufficient_credits" => Some(("/dashboard", "See your credits")),
                "unauthenticated" => Some(("/sign-in?next=/chat", "Sign in")),
                _ => None,
            };
            (AlertTone::Danger, text, link)
        });
        let problem = provider_problem(thread).map(|text| (AlertTone::Info, text, None));
        [failure, problem].map(|notice| notice.map(|(tone, text, link)| view! { <Alert tone text link /> }))
    }
}

/// Why the picked provider cannot answer, or why none can.
fn provider_problem(thread: Thread) -> Option<String> {
    let facts = thread.workspace.facts.read_value();
    let all = &facts.providers;
    let picked = thread.provider.get();
    match picked.and_then(|name| all.iter().find(|provider| provider.name == name)) {
        Some(picked) => picked.problem.clone(),
        None if all.iter().all(|provider| provider.problem.is_some()) => all.first()?.problem.clone(),
        None => None,
    }
}
