//! Code to read and to take away.

use leptos::prelude::*;

use super::CopyButton;

/// Code under a line that names its language and copies it.
#[component]
pub fn CodeBlock(
    /// What it is written in.
    language: &'static str,
    /// The code.
    #[prop(into)]
    code: String,
    /// What the button that copies it says.
    copy: &'static str,
    /// What that button says when it is done.
    copied: &'static str,
) -> impl IntoView {
    let text = StoredValue::new(code.clone());
    view! {
        <div class="overflow-hidden rounded-md border border-line bg-surface">
            <div class="flex h-9 items-center justify-between border-b border-line bg-sunken pr-1 pl-3.5 text-xs text-ink-soft">
                {language}
                <CopyButton text=Signal::derive(move || text.get_value()) label=copy copied />
            </div>
            // It scrolls sideways, so keys have to reach it.
            <pre
                class="overflow-x-auto p-3.5 font-mono text-[0.8125rem] leading-5 focus-visible:-outline-offset-2"
                tabindex="0"
                role="group"
                aria-label=language
            >
                <code>{code}</code>
            </pre>
        </div>
    }
}
