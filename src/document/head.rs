//! What every document has in its head.

use leptos::html::meta;
use leptos::prelude::*;
use url::Url;

use super::Assets;
use crate::i18n::{Language, Text, current_language, t};
use crate::ui::Theme;

/// Encoding, title, style sheet and icons.
#[component]
pub fn Head(
    /// The document's title.
    title: String,
    /// What it is about, in a sentence; empty on pages that nobody comes across.
    #[prop(optional)]
    description: String,
    /// The page's own address, for search engines and for sites that link to it.
    #[prop(optional_no_strip)]
    canonical: Option<Url>,
    /// Search engines do not list it, and other sites are not told its address.
    #[prop(optional)]
    is_secret: bool,
    /// The files of the front-end.
    assets: Option<&'static Assets>,
) -> impl IntoView {
    let preview =
        canonical.map(|url| view! { <LinkPreview title=title.clone() description=description.clone() url /> });
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
        <link rel="icon" href="/favicon-32.png" sizes="32x32" />
        <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
        <link rel="apple-touch-icon" href="/apple-touch-icon.png" />
        <link rel="manifest" href="/manifest.webmanifest" />
        <meta name="color-scheme" content="light dark" />
        {theme_colors()}
        {preview}
    }
}

/// The colour of the browser's own bars: `surface` of `style/tailwind.css`.
fn theme_colors() -> impl IntoView {
    let (light, dark) = ("#fffefc", "#1e1b18");
    let color = |color: &'static str, scheme: Option<&'static str>| {
        let media = scheme.map(|scheme| format!("(prefers-color-scheme: {scheme})"));
        meta().name("theme-color").content(color).attr("media", media)
    };
    match Theme::current() {
        Theme::System => vec![color(light, Some("light")), color(dark, Some("dark"))],
        Theme::Light => vec![color(light, None)],
        Theme::Dark => vec![color(dark, None)],
    }
}

/// How a link to the page looks elsewhere (ogp.me; X reads the same, but for the kind of card).
#[component]
fn LinkPreview(
    /// The document's title.
    title: String,
    /// What it is about.
    description: String,
    /// The page's own address.
    url: Url,
) -> impl IntoView {
    let locale = match current_language() {
        Language::En => "en_US",
        Language::Zh => "zh_CN",
    };
    // Only absolute addresses will do, and this one does parse.
    let image = url.join("/og.png").map(String::from).unwrap_or_default();
    let property = |name: &'static str, content: String| meta().attr("property", name).content(content);
    view! {
        <link rel="canonical" href=url.to_string() />
        {property("og:type", "website".to_owned())}
        {property("og:site_name", t(Text::SiteTitle).to_owned())}
        {property("og:locale", locale.to_owned())}
        {property("og:url", url.to_string())}
        {property("og:title", title)}
        {property("og:description", description)}
        {property("og:image", image)}
        {property("og:image:width", "1200".to_owned())}
        {property("og:image:height", "630".to_owned())}
        {property("og:image:alt", t(Text::SiteDescription).to_owned())}
        <meta name="twitter:card" content="summary_large_image" />
    }
}
