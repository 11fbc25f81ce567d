//! A part of the page that never changes.
//!
//! The server renders it and the browser leaves it as it is, so that it costs no WASM: an element in a view is half a
//! kilobyte. Only for what is there from the first HTML on, such as parts of the layout: the browser cannot make it.

use leptos::prelude::*;

/// HTML of the server that goes to the browser as data, on pages that the browser shows too. Nothing in it may listen or
/// follow a signal. In the browser, which has it from the server, nothing.
pub fn html_of<V: IntoView>(view: impl FnOnce() -> V) -> String {
    if cfg!(target_arch = "wasm32") {
        return String::new();
    }
    let owner = Owner::new();
    let html = owner.with(|| view().into_view().to_html());
    owner.cleanup();
    html
}

/// What `view` makes on the server. Nothing in it may listen or follow a signal; links, forms and popovers need neither.
pub fn still<V: IntoView>(view: impl FnOnce() -> V) -> impl IntoView {
    // Known when compiled, so that the browser's build has nothing of the view.
    let html = if cfg!(target_arch = "wasm32") { None } else { Some(view().into_view().to_html()) };
    view! { <div class="contents" inner_html=html></div> }
}
