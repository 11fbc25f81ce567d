//! One of a few, all of them in view. For more than about six, [`super::Select`] is calmer.

use leptos::prelude::*;

use super::Choice;
use super::field_notes::{FieldNotes, described_by};

/// Native radio buttons in a `<fieldset>`: the browser's own keys move between them.
#[component]
pub fn RadioGroup(
    /// The name it is sent under; in its form, no other group has it.
    name: &'static str,
    /// What is asked.
    label: &'static str,
    /// An id that is unique on the page.
    id: &'static str,
    /// What there is to choose from.
    choices: Vec<Choice>,
    /// The value that is chosen at first; none when no choice has it.
    #[prop(optional, into)]
    value: String,
    /// What to choose.
    #[prop(optional_no_strip)]
    hint: Option<&'static str>,
    /// What is wrong with what was chosen.
    #[prop(optional_no_strip)]
    error: Option<String>,
    /// One has to be chosen.
    #[prop(optional)]
    required: bool,
    /// It cannot be changed now.
    #[prop(optional)]
    disabled: bool,
    /// Is told the value when another one is chosen.
    #[prop(optional, into)]
    on_change: Option<Callback<String>>,
) -> impl IntoView {
    let described_by = described_by(id, hint, error.as_ref());
    let is_invalid = error.is_some();
    let radio = move |choice: Choice| {
        let checked = choice.value == value;
        view! {
            <label class="flex items-center gap-2.5">
                <input
                    name=name
                    type="radio"
                    value=choice.value
                    checked=checked
                    class="size-4 shrink-0 accent-accent disabled:cursor-not-allowed"
                    required=required
                    on:change=move |event| {
                        if let Some(on_change) = on_change {
                            on_change.run(event_target_value(&event));
                        }
                    }
                />
                {choice.label}
            </label>
        }
    };
    view! {
        <fieldset
            id=id
            class="min-w-0 space-y-1.5 disabled:opacity-50"
            role="radiogroup"
            disabled=disabled
            aria-required=required.then_some("true")
            aria-invalid=is_invalid.then_some("true")
            aria-describedby=described_by
        >
            <legend class="mb-1.5 text-sm font-medium">{label}</legend>
            {choices.into_iter().map(radio).collect::<Vec<_>>()}
            <FieldNotes id hint error />
        </fieldset>
    }
}
