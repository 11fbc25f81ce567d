//! What is shown instead of a page.

use leptos::prelude::*;

use crate::i18n::{Text, t};
use crate::ui::{Button, ButtonVariant};

/// The body of an error page.
#[component]
pub fn ErrorPage(
    /// The HTTP status.
    status: u16,
    /// What happened, in a few words.
    #[prop(into)]
    title: String,
    /// What it means for the visitor.
    #[prop(into)]
    text: String,
    /// Finds this request in the log.
    #[prop(optional_no_strip)]
    request_id: Option<String>,
    /// The page that this came from, to go back to.
    #[prop(optional_no_strip)]
    back: Option<String>,
) -> impl IntoView {
    let way_on = back.map_or(("/chat".to_owned(), Text::ToTheChat), |back| (back, Text::BackToPage));
    view! {
        <div class="m-auto flex max-w-md flex-col items-center gap-6 px-4 py-16 text-center">
            <BrokenMosaic />
            <div class="space-y-2">
                <p class="text-sm text-ink-soft tabular-nums">{status}</p>
                <h1 class="font-display text-4xl text-balance">{title}</h1>
                <p class="text-ink-soft text-pretty">{text}</p>
            </div>
            <div class="flex flex-wrap justify-center gap-2">
                <Button href=way_on.0 label=t(way_on.1) variant=ButtonVariant::Primary />
                <Button href="/" label=t(Text::Home) />
            </div>
            {request_id
                .map(|id| {
                    view! {
                        <p class="text-xs text-ink-soft">
                            {t(Text::Request)} " " <code class="break-all select-all">{id}</code>
                        </p>
                    }
                })}
        </div>
    }
}

/// The mark, with one tile fallen out of it; decorative.
#[component]
fn BrokenMosaic() -> impl IntoView {
    view! {
        <svg class="w-24" viewBox="0 0 24 32" aria-hidden="true">
            <path class="fill-accent" d="M1 1h6v6H1zM9 1h6v6H9zM17 1h6v6h-6zM9 9h6v6H9zM9 17h6v6H9z" />
            <path class="fill-accent/40" d="M1 9h6v6H1zM17 17h6v6h-6z" />
            <path class="fill-accent/20" d="M1 17h6v6H1z" />
            <path
                class="fill-none stroke-line-strong"
                stroke-width="0.3"
                stroke-dasharray="0.9 0.7"
                d="M17.2 9.2h5.6v5.6h-5.6z"
            />
            <path class="fill-gold" d="M14.6 25.2l5.8-1.5 1.5 5.8-5.8 1.5z" />
        </svg>
    }
}
