//! Yes or no, as part of a form.

use leptos::prelude::*;

use super::field_notes::{FieldNotes, described_by};

/// A checkbox with its label beside it.
#[component]
pub fn Checkbox(
    /// The name it is sent under.
    name: &'static str,
    /// Its label.
    label: &'static str,
    /// An id that is unique on the page.
    id: &'static str,
    /// What is sent when it is checked.
    #[prop(default = "on")]
    value: &'static str,
    /// Whether it is checked at first.
    #[prop(optional)]
    checked: bool,
    /// What it means.
    #[prop(optional_no_strip)]
    hint: Option<&'static str>,
    /// What is wrong with the answer.
    #[prop(optional_no_strip)]
    error: Option<String>,
    /// It has to be checked.
    #[prop(optional)]
    required: bool,
    /// It cannot be changed now.
    #[prop(optional)]
    disabled: bool,
    /// Is told whether it is checked now.
    #[prop(optional, into)]
    on_change: Option<Callback<bool>>,
) -> impl IntoView {
    let described_by = described_by(id, hint, error.as_ref());
    view! {
        <div class="space-y-1.5">
            <div class="flex items-start gap-2.5">
                <input
                    id=id
                    name=name
                    type="checkbox"
                    value=value
                    checked=checked
                    class="mt-1 size-4 shrink-0 accent-accent disabled:cursor-not-allowed"
                    required=required
                    disabled=disabled
                    aria-invalid=error.is_some().then_some("true")
                    aria-describedby=described_by
                    on:change=move |event| {
                        if let Some(on_change) = on_change {
                            on_change.run(event_target_checked(&event));
                        }
                    }
                />
                <label for=id>{label}</label>
            </div>
            <FieldNotes id hint error />
        </div>
    }
}
