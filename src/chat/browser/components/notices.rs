//! What stands in the way: why a message could not be sent, why nobody would answer it, and what is waited for.

use leptos::prelude::*;

use crate::chat::ChatEvent;
use crate::chat::browser::thread::Thread;
use crate::i18n::{Text, count_written, t};
use crate::platform::browser::page_data::sign_in_address;
use crate::ui::{Alert, AlertTone};

/// Fewer answers than that are left: then it is time to say so.
const FEW: usize = 4;

/// What went wrong with the last message, what is wrong with the provider, and what is waited for; nothing if nothing is.
#[component]
pub fn Notices(
    /// The chat page.
    thread: Thread,
) -> impl IntoView {
    // There is said whom to ask, and from there it goes back here, where the text is kept.
    let more = move || {
        let address = match thread.conversation.get_untracked() {
            Some(id) => format!("/buy-credits?from=/chat/{id}"),
            None => "/buy-credits?from=/chat".to_owned(),
        };
        Some((address, t(Text::GetMoreCredits)))
    };
    let notices = move || {
        let text = thread.failure.get();
        let code = thread.failure_code.get_untracked();
        let says_so = !text.is_empty() && code == "insufficient_credits";
        let (left, price) = (thread.workspace.available.get(), thread.workspace.terms().credits);
        let few = (left < price.times(FEW) && !says_so).then(|| {
            let text = if left < price {
                t(Text::NoCreditsLeft).to_owned()
            } else {
                count_written(Text::FewCreditsLeft, &left.as_balance())
            };
            (AlertTone::Info, text, more())
        });
        let failure = (!text.is_empty()).then(|| match code.as_str() {
            "insufficient_credits" => (AlertTone::Danger, text, more()),
            "unauthenticated" => (AlertTone::Danger, text, Some((sign_in_address(), t(Text::SignIn)))),
            // It passes by itself, or is only good to know.
            "rate_limited" | ChatEvent::SHORTENED => (AlertTone::Info, text, None),
            _ => (AlertTone::Danger, text, None),
        });
        let problem = thread.workspace.problem.get().map(|text| (AlertTone::Info, text, None));
        let budget = thread.workspace.budget_notice.get();
        let budget =
            budget.map(|text| (AlertTone::Info, text, Some(("/account#budgets".to_owned(), t(Text::Budgets)))));
        [failure, problem, few, budget]
            .map(|notice| notice.map(|(tone, text, link)| view! { <Alert tone text link /> }))
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
