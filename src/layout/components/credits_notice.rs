//! What there is to tell of the credits: a line below the header, until it is dismissed.

use leptos::prelude::*;

use crate::credits::Notice;
use crate::i18n::{Text, t};
use crate::layout::use_workspace;

/// The line, where there is something to say. Only the server makes it.
#[component]
pub fn CreditsNotice(
    /// The address of this page.
    next: String,
) -> impl IntoView {
    let notice = use_workspace().facts.read_value().notice.clone();
    notice.map(|Notice { text, action, address, key }| {
        view! {
            <div
                role="status"
                class="flex flex-wrap items-center justify-center gap-x-4 gap-y-1 border-b border-line bg-warning-soft px-4 py-2 text-sm text-warning"
            >
                <p>{text}</p>
                <a href=address class="rounded-md font-medium underline">
                    {action}
                </a>
                <form method="post" action="/notices">
                    <input type="hidden" name="seen" value=key />
                    <input type="hidden" name="next" value=next />
                    <button class="rounded-md font-medium underline">{t(Text::NoticeSeen)}</button>
                </form>
            </div>
        }
    })
}
