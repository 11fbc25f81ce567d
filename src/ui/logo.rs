//! The mark: nine tiles of a mosaic.

use leptos::prelude::*;

/// Nine tiles, 48 px wide, as HTML; decorative. Accent in three strengths and one tile of gold: the same picture as
/// public/favicon.svg.
pub const MOSAIC: &str = "<svg class='size-12' viewBox='0 0 24 24' aria-hidden='true'>\
    <path class='fill-accent' d='M1 1h6v6H1zM9 1h6v6H9zM17 1h6v6h-6zM9 9h6v6H9zM9 17h6v6H9z'/>\
    <path class='fill-accent/40' d='M1 9h6v6H1zM17 17h6v6h-6z'/>\
    <path class='fill-accent/20' d='M1 17h6v6H1z'/><path class='fill-gold' d='M17 9h6v6h-6z'/></svg>";

/// Nine tiles; decorative.
#[component]
pub fn Mosaic(
    /// Its size.
    #[prop(default = "size-6")]
    class: &'static str,
) -> impl IntoView {
    // Accent in three strengths and one tile of gold: the same picture as public/favicon.svg.
    view! {
        <svg class=class viewBox="0 0 24 24" aria-hidden="true">
            <path class="fill-accent" d="M1 1h6v6H1zM9 1h6v6H9zM17 1h6v6h-6zM9 9h6v6H9zM9 17h6v6H9z" />
            <path class="fill-accent/40" d="M1 9h6v6H1zM17 17h6v6h-6z" />
            <path class="fill-accent/20" d="M1 17h6v6H1z" />
            <path class="fill-gold" d="M17 9h6v6h-6z" />
        </svg>
    }
}

/// The mark and the name.
#[component]
pub fn Logo() -> impl IntoView {
    view! {
        <span class="inline-flex items-center gap-2 font-semibold tracking-tight">
            <Mosaic />
            "Tessera"
        </span>
    }
}
