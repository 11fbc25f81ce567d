//! On or off, with effect at once. What is sent with a form later is a [`super::Checkbox`].

use leptos::prelude::*;

use super::field_notes::{FieldNotes, described_by};

/// A tile that slides from off to on: a native checkbox with `role="switch"`.
#[component]
pub fn Switch(
    /// The name it is sent under.
    name: &'static str,
    /// Its label.
    label: &'static str,
    /// An id that is unique on the page.
    id: &'static str,
    /// Whether it is on at first.
    #[prop(optional)]
    checked: bool,
    /// What it does.
    #[prop(optional_no_strip)]
    hint: Option<&'static str>,
    /// Why it could not be switched.
    #[prop(optional_no_strip)]
    error: Option<String>,
    /// It cannot be switched now.
    #[prop(optional)]
    disabled: bool,
    /// Is told whether it is on now.
    #[prop(optional, into)]
    on_change: Option<Callback<bool>>,
) -> impl IntoView {
    let described_by = described_by(id, hint, error.as_ref());
    view! {
        <div class="space-y-1.5">
            <div class="flex items-start justify-between gap-4">
                <label for=id>{label}</label>
                <input
                    id=id
                    name=name
                    type="checkbox"
                    role="switch"
                    checked=checked
                    class="relative mt-0.5 h-5 w-9 shrink-0 cursor-pointer appearance-none rounded-md border border-line-strong \
                           bg-sunken transition-colors before:absolute before:top-0.5 before:left-0.5 before:size-3.5 \
                           before:rounded-md before:bg-ink-soft before:transition-transform checked:border-accent \
                           checked:bg-accent checked:before:translate-x-4 checked:before:bg-on-accent \
                           disabled:cursor-not-allowed disabled:opacity-50 forced-colors:appearance-auto"
                    disabled=disabled
                    aria-describedby=described_by
                    on:change=move |event| {
                        if let Some(on_change) = on_change {
                            on_change.run(event_target_checked(&event));
                        }
                    }
                />
            </div>
            <FieldNotes id hint error />
        </div>
    }
}
