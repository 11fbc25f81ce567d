//! `/api/openapi.json` and `/api/docs`.

use std::sync::{Arc, OnceLock};

use axum::body::Bytes;
use axum::extract::{FromRef, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use leptos::prelude::*;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Reference, ReferencePage};
use crate::document::response::static_response;
use crate::document::{StaticPage, render_static_page};
use crate::i18n::{Language, in_language_here};
use crate::platform::http::visitor::seems_signed_in;
use crate::platform::site::Site;
use crate::ui::Theme;

/// The reference of the API. Cheap to clone.
#[derive(Clone)]
pub struct ApiDocs {
    site: Site,
    /// What the routes say of themselves.
    describe: fn() -> OpenApi,
    /// For those who are not signed in, and for those who are.
    pages: Arc<[[OnceLock<Bytes>; Theme::ALL.len()]; 2]>,
}

impl ApiDocs {
    #[must_use]
    pub fn new(site: Site, describe: fn() -> OpenApi) -> Self {
        Self { site, describe, pages: Arc::default() }
    }
}

/// The routes of this feature.
pub fn routes<S>() -> OpenApiRouter<S>
where
    S: Clone + Send + Sync + 'static,
    ApiDocs: FromRef<S>,
{
    OpenApiRouter::new().routes(routes!(openapi)).routes(routes!(docs))
}

/// Get the OpenAPI document.
#[utoipa::path(get, path = "/api/openapi.json", tag = "Operations", security(()),
    responses((status = 200, description = "An OpenAPI 3.1 document.", body = Object, content_type = "application/json")))]
async fn openapi(State(docs): State<ApiDocs>) -> impl IntoResponse {
    let headers = [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")];
    (headers, Reference::of(docs.describe).json.clone())
}

/// Get this reference as a page.
#[utoipa::path(get, path = "/api/docs", tag = "Operations", security(()),
    responses((status = 200, description = "A page.", body = String, content_type = "text/html")))]
async fn docs(State(docs): State<ApiDocs>, theme: Theme) -> Response {
    let render = || {
        let page = StaticPage {
            title: "HTTP API",
            description: "Every operation of the HTTP API, with examples.",
            path: "/api/docs",
            canonical: docs.site.address_of("/api/docs"),
            theme,
            prefetch: false,
            is_secret: false,
        };
        let (base, reference) = (docs.site.public_url.to_string(), Reference::of(docs.describe));
        let html = || {
            render_static_page(page, docs.site.leptos(), || {
                provide_context(reference);
                view! { <ReferencePage base /> }
            })
        };
        in_language_here(Language::En, html).into()
    };
    let theme = Theme::ALL.iter().position(|each| *each == theme).unwrap_or(0);
    static_response(200, docs.pages[usize::from(seems_signed_in())][theme].get_or_init(render).clone())
}
