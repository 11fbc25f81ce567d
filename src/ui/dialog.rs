//! A modal question, on the browser's own `<dialog>`: it traps the focus, closes on Escape and gives the focus back.

use leptos::{ev, html, prelude::*};

/// A modal dialog. Its forms and buttons close it by setting `open` to `false`.
#[component]
pub fn Dialog<C: IntoView + 'static>(
    /// Whether it is shown.
    open: RwSignal<bool>,
    /// An id that is unique on the page.
    id: &'static str,
    /// Its heading.
    title: &'static str,
    /// Text and controls.
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
            class="m-auto w-[calc(100%-2rem)] max-w-md rounded-md border border-line bg-surface p-0 text-ink backdrop:bg-backdrop"
            aria-labelledby=labelled_by
            on:close=move |_| open.set(false)
            on:click=move |event| close_on_backdrop(&event, element, open)
        >
            <div class="space-y-4 p-6">
                <h2 id=heading class="text-lg font-semibold">{title}</h2>
                {children.into_inner()()}
            </div>
        </dialog>
    }
}

/// Shows the dialog while `open` says so.
pub(super) fn follow(element: NodeRef<html::Dialog>, open: RwSignal<bool>) {
    Effect::new(move |_| {
        let open = open.get();
        if let Some(dialog) = element.get() {
            match (open, dialog.open()) {
                // It fails only for a dialog that has left the document.
                (true, false) => drop(dialog.show_modal()),
                (false, true) => dialog.close(),
                _ => {}
            }
        }
    });
}

/// Closes it when the press was beside it: that has the dialog itself as its target.
pub(super) fn close_on_backdrop(event: &ev::MouseEvent, element: NodeRef<html::Dialog>, open: RwSignal<bool>) {
    if element.get_untracked().is_some_and(|dialog| event.target().as_deref() == Some(&***dialog)) {
        open.set(false);
    }
}
