//! The prices of this site, as they are configured.

use leptos::prelude::*;

use crate::i18n::{Text, fill, t};
use crate::platform::amount::Amount;

/// What is sold here, in credits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShownPrices {
    /// What a new account is given.
    pub free: Amount,
    pub chat: ShownPrice,
    pub image: ShownPrice,
}

/// What something costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShownPrice {
    /// Where it is cheapest.
    pub least: Amount,
    /// Whether it may cost more, by model, length or size.
    pub varies: bool,
}

impl ShownPrice {
    /// What of these is cheapest; `usual` where there are none.
    #[must_use]
    pub fn of(prices: &[Amount], varies: bool, usual: Amount) -> Self {
        let least = prices.iter().min().copied().unwrap_or(usual);
        Self { least, varies: varies || prices.iter().any(|price| *price != least) }
    }

    fn text(self) -> String {
        let price = self.least.as_price();
        if self.varies { fill(Text::PriceFrom, &[("price", &price)]) } else { price }
    }
}

/// Four numbers.
#[component]
pub fn Prices(
    /// What is sold here.
    prices: ShownPrices,
) -> impl IntoView {
    let price = |number: String, what: Text, note: Text| {
        view! {
            <div class="flex flex-col gap-1 border-t border-line pt-6">
                <dt class="order-2 pt-2 font-medium">{t(what)}</dt>
                <dd class="order-1 font-display text-6xl lining-nums">{number}</dd>
                <dd class="order-3 text-pretty text-ink-soft">{t(note)}</dd>
            </div>
        }
    };
    let ShownPrices { free, chat, image } = prices;
    let of_answer = if chat.varies { Text::PriceOfAnswerVaries } else { Text::PriceOfAnswerNote };
    let of_image = if image.varies { Text::PriceOfImageVaries } else { Text::PriceOfImageNote };
    view! {
        <section aria-labelledby="prices" class="space-y-10">
            <h2 id="prices" class="font-display text-4xl text-balance">
                {t(Text::PricesTitle)}
            </h2>
            <dl class="grid gap-x-8 gap-y-10 sm:grid-cols-2 lg:grid-cols-4">
                {price(free.as_price(), Text::PriceToBegin, Text::PriceToBeginNote)}
                {price(chat.text(), Text::PriceOfAnswer, of_answer)}
                {price(image.text(), Text::PriceOfImage, of_image)}
                {price(Amount::ZERO.as_price(), Text::PriceOfFailure, Text::PriceOfFailureNote)}
            </dl>
        </section>
    }
}
