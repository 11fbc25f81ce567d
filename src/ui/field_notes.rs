//! What stands below the controls of a form, and how they refer to it: the same for all of them.

use leptos::prelude::*;

/// The look of a control that is written in, such as [`super::Field`] and [`super::Select`].
pub(super) const CONTROL: &str = "block w-full rounded-md border border-line-strong bg-surface px-3 \
    aria-invalid:border-danger disabled:cursor-not-allowed disabled:opacity-50";

/// The error, then the hint, of the control with the same id.
#[component]
pub(super) fn FieldNotes(
    /// The id of the control.
    id: &'static str,
    /// What to enter.
    hint: Option<&'static str>,
    /// What is wrong with what was entered.
    error: Option<String>,
) -> impl IntoView {
    view! {
        {error.map(|error| view! { <p id=format!("{id}-error") class="text-sm text-danger">{error}</p> })}
        {hint.map(|hint| view! { <p id=format!("{id}-hint") class="text-sm text-ink-soft">{hint}</p> })}
    }
}

/// What `aria-describedby` of the control says: the ids of its [`FieldNotes`], the error first.
pub(super) fn described_by(id: &str, hint: Option<&str>, error: Option<&String>) -> Option<String> {
    match (error, hint) {
        (Some(_), Some(_)) => Some(format!("{id}-error {id}-hint")),
        (Some(_), None) => Some(format!("{id}-error")),
        (None, Some(_)) => Some(format!("{id}-hint")),
        (None, None) => None,
    }
}
