//! How many credits are left.

use leptos::prelude::*;

use crate::i18n::{Text, form_for_written, t};
use crate::layout::use_workspace;

/// The balance, live; it leads to the dashboard.
#[component]
pub fn CreditsBadge() -> impl IntoView {
    let available = use_workspace().available;
    let number = Signal::derive(move || available.get().as_balance());
    let unit =
        Signal::derive(move || format!(" {}", form_for_written(Text::CreditsUnit, &available.get().as_balance())));
    view! {
        <a
            href="/dashboard"
            class="flex h-8 min-w-0 items-center truncate rounded-md border border-line px-2.5 text-sm font-medium tabular-nums hover:bg-sunken"
            title=t(Text::BalanceAndActivity)
        >
            {number}
            <span class="sr-only sm:not-sr-only sm:pl-1">{unit}</span>
        </a>
    }
}
