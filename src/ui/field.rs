//! A labelled input with its hint and its error.

use leptos::{html, prelude::*};

/// A labelled `<input>`. Hint and error are tied to it for screen readers.
#[component]
pub fn Field(
    /// The name it is sent under.
    name: &'static str,
    /// Its label.
    label: &'static str,
    /// An id that is unique on the page.
    id: &'static str,
    /// The `type` of the input.
    #[prop(default = "text")]
    kind: &'static str,
    /// What it holds at first.
    #[prop(optional, into)]
    value: String,
    /// What to enter.
    #[prop(optional)]
    hint: Option<&'static str>,
    /// What is wrong with what was entered.
    #[prop(optional_no_strip)]
    error: Option<String>,
    /// What password managers fill in (HTML, "Autofill").
    #[prop(optional)]
    autocomplete: Option<&'static str>,
    /// It may not be empty.
    #[prop(optional)]
    required: bool,
    /// Fewest characters.
    #[prop(optional)]
    min_chars: Option<usize>,
    /// Most characters.
    #[prop(optional)]
    max_chars: Option<usize>,
    /// It has the focus when the page opens.
    #[prop(optional)]
    autofocus: bool,
    /// The input itself, for who needs to read or focus it.
    #[prop(optional)]
    input: NodeRef<html::Input>,
) -> impl IntoView {
    let hint_id = hint.map(|_| format!("{id}-hint"));
    let error_id = error.as_ref().map(|_| format!("{id}-error"));
    let described_by = match (&error_id, &hint_id) {
        (Some(error), Some(hint)) => Some(format!("{error} {hint}")),
        (Some(one), None) | (None, Some(one)) => Some(one.clone()),
        (None, None) => None,
    };
    view! {
        <div class="space-y-1.5">
            <label for=id class="block text-sm font-medium">{label}</label>
            <input
                node_ref=input
                id=id
                name=name
                type=kind
                value=value
                class="block h-10 w-full rounded-md border border-line-strong bg-surface px-3 aria-invalid:border-danger"
                autocomplete=autocomplete
                required=required
                minlength=min_chars
                maxlength=max_chars
                autofocus=autofocus
                aria-invalid=error.is_some().then_some("true")
                aria-describedby=described_by
            />
            {error.map(|error| view! { <p id=error_id class="text-sm text-danger">{error}</p> })}
            {hint.map(|hint| view! { <p id=hint_id class="text-sm text-ink-soft">{hint}</p> })}
        </div>
    }
}
