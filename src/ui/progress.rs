//! How far something is, or that it is under way.

use leptos::either::Either;
use leptos::prelude::*;

/// A bar when it is known how far it is; else tiles that light up in turn.
#[component]
pub fn Progress(
    /// What is under way, for screen readers.
    label: &'static str,
    /// How much is done. Without it, nobody knows.
    #[prop(optional, into)]
    value: Option<Signal<u32>>,
    /// How much there is to do.
    #[prop(default = 100)]
    max: u32,
) -> impl IntoView {
    match value {
        Some(value) => Either::Left(view! {
            <progress
                class="progress block h-2 w-full overflow-hidden rounded-md"
                max=max
                value=Signal::derive(move || value.get().to_string())
                aria-label=label
            ></progress>
        }),
        None => Either::Right(view! {
            <svg class="mosaic-progress size-6 fill-accent" viewBox="0 0 24 24" role="progressbar" aria-label=label>
                <path d="M1 1h6v6H1z" />
                <path d="M9 1h6v6H9zM1 9h6v6H1z" />
                <path d="M17 1h6v6h-6zM9 9h6v6H9zM1 17h6v6H1z" />
                <path d="M17 9h6v6h-6zM9 17h6v6H9z" />
                <path d="M17 17h6v6h-6z" />
            </svg>
        }),
    }
}
