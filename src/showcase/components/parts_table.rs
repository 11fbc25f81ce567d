//! What a component takes, or what a type is made of. Only the server renders it.

use leptos::prelude::*;

use crate::showcase::types::{Documented, Part};

/// A component with the table of its props.
#[component]
pub fn PropsTable(
    /// The component.
    component: &'static Documented,
) -> impl IntoView {
    let row = |part: &'static Part| {
        view! {
            <tr>
                <th scope="row" class="px-3 py-2 text-left align-top font-normal">
                    <code class="font-medium">{part.name.as_str()}</code>
                </th>
                <td class="px-3 py-2 align-top whitespace-nowrap">
                    <code class="text-ink-soft">{part.kind.as_str()}</code>
                </td>
                <td class="min-w-28 px-3 py-2 align-top">
                    {match &part.default {
                        Some(default) => view! { <code class="text-ink-soft">{default.as_str()}</code> }.into_any(),
                        None => view! { <span class="text-accent">"required"</span> }.into_any(),
                    }}
                </td>
                <td class="w-full min-w-48 px-3 py-2 align-top">
                    <Prose text=&part.about />
                </td>
            </tr>
        }
    };
    let head = |label| view! { <th scope="col" class="px-3 py-2 text-left font-medium">{label}</th> };
    let table = view! {
        <div
            class="overflow-x-auto rounded-md border border-line bg-surface focus-visible:-outline-offset-2"
            tabindex="0"
            role="group"
            aria-label=format!("Props of {}", component.name)
        >
            <table class="w-full text-[0.8125rem]">
                <thead class="border-b border-line text-xs text-ink-soft">
                    <tr>{["Prop", "Type", "Default", "Meaning"].map(head)}</tr>
                </thead>
                <tbody class="divide-y divide-line">{component.parts.iter().map(row).collect::<Vec<_>>()}</tbody>
            </table>
        </div>
    };
    view! {
        <div class="space-y-2">
            <h4 class="font-mono text-sm font-semibold">{component.name.as_str()}</h4>
            <p class="max-w-prose text-sm text-ink-soft">
                <Prose text=&component.about />
            </p>
            {(!component.parts.is_empty()).then_some(table)}
        </div>
    }
}

/// A type and what it is made of, in a line.
#[component]
pub fn TypeLine(
    /// The type.
    kind: &'static Documented,
) -> impl IntoView {
    let part = |(index, part): (usize, &'static Part)| {
        view! {
            {(index > 0).then_some(" · ")}
            <code title=part.about.as_str()>{part.name.as_str()}</code>
        }
    };
    view! {
        <p class="text-[0.8125rem] text-ink-soft">
            <code class="font-medium text-ink">{kind.name.as_str()}</code>
            ": "
            {kind.parts.iter().enumerate().map(part).collect::<Vec<_>>()}
        </p>
    }
}

/// A line of documentation: code stands between backticks, and links to other items are code as well.
#[component]
fn Prose(
    /// The line.
    text: &'static str,
) -> impl IntoView {
    let piece = |(index, piece): (usize, &'static str)| {
        if index % 2 == 1 {
            view! { <code class="text-ink">{piece.trim_start_matches("super::")}</code> }.into_any()
        } else {
            piece.replace(['[', ']'], "").into_any()
        }
    };
    text.split('`').enumerate().map(piece).collect::<Vec<_>>()
}
