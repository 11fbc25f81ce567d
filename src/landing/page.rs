//! `/`: what this is, what it costs, and how to run it oneself. A static page: no script, next to no bytes.

use leptos::prelude::*;

use crate::ui::{Badge, Button, ButtonSize, ButtonVariant, Card};

/// The body of the landing page.
#[component]
pub fn LandingPage(
    /// What a new account is given.
    free_credits: i64,
    /// Price of a reply, in credits.
    chat_credits: i64,
) -> impl IntoView {
    view! {
        <div class="mx-auto w-full max-w-5xl space-y-20 px-4 pt-12 pb-20 sm:px-6 sm:pt-20">
            <section class="grid items-center gap-12 lg:grid-cols-[1.1fr_1fr]">
                <div class="space-y-6">
                    <h1 class="text-4xl font-semibold tracking-tight text-balance sm:text-5xl">
                        "Your own AI chat, paid by the answer."
                    </h1>
                    <p class="max-w-prose text-lg text-ink-soft">
                        "Tessera answers with Gemini, OpenAI, any compatible server, or a small model that runs inside it. \
                         Credits are prepaid, every one of them has a line in the ledger, and an answer that fails costs nothing."
                    </p>
                    <div class="flex flex-wrap gap-3">
                        <Button
                            href="/sign-up"
                            label=format!("Start with {free_credits} free credits")
                            variant=ButtonVariant::Primary
                            size=ButtonSize::Large
                        />
                        <Button href="/sign-in" label="Sign in" size=ButtonSize::Large />
                    </div>
                </div>
                <Sample chat_credits />
            </section>
            <section aria-labelledby="promise" class="space-y-6">
                <h2 id="promise" class="text-2xl font-semibold tracking-tight">
                    "No result, no charge"
                </h2>
                <ul class="grid gap-4 sm:grid-cols-3">
                    <Point title="Set aside first" text="The price is put on hold before a model is asked, and you see it before you send." />
                    <Point title="Charged for answers" text="It is taken when the answer is stored. Errors, time-outs and crashes give it back." />
                    <Point title="Written down" text="Each grant, hold and charge is a line that is never changed, with its time and its balance." />
                </ul>
            </section>
            <section aria-labelledby="prices" class="space-y-6">
                <h2 id="prices" class="text-2xl font-semibold tracking-tight">
                    "Prices"
                </h2>
                <dl class="grid gap-4 sm:grid-cols-2">
                    <Price what="A reply" credits=chat_credits note="The same for every model." />
                    <Price what="To begin with" credits=free_credits note="Every new account, once, without a card." />
                </dl>
            </section>
            <section aria-labelledby="self-host" class="grid items-center gap-8 lg:grid-cols-2">
                <div class="space-y-3">
                    <h2 id="self-host" class="text-2xl font-semibold tracking-tight">
                        "Run it yourself"
                    </h2>
                    <p class="text-ink-soft">
                        "One program, no account with anybody and no keys to begin with: a model that runs inside is included. \
                         Add your own providers when you want them."
                    </p>
                </div>
                <pre class="overflow-x-auto rounded-md border border-line bg-sunken p-4 text-sm leading-6" tabindex="0">
                    <code>"git clone <this repository> tessera && cd tessera\nmake run"</code>
                </pre>
            </section>
        </div>
        <footer class="mt-auto border-t border-line">
            <p class="mx-auto flex max-w-5xl flex-wrap gap-x-6 gap-y-2 px-4 py-6 text-sm text-ink-soft sm:px-6">
                "Tessera is open source." <a class="underline underline-offset-2 hover:text-ink" href="/api/docs">
                    "HTTP API"
                </a>
            </p>
        </footer>
    }
}

/// A question, its answer and the receipt, as they look in the chat.
#[component]
fn Sample(
    /// Price of a reply, in credits.
    chat_credits: i64,
) -> impl IntoView {
    view! {
        <figure>
            <Card class="space-y-4 p-5 text-sm">
                <p class="ml-auto w-fit max-w-[85%] rounded-md bg-accent-soft px-3 py-2">"What is a tessera?"</p>
                <p>
                    "A small tile of stone or glass, one of the many that make up a mosaic. Romans also used the word for a \
                     token: something one paid with at the theatre or the baths."
                </p>
                <p class="flex flex-wrap gap-2">
                    <Badge>{chat_credits} {if chat_credits == 1 { " credit" } else { " credits" }}</Badge>
                    <Badge>"local"</Badge>
                </p>
            </Card>
            <figcaption class="mt-2 text-center text-xs text-ink-soft">"An answer and its receipt"</figcaption>
        </figure>
    }
}

#[component]
fn Point(
    /// A few words.
    title: &'static str,
    /// One or two sentences.
    text: &'static str,
) -> impl IntoView {
    view! {
        <li>
            <Card class="h-full space-y-2 p-5">
                <h3 class="font-medium">{title}</h3>
                <p class="text-sm text-ink-soft">{text}</p>
            </Card>
        </li>
    }
}

#[component]
fn Price(
    /// What it is for.
    what: &'static str,
    /// How many credits.
    credits: i64,
    /// One sentence.
    note: &'static str,
) -> impl IntoView {
    view! {
        <div class="rounded-md border border-line bg-surface p-5">
            <dt class="text-sm text-ink-soft">{what}</dt>
            <dd class="text-3xl font-semibold tabular-nums">
                {credits} <span class="pl-1 text-base font-normal text-ink-soft">{if credits == 1 { "credit" } else { "credits" }}</span>
            </dd>
            <dd class="mt-1 text-sm text-ink-soft">{note}</dd>
        </div>
    }
}
