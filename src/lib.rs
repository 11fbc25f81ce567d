//! Tessera, an AI chat and image studio with prepaid credits.
//!
//! One library, built twice: with `ssr` for the server and with `hydrate` for the browser.
//! The module list is the table of contents; docs/ARCHITECTURE.md is the tour.
#![recursion_limit = "256"]

pub mod account;
pub mod app;
pub mod chat;
pub mod credits;
pub mod error;
pub mod json;
pub mod navigation;
pub mod page_data;
pub mod ui;
pub mod workspace;

#[cfg(feature = "ssr")]
pub mod document;
#[cfg(feature = "ssr")]
pub mod landing;
#[cfg(feature = "ssr")]
pub mod server;

/// Takes over the page that the server rendered.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    let address = navigation::current_address();
    leptos::task::spawn_local(async move {
        // Without the page's code, the page stays as the server made it: links and forms work.
        if let Some(page) = async { app::find_page(navigation::path_of(&address))?.await }.await {
            leptos::mount::hydrate_body(move || app::App(app::AppProps { address, page }));
        }
    });
}
