//! A key to press.

use leptos::prelude::*;

/// A key as a small tile.
#[component]
pub fn Kbd(
    /// What is on the key.
    #[prop(into)]
    key: String,
) -> impl IntoView {
    view! {
        <kbd class="inline-flex h-5 min-w-5 items-center justify-center rounded-md border border-line-strong bg-surface px-1 \
                    font-sans text-xs text-ink-soft">{key}</kbd>
    }
}
