//! What the scripts of a page call, and nothing else: the code behind it is `tessera` with the feature `hydrate`.
#![cfg(target_arch = "wasm32")]

use wasm_bindgen::prelude::wasm_bindgen;

/// Takes over the page that the server rendered.
#[cfg(not(feature = "gallery"))]
#[wasm_bindgen]
pub fn hydrate() {
    tessera::hydrate();
}

/// The same for `/components`, whose bundle has nothing of the app: neither its pages nor its chunks.
#[cfg(feature = "gallery")]
#[wasm_bindgen]
pub fn hydrate() {
    tessera::hydrate_gallery();
}

/// Room for the splitter. It lays the data of each chunk out anew within what the linker used; texts that the linker had
/// merged are then there more than once, and if that does not fit, all data goes into the first chunk: 35 KB (brotli).
/// Nothing refers to this, so it is in no chunk.
#[used]
static SLACK: [u8; 4096] = [1; 4096];
