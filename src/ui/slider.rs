//! A whole number within limits, where about right is good enough.

use leptos::prelude::*;

use super::field_notes::{FieldNotes, described_by};

/// A native range input with the number that it shows.
#[component]
pub fn Slider(
    /// The name it is sent under.
    name: &'static str,
    /// Its label.
    label: &'static str,
    /// An id that is unique on the page.
    id: &'static str,
    /// The least.
    #[prop(optional)]
    min: i32,
    /// The most.
    #[prop(default = 100)]
    max: i32,
    /// What a key press adds or takes.
    #[prop(default = 1)]
    step: i32,
    /// What it is at first.
    #[prop(optional)]
    value: i32,
    /// What stands after the number, with the space that it needs.
    #[prop(optional)]
    unit: &'static str,
    /// What it does.
    #[prop(optional_no_strip)]
    hint: Option<&'static str>,
    /// What is wrong with the number.
    #[prop(optional_no_strip)]
    error: Option<String>,
    /// It cannot be changed now.
    #[prop(optional)]
    disabled: bool,
    /// Is told the number with every change.
    #[prop(optional, into)]
    on_input: Option<Callback<i32>>,
) -> impl IntoView {
    let described_by = described_by(id, hint, error.as_ref());
    let shown = RwSignal::new(value.to_string());
    view! {
        <div class="space-y-1.5">
            <div class="flex items-baseline justify-between gap-4 text-sm">
                <label for=id class="font-medium">
                    {label}
                </label>
                // Without a script it would go on to show the first number. Screen readers read the input itself.
                <output for=id class="text-ink-soft tabular-nums noscript:hidden" aria-live="off">
                    {shown}
                    {unit}
                </output>
            </div>
            <input
                id=id
                name=name
                type="range"
                min=min
                max=max
                step=step
                value=value
                class="block h-6 w-full cursor-pointer accent-accent disabled:cursor-not-allowed"
                disabled=disabled
                aria-invalid=error.is_some().then_some("true")
                aria-describedby=described_by
                aria-valuetext=Signal::derive(move || shown.get() + unit)
                on:input=move |event| {
                    let text = event_target_value(&event);
                    if let (Some(on_input), Ok(value)) = (on_input, text.parse()) {
                        on_input.run(value);
                    }
                    shown.set(text);
                }
            />
            <FieldNotes id hint error />
        </div>
    }
}
