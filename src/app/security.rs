//! The headers that tell browsers what this site never does, and the check that a form comes from this site.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{
    CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::csrf::{CsrfLayer, ProtectionError};

use super::state::AppState;
use crate::platform::error::AppError;
use crate::platform::http::envelope::ApiError;

/// For everything that is no page: nothing may load, nothing may frame it.
const CSP_NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

/// Adds the headers to every answer that does not set its own.
pub async fn add_headers(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(CONTENT_SECURITY_POLICY, CSP_NOTHING);
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(X_FRAME_OPTIONS, "DENY");
    set(REFERRER_POLICY, "same-origin");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    set(HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=(), usb=()");
    if state.config.site.is_https() {
        set(STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    response
}

/// Refuses what changes state and comes from another site (`Sec-Fetch-Site`, `Origin`). Clients that are no browsers
/// send neither header and pass.
pub fn protect(router: Router<AppState>, state: &AppState) -> Router<AppState> {
    // A proxy may have changed Host, so that it no longer equals the Origin.
    let origin = state.config.site.public_url.origin().ascii_serialization();
    let refuse = |_: ProtectionError| ApiError(AppError::Forbidden).into_response();
    let layer = match CsrfLayer::new().add_trusted_origin(&origin) {
        Ok(layer) => layer,
        Err(error) => {
            tracing::warn!(%error, "PUBLIC_URL cannot be used to check where forms come from");
            CsrfLayer::new()
        }
    };
    router.layer(layer.with_rejection_response(refuse)).layer(from_fn_with_state(state.clone(), add_headers))
}
