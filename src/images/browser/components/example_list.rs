//! What one could ask for.

use leptos::prelude::*;

use crate::i18n::{Text, t};

const EXAMPLES: [Text; 8] = [
    Text::ExampleMountains,
    Text::ExampleLighthouse,
    Text::ExampleCity,
    Text::ExampleDesert,
    Text::ExampleForest,
    Text::ExampleIsland,
    Text::ExampleVillage,
    Text::ExamplePlanet,
];

/// Prompts to begin with: a press puts one into the field.
#[component]
pub fn ExampleList(
    /// They stand in one row, which scrolls.
    in_a_row: Signal<bool>,
    /// Is told the one that was pressed.
    on_pick: Callback<&'static str>,
) -> impl IntoView {
    let example = move |text: Text| {
        let prompt = t(text);
        view! {
            <li>
                <button
                    type="button"
                    class="h-full rounded-md border border-line bg-surface px-3 py-1.5 text-left text-sm text-ink-soft \
                           transition-colors hover:border-line-strong hover:text-ink"
                    on:click=move |_| on_pick.run(prompt)
                >
                    {prompt}
                </button>
            </li>
        }
    };
    view! {
        <ul
            class="flex flex-wrap gap-2 data-row:-mx-1 data-row:flex-nowrap data-row:overflow-x-auto data-row:px-1 data-row:py-1 \
                   data-row:whitespace-nowrap noscript:hidden"
            data-row=move || in_a_row.get().then_some("")
            aria-label=t(Text::ImageExamples)
        >
            {EXAMPLES.into_iter().map(example).collect::<Vec<_>>()}
        </ul>
    }
}
