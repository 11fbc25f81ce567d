//! What a page shows while there is nothing to show.

use leptos::prelude::*;

use super::{Button, Mosaic};

/// The mosaic, one line that says what belongs here, and a way to begin.
#[component]
pub fn EmptyState(
    /// One line.
    #[prop(into)]
    title: String,
    /// A sentence more.
    #[prop(optional, into)]
    text: Option<String>,
    /// Where its link goes.
    href: &'static str,
    /// What the link says.
    action: &'static str,
) -> impl IntoView {
    view! {
        <div class="flex flex-col items-center gap-3 px-4 py-12 text-center">
            <Mosaic class="size-12" />
            <p class="font-medium">{title}</p>
            {text.map(|text| view! { <p class="max-w-prose text-sm text-ink-soft">{text}</p> })}
            <Button href label=action />
        </div>
    }
}
