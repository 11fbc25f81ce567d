//! Who answers: the button in the composer. What it opens is in `provider_list.rs`.

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::provider_list::show_providers;
use crate::chat::provider_label;
use crate::chat::thread::Thread;
use crate::ui::{Icon, IconName};

/// The panel that the button opens.
pub const PICKER_ID: &str = "providers";

/// A button that says who is asked first. Without a script, a list to choose from.
#[component]
pub fn ProviderPicker(
    /// The chat page.
    thread: Thread,
) -> impl IntoView {
    let label = Signal::derive(move || label_of(thread.provider.get().as_deref()).to_owned());
    let load = move |_| spawn_local(async move { drop(show_providers(thread).await) });
    view! {
        <button
            type="button"
            class="flex h-8 min-w-0 items-center gap-1.5 rounded-md px-2 text-xs text-ink-soft hover:bg-sunken hover:text-ink noscript:hidden"
            popovertarget=PICKER_ID
            on:click=load
        >
            <span class="sr-only">"Model: "</span>
            <span class="truncate">{label}</span>
            <Icon name=IconName::ChevronDown class="size-3 shrink-0" />
        </button>
        <noscript inner_html=list_without_script(thread)></noscript>
    }
}

/// What the choice is called; `None`: whoever can answers.
#[must_use]
pub fn label_of(provider: Option<&str>) -> &str {
    provider.map_or("Automatic", provider_label)
}

/// As HTML, which the browser has no use for if it runs scripts: so there is no code for it there.
fn list_without_script(thread: Thread) -> String {
    if cfg!(target_arch = "wasm32") {
        return String::new();
    }
    let picked = thread.provider.get_untracked();
    let providers = thread.workspace.facts.read_value().providers.clone();
    let option = |provider: crate::chat::ProviderInfo| {
        let label = format!("{} · {}", provider_label(&provider.name), provider.model);
        let is_picked = picked.as_ref() == Some(&provider.name);
        view! {
            <option value=provider.name selected=is_picked>
                {label}
            </option>
        }
    };
    let list = view! {
        <select name="provider" aria-label="Model" class="h-8 max-w-48 rounded-md border border-line bg-surface px-2 text-xs">
            <option value="">{label_of(None).to_owned()}</option>
            {providers.into_iter().map(option).collect::<Vec<_>>()}
        </select>
    };
    list.to_html()
}
