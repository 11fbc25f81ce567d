//! The id of a request, which is in every log line, every answer and every ledger entry; its language, and its visitor.

use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::http::header::ACCEPT_LANGUAGE;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use axum_extra::extract::CookieJar;
use tracing::Instrument;
use uuid::Uuid;

use crate::i18n::{LANGUAGE_COOKIE, Language, in_language};
use crate::platform::http::visitor::{as_visitor, has_session};
use crate::platform::patience::in_one_patience;
use crate::platform::secret::SECRET_CHARS;
use crate::platform::trace::{Trace, in_trace};

tokio::task_local! {
    static REQUEST_ID: String;
}

/// Where the id is, in requests and answers.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of the request that is being served; a new one outside of any request.
#[must_use]
pub fn current_request_id() -> String {
    REQUEST_ID.try_with(Clone::clone).unwrap_or_else(|_| Uuid::now_v7().to_string())
}

/// Runs `work` as part of the request `id`: for tasks that outlive the connection.
pub async fn in_request<F: Future>(id: String, work: F) -> F::Output {
    let span = tracing::info_span!("request", request_id = %id);
    REQUEST_ID.scope(id, work.instrument(span)).await
}

/// Gives every request its id (a valid incoming one is kept), a span for its log lines, the trace that `begin` makes for it, and a
/// line when it is answered; and lets it be counted.
pub async fn track_request(
    request: Request,
    next: Next,
    begin: impl FnOnce(&str, &Request) -> Trace,
    count: impl FnOnce(Option<MatchedPath>, &Method, &Response, Duration),
) -> Response {
    let started = Instant::now();
    let id = request
        .headers()
        .get(&X_REQUEST_ID)
        .and_then(|value| value.to_str().ok())
        .filter(|id| is_valid(id))
        .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
    let trace = begin(&id, &request);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let path = path_for_log(request.uri().path());
    let answered_id = id.clone();
    let language = language_of(request.headers());
    let has_session = has_session(request.headers());
    let answered = trace.clone();
    let work = async move {
        let mut response = next.run(request).await;
        if let Ok(value) = HeaderValue::from_str(&answered_id) {
            response.headers_mut().insert(X_REQUEST_ID, value);
        }
        let status = response.status().as_u16();
        let took = started.elapsed();
        answered.answered(status);
        count(route, &method, &response, took);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if method.is_safe() && status < 500 {
            tracing::debug!(%method, path, status, micros, "answered");
        } else {
            tracing::info!(%method, path, status, micros, "answered");
        }
        response
    };
    in_one_patience(in_request(id, in_trace(trace, as_visitor(has_session, in_language(language, work))))).await
}

/// The path without what may be a secret: a link that shows a conversation to whoever has it is as good as a password.
fn path_for_log(path: &str) -> String {
    let is_secret = |segment: &str| segment.len() >= SECRET_CHARS && !segment.contains('.');
    let shown: Vec<_> = path.split('/').map(|segment| if is_secret(segment) { "…" } else { segment }).collect();
    shown.join("/")
}

/// The language that was chosen, else the one that the browser would rather have.
fn language_of(headers: &HeaderMap) -> Language {
    let jar = CookieJar::from_headers(headers);
    let chosen = jar.get(LANGUAGE_COOKIE).and_then(|cookie| Language::parse(cookie.value()));
    let accepted = || headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    chosen.unwrap_or_else(|| accepted().map(Language::accepted).unwrap_or_default())
}

/// 1 to 128 characters that are safe in logs, headers and CSV.
fn is_valid(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::{is_valid, path_for_log};
    use crate::platform::secret::new_secret;

    #[test]
    fn no_secret_of_an_address_is_logged() {
        let secret = new_secret();
        for path in [format!("/share/{secret}"), format!("/share/{secret}/"), format!("//share/x{secret}%20")] {
            let logged = path_for_log(&path);
            assert!(logged.contains("/share/…") && !logged.contains(&secret), "{logged}");
        }
        for path in
            ["/", "/chat/0199c1d2-7f00-7000-8000-1234567890ab", "/pkg/split_account_page.ujO9aiJyzRScqWVs7lYliQ.wasm"]
        {
            assert_eq!(path_for_log(path), path);
        }
    }

    #[test]
    fn only_harmless_request_ids_are_kept() {
        assert!(is_valid("0199c1d2-7f00-7000-8000-1234567890ab"));
        for id in ["", "a b", "a\nb", "a\"b", "=1+1", &"x".repeat(129)] {
            assert!(!is_valid(id), "{id:?}");
        }
    }
}
