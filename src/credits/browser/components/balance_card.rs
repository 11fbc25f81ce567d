//! What an account has.

use leptos::prelude::*;

use crate::credits::Credits;
use crate::i18n::{Text, t};
use crate::platform::amount::Amount;
use crate::ui::Card;

/// Available, held, and what is owed if anything is.
#[component]
pub fn BalanceCard(
    /// The account.
    credits: Credits,
) -> impl IntoView {
    let figure = |label: Text, amount: Amount, explanation: Text| {
        view! {
            <div>
                <dt class="text-sm text-ink-soft">{t(label)}</dt>
                <dd class="text-3xl font-semibold tabular-nums">{amount.as_balance()}</dd>
                <dd class="mt-1 text-sm text-ink-soft">{t(explanation)}</dd>
            </div>
        }
    };
    view! {
        <Card>
            <dl class="grid grid-cols-[repeat(auto-fit,minmax(min(100%,14rem),1fr))] gap-6">
                {figure(Text::Available, credits.available, Text::AvailableExplained)}
                {figure(Text::OnHold, credits.held, Text::OnHoldExplained)}
                {credits.debt.is_positive()
                    .then(|| figure(Text::Owed, credits.debt, Text::OwedExplained))}
            </dl>
        </Card>
    }
}
