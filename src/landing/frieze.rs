//! The motif of the landing page: a mosaic that is being laid.

use leptos::prelude::*;

/// A band of tiles across the page; decorative. There is one on a page: its pattern has an id.
#[component]
pub fn Frieze() -> impl IntoView {
    // 32 by 3 tiles on a grid of 24 px, each 22 px wide, in the colours of the mark; the higher, the fewer.
    view! {
        <svg class="block h-18 w-full" aria-hidden="true">
            <pattern id="frieze" width="768" height="72" patternUnits="userSpaceOnUse">
                <path
                    class="fill-accent"
                    d="M385 1h22v22h-22zM433 1h22v22h-22zM1 25h22v22h-22zM145 25h22v22h-22zM217 25h22v22h-22z\
                       M265 25h22v22h-22zM361 25h22v22h-22zM433 25h22v22h-22zM697 25h22v22h-22zM25 49h22v22h-22z\
                       M169 49h22v22h-22zM217 49h22v22h-22zM313 49h22v22h-22zM457 49h22v22h-22zM529 49h22v22h-22z\
                       M577 49h22v22h-22zM625 49h22v22h-22zM721 49h22v22h-22z"
                />
                <path
                    class="fill-accent/50"
                    d="M145 1h22v22h-22zM217 1h22v22h-22zM337 25h22v22h-22zM529 25h22v22h-22zM553 25h22v22h-22z\
                       M649 25h22v22h-22zM745 25h22v22h-22zM1 49h22v22h-22zM97 49h22v22h-22zM121 49h22v22h-22z\
                       M409 49h22v22h-22zM505 49h22v22h-22zM553 49h22v22h-22zM601 49h22v22h-22z"
                />
                <path
                    class="fill-accent/20"
                    d="M241 1h22v22h-22zM289 1h22v22h-22zM457 1h22v22h-22zM673 1h22v22h-22zM25 25h22v22h-22z\
                       M73 25h22v22h-22zM97 25h22v22h-22zM193 25h22v22h-22zM241 25h22v22h-22zM289 25h22v22h-22z\
                       M409 25h22v22h-22zM505 25h22v22h-22zM625 25h22v22h-22zM49 49h22v22h-22zM73 49h22v22h-22z\
                       M145 49h22v22h-22zM193 49h22v22h-22zM241 49h22v22h-22zM265 49h22v22h-22zM289 49h22v22h-22z\
                       M337 49h22v22h-22zM361 49h22v22h-22zM385 49h22v22h-22zM433 49h22v22h-22zM481 49h22v22h-22z\
                       M649 49h22v22h-22zM673 49h22v22h-22zM697 49h22v22h-22zM745 49h22v22h-22z"
                />
                <path class="fill-gold" d="M457 25h22v22h-22z" />
            </pattern>
            <rect width="100%" height="100%" fill="url(#frieze)" />
        </svg>
    }
}
