//! The page in the browser: a chunk of its own, which no other page loads.

use leptos::wasm_split::{SplitLoaderError, wasm_split};

use crate::app::GALLERY;

/// Takes over the page that the server rendered.
#[wasm_split(gallery_page, wasm_split_path = leptos::wasm_split, fallible)]
pub fn mount_gallery() -> Result<(), SplitLoaderError> {
    leptos::mount::hydrate_body(GALLERY.view);
    Ok(())
}
