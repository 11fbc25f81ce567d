//! Several views in one place, one of them shown (WAI-ARIA Authoring Practices, "Tabs With Automatic Activation").

use leptos::{ev, html, prelude::*};

use super::roving::{Step, focus};

/// The row of tabs. Each tab is followed by its [`TabPanel`] elsewhere on the page.
#[component]
pub fn Tabs(
    /// An id that is unique on the page; the panels have it too.
    id: &'static str,
    /// What the tabs are about, for screen readers.
    label: &'static str,
    /// What each tab says.
    tabs: Vec<String>,
    /// The place of the tab that is shown, from 0.
    selected: RwSignal<usize>,
) -> impl IntoView {
    let list = NodeRef::<html::Div>::new();
    let on_key = move |event: ev::KeyboardEvent| {
        let step = match event.key().as_str() {
            "ArrowRight" => Step::Next,
            "ArrowLeft" => Step::Previous,
            "Home" => Step::First,
            "End" => Step::Last,
            _ => return,
        };
        event.prevent_default();
        if let Some(tab) = list.get_untracked().and_then(|list| step.from(&list, |_| true)) {
            focus(tab);
        }
    };
    let tab = move |(index, text): (usize, String)| {
        let is_selected = move || selected.get() == index;
        view! {
            <button
                type="button"
                id=format!("{id}-tab-{index}")
                class="-mb-px border-b-2 border-transparent px-3 py-2 whitespace-nowrap text-ink-soft transition-colors \
                       hover:text-ink focus-visible:-outline-offset-2 aria-selected:border-accent aria-selected:text-ink"
                role="tab"
                aria-controls=format!("{id}-panel-{index}")
                aria-selected=Signal::derive(move || is_selected().to_string())
                tabindex=Signal::derive(move || if is_selected() { "0" } else { "-1" })
                on:click=move |_| selected.set(index)
                on:focus=move |_| selected.set(index)
            >
                {text}
            </button>
        }
    };
    view! {
        <div
            node_ref=list
            class="flex overflow-x-auto border-b border-line text-sm font-medium"
            role="tablist"
            aria-label=label
            on:keydown=on_key
        >
            {tabs.into_iter().enumerate().map(tab).collect::<Vec<_>>()}
        </div>
    }
}

/// What one of the [`Tabs`] shows.
#[component]
pub fn TabPanel<C: IntoView + 'static>(
    /// The id of the [`Tabs`].
    tabs: &'static str,
    /// The place of its tab, from 0.
    index: usize,
    /// The place of the tab that is shown.
    selected: RwSignal<usize>,
    /// What it holds.
    children: TypedChildren<C>,
) -> impl IntoView {
    view! {
        <div
            id=format!("{tabs}-panel-{index}")
            class="rounded-md py-4"
            role="tabpanel"
            tabindex="0"
            aria-labelledby=format!("{tabs}-tab-{index}")
            hidden=Signal::derive(move || selected.get() != index)
        >
            {children.into_inner()()}
        </div>
    }
}
