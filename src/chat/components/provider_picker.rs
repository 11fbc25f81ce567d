//! Who answers, when there is a choice.

use leptos::prelude::*;

use crate::chat::ProviderInfo;
use crate::chat::thread::Thread;

/// A choice between the providers; nothing if there is only one.
#[component]
pub fn ProviderPicker(
    /// The chat page.
    thread: Thread,
) -> impl IntoView {
    let providers = thread.workspace.facts.read_value().providers.clone();
    let option = |provider: ProviderInfo| {
        let label = format!("{} · {}", provider.name, provider.model);
        view! {
            <option value=provider.name disabled=provider.problem.is_some()>
                {label}
            </option>
        }
    };
    let pick = move |event| {
        let name = event_target_value(&event);
        thread.provider.set((!name.is_empty()).then_some(name));
    };
    (providers.len() > 1).then(|| {
        view! {
            <select
                name="provider"
                aria-label="Model"
                class="h-8 min-w-0 max-w-48 truncate rounded-md border border-line bg-surface px-2 text-xs text-ink-soft"
                on:change=pick
            >
                <option value="">"Any model"</option>
                {providers.into_iter().map(option).collect::<Vec<_>>()}
            </select>
        }
    })
}
