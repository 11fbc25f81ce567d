//! A chat that has not begun: what one could ask, and what the model is told first.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlTextAreaElement;

use crate::chat::thread::Thread;
use crate::ui::Mosaic;

/// Each fills the composer.
const SUGGESTIONS: [&str; 4] = [
    "Explain how tides work to a ten-year-old.",
    "Write a Python function that finds duplicate files.",
    "Compare tea and coffee in a small table.",
    "Help me word a friendly reminder about an unpaid invoice.",
];

/// As HTML: as a view it would cost 3 KB of WASM (brotli), and it is only read when a message is sent.
const PROMPT: &str = "<details><summary class='text-ink-soft'>System prompt</summary>\
    <textarea id='new-prompt' class='mt-2 block min-h-24 w-full rounded-md border border-line-strong bg-surface px-3 py-2' \
    aria-label='System prompt' placeholder='What the model is told first in this conversation'></textarea></details>";

/// A greeting, some questions to begin with, and the system prompt.
#[component]
pub fn NewChat(
    /// The chat page.
    thread: Thread,
) -> impl IntoView {
    let suggestion = move |text: &'static str| {
        view! {
            <li>
                <button
                    type="button"
                    class="h-full w-full rounded-md border border-line bg-surface px-4 py-3 text-left text-sm hover:bg-sunken"
                    on:click=move |_| thread.write(text.to_owned())
                >
                    {text}
                </button>
            </li>
        }
    };
    view! {
        <div class="min-h-0 flex-1 overflow-y-auto">
            <div class="mx-auto flex min-h-full max-w-3xl flex-col items-center justify-center gap-6 px-4 py-8">
                <Mosaic class="size-12" />
                <p class="text-center text-xl font-semibold">"What would you like to know?"</p>
                <ul class="grid w-full gap-2 sm:grid-cols-2 noscript:hidden" aria-label="Suggestions">
                    {SUGGESTIONS.map(suggestion)}
                </ul>
                <div class="w-full text-sm noscript:hidden" inner_html=Some(PROMPT.to_owned())></div>
            </div>
        </div>
    }
}

/// The field for the system prompt, while there is one.
pub fn prompt_field() -> Option<HtmlTextAreaElement> {
    document().get_element_by_id("new-prompt").map(JsCast::unchecked_into)
}
