//! A button that shows only an icon.

use leptos::ev::MouseEvent;
use leptos::prelude::*;

use super::button::press;
use super::{Icon, IconName};

/// A square button with an icon.
#[component]
pub fn IconButton(
    /// What it shows.
    icon: IconName,
    /// What it does, for screen readers and as a tooltip.
    #[prop(into)]
    label: String,
    /// Utilities for its size and place; 32 px when absent.
    #[prop(default = "size-8")]
    class: &'static str,
    /// It cannot be pressed now.
    #[prop(optional, into)]
    disabled: Signal<bool>,
    /// It is not there now.
    #[prop(optional, into)]
    hidden: Signal<bool>,
    /// The popover that it opens.
    #[prop(optional)]
    opens: Option<&'static str>,
    /// The popover that it closes.
    #[prop(optional)]
    closes: Option<&'static str>,
    /// What a press does.
    #[prop(optional, into)]
    on_click: Option<Callback<MouseEvent>>,
) -> impl IntoView {
    view! {
        <button
            class=format!("icon-button {class}")
            type="button"
            disabled=disabled
            hidden=hidden
            aria-label=label.clone()
            title=label
            popovertarget=opens.or(closes)
            popovertargetaction=closes.map(|_| "hide")
            on:click=move |event| press(on_click, event)
        >
            <Icon name=icon />
        </button>
    }
}
