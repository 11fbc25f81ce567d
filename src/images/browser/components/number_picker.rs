//! How many images are made next.

use leptos::prelude::*;

use crate::i18n::{Text, t};
use crate::images::MOST_AT_ONCE;
use crate::images::browser::collection::Collection;

/// Native radio buttons in one row.
#[component]
pub fn NumberPicker(
    /// Whose number it is.
    collection: Collection,
) -> impl IntoView {
    let number = collection.number;
    let choice = move |each: usize| {
        let checked = move || number.get() == each;
        view! {
            <label
                class="flex h-9 min-w-9 cursor-pointer items-center justify-center rounded-md text-sm font-medium text-ink-soft \
                       tabular-nums transition-colors hover:text-ink has-checked:bg-surface has-checked:text-ink \
                       has-focus-visible:outline-2 has-focus-visible:outline-accent"
            >
                <input
                    class="sr-only"
                    type="radio"
                    name="count"
                    value=each.to_string()
                    checked=checked
                    prop:checked=checked
                    on:change=move |_| number.set(each)
                />
                {each.to_string()}
            </label>
        }
    };
    view! {
        <fieldset class="min-w-0">
            <legend class="sr-only">{t(Text::HowMany)}</legend>
            <div class="flex rounded-md bg-sunken p-0.5">{(1..=MOST_AT_ONCE).map(choice).collect::<Vec<_>>()}</div>
        </fieldset>
    }
}
