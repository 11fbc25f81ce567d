//! One of a list, on the browser's own `<select>`: phones show their own wheel, and every key works.

use leptos::prelude::*;

use super::field_notes::{CONTROL, FieldNotes, described_by};
use super::{Choice, Icon, IconName};

/// A labelled `<select>`.
#[component]
pub fn Select(
    /// The name it is sent under.
    name: &'static str,
    /// Its label.
    label: &'static str,
    /// An id that is unique on the page.
    id: &'static str,
    /// What there is to choose from.
    choices: Vec<Choice>,
    /// The value that is chosen at first; the first choice when nothing has it.
    #[prop(optional, into)]
    value: String,
    /// What to choose.
    #[prop(optional_no_strip)]
    hint: Option<&'static str>,
    /// What is wrong with what was chosen.
    #[prop(optional_no_strip)]
    error: Option<String>,
    /// A choice with an empty value does not do.
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
    let option = move |choice: Choice| {
        let selected = choice.value == value;
        view! {
            <option value=choice.value selected=selected>
                {choice.label}
            </option>
        }
    };
    view! {
        <div class="space-y-1.5">
            <label for=id class="block text-sm font-medium">{label}</label>
            <div class="relative">
                <select
                    id=id
                    name=name
                    class=format!("h-10 appearance-none pr-9 {CONTROL}")
                    required=required
                    disabled=disabled
                    aria-invalid=error.is_some().then_some("true")
                    aria-describedby=described_by
                    on:change=move |event| {
                        if let Some(on_change) = on_change {
                            on_change.run(event_target_value(&event));
                        }
                    }
                >
                    {choices.into_iter().map(option).collect::<Vec<_>>()}
                </select>
                <Icon
                    name=IconName::ChevronDown
                    class="pointer-events-none absolute top-3 right-3 size-4 text-ink-soft"
                />
            </div>
            <FieldNotes id hint error />
        </div>
    }
}
