//! Tessera, an AI chat and image studio with prepaid credits.
//!
//! One library, built twice: with `ssr` for the server and with `hydrate` for the browser (whose bundles are `crates/browser`).
//! The module list is the table of contents; docs/ARCHITECTURE.md is the tour.
#![recursion_limit = "256"]

pub mod account;
pub mod chat;
pub mod credits;
pub mod i18n;
pub mod images;
pub mod layout;
pub mod payments;
pub mod platform;
pub mod routes;
pub mod showcase;
pub mod ui;

#[cfg(feature = "ssr")]
pub mod admin;
#[cfg(feature = "ssr")]
pub mod api_docs;
#[cfg(feature = "ssr")]
pub mod app;
#[cfg(feature = "ssr")]
pub mod audit;
#[cfg(feature = "ssr")]
pub mod bookkeeping;
#[cfg(feature = "ssr")]
pub mod document;
#[cfg(feature = "ssr")]
pub mod flags;
#[cfg(feature = "ssr")]
pub mod generation;
#[cfg(feature = "ssr")]
pub mod landing;
#[cfg(feature = "ssr")]
pub mod leaving;
#[cfg(feature = "ssr")]
pub mod openai_api;
#[cfg(feature = "ssr")]
pub mod stats;
#[cfg(feature = "ssr")]
pub mod traces;
#[cfg(feature = "ssr")]
pub mod usage;

/// Takes over the page that the server rendered.
#[cfg(feature = "hydrate")]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    let address = platform::browser::navigation::current_address();
    // Leptos has its own only once something is mounted.
    wasm_bindgen_futures::spawn_local(async move {
        // Without the page's code, the page stays as the server made it: links and forms work.
        if let Some(page) = async { routes::find_page(platform::browser::navigation::path_of(&address))?.await }.await {
            leptos::mount::hydrate_body(move || routes::App(routes::AppProps { address, page }));
            mark_as_hydrated();
        }
    });
}

/// The same for `/components`.
#[cfg(feature = "hydrate")]
pub fn hydrate_gallery() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(routes::GALLERY.view);
    mark_as_hydrated();
}

/// The page answers to clicks: style sheets, scripts and tests can wait for it.
#[cfg(feature = "hydrate")]
fn mark_as_hydrated() {
    if let Some(root) = leptos::prelude::document().document_element() {
        // Only an invalid name could fail.
        drop(root.set_attribute("data-hydrated", ""));
    }
}
