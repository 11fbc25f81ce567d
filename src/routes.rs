//! The table of all pages that run in the browser. No fetching; the document around them is in `document/`.

use leptos::prelude::*;
use leptos::wasm_split::{SplitLoaderError, wasm_split};

use crate::account::browser::page::AccountPage;
use crate::chat::browser::page::ChatPage;
use crate::credits::browser::page::DashboardPage;
use crate::images::browser::page::ImagesPage;
use crate::layout::{Layout, WorkspaceContext};
use crate::platform::browser::navigation::{LoadingPage, Navigation, PageView};
use crate::showcase::GalleryPage;
use crate::ui::Eager;

/// The root of what hydrates.
#[component]
pub fn App(
    /// Path and query.
    address: String,
    /// The page there.
    page: PageView,
) -> impl IntoView {
    WorkspaceContext::provide();
    let navigation = Navigation::provide(address, page, find_page);
    view! { <Layout>{move || (navigation.page.get().view)()}</Layout> }
}

/// The page at a path of the app, with its code: each is a chunk of its own, loaded when it is first shown.
#[must_use]
pub fn find_page(path: &str) -> Option<LoadingPage> {
    // One page for both, so that a new chat stays as it is when it gets its address.
    if path == "/chat" || path.starts_with("/chat/") {
        Some(Box::pin(async { chat_chunk().await.ok() }))
    } else if path == "/images" || path.starts_with("/images/") {
        Some(Box::pin(async { images_chunk().await.ok() }))
    } else if path == "/dashboard" {
        Some(Box::pin(async { dashboard_chunk().await.ok() }))
    } else if path == "/account" {
        Some(Box::pin(async { account_chunk().await.ok() }))
    } else {
        None
    }
}

/// `/chat` and `/chat/{id}`.
pub const CHAT: PageView = PageView { name: "chat_page", view: || Eager(view! { <ChatPage /> }).into_any() };

/// `/images` and `/images/{id}`.
pub const IMAGES: PageView = PageView { name: "images_page", view: || Eager(view! { <ImagesPage /> }).into_any() };

/// `/dashboard`.
pub const DASHBOARD: PageView =
    PageView { name: "dashboard_page", view: || Eager(view! { <DashboardPage /> }).into_any() };

/// `/account`.
pub const ACCOUNT: PageView = PageView { name: "account_page", view: || Eager(view! { <AccountPage /> }).into_any() };

/// `/components`, which is a root and no page of the [`App`].
pub const GALLERY: PageView = PageView { name: "gallery_page", view: || Eager(view! { <GalleryPage /> }).into_any() };

// The chunks have the names of their pages: by them, the document asks for them early.

#[wasm_split(chat_page, wasm_split_path = leptos::wasm_split, fallible)]
fn chat_chunk() -> Result<PageView, SplitLoaderError> {
    Ok(CHAT)
}

#[wasm_split(images_page, wasm_split_path = leptos::wasm_split, fallible)]
fn images_chunk() -> Result<PageView, SplitLoaderError> {
    Ok(IMAGES)
}

#[wasm_split(dashboard_page, wasm_split_path = leptos::wasm_split, fallible)]
fn dashboard_chunk() -> Result<PageView, SplitLoaderError> {
    Ok(DASHBOARD)
}

#[wasm_split(account_page, wasm_split_path = leptos::wasm_split, fallible)]
fn account_chunk() -> Result<PageView, SplitLoaderError> {
    Ok(ACCOUNT)
}
