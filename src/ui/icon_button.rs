//! A button that shows only an icon.

use leptos::prelude::*;

use super::{Icon, IconName};

/// A square button with an icon. Events and attributes are given to it as to an element.
#[component]
pub fn IconButton(
    /// What it shows.
    icon: IconName,
    /// What it does, for screen readers and as a tooltip.
    #[prop(into)]
    label: Signal<String>,
    /// `button` or `submit`.
    #[prop(default = "button")]
    kind: &'static str,
    /// Utilities for its size and place; 32 px when absent.
    #[prop(default = "size-8")]
    class: &'static str,
    /// It cannot be pressed now.
    #[prop(optional, into)]
    disabled: Signal<bool>,
) -> impl IntoView {
    view! {
        <button
            class=format!(
                "inline-flex shrink-0 items-center justify-center rounded-md text-ink-soft transition-colors \
                 hover:bg-sunken hover:text-ink disabled:cursor-not-allowed disabled:opacity-50 {class}",
            )
            type=kind
            disabled=disabled
            aria-label=label
            title=label
        >
            <Icon name=icon />
        </button>
    }
}
