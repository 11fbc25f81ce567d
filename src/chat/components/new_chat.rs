//! A chat that has not begun: what one could ask.

use leptos::prelude::*;

use crate::chat::thread::Thread;
use crate::ui::Mosaic;

/// Each fills the composer.
const SUGGESTIONS: [&str; 4] = [
    "Explain how tides work to a ten-year-old.",
    "Write a Python function that finds duplicate files.",
    "Compare tea and coffee in a small table.",
    "Help me word a friendly reminder about an unpaid invoice.",
];

/// A greeting and some questions to begin with.
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
            </div>
        </div>
    }
}
