//! A button that copies a text and says so.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{Icon, IconName, copy_text};

/// A quiet button. When the text is on the clipboard, it says so for two seconds, to screen readers too.
#[component]
pub fn CopyButton(
    /// What is copied; read when the button is pressed.
    #[prop(into)]
    text: Signal<String>,
    /// What it says.
    label: &'static str,
    /// What it says when it is done.
    copied: &'static str,
) -> impl IntoView {
    let done = RwSignal::new(false);
    let copy = move |_| {
        let text = text.get_untracked();
        spawn_local(async move {
            // The page may be another one by then.
            if copy_text(&text).await && done.try_set(true).is_none() {
                let over = move || _ = done.try_set(false);
                set_timeout(over, Duration::from_secs(2));
            }
        });
    };
    view! {
        <button
            type="button"
            class="inline-flex h-7 items-center gap-1.5 rounded-md px-2 text-xs text-ink-soft transition-colors hover:bg-surface \
                   hover:text-ink noscript:hidden"
            on:click=copy
        >
            {move || {
                let name = if done.get() { IconName::Check } else { IconName::Copy };
                view! { <Icon name class="size-3.5" /> }
            }}
            {move || if done.get() { copied } else { label }}
        </button>
        <span class="sr-only" role="status">
            {move || if done.get() { copied } else { "" }}
        </span>
    }
}
