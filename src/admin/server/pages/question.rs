//! What is asked before something is done: a form of its own, which does it.

use leptos::prelude::*;

use crate::i18n::{Text, t};
use crate::ui::{Button, ButtonVariant};

/// The question, and the form that does it at `action`; `back` leads to where nothing is done. Between them stands what tells more, and
/// all that is sent again, but for empty fields.
pub fn question_form<V: IntoView + 'static>(
    question: String,
    variant: ButtonVariant,
    (action, back): (String, String),
    fields: impl IntoIterator<Item = (&'static str, String)>,
    more: V,
) -> AnyView {
    view! {
        <form
            method="post"
            action=action
            aria-labelledby="question"
            class="max-w-3xl space-y-4 rounded-md border border-line-strong bg-surface p-4"
        >
            <p id="question" class="font-medium break-words">
                {question}
            </p>
            {more}
            {hidden_fields(fields)}
            <div class="flex flex-wrap gap-2">
                <Button label=t(Text::ConfirmTask) kind="submit" variant />
                <Button label=t(Text::Cancel) href=back />
            </div>
        </form>
    }
    .into_any()
}

/// What is sent again with the next form. Empty fields are left out.
pub fn hidden_fields(fields: impl IntoIterator<Item = (&'static str, String)>) -> Vec<AnyView> {
    let filled = fields.into_iter().filter(|(_, value)| !value.is_empty());
    filled.map(|(name, value)| view! { <input type="hidden" name=name value=value /> }.into_any()).collect()
}
