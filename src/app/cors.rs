//! `/v1` for pages of other sites (<https://fetch.spec.whatwg.org/#http-cors-protocol>): with a key, which only who has it
//! sends, and never with the cookie, which browsers add by themselves.

use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, AUTHORIZATION, COOKIE, HOST, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use url::Url;

use super::state::AppState;
use crate::openai_api::api::{is_v1, refuse, take_key};
use crate::platform::error::AppError;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const ANYBODY: HeaderValue = HeaderValue::from_static("*");
/// What scripts may read of an answer, besides its body.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "x-request-id, request-id, retry-after, x-should-retry, ratelimit-limit, ratelimit-remaining, ratelimit-reset",
);

/// Answers preflights, and lets requests from elsewhere in that have a key.
pub async fn open_v1(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    if is_v1(request.uri().path()) {
        take_key(request.headers_mut());
    }
    let headers = request.headers();
    if !is_v1(request.uri().path()) || !is_foreign(headers, &state.site.public_url) {
        return next.run(request).await;
    }
    let mut response = if request.method() == Method::OPTIONS && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        answer_preflight(headers)
    } else if headers.contains_key(AUTHORIZATION) || request.method().is_safe() {
        let headers = request.headers_mut();
        headers.remove(COOKIE);
        // Without the cookie nothing can be done in somebody's name: it counts as what comes from no browser.
        headers.remove(ORIGIN);
        headers.remove(SEC_FETCH_SITE);
        next.run(request).await
    } else {
        refuse(AppError::Forbidden, request.uri().path())
    };
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ANYBODY);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    headers.append(VARY, HeaderValue::from_static("origin"));
    response
}

fn answer_preflight(asked: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, DELETE"));
    // A `*` would not stand for Authorization, and clients send headers of their own.
    if let Some(names) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
    response
}

/// Whether a page of another site asks. Clients that are no browsers send neither of these headers.
fn is_foreign(headers: &HeaderMap, public_url: &Url) -> bool {
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return site != "same-origin" && site != "none";
    }
    let Some(origin) = headers.get(ORIGIN) else { return false };
    let origin = origin.to_str().unwrap_or_default();
    let is_here = |host: &HeaderValue| origin.split_once("://").is_some_and(|(_, authority)| authority == host);
    origin != public_url.origin().ascii_serialization() && !headers.get(HOST).is_some_and(is_here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_from_elsewhere_is_told_by_what_browsers_add() {
        let public = Url::parse("https://chat.example").unwrap();
        let is = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static("127.0.0.1:3000"))]);
            for (name, value) in pairs {
                headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            is_foreign(&headers, &public)
        };
        for own in [
            &[][..],
            &[("sec-fetch-site", "same-origin")],
            &[("sec-fetch-site", "none")],
            &[("origin", "https://chat.example")],
            &[("origin", "http://127.0.0.1:3000")],
            &[("sec-fetch-site", "same-origin"), ("origin", "https://chat.example")],
        ] {
            assert!(!is(own), "{own:?}");
        }
        for foreign in [
            &[("sec-fetch-site", "cross-site")][..],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "nonsense")],
            &[("origin", "null")],
            &[("origin", "https://page.example")],
            &[("origin", "http://chat.example")],
            &[("origin", "http://127.0.0.1:1")],
        ] {
            assert!(is(foreign), "{foreign:?}");
        }
    }
}
