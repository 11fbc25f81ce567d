//! A labelled text of several lines with its hint and its error.

use leptos::prelude::*;

use super::field_notes::{CONTROL, FieldNotes, described_by};

/// A labelled `<textarea>` of three lines that grows with its text (`field-sizing`); where a browser cannot do that, people can
/// drag it.
#[component]
pub fn TextArea(
    /// The name it is sent under.
    name: &'static str,
    /// Its label.
    label: &'static str,
    /// An id that is unique on the page.
    id: &'static str,
    /// What it holds at first.
    #[prop(optional, into)]
    value: String,
    /// What to enter.
    #[prop(optional_no_strip)]
    hint: Option<&'static str>,
    /// What is wrong with what was entered.
    #[prop(optional_no_strip)]
    error: Option<String>,
    /// It may not be empty.
    #[prop(optional)]
    required: bool,
    /// It cannot be changed now.
    #[prop(optional)]
    disabled: bool,
    /// Most characters.
    #[prop(optional)]
    max_chars: Option<usize>,
    /// Is told the text with every change.
    #[prop(optional, into)]
    on_input: Option<Callback<String>>,
) -> impl IntoView {
    let described_by = described_by(id, hint, error.as_ref());
    let html = in_text_area(&value);
    view! {
        <div class="space-y-1.5">
            <label for=id class="block text-sm font-medium">{label}</label>
            <textarea
                id=id
                name=name
                class=format!("field-sizing-content max-h-80 min-h-[5.625rem] resize-y py-2 {CONTROL}")
                rows="3"
                required=required
                disabled=disabled
                maxlength=max_chars
                aria-invalid=error.is_some().then_some("true")
                aria-describedby=described_by
                on:input=move |event| {
                    if let Some(on_input) = on_input {
                        on_input.run(event_target_value(&event));
                    }
                }
                inner_html=html
            ></textarea>
            <FieldNotes id hint error />
        </div>
    }
}

/// A text as the HTML of a `<textarea>`. Leptos writes children there as they are, and a line break at the beginning is none of the text's.
#[must_use]
pub fn in_text_area(text: &str) -> String {
    format!("\n{}", text.replace('&', "&amp;").replace('<', "&lt;"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_its_field() {
        let owner = Owner::new();
        let html = owner.with(|| {
            let value = "\nOne &amp; </textarea><b>two</b>";
            view! { <TextArea name="a" label="A" id="a" value /> }.to_html()
        });
        assert!(html.contains(">\n\nOne &amp;amp; &lt;/textarea>&lt;b>two&lt;/b></textarea>"), "{html}");
    }
}
