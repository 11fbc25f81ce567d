//! `/components` on the server: for developers, in English.

use axum::Router;
use axum::extract::{FromRef, Request, State};
use axum::response::Response;
use axum::routing::get;
use leptos::prelude::*;

use super::{GALLERY_PATH, read_catalog};
use crate::document::app_page::allow_scripts;
use crate::document::gallery_shell;
use crate::i18n::{Language, in_language};
use crate::platform::site::Site;
use crate::ui::Theme;

/// The route of the page.
pub fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Site: FromRef<S>,
{
    Router::new().route(GALLERY_PATH, get(gallery_page))
}

async fn gallery_page(State(site): State<Site>, theme: Theme, request: Request) -> Response {
    let context = move || {
        provide_context(theme);
        provide_context(read_catalog());
        allow_scripts(None);
    };
    let (options, canonical) = (site.leptos().clone(), site.address_of(GALLERY_PATH));
    let shell = move || gallery_shell(&options, canonical.clone());
    let render = leptos_axum::render_app_to_stream_with_context(context, shell);
    in_language(Language::En, render(request)).await
}
