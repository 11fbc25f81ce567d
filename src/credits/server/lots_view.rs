//! The lots on `/dashboard`: HTML of the server, also for pages that the browser shows.

use leptos::prelude::*;

use crate::credits::{Lot, Origin};
use crate::i18n::{Text, t};
use crate::ui::{Badge, BadgeTone, Timestamp, html_of};

/// The lots in the order in which they are used. One of free credits that does not expire is nothing to speak of: empty.
#[must_use]
pub fn lots_html(lots: Vec<Lot>) -> String {
    let is_plain = |lot: &Lot| lot.origin == Origin::Promo && lot.expires_at.is_none();
    if lots.iter().all(is_plain) {
        return String::new();
    }
    html_of(|| section(lots))
}

fn section(lots: Vec<Lot>) -> impl IntoView {
    let line = |Lot { origin, left, expires_at, created_at, .. }: Lot| {
        let tone = if origin == Origin::Bought { BadgeTone::Success } else { BadgeTone::Neutral };
        let expires = match expires_at {
            Some(at) => view! { {t(Text::ExpiresAt)} " " <Timestamp at /> }.into_any(),
            None => t(Text::NeverExpires).into_any(),
        };
        view! {
            <li class="flex flex-wrap items-baseline gap-x-4 gap-y-1 px-4 py-2.5 text-sm">
                <span class="shrink-0 font-medium tabular-nums sm:w-24 sm:text-right">{left.as_balance()}</span>
                <Badge tone>{t(origin.text())}</Badge>
                <span class="basis-full text-ink-soft sm:basis-auto">{expires}</span>
                <span class="basis-full text-ink-soft sm:ml-auto sm:basis-auto">{t(Text::ReceivedAt)} " " <Timestamp at=created_at /></span>
            </li>
        }
    };
    view! {
        <section aria-labelledby="lots" class="space-y-3">
            <h2 id="lots" class="text-lg font-semibold">
                {t(Text::YourCredits)}
            </h2>
            <p class="text-sm text-ink-soft">{t(Text::YourCreditsExplained)}</p>
            <ol class="divide-y divide-line rounded-md border border-line bg-surface">
                {lots.into_iter().map(line).collect::<Vec<_>>()}
            </ol>
        </section>
    }
}
