//! `/`: rendered once for each language and theme, for those who are signed in and those who are not, and kept compressed.

use std::ops::Deref;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{FromRef, State};
use axum::http::header::{CONTENT_ENCODING, VARY};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use axum::routing::get;
use leptos::prelude::*;

use super::{LandingPage, ShownPrices};
use crate::document::response::set_static_headers;
use crate::document::{StaticPage, announcement_html, render_static_page};
use crate::i18n::{Language, Text, current_language, t};
use crate::platform::http::accept::takes_brotli;
use crate::platform::http::visitor::seems_signed_in;
use crate::platform::site::Site;
use crate::ui::Theme;

/// The landing page. Cheap to clone.
#[derive(Clone)]
pub struct Landing(Arc<LandingParts>);

/// What [`Landing`] is made of.
pub struct LandingParts {
    site: Site,
    prices: FindPrices,
    /// For those who are not signed in, and for those who are. As they were made for the prices that held then.
    /// And without what is announced, or with it.
    pages: [[[[KeptPage; Theme::ALL.len()]; Language::ALL.len()]; 2]; 2],
}

type KeptPage = RwLock<Option<Arc<ReadyPage>>>;

/// What is sold here, at what price, now.
pub type FindPrices = Box<dyn Fn() -> ShownPrices + Send + Sync>;

impl Landing {
    #[must_use]
    pub fn new(site: Site, prices: FindPrices) -> Self {
        Self(Arc::new(LandingParts { site, prices, pages: Default::default() }))
    }
}

impl LandingParts {
    fn make(&self, theme: Theme, prices: ShownPrices) -> ReadyPage {
        let page = StaticPage {
            title: t(Text::LandingTitle),
            description: t(Text::SiteDescription),
            path: "/",
            canonical: self.site.address_of("/"),
            theme,
            prefetch: false,
            is_secret: false,
        };
        let html = render_static_page(page, self.site.leptos(), move || view! { <LandingPage prices /> });
        ReadyPage::new(prices, announcement_html("/"), html)
    }
}

impl Deref for Landing {
    type Target = LandingParts;

    fn deref(&self) -> &LandingParts {
        &self.0
    }
}

/// The route of the landing page.
pub fn routes<S>() -> Router<S>
where
    S: Clone + Send + Sync + 'static,
    Landing: FromRef<S>,
{
    Router::new().route("/", get(landing_page))
}

/// A page without scripts, ready to be sent.
pub struct ReadyPage {
    prices: ShownPrices,
    announcement: String,
    html: Bytes,
    brotli: Bytes,
}

impl ReadyPage {
    fn new(prices: ShownPrices, announcement: String, html: String) -> Self {
        let mut compressed = Vec::new();
        let params = brotli::enc::BrotliEncoderParams { quality: 11, ..Default::default() };
        // Writing to memory does not fail; an empty result is not used.
        if brotli::BrotliCompress(&mut html.as_bytes(), &mut compressed, &params).is_err() {
            compressed.clear();
        }
        Self { prices, announcement, html: html.into(), brotli: compressed.into() }
    }
}

/// `/`: the same bytes for everybody of a kind.
async fn landing_page(State(landing): State<Landing>, theme: Theme, headers: HeaderMap) -> Response {
    let language = position(&Language::ALL, current_language());
    let announcement = announcement_html("/");
    let kept = &landing.pages[usize::from(!announcement.is_empty())][usize::from(seems_signed_in())][language]
        [position(&Theme::ALL, theme)];
    let prices = (landing.prices)();
    let ready = kept.read().unwrap_or_else(PoisonError::into_inner).clone();
    let ready = ready.filter(|page| page.prices == prices && page.announcement == announcement);
    let page = ready.unwrap_or_else(|| {
        let page = Arc::new(landing.make(theme, prices));
        *kept.write().unwrap_or_else(PoisonError::into_inner) = Some(page.clone());
        page
    });
    let mut response = if takes_brotli(&headers) && !page.brotli.is_empty() {
        let mut response = Response::new(Body::from(page.brotli.clone()));
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("br"));
        response
    } else {
        Response::new(Body::from(page.html.clone()))
    };
    let headers = response.headers_mut();
    set_static_headers(headers);
    headers.insert(VARY, HeaderValue::from_static("accept-encoding, accept-language, cookie"));
    response
}

/// Where it stands in the list of all of its kind.
fn position<T: PartialEq>(all: &[T], one: T) -> usize {
    all.iter().position(|each| *each == one).unwrap_or(0)
}
