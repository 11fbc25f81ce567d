//! What happens to a credit, in three pictures.

use leptos::prelude::*;

use super::tiles::{LastTile, Tiles};
use crate::i18n::{Text, t};

/// Set aside, then spent or given back.
#[component]
pub fn Steps() -> impl IntoView {
    let step = |last: LastTile, title: Text, text: Text| {
        view! {
            <li class="space-y-4 border-t border-line pt-6">
                <Tiles last />
                <h3 class="font-medium">{t(title)}</h3>
                <p class="text-pretty text-ink-soft">{t(text)}</p>
            </li>
        }
    };
    view! {
        <section aria-labelledby="promise" class="space-y-10">
            <div class="max-w-2xl space-y-4">
                <h2 id="promise" class="font-display text-4xl text-balance">
                    {t(Text::PromiseTitle)}
                </h2>
                <p class="text-lg text-pretty text-ink-soft">{t(Text::PromiseText)}</p>
            </div>
            <ol class="grid gap-x-8 gap-y-10 md:grid-cols-3">
                {step(LastTile::Held, Text::HeldTitle, Text::HeldText)}
                {step(LastTile::Spent, Text::SpentTitle, Text::SpentText)}
                {step(LastTile::Kept, Text::GivenBackTitle, Text::GivenBackText)}
            </ol>
        </section>
    }
}
