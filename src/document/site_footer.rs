//! What stands below every page without a script.

use leptos::prelude::*;

use crate::i18n::{Text, t};
use crate::ui::LanguageSwitch;

/// Where else one can go, and the other language.
#[component]
pub fn SiteFooter(
    /// Where this page is.
    path: String,
) -> impl IntoView {
    let link = |href: &'static str, text: Text| {
        view! {
            <a class="inline-flex min-h-8 items-center rounded-md hover:text-ink hover:underline" href=href>
                {t(text)}
            </a>
        }
    };
    view! {
        <footer class="border-t border-line">
            <div class="mx-auto flex max-w-6xl flex-wrap items-center gap-x-6 gap-y-1 px-4 py-6 text-sm text-ink-soft sm:px-6">
                <p class="mr-auto max-sm:basis-full">{t(Text::OpenSource)}</p>
                {link("/components", Text::UiComponents)}
                {link("/api/docs", Text::HttpApi)}
                <LanguageSwitch
                    next=path
                    class="inline-flex min-h-8 items-center rounded-md hover:text-ink hover:underline"
                />
            </div>
        </footer>
    }
}
