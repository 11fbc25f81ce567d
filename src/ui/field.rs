//! A labelled input with its hint and its error.

use leptos::{html, prelude::*};

use super::field_notes::{CONTROL, FieldNotes, described_by};

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
    let described_by = described_by(id, hint, error.as_ref());
    view! {
        <div class="space-y-1.5">
            <label for=id class="block text-sm font-medium">{label}</label>
            <input
                node_ref=input
                id=id
                name=name
                type=kind
                value=value
                class=format!("h-10 {CONTROL}")
                autocomplete=autocomplete
                required=required
                minlength=min_chars
                maxlength=max_chars
                autofocus=autofocus
                aria-invalid=error.is_some().then_some("true")
                aria-describedby=described_by
            />
            <FieldNotes id hint error />
        </div>
    }
}
