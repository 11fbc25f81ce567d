//! A key that was just made.

use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::i18n::{Text, t};
use crate::ui::{Button, IconName, copy_text};

/// The key, to be copied now or never.
#[component]
pub fn NewKey(
    /// The key itself.
    key: String,
) -> impl IntoView {
    let copied = RwSignal::new(false);
    let text = key.clone();
    let copy = move |_| {
        let text = text.clone();
        spawn_local(async move {
            if copy_text(&text).await {
                copied.set(true);
            }
        });
    };
    view! {
        <div class="space-y-3 rounded-md border border-accent bg-accent-soft p-4" role="status">
            <p class="text-sm font-medium">{t(Text::NewKeyExplained)}</p>
            <div class="flex flex-wrap items-center gap-2">
                <code class="min-w-0 flex-1 rounded-md bg-surface px-3 py-2 text-sm break-all select-all">{key}</code>
                <Button label=t(Text::Copy) icon=IconName::Copy on_click=Callback::new(copy) />
            </div>
            <p class="text-sm text-ink-soft" aria-live="polite">
                {move || if copied.get() { t(Text::Copied) } else { "" }}
            </p>
        </div>
    }
}
