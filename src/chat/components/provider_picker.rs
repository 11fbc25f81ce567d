//! Who answers: a choice when there is one, and what is wrong when nobody can.

use leptos::prelude::*;

use crate::chat::ProviderInfo;
use crate::chat::thread::Thread;
use crate::ui::Alert;

/// A choice between the providers; nothing if there is only one.
#[component]
pub fn ProviderPicker(
    /// The chat page.
    thread: Thread,
) -> impl IntoView {
    let providers = thread.workspace.providers;
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
    move || {
        let providers = providers.get();
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
}

/// Why nobody can answer now, or why the first in order cannot.
#[component]
pub fn ProviderProblem(
    /// The chat page.
    thread: Thread,
) -> impl IntoView {
    let problem = Memo::new(move |_| {
        thread.workspace.providers.with(|all| {
            let chosen = thread.provider.get();
            let chosen = chosen.and_then(|name| all.iter().find(|provider| provider.name == name));
            match chosen {
                Some(chosen) => chosen.problem.clone(),
                None if all.iter().all(|provider| provider.problem.is_some()) => {
                    all.first().and_then(|first| first.problem.clone())
                }
                None => None,
            }
        })
    });
    move || problem.get().map(|problem| view! { <Alert>{problem}</Alert> })
}
