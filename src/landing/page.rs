//! `/`: what this is, what it costs, and how to run it oneself. A static page: no script, next to no bytes.

use leptos::prelude::*;

use super::frieze::Frieze;
use super::prices::{Prices, ShownPrices};
use super::sample::Sample;
use super::self_hosting::SelfHosting;
use super::sketches::Sketches;
use super::steps::Steps;
use crate::i18n::{Text, count_written, t};
use crate::ui::{Button, ButtonSize, ButtonVariant};

/// The body of the landing page.
#[component]
pub fn LandingPage(
    /// What is sold here.
    prices: ShownPrices,
) -> impl IntoView {
    view! {
        <section class="mx-auto grid w-full max-w-6xl items-center gap-x-16 gap-y-12 px-4 py-12 sm:px-6 sm:py-20 lg:grid-cols-[1.2fr_1fr]">
            <div class="space-y-6">
                <h1 class="font-display text-4xl leading-tight tracking-tight sm:text-6xl sm:leading-tight">
                    {t(Text::HeroFirst)} <br /> <span class="text-ink-soft">{t(Text::HeroSecond)}</span>
                </h1>
                <p class="max-w-xl text-lg leading-relaxed text-pretty text-ink-soft">{t(Text::HeroText)}</p>
                <div class="space-y-3 pt-2">
                    <Button
                        href="/sign-up"
                        label=count_written(Text::StartWith, &prices.free.as_balance())
                        variant=ButtonVariant::Primary
                        size=ButtonSize::Large
                    />
                    <p class="text-sm text-ink-soft">{t(Text::NoCardNeeded)}</p>
                </div>
            </div>
            <Sample chat_credits=prices.chat.least />
        </section>
        <Frieze />
        <div class="mx-auto w-full max-w-6xl space-y-20 px-4 py-16 sm:space-y-28 sm:px-6 sm:py-24">
            <Steps />
            <Sketches />
            <Prices prices />
            <SelfHosting />
        </div>
    }
}
