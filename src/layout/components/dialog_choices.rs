//! The end of a dialog: back, or on.

use leptos::prelude::*;

use crate::i18n::{Text, t};
use crate::ui::{Button, ButtonVariant};

/// Two buttons: one closes the dialog, one submits the form around it.
#[component]
pub fn DialogChoices(
    /// What going back sets to `false`.
    cancel: RwSignal<bool>,
    /// What going on is called.
    label: &'static str,
    /// How much weight that has.
    #[prop(default = ButtonVariant::Primary)]
    variant: ButtonVariant,
    /// One cannot go on now.
    #[prop(optional, into)]
    disabled: Signal<bool>,
) -> impl IntoView {
    view! {
        <div class="flex justify-end gap-2">
            <Button label=t(Text::Cancel) on_click=move |_| cancel.set(false) />
            <Button label variant kind="submit" disabled />
        </div>
    }
}
