//! All operations as links.

use leptos::prelude::*;

use super::super::page::{Entry, Group, anchor_of};

/// The list of operations, by group.
#[component]
pub fn Contents(
    /// The groups of the page.
    groups: &'static [Group],
) -> impl IntoView {
    let link = |entry: &'static Entry| {
        view! {
            <li>
                <a class="block rounded-md py-1 text-ink-soft hover:text-ink" href=format!("#{}", entry.id())>
                    {entry.summary()}
                    <code class="block text-xs break-all">{entry.method} " " {entry.path}</code>
                </a>
            </li>
        }
    };
    let group = |group: &'static Group| {
        view! {
            <li>
                <a class="font-medium" href=format!("#{}", anchor_of(group.name))>
                    {group.name}
                </a>
                <ul>{group.entries.iter().map(link).collect::<Vec<_>>()}</ul>
            </li>
        }
    };
    view! {
        <ul class="space-y-4 text-sm">
            {groups.iter().map(group).collect::<Vec<_>>()} <li>
                <a class="font-medium" href="#errors">
                    "Errors"
                </a>
            </li> <li>
                <a class="font-medium" href="#types">
                    "Types"
                </a>
            </li>
        </ul>
    }
}
