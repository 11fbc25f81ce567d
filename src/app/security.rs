//! The headers that tell browsers what this site never does, and the checks that a request is for this site and that a form
//! is from it.

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use tower_http::csrf::{CsrfLayer, ProtectionError};

use super::cors::open_v1;
use super::refused_forms::{self, FromElsewhere};
use super::state::AppState;
use super::uploads::refuse;
use crate::i18n::{Text, t};
use crate::platform::error::AppError;
use crate::platform::http::envelope::ApiError;

/// For everything that is no page: nothing may load, nothing may frame it.
const CSP_NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

/// Whether a path is for programs.
pub(super) fn is_data(path: &str) -> bool {
    ["/api/", "/v1/", "/fn/"].iter().any(|part| path.starts_with(part))
}

/// Adds the headers to every answer that does not set its own.
pub async fn add_headers(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_data = is_data(path);
    // Fifty files of a page: what only documents obey would be a tenth of their bytes.
    let is_bundle = state.site.is_of_bundle(path);
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    // It is somebody's, and as it is at this moment.
    if is_data {
        set(CACHE_CONTROL, "no-store");
    }
    set(CONTENT_SECURITY_POLICY, CSP_NOTHING);
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    if !is_bundle {
        set(X_FRAME_OPTIONS, "DENY");
        set(REFERRER_POLICY, "same-origin");
        set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
        set(
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        );
    }
    if state.config.site.is_https() {
        set(STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    response
}

/// Refuses what asks for a name that is not this site's: the page that does so is another's, whose name leads here, and
/// could read what only this machine may (`/metrics`). Probes ask by whatever name they have.
async fn check_host(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if matches!(path, "/healthz" | "/readyz") || state.site.known_hosts.are_asked(request.uri(), request.headers()) {
        return next.run(request).await;
    }
    let error = AppError::invalid("Host", t(Text::UnknownHost));
    refuse(error, path)
}

/// Refuses requests for other sites, and what changes state and comes from another site (`Sec-Fetch-Site`, `Origin`).
/// Clients that are no browsers send neither of these headers and pass.
pub fn protect(router: Router<AppState>, state: &AppState) -> Router<AppState> {
    // A proxy may have changed Host, so that it no longer equals the Origin.
    let origin = state.config.site.public_url.origin().ascii_serialization();
    let refuse = |_: ProtectionError| (Extension(FromElsewhere), ApiError(AppError::Forbidden)).into_response();
    let layer = match CsrfLayer::new().add_trusted_origin(&origin) {
        Ok(layer) => layer,
        Err(error) => {
            tracing::warn!(%error, "PUBLIC_URL cannot be used to check where forms come from");
            CsrfLayer::new()
        }
    };
    router
        .layer(layer.with_rejection_response(refuse))
        .layer(from_fn_with_state(state.clone(), refused_forms::explain))
        // `/v1` is for pages of others too, with a key.
        .layer(from_fn_with_state(state.clone(), open_v1))
        .layer(from_fn_with_state(state.clone(), check_host))
        .layer(from_fn_with_state(state.clone(), add_headers))
}
