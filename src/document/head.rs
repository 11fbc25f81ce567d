//! What every document has in its head.

use leptos::html::meta;
use leptos::prelude::*;

use super::Assets;

/// Encoding, title, style sheet and icons.
#[component]
pub fn Head(
    /// The document's title.
    title: String,
    /// What search engines show; empty on pages that they never see.
    #[prop(optional)]
    description: String,
    /// Search engines do not list it, and other sites are not told its address.
    #[prop(optional)]
    is_secret: bool,
    /// The files of the front-end.
    assets: Option<&'static Assets>,
) -> impl IntoView {
    view! {
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{title}</title>
        {(!description.is_empty()).then(|| view! { <meta name="description" content=description /> })}
        {is_secret
            .then(|| {
                view! {
                    <meta name="robots" content="noindex" />
                    <meta name="referrer" content="no-referrer" />
                }
            })}
        {assets.map(|assets| view! { <link rel="stylesheet" href=assets.css.as_str() /> })}
        <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
        <link rel="manifest" href="/manifest.webmanifest" />
        <meta name="color-scheme" content="light dark" />
        {theme_color("light", "#fffefc")}
        {theme_color("dark", "#1e1b18")}
    }
}

/// The colour of the browser's own bars: `surface` of `style/tailwind.css`.
fn theme_color(scheme: &str, color: &'static str) -> impl IntoView + use<> {
    meta().name("theme-color").content(color).attr("media", format!("(prefers-color-scheme: {scheme})"))
}
