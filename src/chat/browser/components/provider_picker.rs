//! Who is asked: the button in the composer. It opens a panel that stays while pages come and go
//! (`layout/components/provider_panel.rs`).

use leptos::prelude::*;

use crate::chat::browser::talk;
use crate::chat::browser::thread::Thread;
use crate::chat::{EFFORTS, PROVIDERS_ID};
use crate::i18n::{Text, t};
use crate::ui::{Icon, IconName};

/// A button that says who is asked first.
#[component]
pub fn ProviderPicker(
    /// The chat page.
    thread: Thread,
) -> impl IntoView {
    let workspace = thread.workspace;
    let label = Signal::derive(move || {
        let picked = workspace.provider.get();
        let facts = workspace.facts.read_value();
        let known = picked.as_ref().and_then(|name| facts.terms.iter().find(|terms| terms.provider == *name));
        let label = known.map(|terms| terms.label.clone()).or(picked).unwrap_or_else(|| t(Text::Automatic).to_owned());
        let effort = workspace.effort.get();
        match EFFORTS.into_iter().find(|(name, _)| effort.as_deref() == Some(*name)) {
            Some((_, text)) => format!("{label} \u{b7} {}", t(text)),
            None => label,
        }
    });
    view! {
        <button
            type="button"
            class="flex h-8 min-w-0 items-center gap-1.5 rounded-md px-2 text-xs text-ink-soft hover:bg-sunken hover:text-ink"
            popovertarget=PROVIDERS_ID
            on:click=move |_| talk::open_providers(thread)
        >
            <span class="sr-only">{t(Text::ModelColon)}</span>
            <span class="truncate">{label}</span>
            <Icon name=IconName::ChevronDown class="size-3 shrink-0" />
        </button>
    }
}
