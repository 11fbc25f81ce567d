//! The document around the app: rendered here with its data, then taken over in the browser.

use leptos::config::LeptosOptions;
use leptos::nonce::use_nonce;
use leptos::prelude::*;
use url::Url;

use super::{Assets, head::Head};
use crate::account::server::SessionKeeper;
use crate::chat::Workspace;
use crate::i18n::{TEXTS_ID, Text, current_language, t, texts_of_the_app};
use crate::layout::{HidesList, page_title};
use crate::platform::browser::navigation::{PageView, path_of};
use crate::platform::browser::page_data::Preloaded;
use crate::routes::{App, GALLERY};
use crate::ui::Theme;

/// The whole document with a page at its address. The page handler provides the nonce, the [`Theme`] and what was
/// [`Preloaded`].
#[must_use]
pub fn shell(options: &LeptosOptions, address: String, page: PageView) -> impl IntoView + use<> {
    let assets = Assets::of(options);
    let path = path_of(&address);
    let title = match use_context::<Preloaded<Workspace>>() {
        Some(Preloaded(Ok(workspace))) => page_title(path, &workspace.conversations),
        _ => page_title(path, &[]),
    };
    view! {
        <!DOCTYPE html>
        <html
            lang=current_language().code()
            data-theme=Theme::current().attribute()
            data-sidebar-hidden=HidesList::current()
        >
            <head>
                <Head title description=t(Text::SiteDescription).to_owned() assets />
                // Not a script, but what the scripts say: see `i18n/`.
                <script id=TEXTS_ID type="text/plain" inner_html=texts_of_the_app()></script>
                {assets.map(|assets| view! { <Scripts assets page /> })}
            </head>
            <body>
                <App address page />
            </body>
        </html>
    }
}

/// The document of `/components`, which has a root and a bundle of its own: no workspace, nobody signed in.
#[must_use]
pub fn gallery_shell(options: &LeptosOptions, canonical: Option<Url>) -> impl IntoView + use<> {
    let assets = Assets::of(options);
    view! {
        <!DOCTYPE html>
        // As in `static_page.rs`: it scrolls, and comes in pieces.
        <html class="[scrollbar-gutter:stable]" lang=current_language().code() data-theme=Theme::current().attribute()>
            <head>
                <Head
                    title="Components · Tessera".to_owned()
                    description="The interface of Tessera, piece by piece: live, documented and ready to paste.".to_owned()
                    canonical
                    assets
                />
                <script id=TEXTS_ID type="text/plain" inner_html=texts_of_the_app()></script>
                {Assets::of_gallery(options).map(|assets| view! { <Scripts assets page=GALLERY /> })}
            </head>
            <body>{(GALLERY.view)()}</body>
        </html>
    }
}

/// Starts the app, and asks early for all that it will load.
#[component]
fn Scripts(
    /// The files of the front-end.
    assets: &'static Assets,
    /// The page that starts.
    page: PageView,
) -> impl IntoView {
    let nonce = use_nonce();
    let module = |href: &'static str| {
        view! { <link rel="modulepreload" href=href nonce=nonce.clone() /> }
    };
    let wasm = |href: &'static str| {
        view! { <link rel="preload" href=href r#as="fetch" r#type="application/wasm" crossorigin="anonymous" /> }
    };
    let start = format!(
        "import init,{{hydrate}} from '{}';await init({{module_or_path:'{}'}});hydrate();",
        assets.js, assets.wasm,
    );
    let keeper = use_context::<Option<SessionKeeper>>().flatten().map(|keeper| {
        let SessionKeeper { script, key, .. } = keeper;
        view! {
            <script defer crossorigin="anonymous" nonce=nonce.clone() data-clerk-publishable-key=key src=script></script>
            // Without its own interface: people sign in on its pages.
            <script type="module" nonce=nonce.clone()>
                "window.Clerk?.load()"
            </script>
        }
    });
    view! {
        {module(&assets.js)}
        {assets.split.as_deref().map(module)}
        {wasm(&assets.wasm)}
        {assets.chunks_of(page).iter().map(|chunk| wasm(chunk)).collect::<Vec<_>>()}
        <script type="module" nonce=nonce.clone()>
            {start}
        </script>
        {keeper}
    }
}
