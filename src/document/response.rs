//! Pages as responses: their headers, and the page that says what went wrong.

use std::convert::Infallible;
use std::sync::LazyLock;

use axum::body::Body;
use axum::extract::FromRequestParts;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFRESH, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use axum_extra::extract::CookieJar;
use leptos::prelude::*;

use super::csp::csp_without_scripts;
use super::{ErrorPage, StaticPage, render_static_page};
use crate::i18n::{Text, t};
use crate::platform::error::AppError;
use crate::platform::http::request_id::current_request_id;
use crate::platform::site::Site;
use crate::ui::{Button, ButtonVariant, Theme};

impl<S: Send + Sync> FromRequestParts<S> for Theme {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let jar = CookieJar::from_headers(&parts.headers);
        Ok(jar.get(Self::COOKIE).map(|cookie| Self::parse(cookie.value())).unwrap_or_default())
    }
}

/// A page that says what went wrong.
#[must_use]
pub fn error_page(site: &Site, theme: Theme, error: &AppError) -> Response {
    error_page_with(site, theme, error, None, None)
}

/// The same, for whoever sent something from the page `back`, and with another text where the error's own says too little.
#[must_use]
pub fn error_page_with(
    site: &Site,
    theme: Theme,
    error: &AppError,
    said: Option<Text>,
    back: Option<String>,
) -> Response {
    let status = error.status();
    let (title, text) = match error {
        AppError::NotFound => (t(Text::NotFoundTitle), t(Text::NotFoundText).to_owned()),
        AppError::Forbidden => (t(Text::ForbiddenTitle), error.to_string()),
        AppError::Unavailable => (t(Text::UnavailableTitle), error.to_string()),
        AppError::SwitchedOff(_) | AppError::Paused(_) => (t(Text::SwitchedOffTitle), error.to_string()),
        AppError::Internal => (t(Text::InternalTitle), t(Text::InternalText).to_owned()),
        _ => (t(Text::DidNotWork), error.to_string()),
    };
    let text = said.map_or(text, |said| t(said).to_owned());
    let page =
        StaticPage { title, description: "", path: "/", canonical: None, theme, prefetch: false, is_secret: false };
    let request_id = Some(current_request_id());
    let html = render_static_page(page, site.leptos(), || view! { <ErrorPage status title text request_id back /> });
    let mut response = static_response(status, html);
    if let AppError::RateLimited { retry_after_secs, .. } = error {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(*retry_after_secs));
    }
    response
}

/// A page that leads to another site at once, and by a link where a browser does not follow.
#[must_use]
pub fn leave_page(site: &Site, theme: Theme, to: &str, title: String) -> Response {
    let page = StaticPage {
        title: &title,
        description: "",
        path: "/",
        canonical: None,
        theme,
        prefetch: false,
        is_secret: true,
    };
    let (heading, href) = (title.clone(), to.to_owned());
    let html = render_static_page(page, site.leptos(), || {
        view! {
            <div class="m-auto flex max-w-md flex-col items-center gap-6 px-4 py-16 text-center">
                <h1 class="font-display text-4xl text-balance">{heading}</h1>
                <Button href label=t(Text::GoOn) variant=ButtonVariant::Primary />
            </div>
        }
    });
    let mut response = static_response(200, html);
    if let Ok(refresh) = HeaderValue::try_from(format!("0; url={to}")) {
        response.headers_mut().insert(REFRESH, refresh);
    }
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A page without scripts.
pub fn static_response(status: u16, html: impl Into<Body>) -> Response {
    let mut response = Response::new(html.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    set_static_headers(response.headers_mut());
    response
}

/// The headers of a page without scripts.
pub fn set_static_headers(headers: &mut HeaderMap) {
    static CSP: LazyLock<Option<HeaderValue>> = LazyLock::new(|| HeaderValue::from_str(&csp_without_scripts()).ok());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Some(csp) = CSP.clone() {
        headers.insert(CONTENT_SECURITY_POLICY, csp);
    }
}
