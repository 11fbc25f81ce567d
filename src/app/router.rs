//! The whole HTTP table and its layers, in order, with the reason for each.

use std::net::SocketAddr;
use std::path::Path;

use axum::body::to_bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::header::{ACCEPT, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_TYPE, ETAG, LAST_MODIFIED, REFERER};
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use tower::ServiceExt;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::services::ServeDir;
use utoipa_axum::router::OpenApiRouter;

use super::state::AppState;
use super::uploads::{self, Doors};
use super::{discovery, features, security};
use crate::document::response::error_page;
use crate::flags::announcing;
use crate::openai_api::api::is_v1;
use crate::platform::error::AppError;
use crate::platform::http::envelope::ApiError;
use crate::platform::http::keep_alive::may_be_buffered;
use crate::platform::http::request_id::{X_REQUEST_ID, track_request};
use crate::platform::http::uploads::discard;
use crate::platform::trace::Trace;
use crate::ui::Theme;
use crate::{chat, images, openai_api};

/// No request without images needs more.
const MAX_BODY: usize = 64 * 1024;

/// What programs may ask for, each route with its description (`api_docs/`); and the forms of the pages.
pub fn api() -> OpenApiRouter<AppState> {
    // Reading stops there, in every extractor.
    features::upload_routes()
        .layer(RequestBodyLimitLayer::new(chat::server::api::MAX_BODY))
        .merge(features::routes().layer(RequestBodyLimitLayer::new(MAX_BODY)))
        .merge(features::webhook_routes().layer(RequestBodyLimitLayer::new(images::server::webhook::MAX_BODY)))
}

/// Everything that is served.
pub fn build(state: &AppState) -> Router {
    let (api, _) = api().split_for_parts();
    let router = Router::new()
        .merge(features::pages())
        .route("/robots.txt", get(discovery::robots_txt))
        .route("/sitemap.xml", get(discovery::sitemap_xml))
        .route("/fn/{*name}", post(call_server_fn))
        .layer(RequestBodyLimitLayer::new(MAX_BODY))
        .merge(api)
        .layer(from_fn_with_state(Doors::new(state, MAX_BODY), uploads::admit))
        .method_not_allowed_fallback(async || ApiError(AppError::MethodNotAllowed))
        .fallback(serve_file)
        // Axum's own limit would be a second one.
        .layer(DefaultBodyLimit::disable());
    security::protect(told_in_their_form(router), state)
        // Files are compressed already, event streams must not be; this is for HTML and JSON. The fastest level: the
        // next would cost more than the page.
        .layer(
            CompressionLayer::new()
                .quality(CompressionLevel::Fastest)
                .compress_when(DefaultPredicate::new().and(may_be_buffered)),
        )
        // Outermost: everything above happens within a request that has an id.
        .layer(from_fn_with_state(state.clone(), count_requests))
        .with_state(state.clone())
}

async fn count_requests(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let announced = state.generation.flags.announcement_for(request.headers());
    let is_bundle = state.site.is_of_bundle(request.uri().path());
    let begin = |id: &str, request: &Request| begin_trace(&state, id, request);
    let work = track_request(request, next, begin, |route, method, response, took| {
        state.generation.metrics.answered(route, method, response, took);
    });
    let mut response = announcing(announced, Box::pin(work)).await;
    if is_bundle && response.status().is_success() {
        // It is the same for everybody and for ever, and whole: bytes of every page that nobody would read.
        for name in [ETAG, LAST_MODIFIED, ACCEPT_RANGES, X_REQUEST_ID] {
            response.headers_mut().remove(name);
        }
    }
    response
}

/// Only who comes through a trusted proxy says which trace it belongs to: anybody else could join those of others, or choose which are
/// sent to the collector.
fn begin_trace(state: &AppState, id: &str, request: &Request) -> Trace {
    let Some(route) = request.extensions().get::<MatchedPath>() else { return Trace::default() };
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical());
    let is_trusted = peer.is_some_and(|peer| state.site.trusted_proxies.iter().any(|proxy| proxy.covers(peer)));
    let parent = request.headers().get("traceparent").filter(|_| is_trusted).and_then(|value| value.to_str().ok());
    state.generation.traces.begin(id, request.method(), route.as_str(), parent.map(str::to_owned))
}

