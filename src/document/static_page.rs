//! Pages without a script: the landing page, the forms of the account, errors. They are the same for everybody, so the
//! server can keep them as ready bytes.

use leptos::config::LeptosOptions;
use leptos::prelude::*;
use url::Url;

use super::announcement::announcement_html;
use super::site_footer::SiteFooter;
use super::site_header::SiteHeader;
use super::{Assets, head::Head};
use crate::i18n::current_language;
use crate::routes::CHAT;
use crate::ui::Theme;

/// What a static page says about itself.
#[derive(Debug, Clone)]
pub struct StaticPage<'a> {
    /// The document's title, without the name of the product.
    pub title: &'a str,
    /// What search engines show; empty where none looks.
    pub description: &'a str,
    /// Where this page is: the theme switch comes back to it.
    pub path: &'a str,
    /// Its own address, with the site's; none where there is nothing to come across.
    pub canonical: Option<Url>,
    /// The theme that the visitor chose.
    pub theme: Theme,
    /// Let the browser fetch the app while the page is read, so that the next page is there at once.
    pub prefetch: bool,
    /// Search engines do not list it, and other sites are not told its address.
    pub is_secret: bool,
}

/// The complete HTML of a static page. `body` builds its main content.
pub fn render_static_page<V: IntoView + 'static>(
    page: StaticPage<'_>,
    options: &LeptosOptions,
    body: impl FnOnce() -> V,
) -> String {
    let owner = Owner::new();
    let html = owner.with(|| {
        provide_context(page.theme);
        let assets = Assets::of(options);
        let title = format!("{} · Tessera", page.title);
        let (description, canonical, is_secret) = (page.description.to_owned(), page.canonical, page.is_secret);
        let prefetch = assets.filter(|_| page.prefetch);
        view! {
            <!DOCTYPE html>
            // Room for the bar: a long page that comes in pieces must not move when it begins to scroll.
            <html class="[scrollbar-gutter:stable]" lang=current_language().code() data-theme=page.theme.attribute()>
                <head>
                    <Head title description canonical assets is_secret />
                    <link rel="preload" href="/fonts/display.woff2" r#as="font" r#type="font/woff2" crossorigin="anonymous" />
                    {prefetch.map(|assets| view! { <Prefetch assets /> })}
                </head>
                // Nobody puts times into the reader's zone here.
                <body data-static="">
                    <div class="flex min-h-dvh flex-col">
                        <SiteHeader path=page.path.to_owned() />
                        <div class="contents" inner_html=announcement_html(page.path)></div>
                        <main class="flex flex-1 flex-col">{body()}</main>
                        <SiteFooter path=page.path.to_owned() />
                    </div>
                </body>
            </html>
        }
        .to_html()
    });
    owner.cleanup();
    html
}

/// Everything that `/chat` loads, at the lowest priority.
#[component]
fn Prefetch(
    /// The files of the front-end.
    assets: &'static Assets,
) -> impl IntoView {
    let scripts = std::iter::once(&assets.js).chain(&assets.split);
    let wasm = std::iter::once(&assets.wasm).chain(assets.chunks_of(CHAT));
    scripts
        .map(|href| (href, "script"))
        .chain(wasm.map(|href| (href, "fetch")))
        .map(|(href, kind)| {
            view! { <link rel="prefetch" href=href.as_str() r#as=kind crossorigin="anonymous" /> }
        })
        .collect::<Vec<_>>()
}
