//! The table of pages: address, code, title, who may see it. The router, the browser, titles, the palette and the sitemap
//! read it. What a page shows is loaded by its feature (`server/page.rs`).

use leptos::prelude::*;
use leptos::wasm_split::{SplitLoaderError, wasm_split};

use crate::account::browser::page::AccountPage;
use crate::chat::browser::page::ChatPage;
use crate::credits::browser::page::DashboardPage;
use crate::i18n::Text;
use crate::images::browser::page::ImagesPage;
use crate::images::browser::single_image;
use crate::layout::{Layout, WorkspaceContext};
use crate::payments::browser::page::PurchasesPage;
use crate::platform::browser::navigation::{LoadingPage, Navigation, PageView};
use crate::showcase::{GALLERY_PATH, GalleryPage};
use crate::ui::{Eager, IconName};

/// A page.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// Its address. `{id}` stands for whatever comes last.
    pub path: &'static str,
    pub title: Text,
    pub access: Access,
    /// How the command palette lists it.
    pub command: Option<(IconName, Text)>,
    /// Loads its code; `None` for a page without a script, or with a bundle of its own.
    load: Option<fn() -> LoadingPage>,
}

/// Who may see a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Everybody,
    SignedIn,
}

/// A page of the app. A new one is a row here and a chunk below.
const fn app_page(
    path: &'static str,
    title: Text,
    command: Option<(IconName, Text)>,
    load: fn() -> LoadingPage,
) -> Route {
    Route { path, title, access: Access::SignedIn, command, load: Some(load) }
}

/// A page that the browser loads as a document.
const fn public_page(path: &'static str, title: Text, command: Option<(IconName, Text)>) -> Route {
    Route { path, title, access: Access::Everybody, command, load: None }
}

/// Every page, in the order of the command palette.
#[rustfmt::skip]
pub static ROUTES: [Route; 15] = [
    // One page for both, so that a new chat stays as it is when it gets its address.
    app_page("/chat", Text::NewChat, Some((IconName::Plus, Text::NewChat)), || Box::pin(async { chat_chunk().await.ok() })),
    app_page("/chat/{id}", Text::Chat, None, || Box::pin(async { chat_chunk().await.ok() })),
    app_page("/images", Text::ImagesTitle, Some((IconName::Picture, Text::ImagesTitle)), || Box::pin(async { images_chunk().await.ok() })),
    app_page("/images/{id}", Text::ImageTitle, None, || Box::pin(async { image_chunk().await.ok() })),
    app_page("/dashboard", Text::Credits, Some((IconName::Coins, Text::CreditsAndActivity)), || Box::pin(async { dashboard_chunk().await.ok() })),
    app_page("/buy-credits", Text::BuyCredits, Some((IconName::Coins, Text::BuyCredits)), || Box::pin(async { purchases_chunk().await.ok() })),
    app_page("/buy-credits/return", Text::YourPurchase, None, || Box::pin(async { purchases_chunk().await.ok() })),
    app_page("/buy-credits/cancel", Text::PurchaseCancelled, None, || Box::pin(async { purchases_chunk().await.ok() })),
    app_page("/buy-credits/refund", Text::GiveCreditsBack, None, || Box::pin(async { purchases_chunk().await.ok() })),
    app_page("/account", Text::Account, Some((IconName::Key, Text::AccountAndKeys)), || Box::pin(async { account_chunk().await.ok() })),
    public_page("/", Text::LandingTitle, Some((IconName::Home, Text::Home))),
    public_page("/sign-up", Text::SignUp, None),
    public_page("/sign-in", Text::SignIn, None),
    public_page(GALLERY_PATH, Text::UiComponents, Some((IconName::Tiles, Text::UiComponents))),
    public_page("/api/docs", Text::HttpApi, Some((IconName::Book, Text::HttpApi))),
];

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

/// The row of an address.
#[must_use]
pub fn find_route(path: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| match route.path.strip_suffix("{id}") {
        Some(prefix) => path.starts_with(prefix),
        None => path == route.path,
    })
}

/// The page at a path of the app, with its code: each is a chunk of its own, loaded when it is first shown.
#[must_use]
pub fn find_page(path: &str) -> Option<LoadingPage> {
    find_route(path)?.load.map(|load| load())
}

/// `/chat` and `/chat/{id}`.
pub const CHAT: PageView = PageView::new("chat_page", || Eager(view! { <ChatPage /> }).into_any());

/// `/images`.
pub const IMAGES: PageView = PageView::new("images_page", || Eager(view! { <ImagesPage /> }).into_any());

/// `/images/{id}`: the same page, with what shows a single image.
pub const IMAGE: PageView = PageView { chunk: "image_page", ..IMAGES };

/// `/dashboard`.
pub const DASHBOARD: PageView = PageView::new("dashboard_page", || Eager(view! { <DashboardPage /> }).into_any());

/// `/buy-credits` and what is below it.
pub const PURCHASES: PageView = PageView::new("purchases_page", || Eager(view! { <PurchasesPage /> }).into_any());

/// `/account`.
pub const ACCOUNT: PageView = PageView::new("account_page", || Eager(view! { <AccountPage /> }).into_any());

/// `/components`, which is a root and no page of the [`App`].
pub const GALLERY: PageView = PageView::new("gallery_page", || Eager(view! { <GalleryPage /> }).into_any());

// The document asks for them early, by their names.

#[wasm_split(chat_page, wasm_split_path = leptos::wasm_split, fallible)]
fn chat_chunk() -> Result<PageView, SplitLoaderError> {
    Ok(CHAT)
}

#[wasm_split(images_page, wasm_split_path = leptos::wasm_split, fallible)]
fn images_chunk() -> Result<PageView, SplitLoaderError> {
    Ok(IMAGES)
}

#[wasm_split(image_page, wasm_split_path = leptos::wasm_split, fallible)]
fn image_chunk() -> Result<PageView, SplitLoaderError> {
    single_image::bring();
    Ok(IMAGE)
}

#[wasm_split(dashboard_page, wasm_split_path = leptos::wasm_split, fallible)]
fn dashboard_chunk() -> Result<PageView, SplitLoaderError> {
    Ok(DASHBOARD)
}

#[wasm_split(purchases_page, wasm_split_path = leptos::wasm_split, fallible)]
fn purchases_chunk() -> Result<PageView, SplitLoaderError> {
    Ok(PURCHASES)
}

#[wasm_split(account_page, wasm_split_path = leptos::wasm_split, fallible)]
fn account_chunk() -> Result<PageView, SplitLoaderError> {
    Ok(ACCOUNT)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So that the gallery is still there on the way back.
    #[test]
    fn an_image_is_on_the_page_of_the_gallery_and_has_a_chunk_of_its_own() {
        assert_eq!((IMAGE.name, IMAGE.chunk), (IMAGES.name, "image_page"));
    }

    #[test]
    fn an_address_has_one_row() {
        let path = |path| find_route(path).map(|route| route.path);
        assert_eq!(path("/chat"), Some("/chat"));
        assert_eq!(path("/chat/1"), Some("/chat/{id}"));
        assert_eq!(path("/chatter"), None);
        for route in &ROUTES {
            assert_eq!(path(route.path), Some(route.path));
        }
    }
}
