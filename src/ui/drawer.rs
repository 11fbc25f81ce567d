//! A modal panel at the side of the screen, on the browser's own `<dialog>`: it traps the focus, closes on Escape and gives
//! the focus back.

use leptos::{html, prelude::*};

use super::dialog::{close_on_backdrop, follow};
use super::{IconButton, IconName};

/// The side of the screen that a drawer comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DrawerSide {
    /// The left.
    Left,
    /// The right.
    #[default]
    Right,
}

impl DrawerSide {
    /// The utilities of this side.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Left => "mr-auto border-r starting:open:-translate-x-full",
            Self::Right => "ml-auto border-l starting:open:translate-x-full",
        }
    }
}

/// A modal panel as high as the screen. What is in it closes it by setting `open` to `false`.
#[component]
pub fn Drawer<C: IntoView + 'static>(
    /// Whether it is shown.
    open: RwSignal<bool>,
    /// An id that is unique on the page.
    id: &'static str,
    /// Its heading.
    title: &'static str,
    /// What its button to close says, for screen readers.
    close: &'static str,
    /// The side it comes from.
    #[prop(optional)]
    side: DrawerSide,
    /// What it holds.
    children: TypedChildren<C>,
) -> impl IntoView {
    let element = NodeRef::<html::Dialog>::new();
    follow(element, open);
    let heading = format!("{id}-title");
    let labelled_by = heading.clone();
    view! {
        <dialog
            node_ref=element
            id=id
            class=format!(
                "my-0 h-dvh max-h-none w-80 max-w-[calc(100%-3rem)] border-line bg-surface p-0 text-ink transition-transform \
                 duration-200 backdrop:bg-backdrop {}",
                side.class(),
            )
            aria-labelledby=labelled_by
            on:close=move |_| open.set(false)
            on:click=move |event| close_on_backdrop(&event, element, open)
        >
            <div class="space-y-4 p-4">
                <div class="flex items-center justify-between gap-4">
                    <h2 id=heading class="text-lg font-semibold">{title}</h2>
                    <IconButton icon=IconName::Close label=close on_click=move |_| open.set(false) />
                </div>
                {children.into_inner()()}
            </div>
        </dialog>
    }
}
