//! What an account has.

use leptos::prelude::*;

use crate::credits::Credits;
use crate::ui::Card;

/// Available, held, and what is owed if anything is.
#[component]
pub fn BalanceCard(
    /// The account.
    credits: Credits,
) -> impl IntoView {
    let figure = |label: &'static str, amount: i64, explanation: &'static str| {
        view! {
            <div>
                <dt class="text-sm text-ink-soft">{label}</dt>
                <dd class="text-3xl font-semibold tabular-nums">{amount}</dd>
                <dd class="mt-1 text-sm text-ink-soft">{explanation}</dd>
            </div>
        }
    };
    view! {
        <Card>
            <dl class="grid gap-6 sm:grid-cols-2">
                {figure("Available", credits.available, "Ready to be spent.")}
                {figure("On hold", credits.held, "Set aside for replies that are being written.")}
                {(credits.debt > 0)
                    .then(|| figure("Owed", credits.debt, "Refunded after it was spent; the next purchase settles it."))}
            </dl>
        </Card>
    }
}
