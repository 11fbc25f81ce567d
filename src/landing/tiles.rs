//! Credits, drawn as tiles: the picture that the landing page explains itself with.

use leptos::prelude::*;

/// What has become of the last tile of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastTile {
    /// On hold for an answer.
    Held,
    /// Charged for one.
    Spent,
    /// Nothing: it is there as before.
    Kept,
}

impl LastTile {
    const fn class(self) -> &'static str {
        match self {
            Self::Held => "fill-gold",
            Self::Spent => "fill-none stroke-line-strong",
            Self::Kept => "fill-accent",
        }
    }

    /// An outline is drawn on both sides of its path.
    const fn path(self) -> &'static str {
        match self {
            Self::Held | Self::Kept => "M100 0h20v20h-20z",
            Self::Spent => "M100.5 .5h19v19h-19z",
        }
    }
}

/// A row of tiles; decorative.
#[component]
pub fn Tiles(
    /// What has become of the last one.
    last: LastTile,
) -> impl IntoView {
    view! {
        <svg class="h-5 w-auto" viewBox="0 0 120 20" aria-hidden="true">
            <path class="fill-accent" d="M0 0h20v20H0zM25 0h20v20H25zM50 0h20v20H50zM75 0h20v20H75z" />
            <path class=last.class() d=last.path() />
        </svg>
    }
}
