//! The prices of this site, as they are configured.

use leptos::prelude::*;

use crate::i18n::{Text, t};
use crate::platform::amount::Amount;

/// Four numbers.
#[component]
pub fn Prices(
    /// What a new account is given.
    free_credits: Amount,
    /// Price of a reply, in credits.
    chat_credits: Amount,
    /// Price of an image, in credits.
    image_credits: Amount,
) -> impl IntoView {
    let price = |credits: Amount, what: Text, note: Text| {
        view! {
            <div class="flex flex-col gap-1 border-t border-line pt-6">
                <dt class="order-2 pt-2 font-medium">{t(what)}</dt>
                <dd class="order-1 font-display text-6xl lining-nums">{credits.as_price()}</dd>
                <dd class="order-3 text-pretty text-ink-soft">{t(note)}</dd>
            </div>
        }
    };
    view! {
        <section aria-labelledby="prices" class="space-y-10">
            <h2 id="prices" class="font-display text-4xl text-balance">
                {t(Text::PricesTitle)}
            </h2>
            <dl class="grid gap-x-8 gap-y-10 sm:grid-cols-2 lg:grid-cols-4">
                {price(free_credits, Text::PriceToBegin, Text::PriceToBeginNote)}
                {price(chat_credits, Text::PriceOfAnswer, Text::PriceOfAnswerNote)}
                {price(image_credits, Text::PriceOfImage, Text::PriceOfImageNote)}
                {price(Amount::ZERO, Text::PriceOfFailure, Text::PriceOfFailureNote)}
            </dl>
        </section>
    }
}
