//! Parts of the page that stay as the server made them.

use leptos::prelude::*;

/// The HTML of a view, for the `inner_html` of an element that is never made in the browser: one that stays for as long
/// as the app is there. The browser keeps what came from the server, so there is no code for the view in the WASM.
pub fn server_html<V: RenderHtml>(view: impl FnOnce() -> V) -> String {
    if cfg!(target_arch = "wasm32") { String::new() } else { view().to_html() }
}
