//! The languages of the interface, each by its own name. A form: the whole page comes in the other language.

use leptos::prelude::*;

use super::{Icon, IconName};
use crate::i18n::{Language, Text, current_language, t};

/// One button per language that is not spoken here. The form sets the cookie and comes back to `next`.
#[component]
pub fn LanguageSwitch(
    /// The path of this page.
    #[prop(into)]
    next: String,
    /// Utilities for the buttons.
    #[prop(default = "rounded-md px-2 py-1 text-sm text-ink-soft hover:bg-sunken hover:text-ink")]
    class: &'static str,
    /// What they show before the name.
    #[prop(optional)]
    icon: Option<IconName>,
) -> impl IntoView {
    let button = |language: Language| {
        view! {
            <button class=class name="language" value=language.code() lang=language.code()>
                {icon.map(|icon| view! { <Icon name=icon class="size-4 text-ink-soft" /> })}
                {language.name()}
            </button>
        }
    };
    let others = Language::ALL.into_iter().filter(|language| *language != current_language());
    view! {
        <form method="post" action="/language" aria-label=t(Text::Language)>
            <input type="hidden" name="next" value=next />
            {others.map(button).collect::<Vec<_>>()}
        </form>
    }
}
