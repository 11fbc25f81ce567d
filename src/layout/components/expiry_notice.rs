//! Credits that expire soon: a line below the header, until it is dismissed.

use leptos::prelude::*;

use crate::credits::Expiring;
use crate::i18n::{Text, count, fill, t};
use crate::layout::use_workspace;

/// The line, where there is something to say. Only the server makes it.
#[component]
pub fn ExpiryNotice(
    /// The address of this page.
    next: String,
) -> impl IntoView {
    let expiring = use_workspace().facts.read_value().expiring.clone();
    expiring.map(|Expiring { amount, days, key }| {
        let when = count(Text::WithinDays, days);
        let text = fill(Text::CreditsExpireSoon, &[("credits", &amount.as_balance()), ("when", &when)]);
        view! {
            <div
                role="status"
                class="flex flex-wrap items-center justify-center gap-x-4 gap-y-1 border-b border-line bg-warning-soft px-4 py-2 text-sm text-warning"
            >
                <p>{text}</p>
                <a href="/dashboard" class="rounded-md font-medium underline">
                    {t(Text::ToYourCredits)}
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
