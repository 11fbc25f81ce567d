//! Pages without a script: the landing page, the forms of the account, errors. They are the same for everybody, so the
//! server can keep them as ready bytes.

use leptos::config::LeptosOptions;
use leptos::prelude::*;

use super::{Assets, head::Head};
use crate::app::CHAT;
use crate::i18n::current_language;
use crate::ui::{Button, ButtonSize, ButtonVariant, Logo, Theme, ThemeSwitch};

/// What a static page says about itself.
#[derive(Debug, Clone, Copy)]
pub struct StaticPage<'a> {
    /// The document's title, without the name of the product.
    pub title: &'a str,
    /// What search engines show; empty where none looks.
    pub description: &'a str,
    /// Where this page is: the theme switch comes back to it.
    pub path: &'a str,
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
        let prefetch = assets.filter(|_| page.prefetch);
        view! {
            <!DOCTYPE html>
            <html lang=current_language().code() data-theme=page.theme.attribute()>
                <head>
                    <Head title description=page.description.to_owned() assets is_secret=page.is_secret />
                    {prefetch.map(|assets| view! { <Prefetch assets /> })}
                </head>
                <body>
                    <div class="flex min-h-dvh flex-col">
                        <Header path=page.path.to_owned() />
                        <main class="flex flex-1 flex-col">{body()}</main>
                    </div>
                </body>
            </html>
        }
        .to_html()
    });
    owner.cleanup();
    html
}

#[component]
fn Header(
    /// Where this page is.
    path: String,
) -> impl IntoView {
    let is_sign_in = path.starts_with("/sign-in");
    view! {
        <header class="mx-auto flex h-16 w-full max-w-5xl items-center justify-between px-4 sm:px-6">
            <a href="/" class="rounded-md py-1.5">
                <Logo />
            </a>
            <div class="flex items-center gap-2">
                <ThemeSwitch next=path />
                {(!is_sign_in)
                    .then(|| {
                        view! {
                            <Button href="/sign-in" label="Sign in" variant=ButtonVariant::Ghost size=ButtonSize::Small />
                        }
                    })}
            </div>
        </header>
    }
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
