//! All entries as links.

use leptos::prelude::*;

use crate::showcase::examples::{Entry, GROUPS, Group};

/// The entries whose name has `wanted` in it, by group.
#[component]
pub fn Contents(
    /// What is looked for, in small letters.
    wanted: RwSignal<String>,
) -> impl IntoView {
    let link = move |entry: &'static Entry| {
        view! {
            <li hidden=Signal::derive(move || !entry.has(&wanted.read()))>
                <a class="block rounded-md py-1 text-ink-soft hover:text-ink" href=format!("#{}", entry.anchor())>
                    {entry.name}
                </a>
            </li>
        }
    };
    let group = move |group: &'static Group| {
        view! {
            <li hidden=Signal::derive(move || !group.has(&wanted.read()))>
                <p class="py-1 font-medium">{group.name}</p>
                <ul>{group.entries.iter().map(link).collect::<Vec<_>>()}</ul>
            </li>
        }
    };
    view! { <ul class="space-y-4 text-sm">{GROUPS.iter().map(group).collect::<Vec<_>>()}</ul> }
}
