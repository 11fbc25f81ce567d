//! What every document has in its head.

use leptos::prelude::*;

use super::Assets;

/// Encoding, title, style sheet and icons.
#[component]
pub fn Head(
    /// The document's title.
    title: String,
    /// What search engines show; absent on pages that they never see.
    #[prop(optional_no_strip)]
    description: Option<String>,
    /// The files of the front-end.
    assets: Option<&'static Assets>,
) -> impl IntoView {
    view! {
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{title}</title>
        {description.map(|text| view! { <meta name="description" content=text /> })}
        {assets.map(|assets| view! { <link rel="stylesheet" href=assets.css.as_str() /> })}
        <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
        <link rel="manifest" href="/manifest.webmanifest" />
        <meta name="color-scheme" content="light dark" />
        <meta name="theme-color" media="(prefers-color-scheme: light)" content="#fffefc" />
        <meta name="theme-color" media="(prefers-color-scheme: dark)" content="#1e1b18" />
    }
}
