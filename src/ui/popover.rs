//! A small panel beside its button, on the browser's own Popover API: it opens, closes on Escape or on a press elsewhere
//! and gives the focus back without a line of ours, also where no script runs.

use leptos::either::Either;
use leptos::ev::MouseEvent;
use leptos::prelude::*;

use super::button::press;
use super::{Icon, IconName};

/// The panel. Any button opens it with `popovertarget=id`; the panel then appears under that button.
#[component]
pub fn Popover<C: IntoView + 'static>(
    /// An id that is unique on the page.
    id: &'static str,
    /// What it is, for screen readers.
    label: &'static str,
    /// What it holds, such as a few [`PopoverItem`]s.
    children: TypedChildren<C>,
) -> impl IntoView {
    view! {
        <div
            id=id
            popover="auto"
            class="popover min-w-48 rounded-md border border-line bg-surface p-1 text-sm text-ink"
            role="group"
            aria-label=label
        >
            {children.into_inner()()}
        </div>
    }
}

/// A line in a popover: a link when `href` is set, else a button, which closes the popover.
#[component]
pub fn PopoverItem(
    /// What it shows.
    icon: IconName,
    /// What it says.
    label: &'static str,
    /// The popover that it opens.
    #[prop(optional)]
    opens: Option<&'static str>,
    /// The popover that it closes.
    #[prop(optional)]
    closes: Option<&'static str>,
    /// Where the link goes.
    #[prop(optional)]
    href: Option<&'static str>,
    /// `button` or `submit`.
    #[prop(default = "button")]
    kind: &'static str,
    /// What a press does; a link needs none.
    #[prop(optional, into)]
    on_click: Option<Callback<MouseEvent>>,
) -> impl IntoView {
    const CLASS: &str = "flex h-9 w-full items-center gap-2 rounded-md px-3 text-left hover:bg-sunken";
    let content = view! {
        <Icon name=icon class="size-4 text-ink-soft" />
        {label}
    };
    match href {
        Some(href) => Either::Left(view! { <a class=CLASS href=href>{content}</a> }),
        None => Either::Right(view! {
            <button
                class=CLASS
                type=kind
                popovertarget=opens.or(closes)
                popovertargetaction=closes.map(|_| "hide")
                on:click=move |event| press(on_click, event)
            >
                {content}
            </button>
        }),
    }
}
