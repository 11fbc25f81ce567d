//! A small fact beside something else.

use leptos::prelude::*;

/// What the colour says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BadgeTone {
    /// Nothing in particular.
    #[default]
    Neutral,
    /// Credits came in, or something worked.
    Success,
    /// Something is unusual.
    Warning,
    /// Something went wrong.
    Danger,
}

impl BadgeTone {
    /// The utilities of this tone.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Neutral => "bg-sunken text-ink-soft",
            Self::Success => "bg-success-soft text-success",
            Self::Warning => "bg-warning-soft text-warning",
            Self::Danger => "bg-danger-soft text-danger",
        }
    }
}

/// A few words on a tinted tile.
#[component]
pub fn Badge<C: IntoView + 'static>(
    /// What the colour says.
    #[prop(optional)]
    tone: BadgeTone,
    /// The words.
    children: TypedChildren<C>,
) -> impl IntoView {
    view! {
        <span class=format!(
            "inline-flex items-center gap-1 rounded-md px-2 py-0.5 text-xs font-medium whitespace-nowrap {}",
            tone.class(),
        )>{children.into_inner()()}</span>
    }
}
