//! A few words about a control, while it is hovered or has the focus. They add to its name and do not replace it: touch
//! screens never show them.

use leptos::leptos_dom::helpers::window_event_listener;
use leptos::{attr::aria_describedby, ev, prelude::*};

/// A control with a tooltip, which is shown by the style sheet alone; Escape hides it without moving pointer or focus
/// (WCAG 2.2, 1.4.13).
#[component]
pub fn Tooltip<C: IntoView + 'static>(
    /// An id that is unique on the page.
    id: &'static str,
    /// What it says.
    #[prop(into)]
    text: String,
    /// The control.
    children: TypedChildren<C>,
) -> impl IntoView {
    let hidden = RwSignal::new(false);
    if cfg!(target_arch = "wasm32") {
        let listener = window_event_listener(ev::keydown, move |event| {
            if event.key() == "Escape" {
                hidden.set(true);
            }
        });
        on_cleanup(move || listener.remove());
    }
    view! {
        <span
            class="tooltip-anchor group relative inline-flex"
            on:pointerenter=move |_| hidden.set(false)
            on:focusin=move |_| hidden.set(false)
        >
            {children.into_inner()().add_any_attr(aria_describedby(id))}
            <span
                id=id
                class="tooltip z-10 hidden w-max max-w-56 rounded-md bg-ink px-2 py-1 text-xs text-canvas group-hover:block \
                       group-has-focus-visible:block data-hidden:hidden!"
                role="tooltip"
                data-hidden=Signal::derive(move || hidden.get().then_some(""))
            >
                {text}
            </span>
        </span>
    }
}
