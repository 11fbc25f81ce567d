//! Texts that this browser keeps for this site, beyond the page. Nothing is kept where the browser keeps nothing.

use leptos::prelude::window;
use web_sys::Storage;

fn storage() -> Option<Storage> {
    // There is none on the server.
    if cfg!(target_arch = "wasm32") { window().local_storage().ok().flatten() } else { None }
}

/// What is kept under a key; empty if nothing is.
#[must_use]
pub fn find(key: &str) -> String {
    storage().and_then(|kept| kept.get_item(key).ok().flatten()).unwrap_or_default()
}

/// Keeps a text under a key; an empty one is forgotten.
pub fn keep(key: &str, text: &str) {
    if let Some(kept) = storage() {
        // It fails where there is no room left, and then there is nothing better to do.
        drop(if text.is_empty() { kept.remove_item(key) } else { kept.set_item(key, text) });
    }
}

/// Forgets everything, of every user.
pub fn forget_all() {
    if let Some(kept) = storage() {
        // As above.
        drop(kept.clear());
    }
}