/// Only scripts call: what comes back is an answer, never the way to a page that named itself as the one before.
async fn call_server_fn(State(state): State<AppState>, mut request: Request) -> Response {
    /// More than any error has.
    const MOST: usize = 64 * 1024;
    request.headers_mut().remove(REFERER);
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    let response = leptos_axum::handle_server_fns_with_context(move || features::provide_features(&state), request)
        .await
        .into_response();
    match response.status() {
        StatusCode::BAD_REQUEST => ApiError(AppError::NotFound).into_response(),
        StatusCode::INTERNAL_SERVER_ERROR => {
            let (mut parts, body) = response.into_parts();
            let body = to_bytes(body, MOST).await.unwrap_or_default();
            // The body is the error itself, which the browser's part reads; Leptos knows no status of it.
            if let Ok(error) = serde_json::from_slice::<AppError>(&body) {
                parts.status = StatusCode::from_u16(error.status()).unwrap_or(parts.status);
            }
            Response::from_parts(parts, body.into())
        }
        _ => response,
    }
}

/// Files of the site; else a page that says that there is nothing, or JSON under `/api`.
async fn serve_file(State(state): State<AppState>, theme: Theme, uri: Uri, request: Request) -> Response {
    if let Some(path) = openai_api::api::meant_path(uri.path()) {
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let redirect = Redirect::permanent(&format!("{path}{query}"));
        discard(request.into_body());
        return redirect.into_response();
    }
    if is_v1(uri.path()) {
        return openai_api::api::not_found(request.method(), uri.path());
    }
    if uri.path().starts_with("/api/") {
        return ApiError(AppError::NotFound).into_response();
    }
    if !request.method().is_safe() {
        return ApiError(AppError::MethodNotAllowed).into_response();
    }
    let root = Path::new(state.site.leptos().site_root.as_ref());
    let files = ServeDir::new(root).append_index_html_on_directories(false).precompressed_br().precompressed_gzip();
    let Ok(found) = files.oneshot(request).await;
    if found.status() == StatusCode::NOT_FOUND {
        return error_page(&state.site, theme, &AppError::NotFound);
    }
    let mut response = found.map(axum::body::Body::new);
    let is_bundle = state.site.is_of_bundle(uri.path());
    let caching = if is_bundle { "public, max-age=31536000, immutable" } else { "public, max-age=3600" };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(caching));
    response
}

/// A panic is one user's 500, with the headers of every answer; and what layers say, they say without knowing to whom.
fn told_in_their_form<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    router.layer(CatchPanicLayer::custom(answer_panic)).layer(from_fn(explain))
}

/// A handler panicked.
#[derive(Clone)]
struct Panicked;

async fn explain(uri: Uri, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let is_plain = || response.headers().get(CONTENT_TYPE).is_none_or(|kind| kind != "application/json");
    let error = if response.extensions().get::<Panicked>().is_some() {
        AppError::Internal
    } else if response.status() == StatusCode::PAYLOAD_TOO_LARGE && is_plain() {
        // The limit answers in plain text.
        AppError::TooLarge
    } else {
        return response;
    };
    uploads::refuse(error, uri.path())
}

fn answer_panic(panic: Box<dyn std::any::Any + Send>) -> Response {
    let what = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    tracing::error!(what, "a handler panicked");
    Extension(Panicked).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use serde_json::Value;

    use super::*;

    async fn fail() {
        panic!("on purpose");
    }

    #[tokio::test]
    async fn a_panic_is_told_to_each_client_as_it_knows_errors() {
        let router: Router = Router::new().route("/v1/x", get(fail)).route("/api/x", get(fail));
        let told = async |path: &str| {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            let response = told_in_their_form(router.clone()).oneshot(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
            serde_json::from_slice::<Value>(&to_bytes(response.into_body(), 9_999).await.unwrap()).unwrap()
        };
        let (v1, api) = (told("/v1/x").await, told("/api/x").await);
        assert!(v1["error"]["message"].is_string() && v1.get("success").is_none(), "{v1}");
        assert_eq!(api["code"], "internal_error", "{api}");
    }
}
